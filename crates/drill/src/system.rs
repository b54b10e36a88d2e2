//! What a script is played against: a stack with its clock, seen from its system calls and from its wire.

/// A call as a program makes it: addresses, options and control messages are bytes, as Linux lays them out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Named as the arguments of the calls.
pub enum Call {
    Socket {
        domain: i32,
        kind: i32,
        protocol: i32,
    },
    Bind {
        fd: i32,
        address: Vec<u8>,
    },
    Listen {
        fd: i32,
        backlog: i32,
    },
    Accept {
        fd: i32,
        flags: i32,
    },
    Connect {
        fd: i32,
        address: Vec<u8>,
    },
    /// `write`, `writev`, `send`, `sendto`, `sendmsg`.
    Send {
        fd: i32,
        data: Vec<Vec<u8>>,
        address: Option<Vec<u8>>,
        control: Vec<u8>,
        flags: i32,
    },
    /// `read`, `readv`, `recv`, `recvfrom`, `recvmsg`.
    Receive {
        fd: i32,
        lengths: Vec<usize>,
        control_room: usize,
        flags: i32,
    },
    Shutdown {
        fd: i32,
        how: i32,
    },
    Close {
        fd: i32,
    },
    SetOption {
        fd: i32,
        level: i32,
        name: i32,
        value: Vec<u8>,
    },
    GetOption {
        fd: i32,
        level: i32,
        name: i32,
        length: usize,
    },
    LocalName {
        fd: i32,
    },
    PeerName {
        fd: i32,
    },
    Fcntl {
        fd: i32,
        command: i32,
        value: i32,
    },
    /// The answer's `number` is what the kernel stored.
    Ioctl {
        fd: i32,
        request: u32,
    },
    /// Descriptors with their events; the timeout in milliseconds, below 0 for ever.
    Poll {
        list: Vec<(i32, i16)>,
        timeout: i32,
    },
    EpollCreate {
        flags: i32,
    },
    EpollControl {
        epoll: i32,
        operation: i32,
        fd: i32,
        events: u32,
        data: u64,
    },
    EpollWait {
        epoll: i32,
        room: i32,
        timeout: i32,
    },
}

/// What a call answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What it returned; negative: an error number.
    pub value: i64,
    /// The address it filled in.
    pub address: Vec<u8>,
    /// The data it filled in.
    pub data: Vec<u8>,
    /// The control messages it filled in.
    pub control: Vec<u8>,
    /// `msg_flags`.
    pub flags: i32,
    /// The option's value.
    pub option: Vec<u8>,
    /// The number that `ioctl` stored.
    pub number: i32,
    /// `revents`, or `epoll_wait`'s events with their data.
    pub events: Vec<(u32, u64)>,
}

impl Answer {
    /// Only a value, or an error number.
    pub fn of(result: Result<i64, i32>) -> Self {
        Self {
            value: result.unwrap_or_else(|errno| -i64::from(errno)),
            ..Self::default()
        }
    }
}

/// What [`System::run`] came upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A packet left, at this time.
    Packet(i64, Vec<u8>),
    /// The call that was started has returned, at this time.
    Returned(i64, Answer),
    /// The time is up.
    Nothing,
}

/// A stack under test. Times are microseconds since the script began.
pub trait System {
    /// What time it is.
    fn now(&self) -> i64;

    /// Begins a call; there is one at a time. How it ends is told by [`System::run`].
    fn start(&mut self, call: Call);

    /// Hands a packet in.
    fn inject(&mut self, packet: Vec<u8>);

    /// Lets time pass up to `until`, or until something happens. What has happened at this very time is told even if
    /// `until` is over.
    fn run(&mut self, until: i64) -> Happening;

    /// Makes a system-wide setting.
    ///
    /// # Errors
    /// Why it can't be made.
    fn set(&mut self, name: &str, value: &str) -> Result<(), String>;

    /// The `TCP_INFO` of a socket.
    ///
    /// # Errors
    /// The error number.
    fn tcp_info(&mut self, fd: i32) -> Result<Vec<u8>, i32>;

    /// A counter of `/proc/net/snmp`, `snmp6` or `netstat` as `nstat` names it, since the script began; `None` if the
    /// stack has none of this name.
    fn counter(&self, name: &str) -> Option<u64>;
}
