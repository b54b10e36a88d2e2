//! IPv6 extension headers (RFC 8200 4).
use arrayvec::ArrayVec;

use crate::{Headers, IpProtocol, ParseError};

/// One extension header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionHeader<'a> {
    /// Which extension header this is.
    pub kind: IpProtocol,
    /// Where it starts, counted from the end of the fixed header.
    pub offset: usize,
    /// All its bytes, the next-header byte first.
    pub bytes: &'a [u8],
}

impl<'a> ExtensionHeader<'a> {
    /// What follows it.
    pub fn next_header(&self) -> IpProtocol {
        IpProtocol(
            self.bytes
                .first()
                .copied()
                .unwrap_or(IpProtocol::NO_NEXT_HEADER.0),
        )
    }

    /// The options inside, if this is a hop-by-hop or destination options header; otherwise none.
    pub fn options(&self) -> ExtensionOptions<'a> {
        let bytes = match self.kind {
            IpProtocol::HOP_BY_HOP | IpProtocol::DESTINATION_OPTIONS => {
                self.bytes.get(2..).unwrap_or_default()
            }
            _ => &[],
        };
        ExtensionOptions {
            bytes,
            offset: 0,
            base: self.offset + 2,
        }
    }

    /// The fragment header, if this is one.
    pub fn fragment(&self) -> Option<FragmentHeader> {
        if self.kind != IpProtocol::FRAGMENT {
            return None;
        }
        FragmentHeader::parse(self.bytes).ok()
    }

    /// Segments left of a routing header, `None` for other kinds.
    pub fn segments_left(&self) -> Option<u8> {
        (self.kind == IpProtocol::ROUTING)
            .then(|| self.bytes.get(3).copied())
            .flatten()
    }
}

/// Walks the extension headers that follow an IPv6 fixed header.
///
/// Ends at the upper layer, at a fragment header of a fragment that is not the first (what follows is not a header then), or
/// with one `Err` if a header does not fit in the bytes.
#[derive(Clone, Debug)]
pub struct Ipv6Extensions<'a> {
    bytes: &'a [u8],
    next: IpProtocol,
    next_field: usize,
    offset: usize,
    done: bool,
}

/// What the extension headers lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpperLayer {
    /// The upper-layer protocol (or `NO_NEXT_HEADER`).
    pub protocol: IpProtocol,
    /// Where it starts, counted from the end of the fixed header.
    pub offset: usize,
    /// The fragment header on the way, if there is one.
    pub fragment: Option<FragmentHeader>,
    /// Where the next-header byte that named the upper layer is, counted from the start of the fixed header. A parameter
    /// problem "unrecognized next header" points there.
    pub next_header_field: usize,
}

impl<'a> Ipv6Extensions<'a> {
    /// Walks `bytes`, which start right after the fixed header whose next header is `first`.
    pub fn new(first: IpProtocol, bytes: &'a [u8]) -> Self {
        Ipv6Extensions {
            bytes,
            next: first,
            // The next-header byte of the fixed header.
            next_field: 6,
            offset: 0,
            done: false,
        }
    }

    /// Walks to the end and says what follows.
    pub fn upper_layer(mut self) -> Result<UpperLayer, ParseError> {
        let mut fragment = None;
        for header in self.by_ref() {
            let header = header?;
            if fragment.is_none() {
                fragment = header.fragment();
            }
        }
        Ok(UpperLayer {
            protocol: self.next,
            offset: self.offset,
            fragment,
            next_header_field: self.next_field,
        })
    }

    fn header_len(&self, rest: &[u8]) -> Option<usize> {
        let length_byte = || rest.get(1).copied().map(usize::from);
        match self.next {
            IpProtocol::HOP_BY_HOP
            | IpProtocol::DESTINATION_OPTIONS
            | IpProtocol::ROUTING
            | IpProtocol::MOBILITY => Some((length_byte()? + 1) * 8),
            IpProtocol::FRAGMENT => Some(FragmentHeader::LEN),
            // RFC 4302 2.2: in 32-bit words, minus 2.
            IpProtocol::AUTHENTICATION => Some((length_byte()? + 2) * 4),
            _ => None,
        }
    }

    fn is_extension(&self) -> bool {
        matches!(
            self.next,
            IpProtocol::HOP_BY_HOP
                | IpProtocol::DESTINATION_OPTIONS
                | IpProtocol::ROUTING
                | IpProtocol::FRAGMENT
                | IpProtocol::AUTHENTICATION
                | IpProtocol::MOBILITY
        )
    }
}

impl<'a> Iterator for Ipv6Extensions<'a> {
    type Item = Result<ExtensionHeader<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done || !self.is_extension() {
            return None;
        }
        // RFC 8200 4.1: hop-by-hop options only right after the fixed header; elsewhere it is an unrecognized header.
        if self.next == IpProtocol::HOP_BY_HOP && self.offset != 0 {
            return None;
        }
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let header = self
            .header_len(rest)
            .and_then(|length| rest.get(..length))
            .and_then(|bytes| bytes.first().map(|&next| (bytes, next)));
        let Some((bytes, next)) = header else {
            self.done = true;
            return Some(Err(ParseError::Truncated));
        };
        let header = ExtensionHeader {
            kind: self.next,
            offset: self.offset,
            bytes,
        };
        self.next_field = super::HEADER_LEN + self.offset;
        self.offset += bytes.len();
        self.next = IpProtocol(next);
        if header
            .fragment()
            .is_some_and(|fragment| fragment.offset != 0)
        {
            self.done = true;
        }
        Some(Ok(header))
    }
}

