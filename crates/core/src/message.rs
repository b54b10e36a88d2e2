//! What `sendmsg(2)` and `recvmsg(2)` take and give: data in pieces, flags, ancillary data.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use crate::{Errno, SocketAddress};

bitflags::bitflags! {
    /// The `MSG_` flags with Linux's numbers.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MessageFlags: u32 {
        /// Out-of-band data.
        const OOB = 0x1;
        /// Leave the data in the queue.
        const PEEK = 0x2;
        /// Only to hosts on the link.
        const DONTROUTE = 0x4;
        /// Ancillary data was cut.
        const CTRUNC = 0x8;
        /// Received: the datagram was cut. Asked for: tell (or discard) the real length.
        const TRUNC = 0x20;
        /// This call does not block.
        const DONTWAIT = 0x40;
        /// End of a record.
        const EOR = 0x80;
        /// Wait until all is there.
        const WAITALL = 0x100;
        /// The path works: no need to probe the neighbour.
        const CONFIRM = 0x800;
        /// From the error queue.
        const ERRQUEUE = 0x2000;
        /// No `SIGPIPE`.
        const NOSIGNAL = 0x4000;
        /// More follows: don't send a partial packet yet.
        const MORE = 0x8000;
        /// Received descriptors are close-on-exec.
        const CMSG_CLOEXEC = 0x4000_0000;
        /// `MSG_FASTOPEN`: connect and send at once.
        const FASTOPEN = 0x2000_0000;
        /// `MSG_ZEROCOPY`.
        const ZEROCOPY = 0x0400_0000;
        /// Of the host's own: the call waits for room, and what finds none now follows.
        const WAITS = 0x0800_0000;
        /// Of the host's own: it is the rest of what a call has begun to send.
        const CONTINUES = 0x0010_0000;
        /// `MSG_WAITFORONE`.
        const WAITFORONE = 0x1_0000;
        /// Bits without a name are carried along; calls ignore them as Linux does.
        const _ = !0;
    }
}

/// Who a process is, as `SO_PEERCRED` and `SCM_CREDENTIALS` tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// Process id.
    pub pid: i32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl Credentials {
    /// Process 1 of user root.
    pub const ROOT: Credentials = Credentials {
        pid: 1,
        uid: 0,
        gid: 0,
    };
}

/// An open file in flight (`SCM_RIGHTS`): opaque to the host, which only keeps, counts and hands it over.
#[derive(Clone)]
pub struct Right(pub Arc<dyn Any + Send + Sync>);

impl Right {
    /// A right that stands for `object`.
    pub fn new(object: impl Any + Send + Sync) -> Self {
        Self(Arc::new(object))
    }

    /// The object, if it is one of this type.
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }

    /// Whether both stand for the same object.
    pub fn is_same(&self, other: &Right) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl PartialEq for Right {
    fn eq(&self, other: &Right) -> bool {
        self.is_same(other)
    }
}

impl fmt::Debug for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Right({:p})", Arc::as_ptr(&self.0))
    }
}

/// Who made an entry of the error queue: `ee_origin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ErrorOrigin {
    /// This host.
    Local = 1,
    /// An ICMP message.
    Icmp = 2,
    /// An ICMPv6 message.
    Icmp6 = 3,
    /// No error: when a packet was sent (`SO_EE_ORIGIN_TIMESTAMPING`).
    Timestamping = 4,
    /// No error: what a send without a copy is done with (`SO_EE_ORIGIN_ZEROCOPY`).
    ZeroCopy = 5,
}

/// `sock_extended_err`, with what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedError {
    /// The error; what tells of no error at all has none.
    pub errno: Option<Errno>,
    /// Who reports it.
    pub origin: ErrorOrigin,
    /// ICMP type.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
    /// The path's MTU, for "too big"; what is stamped (`SCM_TSTAMP_*`); the first send of a range.
    pub info: u32,
    /// Other data: the number of what is stamped; the last send of a range.
    pub data: u32,
    /// The node that reported it: `SO_EE_OFFENDER`.
    pub offender: Option<SocketAddress>,
    /// An AF_INET6 socket has it: it is told as `IPV6_RECVERR`, whatever the datagram's family.
    pub is_v6: bool,
}

