//! The header in front of each packet of a device with offloads: `struct virtio_net_hdr` (Virtual I/O Device 1.2, 5.1.6).
//!
//! It says of a packet what is still to be done, or has been: where a checksum is to be filled in, and how a super-segment is to
//! be split. TUN has it in the machine's byte order.
use core::num::NonZeroU16;

use bytes::Bytes;
use sockeye_wire::{ChecksumState, Frame, IpProtocol, Version};

/// `VIRTIO_NET_HDR_F_*`.
const NEEDS_CSUM: u8 = 1;
const DATA_VALID: u8 = 2;
/// `VIRTIO_NET_HDR_GSO_*`.
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP_L4: u8 = 5;
const GSO_ECN: u8 = 0x80;

/// CWR in the flags of a TCP header.
const CWR: u8 = 0x80;

/// What stands before a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VirtioNetHeader {
    /// `VIRTIO_NET_HDR_F_*`.
    pub flags: u8,
    /// `VIRTIO_NET_HDR_GSO_*`.
    pub gso_type: u8,
    /// The length of all headers.
    pub header_length: u16,
    /// Payload of each packet of a super-segment.
    pub gso_size: u16,
    /// Where summing starts.
    pub checksum_start: u16,
    /// Where the checksum is, from there.
    pub checksum_offset: u16,
}

impl VirtioNetHeader {
    /// Its length in bytes.
    pub const LEN: usize = 10;

    /// The header for a packet that leaves, which is made fit for it.
    ///
    /// `None` if the packet is a super-segment that devices can't split: it has to be split before.
    pub fn for_frame(frame: &mut Frame) -> Option<Self> {
        let mut header = VirtioNetHeader::default();
        let is_super = frame
            .offload
            .segment_size
            .filter(|size| frame.payload.len() > usize::from(size.get()));
        if let Some(size) = is_super {
            let layout = frame.layout().ok()?;
            let is_cwr = frame
                .headers
                .get(layout.transport + 13)
                .is_some_and(|flags| flags & CWR != 0);
            header.gso_type = match (layout.protocol, layout.version) {
                _ if layout.fragment => return None,
                (IpProtocol::TCP, Version::V4) => GSO_TCPV4,
                (IpProtocol::TCP, Version::V6) => GSO_TCPV6,
                (IpProtocol::UDP, _) => GSO_UDP_L4,
                _ => return None,
            };
            if is_cwr && layout.protocol == IpProtocol::TCP {
                header.gso_type |= GSO_ECN;
            }
            header.gso_size = size.get();
            header.header_length = u16::try_from(frame.headers.len()).ok()?;
            // Each packet gets a checksum of its own, for which the whole's is of no use.
            frame.offload.checksum = ChecksumState::Partial;
        }
        if let Some((start, offset)) = frame.hand_over_checksum() {
            header.flags = NEEDS_CSUM;
            header.checksum_start = u16::try_from(start).ok()?;
            header.checksum_offset = u16::try_from(offset).ok()?;
        } else if is_super.is_some() {
            return None;
        }
        Some(header)
    }

    /// The packet that came with this header.
    pub fn frame(&self, packet: Bytes) -> Frame {
        let mut frame = Frame::from_bytes(packet);
        if self.flags & NEEDS_CSUM != 0 {
            let transport = frame.layout().map(|layout| layout.transport);
            if transport.is_ok_and(|at| at == usize::from(self.checksum_start)) {
                frame.take_over_checksum();
            }
        } else if self.flags & DATA_VALID != 0 && !frame.headers.is_empty() {
            frame.offload.checksum = ChecksumState::Verified;
        }
        let is_known = matches!(self.gso_type & !GSO_ECN, GSO_TCPV4 | GSO_TCPV6 | GSO_UDP_L4);
        if is_known {
            frame.offload.segment_size = NonZeroU16::new(self.gso_size);
        }
        frame
    }

    /// As bytes in the machine's order.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let [a, b] = self.header_length.to_ne_bytes();
        let [c, d] = self.gso_size.to_ne_bytes();
        let [e, f] = self.checksum_start.to_ne_bytes();
        let [g, h] = self.checksum_offset.to_ne_bytes();
        [self.flags, self.gso_type, a, b, c, d, e, f, g, h]
    }

    /// From bytes in the machine's order.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [flags, gso_type, a, b, c, d, e, f, g, h] = bytes;
        VirtioNetHeader {
            flags,
            gso_type,
            header_length: u16::from_ne_bytes([a, b]),
            gso_size: u16::from_ne_bytes([c, d]),
            checksum_start: u16::from_ne_bytes([e, f]),
            checksum_offset: u16::from_ne_bytes([g, h]),
        }
    }

    /// Whether it is a super-segment of datagrams.
    pub fn is_datagrams(&self) -> bool {
        self.gso_type & !GSO_ECN == GSO_UDP_L4
    }

    /// Whether nothing is left to do for its packet.
    pub fn is_plain(&self) -> bool {
        self.flags & NEEDS_CSUM == 0 && self.gso_type == GSO_NONE
    }
}

#[cfg(test)]
mod tests;
