//! TIME-WAIT: "represents waiting for enough time to pass to be sure the remote TCP peer received the acknowledgment of its
//! connection termination request, and to avoid new connections being impacted by delayed segments from previous
//! connections".
//!
//! All that is left of the connection is a small record, which the host keeps in a table of its own. As in Linux it also
//! stands for the FIN-WAIT-2 of a connection that its application has closed.
use alloc::boxed::Box;
use core::time::Duration;

use sockeye_wire::{TcpFlags, TcpOptions, Timestamps};

use super::{FinWait2, Next};
use crate::block::{Block, BlockFlags};
use crate::recv::ack::AckFlags;
use crate::recv::paws::RecentTimestamp;
use crate::segment::reset_for;
use crate::timers::Timer;
use crate::{Events, Instant, OutgoingSegment, Segment, Seq, State};

/// `TCP_TIMEWAIT_LEN`: Linux's idea of twice the maximum segment lifetime.
const LENGTH: Duration = Duration::from_secs(60);

/// A connection in TIME-WAIT.
#[derive(Debug)]
pub(crate) struct TimeWait {
    /// Boxed: it is needed at the end only.
    pub(crate) record: Box<TimeWaitRecord>,
}

/// What is left of a connection in TIME-WAIT, or of an orphan in FIN-WAIT-2.
#[derive(Clone, Debug)]
pub struct TimeWaitRecord {
    nxt: Seq,
    receive_nxt: Seq,
    receive_window: u32,
    window_field: u16,
    recent: Option<RecentTimestamp>,
    timestamp_offset: u32,
    expires: Instant,
    last_answer: Option<Instant>,
    fin_wait_2: bool,
    rfc1337: bool,
    /// `tcp_invalid_ratelimit`, in ms.
    invalid_interval: u16,
    events: Events,
}

/// What a record does with a segment.
#[must_use]
#[derive(Debug)]
pub enum TimeWaitAction {
    /// Nothing.
    Ignore,
    /// Send this; the record stays.
    Acknowledge(OutgoingSegment),
    /// Send this; the record is over.
    Reset(OutgoingSegment),
    /// The record is over.
    Finished,
    /// A SYN that may open a new connection in this one's place, if somebody listens. The new one's initial sequence
    /// number must not be before this (RFC 6191, RFC 9293 3.6.1).
    Reopen {
        /// The least initial sequence number.
        isn: Seq,
    },
}

impl TimeWaitRecord {
    /// FIN-WAIT-2 or TIME-WAIT.
    pub fn state(&self) -> State {
        if self.fin_wait_2 {
            State::FinWait2
        } else {
            State::TimeWait
        }
    }

    /// When the record is over.
    pub fn deadline(&self) -> Instant {
        self.expires
    }

    /// The peer's last timestamp, if timestamps are in use (RFC 6191 builds on them).
    pub fn recent_timestamp(&self) -> Option<u32> {
        self.recent.map(|recent| recent.value)
    }

    /// True if that has passed.
    pub fn is_over(&self, now: Instant) -> bool {
        self.expires <= now
    }

    /// What is told as next sequence numbers, ours and the peer's.
    pub fn numbers(&self) -> (Seq, Seq) {
        (self.nxt, self.receive_nxt)
    }

    /// What happened since the last call, for the counters.
    pub fn take_events(&mut self) -> Events {
        core::mem::take(&mut self.events)
    }

    /// RFC 9293 3.10.7.4 for TIME-WAIT, with RFC 6191 and RFC 1337 the way Linux does it.
    pub fn receive(&mut self, segment: &Segment, now: Instant) -> TimeWaitAction {
        let timestamp = segment
            .options
            .timestamps
            .map(|timestamps| timestamps.value);
        let stale = match (self.recent, timestamp) {
            (Some(recent), Some(value)) => {
                recent.rejects(value, now) && !segment.has(TcpFlags::RST)
            }
            _ => false,
        };
        if self.fin_wait_2 {
            self.receive_fin_wait_2(segment, stale, now)
        } else {
            self.receive_time_wait(segment, stale, now)
        }
    }

    fn receive_fin_wait_2(
        &mut self,
        segment: &Segment,
        stale: bool,
        now: Instant,
    ) -> TimeWaitAction {
        let end = segment.end();
        // `tcp_in_window`
        let edge = self.receive_nxt + self.receive_window;
        let acceptable = segment.sequence == self.receive_nxt
            || (end.after(self.receive_nxt) && segment.sequence.before(edge))
            || (segment.sequence == edge && end == edge);
        if stale || !acceptable {
            return self.answer(segment, Events::SKIPPED_FIN_WAIT_2, now);
        }
        if segment.has(TcpFlags::RST) {
            return TimeWaitAction::Finished;
        }
        let refuse =
            |segment| reset_for(segment).map_or(TimeWaitAction::Finished, TimeWaitAction::Reset);
        if segment.has(TcpFlags::SYN) && segment.sequence.at_or_after(self.receive_nxt) {
            return refuse(segment);
        }
        if !segment.has(TcpFlags::ACK)
            || end.at_or_before(self.receive_nxt)
            || segment.length() == 0
        {
            return TimeWaitAction::Ignore;
        }
        // New data that nobody will read, or a FIN behind a gap.
        if !segment.has(TcpFlags::FIN) || end != self.receive_nxt + 1u32 {
            return refuse(segment);
        }
        self.fin_wait_2 = false;
        self.receive_nxt = end;
        self.expires = now + LENGTH;
        self.remember(segment, now);
        TimeWaitAction::Acknowledge(self.acknowledgment(now))
    }

