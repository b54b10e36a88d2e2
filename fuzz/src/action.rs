//! Actions and their byte form.
//!
//! Any bytes are some sequence of actions: numbers are reduced to what makes sense, and data that ends early is short. The
//! form of an action is one byte for its kind and then its fields, numbers little-endian, data behind its length.

mod form;

pub use form::{decode, encode};

/// An address, as one byte for a well-known one and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Index into the world's addresses.
    pub host: u8,
    /// Port.
    pub port: u16,
}

/// A socket that stands for somebody elsewhere (`Host::stand_in`), beside its domain.
pub const STANDS_IN: u8 = 0x80;

/// One thing that happens to a host. Sockets are named by the order in which they were made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A packet arrives: on `lo` or from outside, as it is or with its lengths and checksums put right.
    Frame {
        /// On `lo`.
        loopback: bool,
        /// Put lengths and checksums right.
        fix: bool,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// A segment arrives for a connection that the host has with the outside, relative to where that connection is.
    Segment {
        /// Which connection, in the order in which they were seen.
        flow: u8,
        /// Flags.
        flags: u8,
        /// Added to the sequence number that the host expects next.
        sequence: i16,
        /// Added to the sequence number that the host sends next.
        acknowledgment: i16,
        /// Window.
        window: u16,
        /// Option bytes.
        options: Vec<u8>,
        /// Bytes of data.
        length: u16,
    },
    /// So many microseconds pass.
    Advance {
        /// How many.
        micros: u32,
    },
    /// Time passes until the host wants it.
    Wait,
    /// The next frames on `lo` are lost.
    Lose {
        /// How many.
        count: u8,
    },
    /// `socket`.
    Socket {
        /// 0 IPv4, 1 IPv6, 2 unix; with [`STANDS_IN`] or not.
        domain: u8,
        /// 0 stream, 1 datagram, 2 raw, 3 seqpacket.
        kind: u8,
        /// Protocol.
        protocol: u8,
    },
    /// `bind`.
    Bind {
        /// Which.
        socket: u8,
        /// Where.
        address: Address,
    },
    /// `listen`.
    Listen {
        /// Which.
        socket: u8,
        /// Backlog.
        backlog: i8,
    },
    /// `accept`.
    Accept {
        /// Which.
        socket: u8,
    },
    /// `connect`.
    Connect {
        /// Which.
        socket: u8,
        /// Where.
        address: Address,
    },
    /// `sendmsg`.
    Send {
        /// Which.
        socket: u8,
        /// The low bits of the flags.
        flags: u16,
        /// Bytes of data.
        length: u16,
        /// Where, if given.
        address: Option<Address>,
    },
    /// `recvmsg`.
    Receive {
        /// Which.
        socket: u8,
        /// The low bits of the flags.
        flags: u16,
        /// Bytes of room.
        length: u16,
    },
    /// `shutdown`.
    Shutdown {
        /// Which.
        socket: u8,
        /// How.
        how: u8,
    },
    /// `close`.
    Close {
        /// Which.
        socket: u8,
    },
    /// `setsockopt`.
    SetOption {
        /// Which.
        socket: u8,
        /// Level.
        level: u8,
        /// Name.
        name: u8,
        /// Value.
        value: Vec<u8>,
    },
    /// `getsockopt`.
    GetOption {
        /// Which.
        socket: u8,
        /// Level.
        level: u8,
        /// Name.
        name: u8,
        /// Bytes of room.
        length: u8,
    },
    /// `socketpair` of `AF_UNIX`.
    SocketPair {
        /// As of `Socket`.
        kind: u8,
    },
    /// A membership of a group begins, ends or changes.
    Group {
        /// Which.
        socket: u8,
        /// Which call: see the world.
        call: u8,
        /// Which group.
        group: u8,
        /// The interface's number.
        interface: u8,
        /// Which source, or how many of them.
        source: u8,
    },
    /// `sendmsg` with control messages.
    SendControl {
        /// Which.
        socket: u8,
        /// The low bits of the flags.
        flags: u16,
        /// Bytes of data.
        length: u16,
        /// Where, if given.
        address: Option<Address>,
        /// One message for each byte: see the world.
        control: Vec<u8>,
    },
    /// Sending on a stream without a copy.
    SendBytes {
        /// Which.
        socket: u8,
        /// Bytes of data.
        length: u16,
    },
    /// Receiving from a stream without a copy.
    ReceivePayload {
        /// Which.
        socket: u8,
        /// Bytes at most.
        most: u16,
    },
}
