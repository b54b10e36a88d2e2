//! What can be asked of a connection.
use super::Connection;
use super::fast_open::FastOpenState;
use crate::block::BlockFlags;
use crate::ecn::EcnState;
use crate::recv::urgent::{Urgent, UrgentByte};
use crate::send::{Fin, SendFlags};
use crate::seq::length;
use crate::state::{Machine, Next, TimeWaitRecord};
use crate::timers::Timer;
use crate::{Error, Info, Instant, Seq, State, Status};

/// Inspection.
impl Connection {
    /// The state's name.
    pub fn state(&self) -> State {
        if self.is_unconfirmed() && matches!(self.machine, Machine::Established(_)) {
            return State::SynReceived;
        }
        self.machine.name()
    }

    /// What the application may do now.
    pub fn status(&self) -> Status {
        let receive_shut = self.is_receive_shut();
        let readable = self.readable();
        Status {
            readable,
            readable_eof: receive_shut && readable == 0,
            writable: self.is_writable(),
            send_shut: self.is_send_shut(),
            receive_shut,
            urgent: self.has_urgent(),
            error: self.block.error,
        }
    }

    /// [`Status::readable`] alone.
    pub fn readable(&self) -> usize {
        let block = &self.block;
        if block.recv.queue.is_at_rest() {
            return 0;
        }
        block.recv.readable(block.options.oob_inline)
    }

    /// [`Status::writable`] alone.
    pub fn is_writable(&self) -> bool {
        let unsent = self.block.send.unsent();
        let low = self
            .block
            .options
            .unsent_low_water
            // `tcp_stream_memory_free`: woken only when half of it is gone.
            .is_none_or(|limit| unsent.saturating_mul(2) < limit);
        self.block.has_space()
            && low
            && !matches!(self.machine, Machine::SynSent(_) | Machine::SynReceived(_))
    }

    /// [`Status::urgent`] alone.
    pub fn has_urgent(&self) -> bool {
        let queue = &self.block.recv.queue;
        let is_here = |urgent: Urgent| matches!(urgent.byte, UrgentByte::Here(_));
        !queue.is_at_rest() && queue.rare.urgent.is_some_and(is_here)
    }

    /// The state is CLOSED.
    pub fn is_closed(&self) -> bool {
        matches!(self.machine, Machine::Closed(_))
    }

    /// The state is SYN-SENT.
    pub fn is_syn_sent(&self) -> bool {
        matches!(self.machine, Machine::SynSent(_))
    }

    /// [`Status::send_shut`] alone.
    pub fn is_send_shut(&self) -> bool {
        self.block.send.fin != Fin::None
            || matches!(self.machine, Machine::Closed(_) | Machine::TimeWait(_))
    }

    /// [`Status::receive_shut`] alone.
    pub fn is_receive_shut(&self) -> bool {
        let block = &self.block;
        block.recv.is_finished()
            || block.flags.contains(BlockFlags::RECEIVE_SHUT)
            || matches!(self.machine, Machine::Closed(_))
    }

    /// An error waits to be taken.
    pub fn has_error(&self) -> bool {
        self.block.error.is_some()
    }

    /// Takes the error (`SO_ERROR`).
    pub fn take_error(&mut self) -> Option<Error> {
        self.block
            .error
            .take()
            .or_else(|| self.block.soft_error.take())
    }

    /// True if there is nothing left to do on the network.
    pub fn is_finished(&self) -> bool {
        matches!(self.machine, Machine::Closed(_))
            && !self.block.flags.contains(BlockFlags::RESET_DUE)
    }

    /// What ICMP said that did not end the connection; it is told if the connection times out, unless it is taken.
    pub fn take_soft_error(&mut self) -> Option<Error> {
        self.block.soft_error.take()
    }

    /// The record that can take this connection's place, if it is in TIME-WAIT, or in FIN-WAIT-2 with the application
    /// gone. First drain [`Connection::poll_transmit`].
    pub fn time_wait(&self, now: Instant) -> Option<TimeWaitRecord> {
        match &self.machine {
            Machine::TimeWait(state) => Some((*state.record).clone()),
            Machine::FinWait2(state) => state.record(&self.block, now),
            _ => None,
        }
    }

    /// The record was taken by somebody else: this connection is CLOSED, as a Linux socket in TIME-WAIT is for its
    /// application. What was received may still be read.
    pub fn leave_time_wait(&mut self) {
        if matches!(self.machine, Machine::TimeWait(_) | Machine::FinWait2(_)) {
            self.machine = Next::closed(&mut self.block, None).state;
        }
    }