    fn receive_time_wait(
        &mut self,
        segment: &Segment,
        stale: bool,
        now: Instant,
    ) -> TimeWaitAction {
        let reset = segment.has(TcpFlags::RST);
        if !stale && segment.sequence == self.receive_nxt && (segment.length() == 0 || reset) {
            if !reset {
                self.expires = now + LENGTH;
            } else if !self.rfc1337 {
                // TIME-WAIT assassination: RFC 1337 3 (F1) would ignore the reset, Linux only if it is told to.
                return TimeWaitAction::Finished;
            }
            self.remember(segment, now);
            return TimeWaitAction::Ignore;
        }
        let newer = match (self.recent, segment.options.timestamps) {
            (Some(recent), Some(timestamps)) => {
                timestamps.value.wrapping_sub(recent.value).cast_signed() > 0
            }
            _ => false,
        };
        // RFC 6191 2
        if segment.has(TcpFlags::SYN)
            && !segment.flags.intersects(TcpFlags::RST | TcpFlags::ACK)
            && !stale
            && (segment.sequence.after(self.receive_nxt) || newer)
        {
            return TimeWaitAction::Reopen {
                isn: self.nxt + 65_537u32,
            };
        }
        if stale {
            self.events |= Events::PAWS_TIME_WAIT;
        }
        if reset {
            return TimeWaitAction::Ignore;
        }
        if stale || segment.has(TcpFlags::ACK) {
            self.expires = now + LENGTH;
        }
        self.answer(segment, Events::SKIPPED_TIME_WAIT, now)
    }

    fn remember(&mut self, segment: &Segment, now: Instant) {
        if let (Some(recent), Some(timestamps)) = (&mut self.recent, segment.options.timestamps) {
            recent.update(timestamps.value, now);
        }
    }

    /// An acknowledgment, but to a segment without data not more often than twice a second (`tcp_invalid_ratelimit`).
    fn answer(&mut self, segment: &Segment, skipped: Events, now: Instant) -> TimeWaitAction {
        let may_loop = segment.length() == 0 || segment.has(TcpFlags::SYN);
        let interval = Duration::from_millis(self.invalid_interval.into());
        if may_loop && self.last_answer.is_some_and(|last| now - last < interval) {
            self.events |= skipped;
            return TimeWaitAction::Ignore;
        }
        if !may_loop {
            return TimeWaitAction::Acknowledge(self.acknowledgment(now));
        }
        self.last_answer = Some(now);
        TimeWaitAction::Acknowledge(self.acknowledgment(now))
    }

    fn acknowledgment(&self, now: Instant) -> OutgoingSegment {
        let millis = u32::try_from(now.as_millis() & u64::from(u32::MAX)).unwrap_or(0);
        Segment {
            sequence: self.nxt,
            acknowledgment: self.receive_nxt,
            flags: TcpFlags::ACK,
            window: self.window_field,
            options: TcpOptions {
                timestamps: self.recent.map(|recent| Timestamps {
                    value: millis.wrapping_add(self.timestamp_offset),
                    echo: recent.value,
                }),
                ..TcpOptions::NONE
            },
            ..Segment::default()
        }
        .into()
    }
}

impl TimeWait {
    pub(crate) fn enter(block: &mut Block, now: Instant) -> Next {
        let record = TimeWaitRecord {
            expires: now + LENGTH,
            fin_wait_2: false,
            ..block.record(now)
        };
        block.events |= Events::TIME_WAIT;
        // The FIN is still to be acknowledged; nothing else will happen.
        block.send.purge();
        block.timers.clear(Timer::Retransmit);
        block.timers.clear(Timer::Acknowledge);
        block.timers.set(Timer::Keepalive, record.expires);
        if block.flags.contains(BlockFlags::ORPHAN) {
            block.recv.drop_queue();
        }
        TimeWait {
            record: Box::new(record),
        }
        .into()
    }

    pub(crate) fn receive(mut self, block: &mut Block, segment: &Segment, now: Instant) -> Next {
        block.count_in(segment);
        let action = self.record.receive(segment, now);
        block.events |= self.record.take_events();
        match action {
            TimeWaitAction::Ignore | TimeWaitAction::Reopen { .. } => {}
            TimeWaitAction::Acknowledge(_) => block.recv.ack.hurry(true),
            TimeWaitAction::Reset(reset) => {
                return Next {
                    reset: Some(reset),
                    ..Next::closed(block, None)
                };
            }
            TimeWaitAction::Finished => return Next::closed(block, None),
        }
        block.timers.set(Timer::Keepalive, self.record.expires);
        self.into()
    }
}

impl FinWait2 {
    /// The record that can take an orphan's place.
    pub(crate) fn record(&self, block: &Block, now: Instant) -> Option<TimeWaitRecord> {
        let expires = block.timers.get(Timer::Keepalive)?;
        (block.flags.contains(BlockFlags::ORPHAN)
            && block.recv.queue.rare.assembler.is_none()
            && !block.recv.ack.is(AckFlags::NOW))
        .then(|| TimeWaitRecord {
            expires,
            ..block.record(now)
        })
    }
}

impl Block {
    fn record(&self, now: Instant) -> TimeWaitRecord {
        TimeWaitRecord {
            nxt: self.send.nxt,
            receive_nxt: self.recv.nxt,
            receive_window: self.recv.open_window(),
            window_field: u16::try_from(self.recv.window >> self.recv.shift).unwrap_or(u16::MAX),
            recent: self
                .flags
                .contains(BlockFlags::TIMESTAMPS)
                .then_some(self.recv.recent),
            timestamp_offset: self.timestamp_offset,
            expires: now,
            last_answer: None,
            fin_wait_2: true,
            rfc1337: self.limits.rfc1337,
            invalid_interval: self.limits.invalid_interval,
            events: Events::empty(),
        }
    }
}
