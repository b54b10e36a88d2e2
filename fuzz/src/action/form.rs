//! The byte form of actions.

use super::{Action, Address, STANDS_IN};

const KINDS: u8 = 21;

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
                domain: domain(self.u8()),
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
            15 => Action::GetOption {
                socket: self.u8(),
                level: self.u8(),
                name: self.u8(),
                length: self.u8(),
            },
            16 => Action::SocketPair {
                kind: self.u8() % 4,
            },
            17 => Action::Group {
                socket: self.u8(),
                call: self.u8(),
                group: self.u8(),
                interface: self.u8(),
                source: self.u8(),
            },
            18 => {
                let (socket, flags, length) = (self.u8(), self.u16(), self.u16());
                let given = self.u8() & 1 != 0;
                let address = given.then(|| self.address());
                let control = u16::from(self.u8());
                Action::SendControl {
                    socket,
                    flags,
                    length,
                    address,
                    control: self.data(control),
                }
            }
            19 => Action::SendBytes {
                socket: self.u8(),
                length: self.u16(),
            },
            _ => Action::ReceivePayload {
                socket: self.u8(),
                most: self.u16(),
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
                encode_send(out, *flags, *length, *address);
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
            Action::SocketPair { kind } => out.extend_from_slice(&[16, *kind]),
            Action::Group {
                socket,
                call,
                group,
                interface,
                source,
            } => out.extend_from_slice(&[17, *socket, *call, *group, *interface, *source]),
            Action::SendControl {
                socket,
                flags,
                length,
                address,
                control,
            } => {
                out.extend_from_slice(&[18, *socket]);
                encode_send(out, *flags, *length, *address);
                let length = u8::try_from(control.len()).unwrap_or(u8::MAX);
                out.push(length);
                out.extend_from_slice(control.get(..usize::from(length)).unwrap_or(control));
            }
            Action::SendBytes { socket, length } => {
                out.extend_from_slice(&[19, *socket]);
                out.extend_from_slice(&length.to_le_bytes());
            }
            Action::ReceivePayload { socket, most } => {
                out.extend_from_slice(&[20, *socket]);
                out.extend_from_slice(&most.to_le_bytes());
            }
        }
    }
}

fn encode_send(out: &mut Vec<u8>, flags: u16, length: u16, address: Option<Address>) {
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.push(u8::from(address.is_some()));
    if let Some(address) = address {
        address.encode(out);
    }
}

/// A domain, and whether the socket stands for somebody else.
fn domain(byte: u8) -> u8 {
    ((byte & !STANDS_IN) % 3) | (byte & STANDS_IN)
}