    /// The last packet was marked as capable of ECN (RFC 3168 5): a stream's `IP_TOS` tells it.
    pub fn has_marked_last(&self) -> bool {
        self.block.ecn.contains(EcnState::MARKED)
    }

    /// The peer's FIN has come in order, whatever came then (`SOCK_DONE`).
    pub fn is_ended_by_peer(&self) -> bool {
        self.block.recv.is_finished()
    }

    /// Packets that the peer has got, and of those the ones of whose marks it told (RFC 3168 6.1.3).
    pub fn delivered(&self) -> (u32, u32) {
        (
            self.block.counts.delivered,
            self.block.send.rare.delivered_ce,
        )
    }

    /// SND.UNA, SND.NXT, RCV.NXT.
    pub fn numbers(&self) -> (Seq, Seq, Seq) {
        (
            self.block.send.una,
            self.block.send.nxt,
            self.block.recv.nxt,
        )
    }

    /// How often a timeout was a reason to look for another path.
    pub fn rehashes(&self) -> u16 {
        self.block.send.rare.rehashes
    }

    /// Bytes written that the peer has not acknowledged (`SIOCOUTQ`), and those not sent yet (`SIOCOUTQNSD`).
    pub fn unacknowledged(&self) -> (usize, usize) {
        let fin = u32::from(
            self.block.send.fin != Fin::None && !matches!(self.machine, Machine::Closed(_)),
        );
        let send = &self.block.send;
        let all = if send.una == send.nxt && send.queue.len() == 0 && send.fin == Fin::Sent {
            0
        } else {
            send.queue.len() + fin
        };
        (length(all), length(send.unsent()))
    }

    /// What of the received stream is left to read: the urgent byte and the FIN count (`tcp_inq_hint`).
    pub fn unread(&self) -> usize {
        let recv = &self.block.recv;
        recv.queue.len() + usize::from(recv.is_finished())
    }

    /// What a timestamps option would say now (`TCP_TIMESTAMP`).
    pub fn timestamp(&self, now: Instant) -> u32 {
        self.block.timestamp(now)
    }

    /// The timer that `ss -o` shows, by its name there, and when it is due (`inet_sk_diag_fill`): that of a delayed
    /// acknowledgment is not among them.
    pub fn shown_timer(&self) -> Option<(&'static str, Instant)> {
        let block = &self.block;
        if let Some(due) = block.timers.get(Timer::Retransmit) {
            let name = if block.send.una == block.send.nxt {
                "persist"
            } else {
                "on"
            };
            return Some((name, due));
        }
        let name = if matches!(self.machine, Machine::TimeWait(_)) {
            "timewait"
        } else {
            "keepalive"
        };
        block.timers.get(Timer::Keepalive).map(|due| (name, due))
    }

    /// Heap memory that the connection owns beside queued data's own.
    pub fn heap(&self) -> usize {
        let block = &self.block;
        let assembler = block
            .recv
            .queue
            .rare
            .assembler
            .as_ref()
            .map_or(0, |assembler| assembler.cost());
        block.options.heap()
            + block.send.queue.boxed()
            + block.send.queue.heap()
            + block.send.flight.boxed()
            + block.send.flight.heap()
            + block.send.rare.boxed()
            + block.send.rare.heap()
            + block.send.congestion.heap()
            + block.recv.queue.boxed()
            + block.recv.queue.heap()
            + block.recv.queue.rare.boxed()
            + assembler
    }

    /// Bytes of data that were sent for the first time: what was acknowledged and what is in flight, but for SYN and FIN.
    fn bytes_sent(&self) -> u64 {
        let send = &self.block.send;
        let in_flight = send.nxt.since_or_zero(send.una);
        let in_handshake = matches!(self.machine, Machine::SynSent(_) | Machine::SynReceived(_));
        let numbers = [
            in_handshake && in_flight > 0,
            send.flags.contains(SendFlags::COUNTED_SYN),
            send.fin == Fin::Sent,
        ];
        let numbers = numbers.map(u64::from).iter().sum::<u64>();
        (self.block.bytes_acked + u64::from(in_flight)).saturating_sub(numbers)
    }

