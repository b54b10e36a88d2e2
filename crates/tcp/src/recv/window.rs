//! The receive window: what to tell (RFC 9293 3.8.6, with Linux's receiver-side silly-window avoidance), and its growth.
//!
//! The buffer is counted in Linux's units: packets with all that they take ([`super::charge`]). Half of it is for data at
//! first, and then as much as is data in the longest of the peer's packets (`scaling_ratio`). The window shrinks only if it
//! may (`tcp_shrink_window`).
use core::time::Duration;

use bitflags::bitflags;

use super::ack::AckFlags;
use super::charge::Parcel;
use super::round_trip::wrapping_micros;
use super::{Receiver, Terms};
use crate::limits::Limits;
use crate::seq::span;
use crate::{Events, Instant, Seq};

/// Measures how much the application reads in a round trip (dynamic right-sizing).
#[derive(Debug, Clone, Default)]
pub(crate) struct Autotune {
    /// Bytes read since `since`.
    read: u32,
    /// Moments here are microseconds that wrap: intervals are round trips.
    since: u32,
    /// The most that was read in a round trip so far.
    pub(crate) space: u32,
    /// The round-trip time as the receiver sees it, in eighths of a us; 0 for unknown ([`super::round_trip`]).
    pub(super) rtt: u32,
    /// The stream position that ends the round trip being measured, and when it began.
    pub(super) round_end: Seq,
    /// 0 before the first measurement.
    pub(super) round_start: u32,
}

impl Autotune {
    /// Starts from the window told first.
    pub(crate) fn new(space: u32) -> Autotune {
        Autotune {
            space,
            ..Autotune::default()
        }
    }
}

/// How much of a buffer is data before anything is known of the peer's segments, of 256 (`TCP_DEFAULT_SCALING_RATIO`).
pub(crate) const HALF: u8 = 128;
/// The space for data that a buffer of this size has to begin with (`tcp_win_from_space`).
pub(crate) fn space_of(buffer: u32) -> u32 {
    buffer / 2
}

/// RFC 7323 2.2: the shift that lets a window for a buffer of this size be told.
pub(crate) fn shift_for(buffer: u32) -> u8 {
    // As Linux: for the buffer, not only the half of it that is for data.
    let bits = u8::try_from(buffer.max(1).ilog2()).unwrap_or(31);
    bits.saturating_sub(15).min(14)
}

bitflags! {
    /// What is so of the receive buffer and of the stream that goes through it.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct BufferFlags: u8 {
        /// Its size was set.
        const FIXED = 1;
        /// Memory is short.
        const PRESSED = 1 << 1;
        /// The peer's FIN has been received in order: nothing more will come.
        const FIN = 1 << 2;
        /// The connection waits to be accepted.
        const UNCLAIMED = 1 << 3;
    }
}

impl BufferFlags {
    pub(crate) fn of(is_fixed: bool) -> BufferFlags {
        let mut flags = BufferFlags::empty();
        flags.set(BufferFlags::FIXED, is_fixed);
        flags
    }
}

impl Receiver {
    /// Memory is short.
    pub(crate) fn is_pressed(&self) -> bool {
        self.flags.contains(BufferFlags::PRESSED)
    }

    /// The space for data that the buffer has (`tcp_full_space`).
    pub(crate) fn space(&self) -> u32 {
        self.data_of(self.buffer)
    }

    /// How much of so much memory is data (`tcp_win_from_space`).
    fn data_of(&self, memory: u32) -> u32 {
        let space = u64::from(memory) * u64::from(self.ratio) / 256;
        u32::try_from(space).unwrap_or(u32::MAX)
    }

    /// The peer's packets turned out to be so: the clamp of the window follows (`tcp_set_window_clamp`).
    pub(super) fn set_ratio(&mut self, ratio: u8) {
        let before = self.space();
        self.ratio = ratio;
        let space = self.space();
        if space < before {
            self.threshold = self.threshold.min(space);
        } else {
            self.threshold = self.threshold.max(self.window.min(space));
        }
        self.autotune.space = self.autotune.space.min(space);
    }

    /// `tcp_adjust_rcv_ssthresh`: under pressure the window opens no further than four segments.
    pub(crate) fn set_pressure(&mut self, is_pressed: bool) {
        self.flags.set(BufferFlags::PRESSED, is_pressed);
        if is_pressed {
            self.threshold = self.threshold.min(4 * u32::from(self.told_mss));
        }
    }

    /// To which the buffer may grow.
    pub(super) fn most(&self, limits: &Limits) -> u32 {
        if self.flags.contains(BufferFlags::FIXED) {
            self.buffer
        } else {
            limits.receive_buffer.max(self.buffer)
        }
    }

    /// `tcp_set_rcvlowat`: who waits for so many bytes gets a buffer that holds them, unless its size is fixed.
    pub(crate) fn make_room_for(&mut self, low_water: u32, limits: &Limits) {
        let wanted = low_water.saturating_mul(2).min(self.most(limits));
        self.buffer = self.buffer.max(wanted);
    }

    /// Bytes of data there is room for (`tcp_space`).
    pub(super) fn free_space(&self) -> u32 {
        self.data_of(self.buffer.saturating_sub(self.charge()))
    }

