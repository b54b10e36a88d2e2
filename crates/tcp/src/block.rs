//! The control block: what all synchronized states share (RFC 9293 3.3.1).
use alloc::sync::Arc;
use core::time::Duration;

use bitflags::bitflags;
use sockeye_wire::{TcpFlags, Timestamps};

use crate::congestion::{Congestion, Window};
use crate::connection::fast_open::FastOpenState;
use crate::ecn::EcnState;
use crate::lazy::Lazy;
use crate::limits::Limits;
use crate::recv::Receiver;
use crate::recv::ack::{AckFlags, Acknowledger};
use crate::recv::paws::RecentTimestamp;
use crate::recv::window::{Autotune, BufferFlags, HALF, shift_for, space_of};
use crate::send::memory::LEAST_SEND_BUFFER;
use crate::send::path::PathSearch;
use crate::send::rare::Rare;
use crate::send::rate::Rate;
use crate::send::rtt::RoundTrip;
use crate::send::tail::Pending;
use crate::send::usage::Usage;
use crate::send::{Fin, Phase, Probe, SendFlags, Sender};
use crate::seq::span;
use crate::time::Millis;
use crate::timers::{Timer, Timers};
use crate::{Error, Events, Instant, Segment, Seq, Settings, SocketOptions};

/// The least MSS that is believed (`tcp_min_snd_mss` less what options take).
pub(crate) const MIN_MSS: u16 = 48;
/// What a timestamps option takes of a segment.
pub(crate) const TIMESTAMPS_LEN: u16 = 12;

/// `TCP_INIT_CWND`
const INITIAL_SEGMENTS: u32 = 10;

/// Counters for `tcp_info`; those of what went wrong are elsewhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) segments_in: u32,
    pub(crate) segments_out: u32,
    pub(crate) data_in: u32,
    pub(crate) data_out: u32,
    pub(crate) delivered: u32,
}

/// Who began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    Active,
    Passive,
}

bitflags! {
    /// What is so of a connection.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct BlockFlags: u8 {
        /// These three are offered (before the handshake) or in use.
        const WINDOW_SCALING = 1;
        const TIMESTAMPS = 1 << 1;
        const SACK = 1 << 2;
        /// The owner does not want to receive any more.
        const RECEIVE_SHUT = 1 << 3;
        /// The application has closed it.
        const ORPHAN = 1 << 4;
        /// A SYN, SYN-ACK is to be sent.
        const SYN_DUE = 1 << 5;
        /// A reset is to be sent, the last thing this connection does.
        const RESET_DUE = 1 << 6;
    }
}

#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) send: Sender,
    pub(crate) recv: Receiver,
    pub(crate) timers: Timers,
    pub(crate) options: SocketOptions,
    /// What the host decides, which its connections share.
    pub(crate) limits: Arc<Limits>,
    pub(crate) counts: Counts,
    /// What SND.UNA has moved by (RFC 4898 tcpEStatsAppHCThruOctetsAcked).
    pub(crate) bytes_acked: u64,
    pub(crate) events: Events,
    pub(crate) error: Option<Error>,
    /// Told if the connection times out.
    pub(crate) soft_error: Option<Error>,
    pub(crate) flags: BlockFlags,
    pub(crate) ecn: EcnState,
    pub(crate) timestamp_offset: u32,
    /// When data was sent last.
    pub(crate) last_sent: Millis,
}

impl Block {
    /// From now on it is so, if there is this reason.
    pub(crate) fn mark(&mut self, what: BlockFlags, is_so: bool) {
        if is_so {
            self.flags |= what;
        }
    }

    /// It is so no longer, unless there is this reason.
    pub(crate) fn keep(&mut self, what: BlockFlags, is_so: bool) {
        if !is_so {
            self.flags.remove(what);
        }
    }

