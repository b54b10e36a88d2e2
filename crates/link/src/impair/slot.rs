//! Times at which a wire takes frames, with nothing between them: what a shared medium, or a radio that sleeps, does.
use core::fmt;
use std::time::Duration;

use sockeye_tcp::Instant;

use super::random::Random;
use super::words::Words;
use super::{Distribution, NetemError};

/// `slot MIN [MAX] [packets PACKETS] [bytes BYTES]` or `slot distribution NAME DELAY JITTER [packets PACKETS] [bytes BYTES]`:
/// frames wait for the next slot, in which all go that are there, until so many have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// How long it is from one slot to the next.
    pub pause: SlotPause,
    /// Frames that a slot has room for; 0 is any number.
    pub packets: u32,
    /// Bytes that a slot has room for; the frame that fills it still goes. 0 is any number.
    pub bytes: u32,
}

/// The time between two slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotPause {
    /// Each as likely.
    Between(Duration, Duration),
    /// A mean and a jitter, spread as a delay's.
    Spread(Distribution, Duration, Duration),
}

impl Slot {
    pub(super) fn read(words: &mut Words<'_>) -> Result<Self, NetemError> {
        let pause = if words.next_is("distribution") {
            let distribution = Distribution::named(words.next("a distribution")?)?;
            SlotPause::Spread(distribution, words.time()?, words.time()?)
        } else {
            let least = words.time()?;
            match words.value() {
                None => SlotPause::Between(least, least),
                Some(word) => match super::words::time(word)? {
                    most if most < least => {
                        let expected = "a longest pause that is not shorter than the shortest";
                        return Err(NetemError::new(word, expected));
                    }
                    most => SlotPause::Between(least, most),
                },
            }
        };
        let packets = if words.next_is("packets") {
            words.number()?
        } else {
            0
        };
        let bytes = if words.next_is("bytes") {
            words.size()?
        } else {
            0
        };
        Ok(Slot {
            pause,
            packets,
            bytes,
        })
    }

    /// As in the kernel, no time at all is no slots.
    fn has_pauses(&self) -> bool {
        match self.pause {
            SlotPause::Between(least, most) => !least.is_zero() || !most.is_zero(),
            SlotPause::Spread(_, delay, jitter) => !delay.is_zero() || !jitter.is_zero(),
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pause {
            SlotPause::Between(least, most) => write!(f, "slot {least:?} {most:?}")?,
            SlotPause::Spread(distribution, delay, jitter) => {
                write!(f, "slot distribution {distribution} {delay:?} {jitter:?}")?;
            }
        }
        if self.packets > 0 {
            write!(f, " packets {}", self.packets)?;
        }
        if self.bytes > 0 {
            write!(f, " bytes {}", self.bytes)?;
        }
        Ok(())
    }
}

/// The slot that is open, or opens next.
#[derive(Debug)]
pub(super) struct Slots {
    slot: Option<Slot>,
    opens: Instant,
    /// Room left in it; `None` if it has any.
    packets: Option<u32>,
    bytes: Option<usize>,
    random: Random,
}

impl Slots {
    pub(super) fn new(seed: u64) -> Self {
        Slots {
            slot: None,
            opens: Instant::ZERO,
            packets: None,
            bytes: None,
            random: Random::new(seed),
        }
    }

    /// From now on frames wait for these; the first is open.
    pub(super) fn set(&mut self, slot: Option<Slot>, now: Instant) {
        self.slot = slot.filter(Slot::has_pauses);
        self.fill(now);
    }

    pub(super) fn is_none(&self) -> bool {
        self.slot.is_none()
    }

    /// When a frame that is due then can go.
    pub(super) fn after(&self, due: Instant) -> Instant {
        match self.slot {
            Some(_) => due.max(self.opens),
            None => due,
        }
    }

    /// A slot that opened before the next frame is due passes unused: the next one is counted from now. True if it did.
    pub(super) fn pass(&mut self, due: Instant, now: Instant) -> bool {
        let is_passed = self.slot.is_some() && self.opens < due;
        if is_passed {
            self.next(now);
        }
        is_passed
    }

    /// A frame has gone.
    pub(super) fn took(&mut self, length: usize, now: Instant) {
        self.packets = self.packets.map(|left| left.saturating_sub(1));
        self.bytes = self.bytes.map(|left| left.saturating_sub(length));
        if self.packets == Some(0) || self.bytes == Some(0) {
            self.next(now);
        }
    }

    fn next(&mut self, now: Instant) {
        let Some(slot) = self.slot else {
            return;
        };
        let position = self.random.next_u32();
        let pause = match slot.pause {
            SlotPause::Between(least, most) => {
                let more = ((most - least).as_nanos() * u128::from(position)) >> 32;
                least + Duration::from_nanos(u64::try_from(more).unwrap_or(u64::MAX))
            }
            SlotPause::Spread(distribution, delay, jitter) => {
                distribution.place(delay, jitter, position)
            }
        };
        self.fill(now + pause);
    }

    fn fill(&mut self, opens: Instant) {
        let (packets, bytes) = self.slot.map_or((0, 0), |slot| (slot.packets, slot.bytes));
        self.opens = opens;
        self.packets = (packets > 0).then_some(packets);
        self.bytes = (bytes > 0).then(|| usize::try_from(bytes).unwrap_or(usize::MAX));
    }
}

#[cfg(test)]
mod tests;
