//! Linux stamps what comes in for as long as any socket of the machine asks for it, and begins a moment after the first asks. One
//! that always asks lets the cases see what follows from their own sockets alone.

use std::mem;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::OnceLock;

/// Sees that packets are stamped from now on.
pub(super) fn keep() {
    static ASKING: OnceLock<Option<UdpSocket>> = OnceLock::new();
    ASKING.get_or_init(begin);
}

#[allow(clippy::disallowed_methods)] // Nothing tells when the kernel begins.
fn begin() -> Option<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0").ok()?;
    socket.connect(socket.local_addr().ok()?).ok()?;
    let on: libc::c_int = 1;
    // SAFETY: `on` is readable for its length.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMP,
            (&raw const on).cast(),
            libc::socklen_t::try_from(size_of_val(&on)).ok()?,
        )
    };
    for _ in 0..1000 {
        socket.send(b"?").ok()?;
        if is_stamped(&socket) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Some(socket)
}

/// Whether the next datagram comes with its time.
fn is_stamped(socket: &UdpSocket) -> bool {
    let mut control = [0_u64; 16];
    let mut byte = 0_u8;
    let mut piece = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    // SAFETY: all zeros is a message with nothing in it.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut piece;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: the message's pieces are writable for their lengths until the call returns.
    let got = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) };
    got == 1 && message.msg_controllen > 0
}
