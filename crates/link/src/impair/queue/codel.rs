//! Controlled delay (RFC 8289): frames that waited longer than a target for longer than an interval are dropped, more often the
//! longer it lasts.
use std::collections::VecDeque;
use std::time::Duration;

use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use super::{Queue, Tally};

/// `codel [limit PACKETS] [target TIME] [interval TIME] [ecn | noecn] [ce_threshold TIME]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodelSettings {
    /// How many frames may wait.
    pub limit: usize,
    /// The delay that is acceptable always.
    pub target: Duration,
    /// How long a longer delay is acceptable: about a round-trip time.
    pub interval: Duration,
    /// Marks frames in place of dropping them, if their transport understands it.
    pub ecn: bool,
    /// Marks every frame that waited longer.
    pub ce_threshold: Option<Duration>,
}

impl Default for CodelSettings {
    /// The values of RFC 8289 4.4 and of `tc`.
    fn default() -> Self {
        CodelSettings {
            limit: 1000,
            target: Duration::from_millis(5),
            interval: Duration::from_millis(100),
            ecn: false,
            ce_threshold: None,
        }
    }
}

/// Frames with the times at which they came.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    frames: VecDeque<(Instant, Frame)>,
    bytes: usize,
}

impl Backlog {
    pub(super) fn push(&mut self, frame: Frame, now: Instant) {
        self.bytes += frame.len();
        self.frames.push_back((now, frame));
    }

    pub(super) fn pop(&mut self) -> Option<(Instant, Frame)> {
        let (came, frame) = self.frames.pop_front()?;
        self.bytes -= frame.len();
        Some((came, frame))
    }

    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The control loop of one queue: the variables of RFC 8289 5.3.
#[derive(Debug, Default)]
pub(super) struct Control {
    first_above: Option<Instant>,
    drop_next: Instant,
    count: u32,
    last_count: u32,
    dropping: bool,
}

/// Waiting times matter only once there is more than one frame of this length to send (`MAXPACKET`).
const LEAST_MAX_PACKET: usize = 1514;

/// How often a rate of drops is taken up again, in intervals since it ended.
const MEMORY: u32 = 16;

impl Control {
    /// RFC 8289 5.5: the time of the next drop.
    fn control_law(&self, from: Instant, interval: Duration) -> Instant {
        // interval / sqrt(count), with 16 binary digits behind the point.
        let root = (u64::from(self.count.max(1)) << 32).isqrt();
        let nanos = interval.as_nanos() * 65_536 / u128::from(root.max(1));
        from + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// RFC 8289 5.6 `dodequeue`: the next frame, when it came, and whether its delay has lasted too long.
    fn next(
        &mut self,
        backlog: &mut Backlog,
        settings: &CodelSettings,
        max_packet: usize,
        now: Instant,
    ) -> Option<(Instant, Frame, bool)> {
        let Some((came, frame)) = backlog.pop() else {
            self.first_above = None;
            return None;
        };
        if now - came < settings.target || backlog.bytes() <= max_packet {
            self.first_above = None;
            return Some((came, frame, false));
        }
        match self.first_above {
            None => {
                self.first_above = Some(now + settings.interval);
                Some((came, frame, false))
            }
            Some(since) => Some((came, frame, now >= since)),
        }
    }

    /// RFC 8289 5.7 `deque`, with marks in place of drops where that is possible.
    pub(super) fn dequeue(
        &mut self,
        backlog: &mut Backlog,
        settings: &CodelSettings,
        max_packet: usize,
        tally: &mut Tally,
        now: Instant,
    ) -> Option<Frame> {
        let max_packet = max_packet.max(LEAST_MAX_PACKET);
        let Some((mut came, mut frame, mut too_long)) =
            self.next(backlog, settings, max_packet, now)
        else {
            self.dropping = false;
            return None;
        };
        let mut is_marked = false;
        if self.dropping {
            if !too_long {
                self.dropping = false;
            }
            while self.dropping && now >= self.drop_next {
                self.count = self.count.saturating_add(1);
                if settings.ecn && frame.mark_congestion() {
                    is_marked = true;
                    self.drop_next = self.control_law(self.drop_next, settings.interval);
                    break;
                }
                tally.dropped += 1;
                let Some(next) = self.next(backlog, settings, max_packet, now) else {
                    self.dropping = false;
                    return None;
                };
                (came, frame, too_long) = next;
                if too_long {
                    self.drop_next = self.control_law(self.drop_next, settings.interval);
                } else {
                    self.dropping = false;
                }
            }
        } else if too_long {
            let mut next = None;
            if settings.ecn && frame.mark_congestion() {
                is_marked = true;
            } else {
                tally.dropped += 1;
                next = Some(self.next(backlog, settings, max_packet, now));
            }
            self.dropping = true;
            // RFC 8289 4.2: soon after the last time, the rate that worked then is where to begin.
            let delta = self.count.wrapping_sub(self.last_count);
            let is_soon = now - self.drop_next < settings.interval * MEMORY;
            self.count = if delta > 1 && is_soon { delta } else { 1 };
            self.drop_next = self.control_law(now, settings.interval);
            self.last_count = self.count;
            match next {
                None => {}
                Some(Some((arrived, another, _))) => (came, frame) = (arrived, another),
                Some(None) => return None,
            }
        }
        let is_late = |threshold| now - came > threshold;
        if !is_marked && settings.ce_threshold.is_some_and(is_late) {
            is_marked = frame.mark_congestion();
        }
        tally.marked += u64::from(is_marked);
        Some(frame)
    }
}

/// One queue with controlled delay.
#[derive(Debug)]
pub struct Codel {
    settings: CodelSettings,
    backlog: Backlog,
    control: Control,
    max_packet: usize,
    tally: Tally,
}

impl Codel {
    /// An empty queue.
    pub fn new(settings: CodelSettings) -> Self {
        Codel {
            settings,
            backlog: Backlog::default(),
            control: Control::default(),
            max_packet: 0,
            tally: Tally::default(),
        }
    }
}

impl Queue for Codel {
    fn enqueue(&mut self, frame: Frame, now: Instant) {
        if self.backlog.len() >= self.settings.limit {
            self.tally.dropped += 1;
            return;
        }
        self.max_packet = self.max_packet.max(frame.len());
        self.backlog.push(frame, now);
    }

    fn dequeue(&mut self, now: Instant) -> Option<Frame> {
        self.control.dequeue(
            &mut self.backlog,
            &self.settings,
            self.max_packet,
            &mut self.tally,
            now,
        )
    }

    fn take(&mut self) -> Option<Frame> {
        self.backlog.pop().map(|(_, frame)| frame)
    }

    fn len(&self) -> usize {
        self.backlog.len()
    }

    fn bytes(&self) -> usize {
        self.backlog.bytes()
    }

    fn dropped(&self) -> u64 {
        self.tally.dropped
    }

    fn marked(&self) -> u64 {
        self.tally.marked
    }

    fn count(&mut self, dropped: u64, marked: u64) {
        self.tally.add(dropped, marked);
    }
}
