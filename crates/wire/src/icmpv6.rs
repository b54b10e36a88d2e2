//! ICMPv6 (RFC 4443). Messages of neighbour discovery and multicast listeners are `Other` here.
use crate::icmp::{self, HEADER_LEN, IcmpView};
use crate::{Checksum, Headers};

/// Message type numbers.
mod kind {
    pub(super) const DESTINATION_UNREACHABLE: u8 = 1;
    pub(super) const PACKET_TOO_BIG: u8 = 2;
    pub(super) const TIME_EXCEEDED: u8 = 3;
    pub(super) const PARAMETER_PROBLEM: u8 = 4;
    pub(super) const ECHO_REQUEST: u8 = 128;
    pub(super) const ECHO_REPLY: u8 = 129;
}

/// RFC 4443 2.1: types below 128 report errors.
pub fn is_error(kind: u8) -> bool {
    kind < 128
}

/// Why a destination can't be reached: the codes of type 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unreachable {
    /// 0: no route.
    NoRoute,
    /// 1: administratively prohibited.
    Prohibited,
    /// 2: beyond the scope of the source address.
    BeyondScope,
    /// 3: the address does not answer.
    Address,
    /// 4: nobody on the port.
    Port,
    /// 5: the source address failed a policy.
    SourcePolicy,
    /// 6: the route rejects.
    RejectRoute,
    /// Any other code.
    Other(u8),
}

impl Unreachable {
    /// The code number.
    pub fn code(&self) -> u8 {
        match *self {
            Unreachable::NoRoute => 0,
            Unreachable::Prohibited => 1,
            Unreachable::BeyondScope => 2,
            Unreachable::Address => 3,
            Unreachable::Port => 4,
            Unreachable::SourcePolicy => 5,
            Unreachable::RejectRoute => 6,
            Unreachable::Other(code) => code,
        }
    }
}

impl From<u8> for Unreachable {
    fn from(code: u8) -> Self {
        match code {
            0 => Unreachable::NoRoute,
            1 => Unreachable::Prohibited,
            2 => Unreachable::BeyondScope,
            3 => Unreachable::Address,
            4 => Unreachable::Port,
            5 => Unreachable::SourcePolicy,
            6 => Unreachable::RejectRoute,
            code => Unreachable::Other(code),
        }
    }
}

/// An ICMPv6 message that reports what became of a packet. The start of that packet follows the header: see
/// [`crate::Quote`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Icmpv6Error {
    /// Type 1.
    DestinationUnreachable(Unreachable),
    /// Type 2: longer than the next link takes.
    PacketTooBig {
        /// The next link's MTU in bytes.
        mtu: u32,
    },
    /// Type 3, code 0: the hop limit ran out on the way.
    HopLimitExceeded,
    /// Type 3, code 1: not all fragments came in time.
    ReassemblyTimeout,
    /// Type 4: something in a header makes no sense.
    ParameterProblem {
        /// 0: erroneous field, 1: unrecognized next header, 2: unrecognized option, 3: first fragment without all headers.
        code: u8,
        /// Offset of the byte in question.
        pointer: u32,
    },
}

impl Icmpv6Error {
    /// The type number.
    pub fn kind(&self) -> u8 {
        match self {
            Icmpv6Error::DestinationUnreachable(_) => kind::DESTINATION_UNREACHABLE,
            Icmpv6Error::PacketTooBig { .. } => kind::PACKET_TOO_BIG,
            Icmpv6Error::HopLimitExceeded | Icmpv6Error::ReassemblyTimeout => kind::TIME_EXCEEDED,
            Icmpv6Error::ParameterProblem { .. } => kind::PARAMETER_PROBLEM,
        }
    }

    /// The code number.
    pub fn code(&self) -> u8 {
        match self {
            Icmpv6Error::DestinationUnreachable(why) => why.code(),
            Icmpv6Error::PacketTooBig { .. } | Icmpv6Error::HopLimitExceeded => 0,
            Icmpv6Error::ReassemblyTimeout => 1,
            Icmpv6Error::ParameterProblem { code, .. } => *code,
        }
    }

