//! ICMP for IPv4 (RFC 792, 950, 1191, 1812).
use core::net::Ipv4Addr;

use crate::icmp::{self, HEADER_LEN, IcmpView};
use crate::{Checksum, Headers};

/// Message type numbers.
mod kind {
    pub(super) const ECHO_REPLY: u8 = 0;
    pub(super) const DESTINATION_UNREACHABLE: u8 = 3;
    pub(super) const SOURCE_QUENCH: u8 = 4;
    pub(super) const REDIRECT: u8 = 5;
    pub(super) const ECHO_REQUEST: u8 = 8;
    pub(super) const TIME_EXCEEDED: u8 = 11;
    pub(super) const PARAMETER_PROBLEM: u8 = 12;
    pub(super) const TIMESTAMP_REQUEST: u8 = 13;
    pub(super) const TIMESTAMP_REPLY: u8 = 14;
}

/// Why a destination can't be reached: the codes of type 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unreachable {
    /// 0: no route to the network.
    Network,
    /// 1: no route to the host.
    Host,
    /// 2: the host has nobody for the protocol.
    Protocol,
    /// 3: the host has nobody on the port.
    Port,
    /// 4: too long for the next link and may not be fragmented. The link's MTU, or 0 from a router older than RFC 1191.
    FragmentationNeeded {
        /// The next link's MTU in bytes.
        mtu: u16,
    },
    /// 5: a source route can't be followed.
    SourceRouteFailed,
    /// 6 to 15: see RFC 1122 3.2.2.1 and RFC 1812 5.2.7.1; and codes nobody has defined.
    Other(u8),
}

impl Unreachable {
    /// 6: destination network unknown.
    pub const NETWORK_UNKNOWN: Unreachable = Unreachable::Other(6);
    /// 7: destination host unknown.
    pub const HOST_UNKNOWN: Unreachable = Unreachable::Other(7);
    /// 9: network administratively prohibited.
    pub const NETWORK_PROHIBITED: Unreachable = Unreachable::Other(9);
    /// 10: host administratively prohibited.
    pub const HOST_PROHIBITED: Unreachable = Unreachable::Other(10);
    /// 13: communication administratively prohibited.
    pub const PROHIBITED: Unreachable = Unreachable::Other(13);

    /// The code number.
    pub fn code(&self) -> u8 {
        match *self {
            Unreachable::Network => 0,
            Unreachable::Host => 1,
            Unreachable::Protocol => 2,
            Unreachable::Port => 3,
            Unreachable::FragmentationNeeded { .. } => 4,
            Unreachable::SourceRouteFailed => 5,
            Unreachable::Other(code) => code,
        }
    }
}

/// An ICMP message that reports what became of a packet. The start of that packet follows the header: see [`crate::Quote`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Icmpv4Error {
    /// Type 3.
    DestinationUnreachable(Unreachable),
    /// Type 4, deprecated by RFC 6633: ignored when received, never sent.
    SourceQuench,
    /// Type 5: there is a better first hop.
    Redirect {
        /// 0 network, 1 host, 2 and 3 the same with type of service.
        code: u8,
        /// The better router.
        gateway: Ipv4Addr,
    },
    /// Type 11, code 0: the time to live ran out on the way.
    HopLimitExceeded,
    /// Type 11, code 1: not all fragments came in time.
    ReassemblyTimeout,
    /// Type 12: something in the header makes no sense.
    ParameterProblem {
        /// 0: `pointer` shows where; 1: an option is missing; 2: a length is wrong.
        code: u8,
        /// Offset of the byte in question.
        pointer: u8,
    },
}

impl Icmpv4Error {
    /// The type number.
    pub fn kind(&self) -> u8 {
        match self {
            Icmpv4Error::DestinationUnreachable(_) => kind::DESTINATION_UNREACHABLE,
            Icmpv4Error::SourceQuench => kind::SOURCE_QUENCH,
            Icmpv4Error::Redirect { .. } => kind::REDIRECT,
            Icmpv4Error::HopLimitExceeded | Icmpv4Error::ReassemblyTimeout => kind::TIME_EXCEEDED,
            Icmpv4Error::ParameterProblem { .. } => kind::PARAMETER_PROBLEM,
        }
    }

    /// The code number.
    pub fn code(&self) -> u8 {
        match self {
            Icmpv4Error::DestinationUnreachable(why) => why.code(),
            Icmpv4Error::SourceQuench | Icmpv4Error::HopLimitExceeded => 0,
            Icmpv4Error::ReassemblyTimeout => 1,
            Icmpv4Error::Redirect { code, .. } | Icmpv4Error::ParameterProblem { code, .. } => {
                *code
            }
        }
    }

    fn rest(&self) -> [u8; 4] {
        match *self {
            Icmpv4Error::DestinationUnreachable(Unreachable::FragmentationNeeded { mtu }) => {
                let [high, low] = mtu.to_be_bytes();
                [0, 0, high, low]
            }
            Icmpv4Error::Redirect { gateway, .. } => gateway.octets(),
            Icmpv4Error::ParameterProblem { pointer, .. } => [pointer, 0, 0, 0],
            _ => [0; 4],
        }
    }
}

