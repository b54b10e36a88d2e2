//! What a script is played against: a stack with its clock, seen from its system calls and from its wire.

use std::num::NonZeroU16;

use std::time::Duration;

use sockeye_core::RouteMetrics;

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
        /// The first of the buffers that is nowhere in memory.
        hole: Option<usize>,
        address: Option<Vec<u8>>,
        control: Vec<u8>,
        flags: i32,
    },
    /// `read`, `readv`, `recv`, `recvfrom`, `recvmsg`.
    Receive {
        fd: i32,
        lengths: Vec<usize>,
        /// The first of the buffers that is nowhere in memory.
        hole: Option<usize>,
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
    Open {
        path: String,
        flags: i32,
    },
    Pipe {
        flags: i32,
    },
    SendFile {
        to: i32,
        from: i32,
        /// Where to begin instead of the file's own position.
        offset: Option<i64>,
        length: usize,
    },
    Splice {
        from: i32,
        to: i32,
        length: usize,
        flags: i32,
    },
    Tee {
        from: i32,
        to: i32,
        length: usize,
        flags: i32,
    },
    VmSplice {
        fd: i32,
        data: Vec<Vec<u8>>,
        flags: i32,
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
    /// The two ends of a pipe.
    pub ends: [i32; 2],
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

/// What a script makes of the machine around the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A file has this content from now; `None`: there is none.
    File {
        /// Where.
        path: String,
        /// What is in it.
        content: Option<Vec<u8>>,
    },
    /// The interface's queue.
    Queue(Queue),
    /// A route.
    Route(RouteChange),
    /// Nothing is known any more of earlier peers (`ip tcp_metrics flush all`).
    ForgetPeers,
}

/// How packets wait on the interface (`tc qdisc`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// As on a new machine: they leave at once.
    Default,
    /// No more than this many wait, and what is beyond is refused: of none, everything is.
    Limited(u32),
    /// Every flow keeps to its pacing rate (`fq`).
    Fair,
}

/// `SOL_SOCKET`, `SO_MAX_PACING_RATE`: a socket with a rate of its own is paced without `fq`, by the same rules.
pub const PACING: (i32, i32) = (1, 47);
/// A rate that slows nothing down.
pub const FASTEST: [u8; 8] = (u64::MAX / 2).to_ne_bytes();

/// A route that comes, goes or changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteChange {
    /// Address and length of the prefix.
    pub destination: (std::net::IpAddr, u8),
    /// `via`
    pub gateway: Option<std::net::IpAddr>,
    /// What it says of the path.
    pub metrics: RouteMetrics,
    /// It goes.
    pub is_removal: bool,
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

    /// What the wall clock told when the script began, since 1970.
    fn epoch(&self) -> Duration;

    /// Begins a call; there is one at a time. How it ends is told by [`System::run`].
    fn start(&mut self, call: Call);

    /// Hands a packet in. With a segment size it is one that a device has put together from segments of this length.
    fn inject(&mut self, packet: Vec<u8>, segment_size: Option<NonZeroU16>);

    /// Lets time pass up to `until`, or until something happens. What has happened at this very time is told even if
    /// `until` is over.
    fn run(&mut self, until: i64) -> Happening;

    /// Makes a system-wide setting.
    ///
    /// # Errors
    /// Why it can't be made.
    fn set(&mut self, name: &str, value: &str) -> Result<(), String>;

    /// Whether there is a system-wide setting of this name.
    fn has_setting(&self, name: &str) -> bool;

    /// Changes the machine around the stack.
    ///
    /// # Errors
    /// Why it can't be.
    fn change(&mut self, change: &Change) -> Result<(), String>;

    /// What a file of `/proc` says.
    ///
    /// # Errors
    /// That there is none.
    fn table(&mut self, path: &str) -> Result<String, String>;

    /// The value of a socket's option.
    ///
    /// # Errors
    /// The error number.
    fn option(&mut self, fd: i32, level: i32, name: i32) -> Result<Vec<u8>, i32>;

    /// The `TCP_INFO` of a socket.
    ///
    /// # Errors
    /// The error number.
    fn tcp_info(&mut self, fd: i32) -> Result<Vec<u8>, i32> {
        const SOL_TCP: i32 = 6;
        const TCP_INFO: i32 = 11;
        self.option(fd, SOL_TCP, TCP_INFO)
    }

    /// A counter of `/proc/net/snmp`, `snmp6` or `netstat` as `nstat` names it, since the script began; `None` if the
    /// stack has none of this name.
    fn counter(&self, name: &str) -> Option<u64>;
}
