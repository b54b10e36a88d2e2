//! One packet on its way.
use alloc::vec::Vec;
use core::num::NonZeroU16;

use bytes::Bytes;

use crate::{
    Checksum, Headers, IpProtocol, IpView, Ipv4View, Ipv6View, Layout, ParseError, Payload,
    TcpView, UdpLiteView, Version, icmp, ipv6, tcp, udp, udp_lite,
};

/// Who has looked after the transport checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ChecksumState {
    /// All checksums in the headers are filled in. Inbound: nobody has checked them yet.
    #[default]
    Complete,
    /// The transport checksum was left out (its field is 0): the device fills it in, or nobody ever needs it.
    Partial,
    /// Inbound: somebody has checked the transport checksum already.
    Verified,
}

/// What a device, or whoever stands in for it, still has to do, or has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Offload {
    /// The state of the transport checksum.
    pub checksum: ChecksumState,
    /// This is a super-segment: to be split into packets with this many bytes of payload if the device cannot take it whole.
    pub segment_size: Option<NonZeroU16>,
}

/// One packet: an IP datagram, or a fragment of one, or a super-segment.
///
/// The headers up to and including the transport header are in `headers`; everything behind is in `payload`. Of a fragment,
/// only the IP headers are in `headers`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Every header from the lowest up to and including the transport header.
    pub headers: Headers,
    /// What follows the headers.
    pub payload: Payload,
    /// Checksums and segmentation.
    pub offload: Offload,
}

impl Frame {
    /// A frame from its parts, with all checksums filled in.
    pub fn new(headers: Headers, payload: Payload) -> Self {
        Frame {
            headers,
            payload,
            offload: Offload::default(),
        }
    }

    /// A frame from the bytes of a packet that a device delivered; the payload shares their memory.
    ///
    /// What is behind the packet's own length (link padding) is dropped. Bytes that are not an IP packet, or fewer than its
    /// length field says, stay in `payload` with empty `headers`. A transport header that can't be read stays in `payload`
    /// behind the IP headers.
    pub fn from_bytes(bytes: Bytes) -> Self {
        let Ok((total, layout)) = packet_extent(&bytes) else {
            return Frame::new(Headers::new(), Payload::from(bytes));
        };
        let mut bytes = bytes;
        bytes.truncate(total);
        let transport = bytes.get(layout.transport..).unwrap_or_default();
        let length = if layout.fragment {
            layout.transport
        } else {
            layout.transport + transport_header_len(layout.protocol, transport)
        };
        let payload = bytes.split_off(length.min(bytes.len()));
        Frame::new(Headers::from(&*bytes), Payload::from(payload))
    }

    /// Length of the whole packet in bytes.
    pub fn len(&self) -> usize {
        self.headers.len() + self.payload.len()
    }

