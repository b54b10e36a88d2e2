//! The sending of what [`Block::plan`] says may be sent.
use core::num::NonZeroU16;
use core::time::Duration;

use sockeye_wire::{Ecn, Payload, SackBlocks, TcpFlags, TcpOptions};

use super::chrono::Busy;
use super::flight::Sent;
use super::plan::Plan;
use super::queue::Access;
use super::rate::Stamp;
use super::recovery::Resend;
use super::tail::Pending;
use super::{Fin, Phase, Probe, SendFlags};
use crate::block::{Block, BlockFlags};
use crate::ecn::EcnState;
use crate::recv::ack::AckFlags;
use crate::seq::span;
use crate::tally::LossCount;
use crate::time::Millis;
use crate::timers::Timer;
use crate::{Events, Instant, OutgoingSegment, Segment, Seq};

impl Block {
    pub(super) fn sack_blocks(&self) -> SackBlocks {
        match self.block_room() {
            0 => SackBlocks::new(),
            room => self.recv.blocks(room),
        }
    }

    /// How many blocks go with data, which reports all there is.
    pub(super) fn blocks_with_data(&self) -> usize {
        match self.block_room() {
            0 => 0,
            room => self.recv.all_blocks().min(room),
        }
    }

    fn block_room(&self) -> usize {
        if !self.flags.contains(BlockFlags::SACK) || !self.recv.has_blocks() {
            return 0;
        }
        // 40 bytes of options: 12 for timestamps, 4 for the kind and padding.
        if self.flags.contains(BlockFlags::TIMESTAMPS) {
            3
        } else {
            4
        }
    }

    /// Sends what the plan says. If that is nothing, there is nothing more for now.
    pub(crate) fn execute(&mut self, plan: Plan, now: Instant) -> Option<OutgoingSegment> {
        match plan {
            Plan::None => self.send_nothing(now),
            Plan::Again { index, bytes } => match self.retransmit(index, bytes, now) {
                None => self.send_nothing(now),
                again => again,
            },
            Plan::Tail => match self.send_tail(now) {
                None => self.send_nothing(now),
                tail => tail,
            },
            Plan::New { bytes, fin } => Some(self.send_new(bytes, fin, now)),
            Plan::PathProbe { bytes } => {
                let (start, short_end) = (self.send.nxt, self.send.flight.short_end);
                let mut segment = self.send_new(bytes, false, now);
                self.send.flight.short_end = short_end;
                segment.segment_size = None;
                // It is one segment, and more follows.
                segment.segment.flags.remove(TcpFlags::PSH);
                self.note_path_probe(start, start + bytes);
                Some(segment)
            }
            Plan::Probe => {
                self.send.probe = Probe::None;
                let sequence = self.send.una - 1;
                Some(
                    self.stamp(sequence, TcpFlags::empty(), Payload::new(), now)
                        .into(),
                )
            }
            Plan::Acknowledge => {
                let sequence = self.acceptable_sequence();
                Some(
                    self.stamp(sequence, TcpFlags::empty(), Payload::new(), now)
                        .into(),
                )
            }
        }
    }

    /// `tcp_acceptable_seq`: SND.NXT, unless the window was taken back.
    pub(crate) fn acceptable_sequence(&self) -> Seq {
        let send = &self.send;
        if send.nxt.after(send.window_end()) && send.wnd > 0 {
            send.window_end()
        } else {
            send.nxt
        }
    }