    /// The window to tell now, in bytes, not less than what is still open, unless it may shrink and is scaled
    /// (`tcp_select_window`).
    pub(crate) fn select_window(&mut self, clamp: Option<u32>, shrinks: bool) -> (u32, Events) {
        if self.ack.is(AckFlags::NO_MEMORY) {
            return (0, Events::empty());
        }
        let open = self.open_window();
        let new = self.desired_window(clamp, shrinks);
        if new < open && !(shrinks && self.shift > 0) {
            // RFC 9293 3.8.6.2.1: do not shrink. Rounded up so that scaling does not take anything back.
            let window = round_up(open, self.shift).min(self.tellable());
            let events = match new {
                0 => Events::WINDOW_KEPT_OPEN,
                _ => Events::empty(),
            };
            return (window, events);
        }
        let window = new.min(self.tellable());
        let events = match (self.window, window) {
            (1.., 0) => Events::WINDOW_SHUT,
            (0, 1..) => Events::WINDOW_OPENED,
            _ => Events::empty(),
        };
        (window, events)
    }

    /// The largest window the header can tell.
    pub(crate) fn tellable(&self) -> u32 {
        u32::from(u16::MAX) << self.shift
    }

    /// RFC 9293 3.8.6.2.2 and RFC 1122 4.2.3.3, the way Linux does it (`__tcp_select_window`): once half of the buffer is
    /// used, quick acknowledgments would only provoke more.
    pub(crate) fn desired_window(&mut self, clamp: Option<u32>, shrinks: bool) -> u32 {
        let all = self.space();
        let full = clamp.map_or(all, |clamp| clamp.min(all));
        let mss = u32::from(self.mss).min(full);
        if mss == 0 {
            return 0;
        }
        let mut free = self.free_space();
        if free < full / 2 {
            self.ack.leave_quick();
        }
        if shrinks && self.shift > 0 {
            // RFC 7323 2.4: a window that follows the room exactly goes back when that does.
            free = round_down(free, self.shift);
            let is_little = free < all / 16 || free < mss || free < 1 << self.shift;
            if free < full / 2 && is_little {
                return 0;
            }
            return match free > self.threshold {
                true => round_up(self.threshold, self.shift),
                false => free,
            };
        }
        if free < full / 2 {
            free = round_down(free, self.shift);
            if free < all / 16 || free < mss {
                return 0;
            }
        }
        free = free.min(self.threshold).min(full);
        if self.shift > 0 {
            return round_up(free, self.shift);
        }
        // The most there is to tell, which may be less than the room of a buffer that has just grown: compared with that
        // room a window of nothing could stay for ever.
        let most = full.min(self.threshold).max(1);
        let mss = mss.min(most);
        let window = self.window;
        if window.saturating_add(mss) <= free || window > free {
            free / mss * mss
        } else if mss == most && free > window + most / 2 {
            free
        } else {
            window
        }
    }

    /// `tcp_grow_window`: a segment that came opens the window by two more, up to what the buffer has `free` for data; one
    /// that takes much for few bytes does so only as long as there will be room for many such.
    pub(super) fn grow_threshold(&mut self, parcel: &Parcel, free: u32, terms: &Terms<'_>) {
        let room = self.space().min(free).saturating_sub(self.threshold);
        if room == 0 || self.is_pressed() {
            return;
        }
        let bytes = parcel.bytes;
        let mut charge = self.data_of(parcel.charge());
        let step = if charge <= bytes {
            2 * terms.advertised
        } else {
            let mut most = self.data_of(self.most(terms.limits)) / 2;
            charge /= 2;
            while charge > bytes && self.threshold <= most {
                charge /= 2;
                most /= 2;
            }
            if self.threshold > most {
                return;
            }
            2 * u32::from(self.mss)
        };
        self.threshold += step.max(bytes.saturating_mul(2)).min(room);
        self.ack.stay_quick();
    }

    /// `tcp_rcv_space_adjust`: `count` bytes were read; if the application keeps up, the buffer grows.
    pub(crate) fn adjust_space(
        &mut self,
        count: usize,
        srtt: Option<Duration>,
        limits: &Limits,
        now: Instant,
    ) {
        let tune = &mut self.autotune;
        tune.read = tune.read.saturating_add(span(count));
        let rtt = tune.round().max(srtt.unwrap_or_default()).as_micros();
        let rtt = u32::try_from(rtt).unwrap_or(u32::MAX);
        let elapsed = wrapping_micros(now).wrapping_sub(tune.since);
        if rtt == 0 || elapsed < rtt {
            return;
        }
        // Who reads seldom reads much at a time, but no more of it came in a round trip. (Linux takes all of it; within a
        // host, where a round trip takes next to nothing, that makes the largest window of any.)
        let read = u64::from(tune.read) * u64::from(rtt) / u64::from(elapsed.max(1));
        let read = u32::try_from(read).unwrap_or(u32::MAX);
        tune.read = 0;
        tune.since = wrapping_micros(now);
        if read <= tune.space {
            return;
        }
        let before = core::mem::replace(&mut tune.space, read);
        self.grow_for(read, before, limits);
    }
}

fn round_down(value: u32, shift: u8) -> u32 {
    value >> shift << shift
}

fn round_up(value: u32, shift: u8) -> u32 {
    round_down(value.saturating_add((1 << shift) - 1), shift)
}

#[cfg(test)]
mod tests {
    use crate::block::Block;
    use crate::{Instant, Settings};

    #[test]
    fn a_buffer_that_grew_while_the_window_was_shut_opens_it() {
        let settings = Settings {
            window_scaling: false,
            ..Settings::default()
        };
        let mut recv = Block::new(settings, 0, Instant::ZERO).recv;
        recv.buffer = 8308;
        recv.ratio = 248;
        recv.mss = 8900;
        // What the buffer held before; now it holds twice as much.
        recv.threshold = recv.space() / 2;
        recv.window = 0;
        assert_eq!(recv.desired_window(None, false), recv.threshold);
        // Half a window more is news, less is none.
        assert_eq!(recv.desired_window(Some(3001), false), 3001);
        recv.window = 1500;
        assert_eq!(recv.desired_window(Some(2000), false), 1500);
    }
}