    /// What `TCP_INFO` tells.
    pub fn info(&self, now: Instant) -> Info {
        let (block, send, recv) = (&self.block, &self.block.send, &self.block.recv);
        let state = self.state();
        // Of one that is over, whether it ever heard of its peer.
        let synchronized = state.is_synchronized() || (state == State::Closed && send.max_wnd > 0);
        let in_handshake = matches!(state, State::SynSent | State::SynReceived);
        let timestamps = block.flags.contains(BlockFlags::TIMESTAMPS) && synchronized;
        let sampled = send.rtt.srtt();
        let (delivery_rate, delivery_rate_app_limited) = send.rate.best(send.mss.into());
        let (total_rto_recoveries, total_rto_time) = send.timeouts(now);
        let (busy_time, rwnd_limited, sndbuf_limited) = send.busy_times(now);
        Info {
            state,
            ca_state: send.phase.number(),
            retransmits: send.retransmits,
            probes: send.probes.max(block.send.keep_probes),
            backoff: send.rtt.backoff,
            timestamps,
            sack: block.flags.contains(BlockFlags::SACK) && synchronized,
            ecn: block.ecn.contains(EcnState::USED) && synchronized,
            ecn_seen: block.ecn.contains(EcnState::SEEN),
            syn_data: block.send.fast_open.contains(FastOpenState::SYN_DATA),
            fastopen_client_fail: block.send.fast_open.failure(),
            window_scale: (block.flags.contains(BlockFlags::WINDOW_SCALING) && synchronized)
                .then_some((send.shift, recv.shift)),
            rto: send.rtt.rto(),
            ato: recv.ack.ato(),
            snd_mss: send.effective_mss(),
            rcv_mss: u32::from(recv.mss),
            // The SYN is not in the flight.
            unacked: send.flight.out + u32::from(in_handshake && send.nxt != send.una),
            sacked: send.flight.sacked(),
            lost: send.flight.lost(),
            retrans: send.flight.retransmitted(),
            last_data_sent: block.last_sent.ago(now),
            last_data_recv: recv.ack.last.ago(now),
            last_ack_recv: block.recv.last.ago(now),
            pmtu: u32::from(send.path_size().unwrap_or(recv.told_mss)) + 20,
            rcv_ssthresh: recv.threshold,
            rtt: sampled.unwrap_or_default(),
            rttvar: sampled.map_or(Info::RTTVAR_UNKNOWN, |_| send.rtt.rttvar()),
            snd_ssthresh: send.window.threshold,
            snd_cwnd: send.window.size,
            advmss: u32::from(recv.told_mss)
                - if timestamps {
                    u32::from(crate::block::TIMESTAMPS_LEN)
                } else {
                    0
                },
            reordering: block.reordering(),
            reord_seen: block.reordering_seen(),
            rcv_rtt: recv.autotune.round(),
            rcv_space: recv.autotune.space,
            total_retrans: send.rare.retransmitted,
            bytes_acked: block.bytes_acked,
            bytes_received: recv.position + u64::from(recv.is_finished()),
            segs_out: block.counts.segments_out,
            segs_in: block.counts.segments_in,
            notsent_bytes: send.unsent(),
            min_rtt: send.rtt.min().unwrap_or(Info::MIN_RTT_UNKNOWN),
            data_segs_in: block.counts.data_in,
            data_segs_out: block.counts.data_out,
            delivered: block.counts.delivered,
            delivered_ce: send.rare.delivered_ce,
            bytes_sent: self.bytes_sent() + send.rare.bytes_retransmitted,
            bytes_retrans: send.rare.bytes_retransmitted,
            dsack_dups: send.rare.dsacks,
            rcv_ooopack: recv.queue.rare.out_of_order_segments,
            snd_wnd: send.wnd,
            rcv_wnd: recv.window,
            rehash: send.rare.rehashes.into(),
            total_rto: send.rare.timeouts,
            total_rto_recoveries,
            total_rto_time,
            pacing_rate: block.pacing_rate(),
            max_pacing_rate: block.options.max_pacing_rate,
            delivery_rate,
            delivery_rate_app_limited,
            busy_time,
            rwnd_limited,
            sndbuf_limited,
            is_paced: send.rare.pacing.is_some(),
            bbr: send.congestion.bbr_info(send.mss.into()),
            is_app_limited: send.rate.is_app_limited(),
            congestion: send.congestion.algorithm().name(),
            send_queue: self.unacknowledged().0,
            receive_queue: recv.queue.len(),
            out_of_order: recv
                .queue
                .rare
                .assembler
                .as_ref()
                .map_or(0, |assembler| assembler.bytes()),
        }
    }
}