    fn retransmit(&mut self, index: usize, bytes: u32, now: Instant) -> Option<OutgoingSegment> {
        let packet = u32::from(self.send.mss);
        let stamp = self.stamp_rate(bytes.div_ceil(packet).max(1), now);
        let flight = &mut self.send.flight;
        let sent = flight.retransmit(index, bytes, packet, stamp, now)?;
        let packets = sent.count();
        let timestamp = self.timestamp(now);
        let send = &mut self.send;
        send.count(
            if send.phase == Phase::Loss {
                LossCount::SlowStartRetrans
            } else {
                LossCount::FastRetrans
            },
            packets,
        );
        let recovery = send.recovery();
        recovery.undo.sent_again(packets, timestamp);
        if recovery.resend == Resend::NewFirst {
            // There was no new data to send after all.
            recovery.frto = false;
            recovery.resend = Resend::Lost;
        }
        if send.phase == Phase::Recovery {
            self.events |= Events::FAST_RETRANSMIT;
        }
        let is_first = sent.start == self.send.una;
        if !self.timers.is_set(Timer::Retransmit)
            || (is_first && self.send.pending != Pending::Order)
        {
            self.restart_retransmit(now);
        }
        Some(self.send_again(&sent, now))
    }

    /// RFC 8985 7.3: the last segment is no loss yet, and nothing but a later acknowledgment makes it one.
    fn send_tail(&mut self, now: Instant) -> Option<OutgoingSegment> {
        self.send.probe = Probe::None;
        let mss = u32::from(self.send.mss);
        let stamp = self.stamp_rate(1, now);
        let sent = self.send.flight.retransmit_last(mss, stamp, now)?;
        Some(self.send_again(&sent, now))
    }

    fn send_again(&mut self, sent: &Sent, now: Instant) -> OutgoingSegment {
        let mss = self.segment_size();
        let data = sent.data();
        let payload = self
            .send
            .queue
            .slice(sent.start.since(self.send.una), data, Access::Again);
        let packets = data.div_ceil(mss).max(1);
        let rare = &mut *self.send.rare;
        rare.retransmitted = rare.retransmitted.wrapping_add(packets);
        rare.bytes_retransmitted += u64::from(data);
        let mut flags = self.push(data, sent.ends_a_write());
        flags.set(TcpFlags::FIN, sent.has_fin());
        self.send_data(sent.start, flags, payload, mss, true, now)
    }

    fn send_new(&mut self, bytes: u32, fin: bool, now: Instant) -> OutgoingSegment {
        let mss = self.segment_size();
        self.end_pause(now);
        let probe = core::mem::take(&mut self.send.probe);
        let send = &mut self.send;
        let start = send.nxt;
        let payload = send.queue.slice(start.since(send.una), bytes, Access::New);
        let end = start + bytes;
        let push = bytes > 0 && send.is_pushed_within(start, end);
        let ends_a_record =
            send.queue.records.end_after(start.since(send.una)) == Some(end.since(send.una));
        // `tcp_write_wakeup` pushes what a closed window is probed with.
        let is_window_probe = probe == Probe::Data && send.flight.is_empty();
        let ends_a_write = push || ends_a_record || is_window_probe;
        let mut flags = self.push(bytes, ends_a_write);
        flags.set(TcpFlags::FIN, fin);
        let stamp = self.stamp_rate(bytes.div_ceil(mss).max(1), now);
        let send = &mut self.send;
        if fin {
            send.fin = Fin::Sent;
        }
        send.nxt = end + u32::from(fin);
        let flight = &mut *send.flight;
        if !bytes.is_multiple_of(mss) {
            flight.short_end = Some(end);
        }
        let was_empty = flight.is_empty();
        let range = (start, send.nxt);
        flight.push(range, (ends_a_write, fin), u32::from(send.mss), stamp, now);
        flight.round.sent();
        self.recv.data_sent(&self.limits, now);
        if probe == Probe::Data && !was_empty {
            self.note_probe_sent();
        } else {
            self.note_new_data(was_empty, now);
        }
        self.send_data(start, flags, payload, mss, false, now)
    }

    /// RFC 9293 3.9.1.2: push at the end of what the application wrote; and at the end of each super-segment, so that a
    /// receiver that puts segments together hands them up (`__tcp_transmit_skb`).
    fn push(&self, length: u32, ends_a_write: bool) -> TcpFlags {
        if length > 0 && (ends_a_write || length > self.segment_size()) {
            TcpFlags::PSH
        } else {
            TcpFlags::empty()
        }
    }