    /// True if there is not one byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The IP header.
    pub fn ip(&self) -> Result<IpView<'_>, ParseError> {
        IpView::parse(&self.headers)
    }

    /// Where the parts of the packet are.
    pub fn layout(&self) -> Result<Layout, ParseError> {
        Layout::of(&self.headers)
    }

    /// The bytes of the packet, with all checksums filled in.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        if self.offload.checksum == ChecksumState::Partial {
            let mut complete = self.clone();
            complete.complete_checksum();
            bytes.extend_from_slice(&complete.headers);
        } else {
            bytes.extend_from_slice(&self.headers);
        }
        for chunk in self.payload.chunks() {
            bytes.extend_from_slice(chunk);
        }
        bytes
    }

    /// Everything behind the IP headers, the first `offset` bytes of the packet: what a raw socket sees and what reassembly
    /// collects. Copies the transport header, shares the payload.
    pub fn ip_payload(&self, offset: usize) -> Payload {
        let mut payload = self.payload.clone();
        match self.headers.get(offset..) {
            Some(transport) => payload.push_front(Bytes::copy_from_slice(transport)),
            None => payload.advance(offset - self.headers.len()),
        }
        payload
    }

    /// Fills in the transport checksum if it was left out.
    pub fn complete_checksum(&mut self) {
        if self.offload.checksum != ChecksumState::Partial {
            return;
        }
        match self.layout() {
            Ok(layout) => self.complete_checksum_at(layout),
            Err(_) => self.offload.checksum = ChecksumState::Complete,
        }
    }

    /// Fills in the transport checksum of a packet with this layout.
    pub(crate) fn complete_checksum_at(&mut self, layout: Layout) {
        self.offload.checksum = ChecksumState::Complete;
        let Some(field) = checksum_field(layout) else {
            return;
        };
        let Some(slot) = self.headers.get_mut(field..field + 2) else {
            return;
        };
        slot.fill(0);
        let Some(sum) = self.transport_sum(layout) else {
            return;
        };
        let mut checksum = sum.finish();
        if matches!(layout.protocol, IpProtocol::UDP | IpProtocol::UDP_LITE) {
            checksum = udp::nonzero(checksum);
        }
        if let Some(slot) = self.headers.get_mut(field..field + 2) {
            slot.copy_from_slice(&checksum.to_be_bytes());
        }
    }

    /// Leaves the transport checksum to a device: the field gets the sum over the pseudo header, as devices expect it, and the
    /// answer says where summing starts and, from there, where the field is. `None` if there is nothing to be left: the
    /// checksum is there, or the packet has one that devices don't know.
    pub fn hand_over_checksum(&mut self) -> Option<(usize, usize)> {
        if self.offload.checksum != ChecksumState::Partial {
            return None;
        }
        let layout = self.layout().ok()?;
        let field = checksum_field(layout)?;
        if !matches!(layout.protocol, IpProtocol::TCP | IpProtocol::UDP) {
            self.complete_checksum();
            return None;
        }
        let length = self.len() - layout.transport;
        let sum = self.ip().ok()?.pseudo_header(layout.protocol, length);
        let slot = self.headers.get_mut(field..field + 2)?;
        slot.copy_from_slice(&sum.folded().to_be_bytes());
        Some((layout.transport, field - layout.transport))
    }

    /// Notes that a device, or another host on the same machine, has left out the transport checksum of an inbound packet,
    /// which is as good as checked: whoever sends the packet on has to fill it in.
    pub fn take_over_checksum(&mut self) {
        if let Ok(layout) = self.layout() {
            self.take_over_checksum_at(layout);
        }
    }

    pub(crate) fn take_over_checksum_at(&mut self, layout: Layout) {
        let Some(field) = checksum_field(layout) else {
            return;
        };
        if let Some(slot) = self.headers.get_mut(field..field + 2) {
            slot.fill(0);
            self.offload.checksum = ChecksumState::Partial;
        }
    }

    /// Checks the transport checksum of an inbound packet, once. False if it is wrong.
    ///
    /// A fragment, and a protocol without a known checksum, are never wrong.
    pub fn verify_checksum(&mut self) -> bool {
        if self.offload.checksum != ChecksumState::Complete {
            return true;
        }
        self.layout()
            .is_ok_and(|layout| self.verify_checksum_at(layout))
    }

    /// Checks the transport checksum of an inbound packet with this layout, once.
    pub(crate) fn verify_checksum_at(&mut self, layout: Layout) -> bool {
        if self.offload.checksum != ChecksumState::Complete {
            return true;
        }
        let valid = self.checksum_is_valid(layout);
        if valid {
            self.offload.checksum = ChecksumState::Verified;
        }
        valid
    }

    fn checksum_is_valid(&self, layout: Layout) -> bool {
        let Some(field) = checksum_field(layout) else {
            return true;
        };
        if self.headers.get(field..field + 2) == Some(&[0, 0][..]) {
            match layout.protocol {
                // RFC 768: no checksum was made. RFC 8200 8.1: not so over IPv6.
                IpProtocol::UDP => return layout.version == Version::V4,
                // RFC 3828 3.1: there always is one.
                IpProtocol::UDP_LITE => return false,
                _ => {}
            }
        }
        self.transport_sum(layout).is_some_and(|sum| sum.is_valid())
    }

    /// The sum over pseudo header, transport header and payload; of UDP-Lite, over as much of them as the header says.
    fn transport_sum(&self, layout: Layout) -> Option<Checksum> {
        let transport = self.headers.get(layout.transport..)?;
        let mut uncovered = 0;
        if layout.protocol == IpProtocol::UDP_LITE {
            // RFC 3828 3.1; the pseudo header has the whole length all the same.
            let length = transport.len() + self.payload.len();
            let view = UdpLiteView::parse(transport).ok()?;
            uncovered = length - view.covered(length)?;
        }
        let mut sum = if layout.protocol == IpProtocol::ICMPV4 {
            Checksum::new()
        } else {
            let length = transport.len() + self.payload.len();
            self.ip().ok()?.pseudo_header(layout.protocol, length)
        };
        sum.add_bytes(transport);
        let mut left = self.payload.len().saturating_sub(uncovered);
        for chunk in self.payload.chunks() {
            let covered = chunk.get(..left).unwrap_or(chunk);
            sum.add_bytes(covered);
            left -= covered.len();
        }
        Some(sum)
    }
}