    /// `options` is what options take of each segment, as far as that is known.
    pub(crate) fn new(settings: Settings, options: u16, now: Instant) -> Block {
        let buffer = span(settings.receive_buffer).clamp(2304, 1 << 30);
        let most = settings.options.max_segment.unwrap_or(u16::MAX);
        let local_mss = settings.local_mss.min(most).max(MIN_MSS);
        let path_mss = settings.path_mss.unwrap_or(settings.local_mss);
        let path_mss = path_mss.min(most).max(MIN_MSS);
        let space = space_of(buffer);
        // Linux: a multiple of the data of a full segment, and no more than an unscaled window can tell in the SYN.
        let mss = u32::from(local_mss - options);
        let threshold = if space > mss {
            space / mss * mss
        } else {
            space
        };
        let shift = if settings.window_scaling {
            shift_for(span(settings.window_scale_for))
        } else {
            0
        };
        let isn = settings.isn;
        let mut flags = BlockFlags::empty();
        flags.set(BlockFlags::WINDOW_SCALING, settings.window_scaling);
        flags.set(BlockFlags::TIMESTAMPS, settings.timestamps);
        flags.set(BlockFlags::SACK, settings.sack);
        Block {
            send: Sender {
                una: isn,
                nxt: isn,
                wnd: 0,
                wl1: Seq::new(0),
                max_wnd: 0,
                shift: 0,
                mss: path_mss,
                fin: Fin::None,
                phase: Phase::Open,
                probe: Probe::None,
                retransmits: 0,
                probes: 0,
                keep_probes: 0,
                queue: Lazy::RESTING,
                flight: Lazy::RESTING,
                rare: Rare::of_path(PathSearch::of(&settings, path_mss, now)),
                rtt: RoundTrip::default(),
                window: Window::new(settings.initial_window),
                congestion: Congestion::new(settings.congestion),
                pending: Pending::Timeout,
                recovery_point: isn,
                flags: SendFlags::of(settings.fixes_send_buffer()),
                fast_open: FastOpenState::empty(),
                usage: Usage::new(now),
                rate: Rate::default(),
                sending_time: 0,
                buffer: span(settings.send_buffer).clamp(LEAST_SEND_BUFFER, 1 << 30),
            },
            recv: Receiver {
                nxt: Seq::new(0),
                told: Seq::new(0),
                window: threshold.min(u32::from(u16::MAX)),
                shift,
                echoed: 0,
                position: 0,
                queue: Lazy::RESTING,
                ack: Acknowledger::new(settings.ping_pong),
                last: Millis::at(now),
                recent: RecentTimestamp::of_before(settings.recent_timestamp, now),
                mss: local_mss.min(536),
                told_mss: local_mss,
                ratio: HALF,
                buffer,
                flags: BufferFlags::of(settings.fixes_receive_buffer()),
                threshold,
                // `tcp_init_buffer_space`
                autotune: Autotune::new(threshold.min(INITIAL_SEGMENTS * mss)),
            },
            timers: Timers::default(),
            limits: settings.rules.limits(&settings),
            options: settings.options,
            counts: Counts::default(),
            bytes_acked: 0,
            events: Events::empty(),
            error: None,
            soft_error: None,
            flags,
            ecn: EcnState::of_attempt(settings.ecn),
            timestamp_offset: settings.timestamp_offset,
            last_sent: Millis::at(now),
        }
    }

    /// Takes the peer's SYN: its sequence number and what it offers (RFC 9293 3.10.7.3, 7323 1.3, 2018 2).
    pub(crate) fn synchronize(&mut self, syn: &Segment, now: Instant) {
        let offered = &syn.options;
        self.recv.nxt = syn.sequence + 1u32;
        self.recv.told = self.recv.nxt;
        let peer_mss = offered
            .mss
            .filter(|&mss| mss > 0)
            .unwrap_or(self.limits.default_mss);
        self.keep(BlockFlags::TIMESTAMPS, offered.timestamps.is_some());
        self.keep(BlockFlags::SACK, offered.sack_permitted);
        match offered.window_scale {
            // RFC 7323 2.3: more than 14 is taken as 14.
            Some(shift) if self.flags.contains(BlockFlags::WINDOW_SCALING) => {
                self.send.shift = shift.min(14)
            }
            _ => {
                self.send.shift = 0;
                self.recv.shift = 0;
                self.flags.set(BlockFlags::WINDOW_SCALING, false);
            }
        }
        if let (true, Some(timestamps)) = (
            self.flags.contains(BlockFlags::TIMESTAMPS),
            offered.timestamps,
        ) {
            self.recv.recent.update(timestamps.value, now);
        }
        let mut mss = peer_mss.min(self.send.mss).max(MIN_MSS);
        self.note_peer_mss(peer_mss);
        if self.flags.contains(BlockFlags::TIMESTAMPS) {
            mss = mss
                .saturating_sub(TIMESTAMPS_LEN)
                .max(MIN_MSS - TIMESTAMPS_LEN);
        }
        self.send.mss = mss;
        self.recv.mss = mss.min(536);
        // RFC 7323 2.2: the window of a segment with SYN is never scaled.
        self.send.wnd = u32::from(syn.window);
        self.send.max_wnd = self.send.wnd;
        self.send.wl1 = syn.sequence;
        self.recv.last = Millis::at(now);
        // Linux: tcp_init_buffer_space.
        self.send.expand_buffer(&self.limits);
    }

    /// The handshake is complete.
    pub(crate) fn establish(&mut self, opening: Opening, now: Instant) {
        self.events |= Events::ESTABLISHED;
        self.send.retransmits = 0;
        self.last_sent = Millis::at(now);
        self.recv.ack.last = Millis::at(now);
        // The SYN counts as delivered (`tcp_rcv_state_process`).
        self.counts.delivered += 1;
        self.send.recovery_point = self.send.una;
        self.timers.clear(Timer::Retransmit);
        self.begin_control();
        self.start_keepalive(now);
        self.start_path_search(opening, now);
    }

    /// The millisecond clock of RFC 7323 5.4, with this connection's offset.
    pub(crate) fn timestamp(&self, now: Instant) -> u32 {
        Millis::at(now).get().wrapping_add(self.timestamp_offset)
    }

    pub(crate) fn timestamps_option(&self, now: Instant) -> Option<Timestamps> {
        self.flags
            .contains(BlockFlags::TIMESTAMPS)
            .then(|| Timestamps {
                value: self.timestamp(now),
                echo: self.recv.recent.value,
            })
    }

