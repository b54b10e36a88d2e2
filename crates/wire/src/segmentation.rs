//! Splitting a super-segment into packets, for a device that cannot (Linux "GSO": TSO for TCP, USO for UDP).
use crate::{
    ChecksumState, Frame, IpProtocol, Ipv4View, Layout, Payload, TcpFlags, Version, ipv6, tcp, udp,
};

/// The packets of one super-segment, in order.
///
/// Each has the headers of the whole with lengths, sequence number, identification and flags adjusted; its transport
/// checksum is [`ChecksumState::Partial`] if there was more than one packet to make.
#[derive(Clone, Debug)]
pub struct Segments {
    whole: Frame,
    layout: Option<Layout>,
    size: usize,
    /// Packets made so far.
    index: u16,
    /// Payload bytes in the packets made so far.
    done: usize,
    finished: bool,
}

impl Frame {
    /// The packets that this frame stands for: itself, unless it is a super-segment.
    pub fn segments(self) -> Segments {
        let size = self
            .offload
            .segment_size
            .map_or(usize::MAX, |size| usize::from(size.get()));
        let layout = if self.payload.len() > size {
            self.layout().ok().filter(|layout| {
                !layout.fragment
                    && matches!(layout.protocol, IpProtocol::TCP | IpProtocol::UDP)
                    && self.headers.len() >= layout.transport + udp::HEADER_LEN
            })
        } else {
            None
        };
        Segments {
            whole: self,
            layout,
            size,
            index: 0,
            done: 0,
            finished: false,
        }
    }
}

impl Iterator for Segments {
    type Item = Frame;

    #[inline]
    fn next(&mut self) -> Option<Frame> {
        if self.finished {
            return None;
        }
        let Some(layout) = self.layout else {
            self.finished = true;
            let mut frame = core::mem::take(&mut self.whole);
            frame.offload.segment_size = None;
            return Some(frame);
        };
        let payload = self.whole.payload.split_to(self.size);
        let last = self.whole.payload.is_empty();
        let frame = self.packet(layout, payload, last);
        self.done += frame.payload.len();
        self.index = self.index.wrapping_add(1);
        self.finished = last;
        Some(frame)
    }
}

impl Segments {
    /// Whether every packet has been made.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    fn packet(&self, layout: Layout, payload: Payload, last: bool) -> Frame {
        let mut headers = self.whole.headers.clone();
        let length = headers.len() + payload.len();
        match layout.version {
            Version::V4 => set_ipv4(&mut headers, length, self.index),
            Version::V6 => {
                let length = u16::try_from(length - ipv6::HEADER_LEN).unwrap_or(0);
                put_u16(&mut headers, 4, length);
            }
        }
        let at = layout.transport;
        if layout.protocol == IpProtocol::UDP {
            let length = u16::try_from(length - at).unwrap_or(0);
            put_u16(&mut headers, at + 4, length);
            put_u16(&mut headers, at + udp::CHECKSUM_OFFSET, 0);
        } else {
            self.set_tcp(headers.get_mut(at..).unwrap_or_default(), last);
        }
        let mut frame = Frame::new(headers, payload);
        frame.offload.checksum = ChecksumState::Partial;
        frame
    }

    fn set_tcp(&self, header: &mut [u8], last: bool) {
        if let Some(&[a, b, c, d]) = header.get(4..).and_then(|rest| rest.first_chunk::<4>()) {
            // Sequence numbers wrap; a super-segment is far shorter than 4 GiB.
            let done = u32::try_from(self.done).unwrap_or(0);
            let sequence = u32::from_be_bytes([a, b, c, d]).wrapping_add(done);
            if let Some(slot) = header.get_mut(4..8) {
                slot.copy_from_slice(&sequence.to_be_bytes());
            }
        }
        if let Some(slot) = header.get_mut(13) {
            let mut flags = TcpFlags::from_bits_retain(*slot);
            if !last {
                flags.remove(TcpFlags::FIN | TcpFlags::PSH);
            }
            // RFC 3168 6.1.2: the window was reduced once.
            if self.index != 0 {
                flags.remove(TcpFlags::CWR);
            }
            *slot = flags.bits();
        }
        put_u16(header, tcp::CHECKSUM_OFFSET, 0);
    }
}

fn set_ipv4(headers: &mut [u8], length: usize, index: u16) {
    let Ok(view) = Ipv4View::parse(headers) else {
        return;
    };
    let header_len = view.header_len();
    let identification = view.identification().wrapping_add(index);
    put_u16(headers, 2, u16::try_from(length).unwrap_or(0));
    put_u16(headers, 4, identification);
    put_u16(headers, 10, 0);
    let sum = crate::checksum::checksum(headers.get(..header_len).unwrap_or_default());
    put_u16(headers, 10, sum);
}

fn put_u16(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(slot) = bytes.get_mut(at..at + 2) {
        slot.copy_from_slice(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
