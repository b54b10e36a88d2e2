//! Actions and their byte form.
//!
//! Any bytes are some sequence of actions: numbers are reduced to what makes sense, and data that ends early is short. The
//! form of an action is one byte for its kind and then its fields, numbers little-endian, data behind its length.

/// An address, as one byte for a well-known one and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Index into the world's addresses.
    pub host: u8,
    /// Port.
    pub port: u16,
}

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
        /// 0 IPv4, 1 IPv6, 2 unix.
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
}

const KINDS: u8 = 16;

/// The actions in `bytes`, to the last byte.
pub fn decode(bytes: &[u8]) -> impl Iterator<Item = Action> + '_ {
    let mut reader = Reader(bytes);
    std::iter::from_fn(move || reader.action())
}

/// The bytes that decode to these actions.
pub fn encode<'a>(actions: impl IntoIterator<Item = &'a Action>) -> Vec<u8> {
    let mut out = Vec::new();
    for action in actions {
        action.encode(&mut out);
    }
    out
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn u8(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes([self.u8(), self.u8(), self.u8(), self.u8()])
    }

    fn data(&mut self, length: u16) -> Vec<u8> {
        let length = usize::from(length).min(self.0.len());
        let (data, rest) = self.0.split_at(length);
        self.0 = rest;
        data.to_vec()
    }

    fn address(&mut self) -> Address {
        Address {
            host: self.u8(),
            port: self.u16(),
        }
    }

    fn action(&mut self) -> Option<Action> {
        if self.0.is_empty() {
            return None;
        }
        Some(match self.u8() % KINDS {
            0 => {
                let flags = self.u8();
                let length = self.u16();
                Action::Frame {
                    loopback: flags & 1 != 0,
                    fix: flags & 2 != 0,
                    bytes: self.data(length),
                }
            }
            1 => {
                let (flow, flags) = (self.u8(), self.u8());
                let sequence = i16::from_le_bytes([self.u8(), self.u8()]);
                let acknowledgment = i16::from_le_bytes([self.u8(), self.u8()]);
                let window = self.u16();
                let length = self.u16();
                let options = u16::from(self.u8() % 41);
                let options = self.data(options);
                Action::Segment {
                    flow,
                    flags,
                    sequence,
                    acknowledgment,
                    window,
                    options,
                    length,
                }
            }
            2 => Action::Advance { micros: self.u32() },
            3 => Action::Wait,
            4 => Action::Lose { count: self.u8() },
            5 => Action::Socket {
                domain: self.u8() % 3,
                kind: self.u8() % 4,
                protocol: self.u8(),
            },
            6 => Action::Bind {
                socket: self.u8(),
                address: self.address(),
            },
            7 => Action::Listen {
                socket: self.u8(),
                backlog: i8::from_le_bytes([self.u8()]),
            },
            8 => Action::Accept { socket: self.u8() },
            9 => Action::Connect {
                socket: self.u8(),
                address: self.address(),
            },
            10 => {
                let (socket, flags, length) = (self.u8(), self.u16(), self.u16());
                let given = self.u8() & 1 != 0;
                Action::Send {
                    socket,
                    flags,
                    length,
                    address: given.then(|| self.address()),
                }
            }
            11 => Action::Receive {
                socket: self.u8(),
                flags: self.u16(),
                length: self.u16(),
            },
            12 => Action::Shutdown {
                socket: self.u8(),
                how: self.u8() % 3,
            },
            13 => Action::Close { socket: self.u8() },
            14 => {
                let (socket, level, name) = (self.u8(), self.u8(), self.u8());
                let length = u16::from(self.u8());
                Action::SetOption {
                    socket,
                    level,
                    name,
                    value: self.data(length),
                }
            }
            _ => Action::GetOption {
                socket: self.u8(),
                level: self.u8(),
                name: self.u8(),
                length: self.u8(),
            },
        })
    }
}

impl Address {
    fn encode(self, out: &mut Vec<u8>) {
        out.push(self.host);
        out.extend_from_slice(&self.port.to_le_bytes());
    }
}

impl Action {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Action::Frame {
                loopback,
                fix,
                bytes,
            } => {
                let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
                out.extend_from_slice(&[0, u8::from(*loopback) | u8::from(*fix) << 1]);
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(bytes.get(..usize::from(length)).unwrap_or(bytes));
            }
            Action::Segment {
                flow,
                flags,
                sequence,
                acknowledgment,
                window,
                options,
                length,
            } => {
                out.extend_from_slice(&[1, *flow, *flags]);
                out.extend_from_slice(&sequence.to_le_bytes());
                out.extend_from_slice(&acknowledgment.to_le_bytes());
                out.extend_from_slice(&window.to_le_bytes());
                out.extend_from_slice(&length.to_le_bytes());
                let options = options.get(..40).unwrap_or(options);
                out.push(u8::try_from(options.len()).unwrap_or(0));
                out.extend_from_slice(options);
            }
            Action::Advance { micros } => {
                out.push(2);
                out.extend_from_slice(&micros.to_le_bytes());
            }
            Action::Wait => out.push(3),
            Action::Lose { count } => out.extend_from_slice(&[4, *count]),
            Action::Socket {
                domain,
                kind,
                protocol,
            } => out.extend_from_slice(&[5, *domain, *kind, *protocol]),
            Action::Bind { socket, address } => {
                out.extend_from_slice(&[6, *socket]);
                address.encode(out);
            }
            Action::Listen { socket, backlog } => {
                out.extend_from_slice(&[7, *socket]);
                out.extend_from_slice(&backlog.to_le_bytes());
            }
            Action::Accept { socket } => out.extend_from_slice(&[8, *socket]),
            Action::Connect { socket, address } => {
                out.extend_from_slice(&[9, *socket]);
                address.encode(out);
            }
            Action::Send {
                socket,
                flags,
                length,
                address,
            } => {
                out.extend_from_slice(&[10, *socket]);
                out.extend_from_slice(&flags.to_le_bytes());
                out.extend_from_slice(&length.to_le_bytes());
                out.push(u8::from(address.is_some()));
                if let Some(address) = address {
                    address.encode(out);
                }
            }
            Action::Receive {
                socket,
                flags,
                length,
            } => {
                out.extend_from_slice(&[11, *socket]);
                out.extend_from_slice(&flags.to_le_bytes());
                out.extend_from_slice(&length.to_le_bytes());
            }
            Action::Shutdown { socket, how } => out.extend_from_slice(&[12, *socket, *how]),
            Action::Close { socket } => out.extend_from_slice(&[13, *socket]),
            Action::SetOption {
                socket,
                level,
                name,
                value,
            } => {
                let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
                out.extend_from_slice(&[14, *socket, *level, *name, length]);
                out.extend_from_slice(value.get(..usize::from(length)).unwrap_or(value));
            }
            Action::GetOption {
                socket,
                level,
                name,
                length,
            } => out.extend_from_slice(&[15, *socket, *level, *name, *length]),
        }
    }
}