/// An IPv6 fragment header (RFC 8200 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentHeader {
    /// What the reassembled packet has after its per-fragment headers.
    pub next_header: IpProtocol,
    /// Where this fragment's data belongs, in bytes; a multiple of 8 below 65536 (other values are rounded down).
    pub offset: usize,
    /// Fragments follow this one.
    pub more_fragments: bool,
    /// The identification that fragments share.
    pub identification: u32,
}

impl FragmentHeader {
    /// Length of the header.
    pub const LEN: usize = 8;

    /// Reads the header at the start of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let &[next, _, high, low, a, b, c, d] =
            bytes.first_chunk::<8>().ok_or(ParseError::Truncated)?;
        Ok(FragmentHeader {
            next_header: IpProtocol(next),
            offset: usize::from(u16::from_be_bytes([high, low]) & 0xfff8),
            more_fragments: low & 1 != 0,
            identification: u32::from_be_bytes([a, b, c, d]),
        })
    }

    /// True if the packet is whole all the same (RFC 6946 "atomic fragment").
    pub fn is_atomic(&self) -> bool {
        self.offset == 0 && !self.more_fragments
    }

    /// The eight bytes of the header.
    pub fn to_bytes(&self) -> [u8; 8] {
        let offset = u16::try_from(self.offset).unwrap_or(0) & 0xfff8;
        let [high, low] = (offset | u16::from(self.more_fragments)).to_be_bytes();
        let [a, b, c, d] = self.identification.to_be_bytes();
        [self.next_header.0, 0, high, low, a, b, c, d]
    }

    /// Appends the header.
    pub fn emit(&self, out: &mut Headers) {
        out.extend_from_slice(&self.to_bytes());
    }
}

/// One option of a hop-by-hop or destination options header (RFC 8200 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionOption<'a> {
    /// The option type byte.
    pub kind: u8,
    /// The option's data.
    pub data: &'a [u8],
    /// Where the option starts, counted from the end of the fixed header.
    pub offset: usize,
}

impl ExtensionOption<'_> {
    /// Padding of one byte.
    pub const PAD1: u8 = 0;
    /// Padding of two or more bytes.
    pub const PADN: u8 = 1;
    /// Router alert (RFC 2711).
    pub const ROUTER_ALERT: u8 = 5;
    /// Jumbo payload (RFC 2675).
    pub const JUMBO_PAYLOAD: u8 = 0xc2;

    /// What a node that does not know the option does: 0 skip, 1 discard, 2 discard and send a parameter problem, 3 the same
    /// unless the destination was multicast.
    pub fn unrecognized_action(&self) -> u8 {
        self.kind >> 6
    }
}

/// Walks the options of a hop-by-hop or destination options header; padding is left out.
///
/// A malformed option ends the walk with one `Err(offset)`, counted from the end of the fixed header.
#[derive(Clone, Debug)]
pub struct ExtensionOptions<'a> {
    bytes: &'a [u8],
    offset: usize,
    base: usize,
}

impl<'a> Iterator for ExtensionOptions<'a> {
    type Item = Result<ExtensionOption<'a>, usize>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.offset;
            let (&kind, rest) = self.bytes.get(start..)?.split_first()?;
            if kind == ExtensionOption::PAD1 {
                self.offset += 1;
                continue;
            }
            let data = rest
                .split_first()
                .and_then(|(&length, rest)| rest.get(..usize::from(length)));
            let Some(data) = data else {
                self.offset = self.bytes.len();
                return Some(Err(self.base + start));
            };
            self.offset += 2 + data.len();
            if kind != ExtensionOption::PADN {
                return Some(Ok(ExtensionOption {
                    kind,
                    data,
                    offset: self.base + start,
                }));
            }
        }
    }
}

/// Appends a hop-by-hop or destination options header that holds `options` (types, lengths and data in wire form), padded.
///
/// Returns the length appended. Options beyond 2046 bytes do not fit such a header; nothing is appended then and the answer
/// is 0.
pub fn emit_options_header(next: IpProtocol, options: &[u8], out: &mut Headers) -> usize {
    let length = (options.len() + 2).next_multiple_of(8);
    let Ok(units) = u8::try_from(length / 8 - 1) else {
        return 0;
    };
    out.extend_from_slice(&[next.0, units]);
    out.extend_from_slice(options);
    let mut padding = ArrayVec::<u8, 8>::new();
    match length - 2 - options.len() {
        0 => {}
        1 => padding.push(ExtensionOption::PAD1),
        count => {
            // At most 7 bytes of padding are ever needed.
            padding.push(ExtensionOption::PADN);
            padding.push(u8::try_from(count - 2).unwrap_or(0));
            padding.extend((2..count).map(|_| 0));
        }
    }
    out.extend_from_slice(&padding);
    length
}

/// Appends a hop-by-hop header with the jumbo payload option (RFC 2675 2) and returns its length, 8.
///
/// `length` is what follows the fixed header, this header included.
pub fn emit_jumbo_payload(next: IpProtocol, length: u32, out: &mut Headers) -> usize {
    let [a, b, c, d] = length.to_be_bytes();
    emit_options_header(next, &[ExtensionOption::JUMBO_PAYLOAD, 4, a, b, c, d], out)
}
