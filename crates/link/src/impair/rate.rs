//! A wire of finite speed.
use core::fmt;
use core::str::FromStr;
use std::collections::VecDeque;
use std::time::Duration;

use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use super::NetemError;
use super::probability::decimal;
use crate::Link;
use crate::link::earlier;

/// How many bits a second. Text as in `tc`: `10mbit`, `1.5gbit`, `64kbps` (bytes), `8000` (bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bandwidth(u64);

/// Units of `tc`, in bits a second; `bps` is bytes a second.
const UNITS: [(&str, u64); 10] = [
    ("kibit", 1 << 10),
    ("mibit", 1 << 20),
    ("gibit", 1 << 30),
    ("kbit", 1_000),
    ("mbit", 1_000_000),
    ("gbit", 1_000_000_000),
    ("kbps", 8_000),
    ("mbps", 8_000_000),
    ("gbps", 8_000_000_000),
    ("bps", 8),
];

impl Bandwidth {
    /// So many bits a second; zero counts as one.
    pub fn bits_per_second(bits: u64) -> Self {
        Bandwidth(bits.max(1))
    }

    /// How long it takes to send so many bytes.
    pub fn time_for(self, bytes: usize) -> Duration {
        let nanos = u128::try_from(bytes).unwrap_or(0) * 8 * 1_000_000_000 / u128::from(self.0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = [
            ("gbit", 1_000_000_000),
            ("mbit", 1_000_000),
            ("kbit", 1_000),
        ];
        match unit.iter().find(|(_, size)| self.0.is_multiple_of(*size)) {
            Some((name, size)) => write!(f, "{}{name}", self.0 / size),
            None => write!(f, "{}bit", self.0),
        }
    }
}

impl FromStr for Bandwidth {
    type Err = NetemError;

    fn from_str(text: &str) -> Result<Self, NetemError> {
        let bad = || NetemError::new(text, "a rate such as 10mbit");
        let lower = text.to_ascii_lowercase();
        let (number, unit) = UNITS
            .iter()
            .find_map(|(name, size)| lower.strip_suffix(name).map(|number| (number, *size)))
            .unwrap_or_else(|| (lower.strip_suffix("bit").unwrap_or(&lower), 1));
        let thousandths = decimal(number, 3).ok_or_else(bad)?;
        let bits = u128::from(thousandths) * u128::from(unit) / 1000;
        match u64::try_from(bits) {
            Ok(bits) if bits > 0 => Ok(Bandwidth(bits)),
            _ => Err(bad()),
        }
    }
}

/// `rate RATE`: one frame after the other, each taking as long as its bytes need.
#[derive(Debug)]
pub struct Rate<L> {
    inner: L,
    bandwidth: Bandwidth,
    /// Frames with the time at which their last bit has been sent.
    queue: VecDeque<(Instant, Frame)>,
    /// When the wire is free again.
    free: Instant,
}

impl<L: Link> Rate<L> {
    /// Slows frames down on the way into `inner`.
    pub fn new(inner: L, bandwidth: Bandwidth) -> Self {
        Rate {
            inner,
            bandwidth,
            queue: VecDeque::new(),
            free: Instant::ZERO,
        }
    }

    fn flush(&mut self, now: Instant) {
        while self.queue.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((due, frame)) = self.queue.pop_front() {
                self.inner.send(frame, due);
            }
        }
    }
}

impl<L: Link> Link for Rate<L> {
    fn send(&mut self, frame: Frame, now: Instant) {
        self.flush(now);
        self.free = self.free.max(now) + self.bandwidth.time_for(frame.len());
        self.queue.push_back((self.free, frame));
    }

    fn receive(&mut self, now: Instant) -> Option<Frame> {
        self.flush(now);
        self.inner.receive(now)
    }

    fn next_deadline(&self) -> Option<Instant> {
        let own = self.queue.front().map(|(due, _)| *due);
        earlier(own, self.inner.next_deadline())
    }

    fn queued(&self) -> usize {
        self.queue.len() + self.inner.queued()
    }
}
