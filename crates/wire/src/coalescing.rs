//! Joining packets that belong together (Linux "GRO"): the opposite of [segmentation](crate::segmentation).
use core::num::NonZeroU16;

use crate::checksum::checksum;
use crate::{Checksum, Frame, IpProtocol, Layout, TcpFlags, Version, ipv6};

/// The longest packet that joining makes: what IPv4's length field can say.
const LONGEST: usize = 65_535;

impl Frame {
    /// Appends a TCP segment that continues this one, so that splitting the result again gives what came; or leaves it, if
    /// it has to stay a packet of its own. Checks the checksums of both. Whether it was appended: `next` is empty then.
    ///
    /// Joined are segments with the same headers but for lengths, sequence numbers and what ends a burst: the last one may be
    /// shorter, and have FIN and PSH. Nothing joins behind it.
    pub fn append_segment(&mut self, next: &mut Frame) -> bool {
        let Some((layout, size)) = self.joinable(next) else {
            return false;
        };
        // The headers are of the same shape.
        if !self.verify_checksum_at(layout) || !next.verify_checksum_at(layout) {
            return false;
        }
        self.take_over_checksum_at(layout);
        self.offload.segment_size = Some(size);
        let ends = next.headers.get(layout.transport + 13).copied();
        if let (Some(slot), Some(flags)) = (self.headers.get_mut(layout.transport + 13), ends) {
            *slot |= flags;
        }
        self.payload.append(&mut next.payload);
        self.set_length(layout);
        true
    }

    /// Where the parts are, and how long each segment is, if `next` continues this.
    fn joinable(&self, next: &Frame) -> Option<(Layout, NonZeroU16)> {
        let layout = self.layout().ok()?;
        if layout.protocol != IpProtocol::TCP
            || layout.fragment
            || self.headers.len() != next.headers.len()
            || next.offload.segment_size.is_some()
            || self.len() + next.payload.len() > LONGEST
        {
            return None;
        }
        let size = match self.offload.segment_size {
            Some(size) => size,
            None => NonZeroU16::new(u16::try_from(self.payload.len()).ok()?)?,
        };
        let each = usize::from(size.get());
        let is_whole = self.payload.len().is_multiple_of(each);
        if !is_whole || next.payload.is_empty() || next.payload.len() > each {
            return None;
        }
        let (ours, theirs) = (self.headers.as_slice(), next.headers.as_slice());
        let (ip, transport) = ours.split_at_checked(layout.transport)?;
        let (next_ip, next_transport) = theirs.split_at_checked(layout.transport)?;
        let is_same_ip = match layout.version {
            // All but length, identification and checksum. Options make no bursts.
            Version::V4 => {
                // A damaged header must not be made good: what is joined gets a new sum.
                checksum(next_ip) == 0
                    && (self.offload.segment_size.is_some() || checksum(ip) == 0)
                    && ip.len() == 20
                    && ip[..2] == next_ip[..2]
                    && ip[6..10] == next_ip[6..10]
                    && ip[12..] == next_ip[12..]
            }
            Version::V6 => {
                ip.len() == ipv6::HEADER_LEN && ip[..4] == next_ip[..4] && ip[6..] == next_ip[6..]
            }
        };
        let (tcp, next_tcp) = (transport.get(..20)?, next_transport.get(..20)?);
        let ends = TcpFlags::PSH | TcpFlags::FIN;
        let flags = TcpFlags::from_bits_retain(tcp[13]);
        let next_flags = TcpFlags::from_bits_retain(next_tcp[13]);
        let word = |bytes: &[u8]| bytes.first_chunk().map(|word| u32::from_be_bytes(*word));
        let length = u32::try_from(self.payload.len()).ok()?;
        let continues = word(&tcp[4..])?.wrapping_add(length) == word(&next_tcp[4..])?;
        let is_same_tcp = tcp[..4] == next_tcp[..4]
            && tcp[8..13] == next_tcp[8..13]
            && tcp[14..16] == next_tcp[14..16]
            && transport[20..] == next_transport[20..];
        // A burst is plain segments; everything else has a meaning of its own.
        let is_plain = flags.difference(TcpFlags::ECE) == TcpFlags::ACK;
        let is_same_kind = next_flags.difference(ends) == flags;
        (is_same_ip && continues && is_same_tcp && is_plain && is_same_kind)
            .then_some((layout, size))
    }

    fn set_length(&mut self, layout: Layout) {
        let length = self.len();
        match layout.version {
            Version::V4 => {
                let Some(header) = self.headers.first_chunk_mut::<20>() else {
                    return;
                };
                let new = u16::try_from(length).unwrap_or(0);
                let old = u16::from_be_bytes([header[2], header[3]]);
                let sum = u16::from_be_bytes([header[10], header[11]]);
                let sum = Checksum::update(sum, old, new);
                header[2..4].copy_from_slice(&new.to_be_bytes());
                header[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            Version::V6 => {
                let payload = u16::try_from(length - ipv6::HEADER_LEN).unwrap_or(0);
                if let Some(slot) = self.headers.get_mut(4..6) {
                    slot.copy_from_slice(&payload.to_be_bytes());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
