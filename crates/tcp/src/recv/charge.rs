//! What the packets of a receive queue take of its buffer, as Linux counts it (`skb->truesize`).
//!
//! A packet costs the whole area that was reserved for it, however little of it is data: that is why not all of a buffer is
//! for data, and what the windows that are told follow from. An area holds room before the packet, its headers, its bytes
//! and Linux's `skb_shared_info`; it is as large as an allocator makes it. What is left at its end may take the bytes of
//! the next packet, which then costs nothing.
use sockeye_wire::TcpFlags;

use crate::Segment;
use crate::deque::InlineDeque;
use crate::seq::span;

/// What describes a packet (`sk_buff`).
const DESCRIPTION: u32 = 256;
/// What of an area is not data: `NET_SKB_PAD`, the headers of IPv4 and TCP, and `skb_shared_info`.
const FRAME: u32 = 64 + 40 + 320;
/// The least area (`skbuff_small_head`).
const LEAST_AREA: u32 = 576;
const PAGE: u32 = 4096;
/// The bytes of a packet that fills a page, which is what others are put together to.
pub(crate) const PAGEFUL: u32 = PAGE - FRAME;

/// The area for so many bytes of data.
#[inline]
fn area_for(bytes: u32) -> u32 {
    let needed = bytes.saturating_add(FRAME);
    if needed <= LEAST_AREA {
        LEAST_AREA
    } else if needed <= PAGE {
        needed.next_power_of_two()
    } else {
        needed.div_ceil(PAGE).saturating_mul(PAGE)
    }
}

/// What a packet with so many bytes of data takes.
pub(crate) fn charge_of(bytes: u32) -> u32 {
    area_for(bytes).saturating_add(DESCRIPTION)
}

/// What a segment tells of the peer's packets, and what it takes of the buffer itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parcel {
    /// The size of the segments that it was put together from.
    pub(crate) unit: usize,
    pub(crate) bytes: u32,
    /// What it takes, if it is in more than one piece.
    pieces: Option<u32>,
    /// `PSH`
    pub(crate) is_pushed: bool,
}

impl Parcel {
    #[inline]
    pub(crate) fn of(segment: &Segment) -> Parcel {
        let payload = &segment.payload;
        let charges = || payload.chunks().map(|chunk| charge_of(span(chunk.len())));
        Parcel {
            unit: segment.unit_size(),
            bytes: span(payload.len()),
            pieces: (payload.chunk_count() > 1).then(|| charges().fold(0, u32::saturating_add)),
            is_pushed: segment.has(TcpFlags::PSH),
        }
    }

    pub(crate) fn charge(&self) -> u32 {
        self.pieces.unwrap_or_else(|| charge_of(self.bytes))
    }

    /// `scaling_ratio`: how much of what such packets take is data, of 256.
    pub(crate) fn ratio(&self) -> u8 {
        let ratio = u64::from(self.bytes) * 256 / u64::from(self.charge().max(1));
        u8::try_from(ratio).unwrap_or(u8::MAX).max(1)
    }
}

/// What is left of such a packet's area for the bytes of the next; one of several pages has none.
pub(crate) fn room_behind(bytes: u32) -> u32 {
    room_in(area_for(bytes), bytes)
}

#[inline]
fn room_in(area: u32, bytes: u32) -> u32 {
    match area <= PAGE {
        true => area.saturating_sub(FRAME).saturating_sub(bytes),
        false => 0,
    }
}

/// Packets in the queue that are all alike.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Bytes of the first that were not read.
    left: u32,
    /// Bytes of each.
    bytes: u32,
    /// What each takes.
    charge: u32,
    count: u32,
}

/// The packets of a queue. One counts in full until all of it is read.
#[derive(Debug)]
pub(crate) struct Packets {
    runs: InlineDeque<Run>,
    charge: u32,
    /// What is left of the last one's area.
    room: u32,
}

impl Default for Packets {
    fn default() -> Packets {
        Packets::NONE
    }
}

