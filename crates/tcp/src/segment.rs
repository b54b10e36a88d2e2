//! Segments as values: what comes in from and goes out to the network, without ports and IP.
use core::num::NonZeroU16;

use sockeye_wire::{Ecn, Payload, TcpFlags, TcpOptions};

use crate::Seq;
use crate::seq::span;

/// One segment, inbound or outbound. Ports, addresses and checksums are the caller's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Sequence number of the first byte, or of the SYN.
    pub sequence: Seq,
    /// Next sequence number expected; significant with `ACK`.
    pub acknowledgment: Seq,
    /// Control bits.
    pub flags: TcpFlags,
    /// The window field as it is on the wire, not scaled.
    pub window: u16,
    /// The urgent pointer; significant with `URG`.
    pub urgent: u16,
    /// Options.
    pub options: TcpOptions,
    /// Data.
    pub payload: Payload,
    /// What the IP header says, or is to say, about congestion.
    pub ecn: Ecn,
    /// Inbound: the size of the segments that this one was put together from, if it was (`gso_size`).
    pub unit: Option<NonZeroU16>,
}

impl Segment {
    /// The size of what went over the wire: of each of the segments that this one was put together from.
    pub(crate) fn unit_size(&self) -> usize {
        let size = self.payload.len();
        self.unit.map_or(size, |unit| size.min(unit.get().into()))
    }

    /// How many segments this one stands for (`gso_segs`).
    pub(crate) fn units(&self) -> u32 {
        let unit = self.unit_size().max(1);
        u32::try_from(self.payload.len().div_ceil(unit).max(1)).unwrap_or(u32::MAX)
    }

    /// SEG.LEN: the sequence numbers this segment takes, SYN and FIN included (RFC 9293 3.4).
    pub fn length(&self) -> u32 {
        span(self.payload.len())
            + u32::from(self.has(TcpFlags::SYN))
            + u32::from(self.has(TcpFlags::FIN))
    }

    /// The sequence number behind the last one this segment takes.
    pub fn end(&self) -> Seq {
        self.sequence + self.length()
    }

    /// True if all these control bits are set.
    pub fn has(&self, flags: TcpFlags) -> bool {
        self.flags.contains(flags)
    }

    /// The number behind the last byte of data.
    pub(crate) fn data_end(&self) -> Seq {
        self.end() - u32::from(self.has(TcpFlags::FIN))
    }

    /// Drops `count` bytes of sequence space from the front: first the SYN, then data.
    pub(crate) fn trim_front(&mut self, count: u32) {
        let mut left = count;
        if left > 0 && self.has(TcpFlags::SYN) {
            self.flags.remove(TcpFlags::SYN);
            left -= 1;
        }
        self.payload.advance(crate::seq::length(left));
        self.sequence += count;
    }
}

/// A segment to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingSegment {
    /// The segment. Its payload may be longer than the peer's MSS, see `segment_size`.
    pub segment: Segment,
    /// Set for a super-segment: whoever cannot carry it whole splits it into pieces of this payload size, with `FIN`
    /// and `PSH` only on the last one.
    pub segment_size: Option<NonZeroU16>,
    /// True if some of the data was sent before (`RetransSegs`).
    pub retransmission: bool,
}

impl From<Segment> for OutgoingSegment {
    fn from(segment: Segment) -> Self {
        OutgoingSegment {
            segment,
            segment_size: None,
            retransmission: false,
        }
    }
}

/// The answer to a segment for which there is no connection: a reset, unless the segment is one itself.
pub fn reset_for(segment: &Segment) -> Option<OutgoingSegment> {
    if segment.has(TcpFlags::RST) {
        return None;
    }
    // RFC 9293 3.10.7.1
    let reset = if segment.has(TcpFlags::ACK) {
        Segment {
            sequence: segment.acknowledgment,
            flags: TcpFlags::RST,
            ..Segment::default()
        }
    } else {
        Segment {
            acknowledgment: segment.end(),
            flags: TcpFlags::RST | TcpFlags::ACK,
            ..Segment::default()
        }
    };
    Some(reset.into())
}