    fn send_data(
        &mut self,
        sequence: Seq,
        flags: TcpFlags,
        payload: Payload,
        mss: u32,
        retransmission: bool,
        now: Instant,
    ) -> OutgoingSegment {
        let length = span(payload.len());
        let packets = length.div_ceil(mss).max(1);
        if length > 0 {
            self.last_sent = Millis::at(now);
            self.counts.data_out = self.counts.data_out.wrapping_add(packets);
        }
        // `stamp` counts one.
        self.counts.segments_out = self.counts.segments_out.wrapping_add(packets - 1);
        self.pace(payload.len(), now);
        let send = &mut self.send;
        if send.phase.is_reducing() {
            let reduction = send.known_recovery().and_then(|r| r.reduction.as_mut());
            if let Some(reduction) = reduction {
                reduction.sent(packets);
            }
        }
        let segment_size = if length > mss {
            u16::try_from(mss).ok().and_then(NonZeroU16::new)
        } else {
            None
        };
        let mut outgoing = OutgoingSegment {
            segment: self.stamp(sequence, flags, payload, now),
            segment_size,
            retransmission,
        };
        if !retransmission {
            self.mark_new_data(&mut outgoing.segment);
        }
        outgoing
    }

    /// A segment with acknowledgment, window and options as they are now.
    pub(crate) fn stamp(
        &mut self,
        sequence: Seq,
        flags: TcpFlags,
        payload: Payload,
        now: Instant,
    ) -> Segment {
        if !payload.is_empty() {
            self.recv.report_all();
        }
        let sack = self.sack_blocks();
        let compressed = self.recv.reported();
        self.send.count(LossCount::AckCompressed, compressed.into());
        let clamp = self.options.window_clamp;
        let (window, events) = self.recv.select_window(clamp, self.limits.shrink_window);
        self.events |= events;
        self.recv.told = self.recv.nxt;
        self.recv.window = window;
        self.recv.ack.sent();
        self.timers.clear(Timer::Acknowledge);
        self.counts.segments_out = self.counts.segments_out.wrapping_add(1);
        let mut segment = Segment {
            sequence,
            acknowledgment: self.recv.nxt,
            flags: flags | TcpFlags::ACK | self.echo_flags(),
            window: u16::try_from(window >> self.recv.shift).unwrap_or(u16::MAX),
            urgent: 0,
            options: TcpOptions {
                timestamps: self.timestamps_option(now),
                sack,
                ..TcpOptions::NONE
            },
            payload,
            ecn: Ecn::NotCapable,
            unit: None,
        };
        self.ecn.remove(EcnState::MARKED);
        self.mark_urgent(&mut segment);
        segment
    }

    /// RFC 6093: the pointer names the byte behind the urgent one, as all implementations have it.
    fn mark_urgent(&self, segment: &mut Segment) {
        if let Some(urgent) = self.send.rare.urgent
            && segment.sequence.before(urgent)
        {
            match u16::try_from(urgent.since(segment.sequence)) {
                Ok(pointer) => {
                    segment.urgent = pointer;
                    segment.flags |= TcpFlags::URG;
                }
                Err(_) if (segment.sequence + 0xffffu32).after(self.send.nxt) => {
                    segment.urgent = u16::MAX;
                    segment.flags |= TcpFlags::URG;
                }
                Err(_) => {}
            }
        }
    }

    /// What the algorithm has to know when sending goes on after a pause, however short it was (`cubictcp_cwnd_event`).
    fn end_pause(&mut self, now: Instant) {
        let send = &mut self.send;
        if !send.flight.is_empty() {
            return;
        }
        if send.congestion.steers() {
            self.resume(now);
            return;
        }
        send.congestion.restarted(self.last_sent.ago(now));
    }