impl Packets {
    pub(crate) const NONE: Packets = Packets {
        runs: InlineDeque::EMPTY,
        charge: 0,
        room: 0,
    };

    /// What all of them take (`sk_rmem_alloc`).
    pub(crate) fn charge(&self) -> u32 {
        self.charge
    }

    pub(crate) fn heap(&self) -> usize {
        self.runs.heap()
    }

    /// One more has come.
    #[inline]
    pub(crate) fn push(&mut self, bytes: u32) {
        if bytes <= self.room {
            self.append(bytes);
            return;
        }
        let area = area_for(bytes);
        let charge = area.saturating_add(DESCRIPTION);
        self.room = room_in(area, bytes);
        self.charge = self.charge.saturating_add(charge);
        match self.runs.back_mut() {
            Some(last) if last.bytes == bytes && last.charge == charge => last.count += 1,
            _ => self.runs.push_back(Run {
                left: bytes,
                bytes,
                charge,
                count: 1,
            }),
        }
    }

    /// It goes into the last one's area (`tcp_try_coalesce`).
    fn append(&mut self, more: u32) {
        let Some(last) = self.runs.back_mut() else {
            return;
        };
        self.room -= more;
        if last.count == 1 {
            last.left += more;
            last.bytes += more;
            return;
        }
        last.count -= 1;
        let bytes = last.bytes + more;
        let charge = last.charge;
        self.runs.push_back(Run {
            left: bytes,
            bytes,
            charge,
            count: 1,
        });
    }

    /// So many bytes were read.
    #[inline]
    pub(crate) fn read(&mut self, bytes: u32) {
        // Mostly the program reads the one packet that there is.
        if self.runs.len() == 1
            && let Some(only) = self.runs.front_mut()
            && only.count == 1
            && bytes >= only.left
        {
            *self = Packets::NONE;
            return;
        }
        self.read_some(bytes);
    }

    fn read_some(&mut self, mut bytes: u32) {
        while let Some(first) = self.runs.front_mut() {
            if bytes < first.left {
                first.left -= bytes;
                return;
            }
            bytes -= first.left;
            self.charge = self.charge.saturating_sub(first.charge);
            first.left = first.bytes;
            first.count -= 1;
            if first.count == 0 {
                self.runs.pop_front();
            }
        }
        self.room = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `SO_MEMINFO` of Linux 6.18 told of one segment of each length.
    #[test]
    fn a_packet_costs_its_area() {
        for (bytes, charge) in [
            (1, 832),
            (137, 832),
            (200, 1280),
            (600, 1280),
            (700, 2304),
            (1460, 2304),
            (2000, 4352),
            (3600, 4352),
            (3700, 8448),
            (5000, 8448),
            (8000, 12544),
            (10_000, 12544),
            (12_000, 16640),
            (20_000, 20736),
            (60_000, 61696),
            (64_000, 65792),
        ] {
            assert_eq!(charge_of(bytes), charge, "{bytes}");
        }
    }

    #[test]
    fn what_fits_behind_another_costs_nothing() {
        let mut packets = Packets::NONE;
        packets.push(1000);
        assert_eq!(packets.charge(), 2304);
        packets.push(600);
        assert_eq!(packets.charge(), 2304);
        packets.push(30);
        assert_eq!(packets.charge(), 2304 + 832);
        packets.read(1599);
        assert_eq!(packets.charge(), 2304 + 832);
        packets.read(1);
        assert_eq!(packets.charge(), 832);
        packets.read(30);
        assert_eq!((packets.charge(), packets.room), (0, 0));
        packets.push(10_000);
        packets.push(1000);
        assert_eq!(packets.charge(), 12544 + 2304);
        // Behind the last of several that are alike.
        packets.push(1000);
        packets.push(1);
        assert_eq!(packets.charge(), 12544 + 2 * 2304);
        packets.read(12_000);
        assert_eq!(packets.charge(), 2304);
        packets.read(1);
        assert_eq!(packets.charge(), 0);
    }
}
