//! What a run tells about itself: the answer to `sockeye ss` and `sockeye ps`.

use serde::{Deserialize, Serialize};

/// A run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Its name.
    pub name: String,
    /// The supervisor.
    pub supervisor: i32,
    /// The program's first process.
    pub pid: i32,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// `direct` or `stack`.
    pub loopback: String,
    /// Seconds since it began.
    pub seconds: u64,
    /// Ports of the machine that lead into it, as `HOST:PORT -> PORT/protocol`.
    pub published: Vec<String>,
    /// Clients of published datagram ports that were forgotten before their time, because there were too many.
    #[serde(default)]
    pub displaced_clients: u64,
    /// What the kernel's abstract names of this run begin with where the program's own begin with nothing.
    pub abstract_prefix: String,
    /// Cookies of the kernel's files that stand for sockets, also for those that `ss` does not list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<u64>,
    /// Its sockets.
    pub sockets: Vec<Socket>,
}

/// A socket of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Socket {
    /// `tcp`, `udp`, `raw`, `icmp`, `u_str`, `u_dgr`, `u_seq`.
    pub netid: String,
    /// `ESTAB`, `LISTEN`, ...
    pub state: String,
    /// Bytes to read; a listener's waiting connections.
    pub recv_q: usize,
    /// Bytes not acknowledged; a listener's backlog.
    pub send_q: usize,
    /// Address of its own.
    pub local: String,
    /// Address of its peer.
    pub peer: String,
    /// Whether it is an IPv6 socket.
    pub v6: bool,
    /// Data path of a direct join, or through our TCP.
    pub joined: bool,
    /// The processes that use it: name, id and descriptor, as far as they are known.
    pub processes: Vec<Process>,
    /// User who made it.
    pub uid: u32,
    /// Cookie.
    pub cookie: u64,
    /// The cookie of the kernel's file that stands for it in the program; 0 if there is none yet.
    pub file: u64,
    /// Its timer, as `ss -o` shows it.
    pub timer: Option<String>,
    /// The words of `ss -i`.
    pub info: Vec<String>,
    /// The words of `ss -m`.
    pub memory: String,
}

/// Who uses a socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Process {
    /// `comm`.
    pub name: String,
    /// Process id.
    pub pid: i32,
    /// Descriptor.
    pub fd: i32,
}