    /// RFC 5681 4.1, `tcp_slow_start_after_idle_check`: after a pause the window halves for each timeout it lasted. There is
    /// something to send again, so that what is planned next is planned with the window as it is then.
    pub(crate) fn restart_after_idle(&mut self, now: Instant) {
        let send = &mut self.send;
        if !self.limits.slow_start_after_idle || !send.flight.is_empty() || send.congestion.steers()
        {
            return;
        }
        let idle = self.last_sent.ago(now);
        let rto = send.rtt.rto();
        if idle <= rto {
            return;
        }
        let floor = u32::from(self.limits.initial_window).min(send.window.size);
        send.window.remember();
        let mut left = idle;
        while left > rto && send.window.size > floor {
            send.window.size = (send.window.size / 2).max(floor);
            left = left.saturating_sub(rto.max(Duration::from_millis(1)));
        }
        send.window.credit = 0;
        send.usage.restart(now);
    }

    /// What so many new packets, or old ones, are to remember of the moment they are sent.
    pub(crate) fn stamp_rate(&mut self, packets: u32, now: Instant) -> Stamp {
        let send = &mut self.send;
        let flight = &mut *send.flight;
        let (is_first, pipe) = (flight.is_empty(), flight.pipe() + packets);
        send.rate.sent(
            &mut flight.course,
            is_first,
            self.counts.delivered,
            flight.losses.ever(),
            pipe,
            now,
        )
    }

    /// The application is about to write: has it left the window unused until now? (`tcp_rate_check_app_limited`)
    pub(crate) fn note_app_limit(&mut self) {
        let delivered = self.counts.delivered;
        let send = &mut self.send;
        let pipe = send.flight.pipe();
        if send.unsent() < u32::from(send.mss)
            && pipe < send.window.size
            && send.flight.lost() <= send.flight.retransmitted()
        {
            send.rate.app_limited(delivered, pipe);
        }
    }

    /// Nothing more goes out: notes why, and sees that a timer will look again if the peer says nothing.
    fn send_nothing(&mut self, now: Instant) -> Option<OutgoingSegment> {
        let waiting = self.send.has_unsent();
        self.validate_window(waiting, now);
        self.wait_for_pace(now);
        self.note_busy(waiting, now);
        self.search_path_again(now);
        self.rest_if_idle();
        if matches!(self.send.probe, Probe::Data | Probe::Tail) {
            self.send.probe = Probe::None;
        }
        if waiting && self.send.flight.is_empty() && !self.timers.is_set(Timer::Retransmit) {
            let when = self.probe_interval();
            self.timers.set(Timer::Retransmit, now + when);
        }
        None
    }

    /// When nothing is to be sent, acknowledged or waited for, queues that are empty give their memory back. Not before, since
    /// what answers each message at once would make them anew each time.
    pub(crate) fn rest_if_idle(&mut self) {
        let send = &mut self.send;
        if self.recv.ack.is(AckFlags::SCHEDULED) || !send.flight.is_empty() || send.has_unsent() {
            return;
        }
        if send.queue.len() == 0 {
            send.queue.rest();
        }
        if send.flight.is_over() {
            send.flight.rest();
        }
        send.congestion.rest();
        send.rest_rare();
        self.recv.rest_rare();
        if self.recv.queue.is_empty() {
            self.recv.rest_queue();
        }
    }

    fn note_busy(&mut self, waiting: bool, now: Instant) {
        let send = &self.send;
        let is_starved = send.flags.contains(SendFlags::STARVED) && !self.has_space();
        let busy = if !waiting && send.flight.is_empty() {
            Busy::Idle
        } else if waiting && self.quota() > 0 && self.blocked_by_window() {
            Busy::Window
        } else if !waiting && is_starved && self.quota() > 0 {
            Busy::Buffer
        } else {
            Busy::Sending
        };
        self.send.flags.set(SendFlags::STARVED, is_starved);
        self.send.turn(busy, now);
    }
}
