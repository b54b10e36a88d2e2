//! What `poll(2)` answers for a socket.

bitflags::bitflags! {
    /// The bits of `poll(2)` and `epoll(7)` with Linux's numbers.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Readiness: u16 {
        /// `POLLIN | POLLRDNORM`: a read does not block.
        const IN = 0x0001;
        /// `POLLPRI`: urgent data, or an error queue entry of a socket that asked for it.
        const PRI = 0x0002;
        /// `POLLOUT | POLLWRNORM`: a write does not block.
        const OUT = 0x0004;
        /// `POLLERR`: an error is pending, or the error queue is not empty.
        const ERR = 0x0008;
        /// `POLLHUP`: both directions are over.
        const HUP = 0x0010;
        /// `POLLRDHUP`: the peer will send no more.
        const RDHUP = 0x2000;
    }
}