    fn rest(&self) -> [u8; 4] {
        match *self {
            Icmpv6Error::PacketTooBig { mtu } => mtu.to_be_bytes(),
            Icmpv6Error::ParameterProblem { pointer, .. } => pointer.to_be_bytes(),
            _ => [0; 4],
        }
    }
}

/// An ICMPv6 message's header as values. What follows it (echo data, quoted packet) is the frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Icmpv6Header {
    /// Type 128: please send this back.
    EchoRequest {
        /// Who asks.
        identifier: u16,
        /// Which question.
        sequence: u16,
    },
    /// Type 129: the answer.
    EchoReply {
        /// Who asked.
        identifier: u16,
        /// Which question.
        sequence: u16,
    },
    /// A report about a packet.
    Error(Icmpv6Error),
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

impl Icmpv6Header {
    /// Length of the header.
    pub fn header_len(&self) -> usize {
        HEADER_LEN
    }

    /// The type number.
    pub fn kind(&self) -> u8 {
        match self {
            Icmpv6Header::EchoRequest { .. } => kind::ECHO_REQUEST,
            Icmpv6Header::EchoReply { .. } => kind::ECHO_REPLY,
            Icmpv6Header::Error(error) => error.kind(),
            Icmpv6Header::Other { kind, .. } => *kind,
        }
    }

    /// The code number.
    pub fn code(&self) -> u8 {
        match self {
            Icmpv6Header::Error(error) => error.code(),
            Icmpv6Header::Other { code, .. } => *code,
            _ => 0,
        }
    }

    /// Appends the header, its checksum computed over `pseudo_header` (whose length is this header's and the data's), the
    /// header and `data`, the pieces of what follows.
    pub fn emit<'a>(
        &self,
        out: &mut Headers,
        pseudo_header: Checksum,
        data: impl IntoIterator<Item = &'a [u8]>,
    ) {
        let rest = match *self {
            Icmpv6Header::EchoRequest {
                identifier,
                sequence,
            }
            | Icmpv6Header::EchoReply {
                identifier,
                sequence,
            } => icmp::question(identifier, sequence),
            Icmpv6Header::Error(error) => error.rest(),
            Icmpv6Header::Other { rest, .. } => rest,
        };
        let header = (self.kind(), self.code(), rest);
        icmp::emit(out, header, pseudo_header, data);
    }
}

impl From<IcmpView<'_>> for Icmpv6Header {
    fn from(view: IcmpView<'_>) -> Self {
        let rest = view.rest();
        let (identifier, sequence) = view.question();
        let number = u32::from_be_bytes(rest);
        let error = match (view.kind(), view.code()) {
            (kind::ECHO_REQUEST, 0) => {
                return Icmpv6Header::EchoRequest {
                    identifier,
                    sequence,
                };
            }
            (kind::ECHO_REPLY, 0) => {
                return Icmpv6Header::EchoReply {
                    identifier,
                    sequence,
                };
            }
            (kind::DESTINATION_UNREACHABLE, code) => {
                Icmpv6Error::DestinationUnreachable(Unreachable::from(code))
            }
            // RFC 4443 3.2: the code is ignored by the receiver.
            (kind::PACKET_TOO_BIG, _) => Icmpv6Error::PacketTooBig { mtu: number },
            (kind::TIME_EXCEEDED, 0) => Icmpv6Error::HopLimitExceeded,
            (kind::TIME_EXCEEDED, 1) => Icmpv6Error::ReassemblyTimeout,
            (kind::PARAMETER_PROBLEM, code) => Icmpv6Error::ParameterProblem {
                code,
                pointer: number,
            },
            (kind, code) => return Icmpv6Header::Other { kind, code, rest },
        };
        Icmpv6Header::Error(error)
    }
}

#[cfg(test)]
mod tests;
