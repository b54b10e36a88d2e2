//! Queues in front of a wire: who waits, who comes next, and who is dropped or marked.
use core::fmt;

use sockeye_tcp::Instant;
use sockeye_wire::Frame;

mod codel;
mod fifo;
mod flow;
mod fq_codel;
mod red;
mod words;

pub use codel::{Codel, CodelSettings};
pub use fifo::Fifo;
pub use fq_codel::{FqCodel, FqCodelSettings};
pub use red::{Red, RedSettings};

/// Frames that wait for a wire.
///
/// Times handed in do not run backwards. A frame that is not to be sent is dropped inside, at either end.
pub trait Queue: fmt::Debug + Send {
    /// Takes a frame in, or drops it, or another one in its place.
    fn enqueue(&mut self, frame: Frame, now: Instant);

    /// The next frame to send, if one is left.
    fn dequeue(&mut self, now: Instant) -> Option<Frame>;

    /// The next frame without any decision about it: for moving to another queue.
    fn take(&mut self) -> Option<Frame>;

    /// How many frames wait.
    fn len(&self) -> usize;

    /// Whether none waits.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes wait.
    fn bytes(&self) -> usize;

    /// How many frames were dropped.
    fn dropped(&self) -> u64;

    /// How many frames were marked in place of being dropped (RFC 3168).
    fn marked(&self) -> u64;

    /// Adds to the numbers of frames that were dropped and marked.
    fn count(&mut self, dropped: u64, marked: u64);
}

/// How a queue is kept, in the words of `tc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discipline {
    /// `pfifo [limit PACKETS]`: in order, up to a number of frames.
    Pfifo {
        /// How many frames may wait.
        limit: usize,
    },
    /// `bfifo [limit BYTES]`: in order, up to a number of bytes.
    Bfifo {
        /// How many bytes may wait.
        limit: usize,
    },
    /// `codel`: in order, with controlled delay (RFC 8289).
    Codel(CodelSettings),
    /// `fq_codel`: a queue for each flow in turn, each with controlled delay (RFC 8290).
    FqCodel(FqCodelSettings),
    /// `red`: in order, with random early detection.
    Red(RedSettings),
}

impl Discipline {
    /// In order and without a limit of its own.
    pub const UNLIMITED: Discipline = Discipline::Pfifo { limit: usize::MAX };

    /// An empty queue of this discipline. The seed decides what is left to chance.
    pub fn queue(self, seed: u64) -> Box<dyn Queue> {
        match self {
            Discipline::Pfifo { limit } => Box::new(Fifo::packets(limit)),
            Discipline::Bfifo { limit } => Box::new(Fifo::bytes(limit)),
            Discipline::Codel(settings) => Box::new(Codel::new(settings)),
            Discipline::FqCodel(settings) => Box::new(FqCodel::new(settings, seed)),
            Discipline::Red(settings) => Box::new(Red::new(settings, seed)),
        }
    }
}

/// What a queue did to frames that were not to be sent as they are.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    dropped: u64,
    marked: u64,
}

impl Tally {
    fn add(&mut self, dropped: u64, marked: u64) {
        self.dropped += dropped;
        self.marked += marked;
    }
}

#[cfg(test)]
mod tests;