/// An ICMP message's header as values. What follows it (echo data, quoted packet) is the frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Icmpv4Header {
    /// Type 8: please send this back.
    EchoRequest {
        /// Who asks.
        identifier: u16,
        /// Which question.
        sequence: u16,
    },
    /// Type 0: the answer.
    EchoReply {
        /// Who asked.
        identifier: u16,
        /// Which question.
        sequence: u16,
    },
    /// Type 13: what time is it? Twelve bytes follow: originate, receive and transmit time in ms since midnight UT.
    TimestampRequest {
        /// Who asks.
        identifier: u16,
        /// Which question.
        sequence: u16,
    },
    /// Type 14: the answer.
    TimestampReply {
        /// Who asked.
        identifier: u16,
        /// Which question.
        sequence: u16,
    },
    /// A report about a packet.
    Error(Icmpv4Error),
    /// Anything else.
    Other {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
        /// The four bytes after the checksum.
        rest: [u8; 4],
    },
}

impl Icmpv4Header {
    /// Length of the header.
    pub fn header_len(&self) -> usize {
        HEADER_LEN
    }

    /// The type number.
    pub fn kind(&self) -> u8 {
        match self {
            Icmpv4Header::EchoRequest { .. } => kind::ECHO_REQUEST,
            Icmpv4Header::EchoReply { .. } => kind::ECHO_REPLY,
            Icmpv4Header::TimestampRequest { .. } => kind::TIMESTAMP_REQUEST,
            Icmpv4Header::TimestampReply { .. } => kind::TIMESTAMP_REPLY,
            Icmpv4Header::Error(error) => error.kind(),
            Icmpv4Header::Other { kind, .. } => *kind,
        }
    }

    /// The code number.
    pub fn code(&self) -> u8 {
        match self {
            Icmpv4Header::Error(error) => error.code(),
            Icmpv4Header::Other { code, .. } => *code,
            _ => 0,
        }
    }

    /// Appends the header, its checksum computed over it and `data`, the pieces of what follows.
    pub fn emit<'a>(&self, out: &mut Headers, data: impl IntoIterator<Item = &'a [u8]>) {
        let rest = match *self {
            Icmpv4Header::EchoRequest {
                identifier,
                sequence,
            }
            | Icmpv4Header::EchoReply {
                identifier,
                sequence,
            }
            | Icmpv4Header::TimestampRequest {
                identifier,
                sequence,
            }
            | Icmpv4Header::TimestampReply {
                identifier,
                sequence,
            } => icmp::question(identifier, sequence),
            Icmpv4Header::Error(error) => error.rest(),
            Icmpv4Header::Other { rest, .. } => rest,
        };
        let header = (self.kind(), self.code(), rest);
        icmp::emit(out, header, Checksum::new(), data);
    }
}

impl From<IcmpView<'_>> for Icmpv4Header {
    fn from(view: IcmpView<'_>) -> Self {
        let rest = view.rest();
        let (identifier, sequence) = view.question();
        let error = match (view.kind(), view.code()) {
            (kind::ECHO_REQUEST, 0) => {
                return Icmpv4Header::EchoRequest {
                    identifier,
                    sequence,
                };
            }
            (kind::ECHO_REPLY, 0) => {
                return Icmpv4Header::EchoReply {
                    identifier,
                    sequence,
                };
            }
            (kind::TIMESTAMP_REQUEST, 0) => {
                return Icmpv4Header::TimestampRequest {
                    identifier,
                    sequence,
                };
            }
            (kind::TIMESTAMP_REPLY, 0) => {
                return Icmpv4Header::TimestampReply {
                    identifier,
                    sequence,
                };
            }
            (kind::DESTINATION_UNREACHABLE, code) => {
                Icmpv4Error::DestinationUnreachable(match code {
                    0 => Unreachable::Network,
                    1 => Unreachable::Host,
                    2 => Unreachable::Protocol,
                    3 => Unreachable::Port,
                    // RFC 1191 4: the second half of the otherwise unused word.
                    4 => Unreachable::FragmentationNeeded { mtu: sequence },
                    5 => Unreachable::SourceRouteFailed,
                    code => Unreachable::Other(code),
                })
            }
            (kind::SOURCE_QUENCH, 0) => Icmpv4Error::SourceQuench,
            (kind::REDIRECT, code @ 0..=3) => Icmpv4Error::Redirect {
                code,
                gateway: Ipv4Addr::from(rest),
            },
            (kind::TIME_EXCEEDED, 0) => Icmpv4Error::HopLimitExceeded,
            (kind::TIME_EXCEEDED, 1) => Icmpv4Error::ReassemblyTimeout,
            (kind::PARAMETER_PROBLEM, code @ 0..=2) => Icmpv4Error::ParameterProblem {
                code,
                pointer: rest[0],
            },
            (kind, code) => return Icmpv4Header::Other { kind, code, rest },
        };
        Icmpv4Header::Error(error)
    }
}

#[cfg(test)]
mod tests;