/// The packet's own length, and its parts, if it is whole.
fn packet_extent(bytes: &[u8]) -> Result<(usize, Layout), ParseError> {
    let (header_len, stated) = match IpView::parse(bytes)? {
        IpView::V4(view) => (view.header_len(), v4_length(view)),
        IpView::V6(view) => (ipv6::HEADER_LEN, v6_length(view)),
    };
    // A super-segment has no length of its own (Linux "BIG TCP"): it is what the device delivered.
    let total = match stated {
        None if bytes.len() > usize::from(u16::MAX) => bytes.len(),
        None => header_len,
        Some(total) if total < header_len => return Err(ParseError::Length),
        Some(total) => total,
    };
    let packet = bytes.get(..total).ok_or(ParseError::Truncated)?;
    if stated.is_none() && total == header_len && matches!(Version::of(bytes)?, Version::V4) {
        return Err(ParseError::Length);
    }
    Ok((total, Layout::of(packet)?))
}

fn v4_length(view: Ipv4View<'_>) -> Option<usize> {
    match view.total_length() {
        0 => None,
        length => Some(usize::from(length)),
    }
}

fn v6_length(view: Ipv6View<'_>) -> Option<usize> {
    match view.payload_length() {
        0 => None,
        length => Some(ipv6::HEADER_LEN + usize::from(length)),
    }
}

/// How many bytes of `transport` are its header; 0 if it is unknown or can't be read.
fn transport_header_len(protocol: IpProtocol, transport: &[u8]) -> usize {
    let fixed = match protocol {
        IpProtocol::TCP => {
            return TcpView::parse(transport).map_or(0, |view| view.header_len());
        }
        IpProtocol::UDP => udp::HEADER_LEN,
        IpProtocol::UDP_LITE => udp_lite::HEADER_LEN,
        IpProtocol::ICMPV4 | IpProtocol::ICMPV6 => icmp::HEADER_LEN,
        _ => 0,
    };
    if transport.len() < fixed { 0 } else { fixed }
}

/// Where in the packet the transport checksum is, if the transport has one and is here.
fn checksum_field(layout: Layout) -> Option<usize> {
    if layout.fragment {
        return None;
    }
    let offset = match layout.protocol {
        IpProtocol::TCP => tcp::CHECKSUM_OFFSET,
        IpProtocol::UDP => udp::CHECKSUM_OFFSET,
        IpProtocol::UDP_LITE => udp_lite::CHECKSUM_OFFSET,
        IpProtocol::ICMPV4 if layout.version == Version::V4 => 2,
        IpProtocol::ICMPV6 if layout.version == Version::V6 => 2,
        _ => return None,
    };
    Some(layout.transport + offset)
}

#[cfg(test)]
mod tests;
