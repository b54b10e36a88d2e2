//! The raw-like socket calls that both arms offer.

use crate::Address;

/// A socket of one case. The world numbers them; an arm keeps what stands behind the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handle(pub usize);

/// What a call answers: a value or a Linux error number.
pub type Answer<T> = Result<T, i32>;

/// One control message, both ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// `SCM_RIGHTS`: sockets of this case. On reception, the sockets that the passed files are.
    Rights(Vec<Handle>),
    /// `SCM_CREDENTIALS` with process, user and group relative to the caller's own: `None` is "my own".
    Credentials {
        /// Process id; `None` is the caller's.
        pid: Option<i32>,
        /// User id; `None` is the caller's.
        uid: Option<u32>,
        /// Group id; `None` is the caller's.
        gid: Option<u32>,
    },
    /// Any other message, as bytes.
    Other {
        /// `cmsg_level`.
        level: i32,
        /// `cmsg_type`.
        kind: i32,
        /// The data after the header.
        data: Vec<u8>,
    },
}

/// What `sendmsg` is given.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The scattered data.
    pub data: Vec<Vec<u8>>,
    /// `msg_name`.
    pub address: Option<Address>,
    /// `msg_control`.
    pub control: Vec<Control>,
    /// `MSG_*`.
    pub flags: i32,
}

/// What `recvmsg` is given.
#[derive(Clone, Debug)]
pub struct Reception {
    /// The lengths of the buffers.
    pub buffers: Vec<usize>,
    /// The room for control messages in bytes, as `msg_controllen`.
    pub control_room: usize,
    /// `MSG_*`.
    pub flags: i32,
}

/// What `recvmsg` answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The returned length.
    pub length: usize,
    /// What lies in the buffers, as far as they were filled.
    pub data: Vec<u8>,
    /// `msg_flags`.
    pub flags: i32,
    /// `msg_name`, if any was given.
    pub address: Option<Address>,
    /// `msg_control`.
    pub control: Vec<Control>,
}

/// `ioctl` questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// `FIONREAD`, the same as `SIOCINQ`.
    Unread,
    /// `SIOCOUTQ`.
    Unsent,
    /// `SIOCATMARK`.
    AtMark,
}

/// The calls. Every socket is non-blocking; a new one is put into the slot that the caller names.
pub trait Sockets {
    /// `socket(2)`.
    fn socket(&mut self, slot: Handle, domain: i32, kind: i32, protocol: i32) -> Answer<()>;
    /// `socketpair(2)`.
    fn socketpair(
        &mut self,
        slots: [Handle; 2],
        domain: i32,
        kind: i32,
        protocol: i32,
    ) -> Answer<()>;
    /// `bind(2)`.
    fn bind(&mut self, socket: Handle, address: &Address) -> Answer<()>;
    /// `listen(2)`.
    fn listen(&mut self, socket: Handle, backlog: i32) -> Answer<()>;
    /// `accept4(2)`.
    fn accept(&mut self, socket: Handle, slot: Handle) -> Answer<Address>;
    /// `connect(2)`.
    fn connect(&mut self, socket: Handle, address: &Address) -> Answer<()>;
    /// `getsockname(2)`.
    fn local(&mut self, socket: Handle) -> Answer<Address>;
    /// `getpeername(2)`.
    fn peer(&mut self, socket: Handle) -> Answer<Address>;
    /// `sendmsg(2)`.
    fn send(&mut self, socket: Handle, message: &Message) -> Answer<usize>;
    /// `recvmsg(2)`.
    fn receive(&mut self, socket: Handle, reception: &Reception) -> Answer<Received>;
    /// `shutdown(2)`.
    fn shutdown(&mut self, socket: Handle, how: i32) -> Answer<()>;
    /// `close(2)`.
    fn close(&mut self, socket: Handle) -> Answer<()>;
    /// `setsockopt(2)`.
    fn set(&mut self, socket: Handle, level: i32, name: i32, value: &[u8]) -> Answer<()>;
    /// `getsockopt(2)` with a buffer of `length` bytes.
    fn get(&mut self, socket: Handle, level: i32, name: i32, length: usize) -> Answer<Vec<u8>>;
    /// `getsockopt`: what the length is afterwards, whatever it answers.
    fn length_after(
        &mut self,
        socket: Handle,
        level: i32,
        name: i32,
        length: usize,
    ) -> (Answer<()>, usize);
    /// What `poll(2)` answers when it is asked for everything.
    fn readiness(&mut self, socket: Handle) -> i16;
    /// `ioctl(2)`.
    fn ask(&mut self, socket: Handle, question: Question) -> Answer<i32>;
    /// Lets everything that is under way arrive: a few milliseconds.
    fn settle(&mut self);
    /// Lets time pass until the socket polls one of the bits, at most a few seconds.
    fn wait(&mut self, socket: Handle, events: i16);
    /// Lets this many milliseconds pass, or more.
    fn pass(&mut self, milliseconds: u32);
    /// A port that nothing uses.
    fn fresh_port(&mut self) -> u16;
}