    /// RFC 5961 7, with Linux's limit for each connection (`tcp_invalid_ratelimit`); see also
    /// [`crate::Connection::withhold_challenge`].
    pub(crate) fn challenge(&mut self, now: Instant) {
        if self.may_answer_invalid(Events::SKIPPED_CHALLENGE, now) {
            self.events |= Events::CHALLENGE_ACK;
            self.recv.ack.hurry(true);
        }
    }

    /// An acknowledgment in answer to a segment that is not acceptable (RFC 9293 3.10.7.4, first). One with data is
    /// always answered: the acknowledgment of the original may have been lost. `skipped` tells of an answer held back.
    pub(crate) fn answer_unacceptable(&mut self, segment: &Segment, skipped: Events, now: Instant) {
        if segment.length() > 0 && !segment.has(TcpFlags::SYN)
            || self.may_answer_invalid(skipped, now)
        {
            self.recv.ack.hurry(true);
        }
    }

    pub(crate) fn may_answer_invalid(&mut self, skipped: Events, now: Instant) -> bool {
        let interval = Duration::from_millis(self.limits.invalid_interval.into());
        let last = self.send.rare.last_challenge;
        if last.is_some_and(|last| last.ago(now) < interval) {
            self.events |= skipped;
            return false;
        }
        if !interval.is_zero() {
            self.send.rare.last_challenge = Some(Millis::at(now));
        }
        true
    }

    pub(crate) fn start_keepalive(&mut self, now: Instant) {
        if self.options.keepalive {
            self.timers
                .set(Timer::Keepalive, now + self.options.keep_idle);
        }
    }

    /// Data was received, or is to be acknowledged for another reason: now or later? (`__tcp_ack_snd_check`)
    pub(crate) fn schedule_ack(&mut self, now: Instant) {
        let recv = &mut self.recv;
        let unacknowledged = recv.nxt.since(recv.told);
        let low_water = self.options.receive_low_water.min(recv.space());
        // In this order: a window that cannot advance ends quick acknowledgments, too.
        let is_second = unacknowledged > u32::from(recv.mss)
            && (span(recv.queue.len()) < low_water
                || recv.desired_window(self.options.window_clamp, self.limits.shrink_window)
                    >= recv.window);
        if is_second || recv.ack.is(AckFlags::NOW) || recv.ack.is_quick() {
            recv.ack.hurry(true);
            return;
        }
        if recv.queue.rare.assembler.is_some() {
            self.acknowledge_beyond_gap(now);
            return;
        }
        if recv.ack.is(AckFlags::SCHEDULED) && !self.timers.is_set(Timer::Acknowledge) {
            let most = self.options.delayed_ack_max;
            let delay = recv.ack.delay(self.send.rtt.srtt(), most);
            self.timers.set(Timer::Acknowledge, now + delay);
        }
    }

    /// The application has read `count` bytes: is that worth an acknowledgment? (`tcp_cleanup_rbuf`)
    pub(crate) fn note_read(&mut self, count: usize, now: Instant) {
        if count == 0 {
            return;
        }
        let clamp = self.options.window_clamp;
        self.recv
            .adjust_space(count, self.send.rtt.srtt(), &self.limits, now);
        let recv = &mut self.recv;
        if !recv.ack.is(AckFlags::SCHEDULED) && recv.queue.is_empty() {
            // It was acknowledged before it was read, so that no answer was worth waiting for.
            recv.rest_queue();
        }
        if recv.ack.is(AckFlags::SCHEDULED) {
            let ack = &recv.ack;
            recv.ack.hurry(
                recv.nxt.since(recv.told) > u32::from(recv.mss)
                    || (recv.queue.is_empty()
                        && (ack.is(AckFlags::PUSHED_TWICE)
                            || (ack.is(AckFlags::PUSHED) && !ack.is(AckFlags::PING_PONG)))),
            );
        }
        if recv.ack.is(AckFlags::NOW)
            || self.flags.contains(BlockFlags::RECEIVE_SHUT)
            || recv.is_finished()
        {
            return;
        }
        let open = recv.open_window();
        // More than the header can tell is no news (`tcp_select_initial_window` clamps the window to it).
        let all = recv.space().min(recv.tellable());
        if 2 * u64::from(open) <= u64::from(clamp.map_or(all, |clamp| clamp.min(all))) {
            let new = recv
                .desired_window(clamp, self.limits.shrink_window)
                .min(recv.tellable());
            recv.ack.hurry(new > 0 && new >= open.saturating_mul(2));
        }
    }

    /// The end, for `error` or without one. Data already received stays readable.
    pub(crate) fn finish(&mut self, error: Option<Error>) {
        self.error = self.error.or(error);
        self.events |= Events::CLOSED;
        self.send.purge();
        self.suspect_fast_open(self.recv.has_lone_fin());
        self.recv.drop_out_of_order();
        self.recv.ack = Acknowledger::default();
        self.timers = Timers::default();
        self.flags.set(BlockFlags::SYN_DUE, false);
        if self.flags.contains(BlockFlags::ORPHAN) {
            self.recv.drop_queue();
        }
    }
}