/// One control message, either way.
#[derive(Clone, Debug, PartialEq)]
pub enum Ancillary {
    /// `SCM_RIGHTS`.
    Rights(Vec<Right>),
    /// `SCM_CREDENTIALS`.
    Credentials(Credentials),
    /// `SCM_TIMESTAMP`: microseconds, since the host's time zero.
    Timestamp(Duration),
    /// `SCM_TIMESTAMPNS`: nanoseconds.
    TimestampNanos(Duration),
    /// `SCM_TIMESTAMP_NEW`: microseconds.
    TimestampNew(Duration),
    /// `SCM_TIMESTAMPNS_NEW`: nanoseconds.
    TimestampNanosNew(Duration),
    /// `SCM_TIMESTAMPING`: what software saw; no hardware stamps here.
    Timestamping {
        /// Since the host's time zero, as the others.
        software: Duration,
        /// `SCM_TIMESTAMPING_NEW`.
        is_new: bool,
    },
    /// `IP_PKTINFO`.
    PacketInfo {
        /// `ipi_ifindex`.
        interface: u32,
        /// `ipi_spec_dst`: the local address; sending: the source to use.
        local: Ipv4Addr,
        /// `ipi_addr`: the destination in the header.
        destination: Ipv4Addr,
    },
    /// `IPV6_PKTINFO`.
    PacketInfoV6 {
        /// `ipi6_ifindex`.
        interface: u32,
        /// `ipi6_addr`: the destination in the header; sending: the source to use.
        address: Ipv6Addr,
    },
    /// `IP_TTL`.
    TimeToLive(u8),
    /// `IPV6_HOPLIMIT`.
    HopLimit(u8),
    /// `IP_TOS`.
    TypeOfService(u8),
    /// `IPV6_TCLASS`.
    TrafficClass(u8),
    /// `IPV6_DONTFRAG`, sending.
    DontFragment(bool),
    /// `UDP_SEGMENT` sending, `UDP_GRO` receiving.
    SegmentSize(u16),
    /// `IP_RECVORIGDSTADDR`, `IPV6_RECVORIGDSTADDR`.
    OriginalDestination(SocketAddress),
    /// `SO_RXQ_OVFL`: datagrams dropped so far.
    Overflows(u32),
    /// `IP_RECVERR`, `IPV6_RECVERR`: what is in the error queue.
    ExtendedError(Box<ExtendedError>),
    /// `SCM_TIMESTAMPING_OPT_STATS`: what was known of the connection then, as netlink attributes.
    StampStats(Vec<u8>),
    /// Sending: `SO_TIMESTAMPING` for this call, the flags of what is recorded.
    StampRequest(u32),
    /// Sending: `SCM_TS_OPT_ID`, the number of the datagram.
    StampKey(u32),
    /// `TCP_CM_INQ`: what of the stream is left to read, the end among it.
    Unread(i32),
    /// Sending: one that its level does not know, or not with this length or value. A protocol that looks at the level
    /// answers EINVAL; the others pass it over.
    Invalid(MessageLevel),
}

/// Whose a control message is: each protocol looks at some levels only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageLevel {
    /// `SOL_SOCKET`: looked at by every socket.
    Socket,
    /// `SOL_IP`: by datagrams to IPv4 addresses.
    Ip,
    /// `SOL_IPV6`: by datagrams to IPv6 addresses.
    Ipv6,
    /// `IPV6_PKTINFO` alone: by all datagrams of IPv6 sockets.
    Ipv6PacketInfo,
    /// `SOL_UDP`: by UDP.
    Udp,
}

/// A message to send.
#[derive(Debug, Clone, Default)]
pub struct Outgoing<'a> {
    /// The pieces of data.
    pub data: &'a [&'a [u8]],
    /// Where to; `None` on a connected socket.
    pub address: Option<&'a SocketAddress>,
    /// Control messages.
    pub ancillary: Vec<Ancillary>,
    /// Flags.
    pub flags: MessageFlags,
}

impl Outgoing<'_> {
    /// Bytes of data.
    pub fn length(&self) -> usize {
        self.data.iter().map(|piece| piece.len()).sum()
    }
}

/// Where to put a message.
#[derive(Debug, Default)]
pub struct Incoming<'a, 'b> {
    /// The pieces of room for data.
    pub buffers: &'a mut [&'b mut [u8]],
    /// Flags.
    pub flags: MessageFlags,
    /// How many bytes of control data the caller has room for (`msg_controllen`). The host cuts nothing but rights
    /// by it; the embedder that writes the bytes says `CTRUNC` for the rest.
    pub ancillary_room: usize,
}

impl Incoming<'_, '_> {
    /// Bytes of room.
    pub fn room(&self) -> usize {
        self.buffers.iter().map(|piece| piece.len()).sum()
    }
}

/// A message that was received.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Received {
    /// What the call returns: bytes put into the buffers, or the real length with `MSG_TRUNC`.
    pub length: usize,
    /// `TRUNC`, `CTRUNC`, `EOR`, `OOB`, `ERRQUEUE`.
    pub flags: MessageFlags,
    /// Who sent it; `None` where Linux leaves the name empty.
    pub address: Option<SocketAddress>,
    /// Control messages.
    pub ancillary: Vec<Ancillary>,
}

/// The direction of `shutdown(2)`, with Linux's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Shutdown {
    /// `SHUT_RD`.
    Read = 0,
    /// `SHUT_WR`.
    Write = 1,
    /// `SHUT_RDWR`.
    Both = 2,
}

impl Shutdown {
    /// The direction with this number.
    pub const fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::Read,
            1 => Self::Write,
            2 => Self::Both,
            _ => return None,
        })
    }

    /// Whether receiving ends.
    pub const fn reads(self) -> bool {
        matches!(self, Self::Read | Self::Both)
    }

    /// Whether sending ends.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::Both)
    }
}

/// What `ioctl` asks about a socket's queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queued {
    /// `FIONREAD` (`SIOCINQ`): bytes that can be read; of datagrams the length of the first.
    Unread,
    /// `SIOCOUTQ` (`TIOCOUTQ`): bytes not acknowledged yet.
    Unsent,
    /// `SIOCOUTQNSD`: bytes not sent yet.
    NeverSent,
}

/// What `accept(2)` gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The new socket.
    pub socket: crate::SocketId,
    /// Its peer.
    pub peer: SocketAddress,
}
