//! What happened to a connection, under Linux's counter names.

use sockeye_tcp::{Events, OutgoingSegment};
use sockeye_wire::TcpFlags;

use crate::Counters;

type Place = fn(&mut Counters) -> &mut u64;

/// Each event once for each input, timer or call in which it happened.
const TABLE: &[(Events, Place)] = &[
    (Events::RESET, |c| &mut c.tcp_estab_resets),
    (Events::ATTEMPT_FAILED, |c| &mut c.tcp_attempt_fails),
    (Events::TIMEOUT, |c| &mut c.tcp_ext_tcp_timeouts),
    (Events::TIMEOUT_REHASH, |c| {
        &mut c.tcp_ext_tcp_timeout_rehash
    }),
    (Events::DELAYED_ACK, |c| &mut c.tcp_ext_delayed_acks),
    (Events::KEEPALIVE, |c| &mut c.tcp_ext_tcp_keep_alive),
    (Events::WINDOW_PROBE, |c| &mut c.tcp_ext_tcp_win_probe),
    (Events::ACCEPT_DEFERRED, |c| {
        &mut c.tcp_ext_tcp_defer_accept_drop
    }),
    (Events::ABORT_ON_CLOSE, |c| {
        &mut c.tcp_ext_tcp_abort_on_close
    }),
    (Events::ABORT_ON_DATA, |c| &mut c.tcp_ext_tcp_abort_on_data),
    (Events::ABORT_ON_TIMEOUT, |c| {
        &mut c.tcp_ext_tcp_abort_on_timeout
    }),
    (Events::ABORT_ON_LINGER, |c| {
        &mut c.tcp_ext_tcp_abort_on_linger
    }),
    (Events::PAWS_DROP, |c| &mut c.tcp_ext_paws_estab),
    (Events::PAWS_OLD_ACK, |c| &mut c.tcp_ext_paws_old_ack),
    (Events::ECHO_REJECTED, |c| &mut c.tcp_ext_tsecr_rejected),
    (Events::BEYOND_WINDOW, |c| &mut c.tcp_ext_beyond_window),
    (Events::CHALLENGE_ACK, |c| &mut c.tcp_ext_tcp_challenge_ack),
    (Events::SYN_CHALLENGE, |c| &mut c.tcp_ext_tcp_syn_challenge),
    (Events::SKIPPED_CHALLENGE, |c| {
        &mut c.tcp_ext_tcp_ack_skipped_challenge
    }),
    (Events::SKIPPED_SEQUENCE, |c| {
        &mut c.tcp_ext_tcp_ack_skipped_seq
    }),
    (Events::SKIPPED_PAWS, |c| {
        &mut c.tcp_ext_tcp_ack_skipped_paws
    }),
    (Events::DSACK_SENT_OLD, |c| {
        &mut c.tcp_ext_tcp_dsack_old_sent
    }),
    (Events::DSACK_SENT_OUT_OF_ORDER, |c| {
        &mut c.tcp_ext_tcp_dsack_ofo_sent
    }),
    (Events::PAWS_ACTIVE, |c| &mut c.tcp_ext_paws_active),
    (Events::EMBRYONIC_RESET, |c| &mut c.tcp_ext_embryonic_rsts),
    (Events::SKIPPED_SYN_RECEIVED, |c| {
        &mut c.tcp_ext_tcp_ack_skipped_syn_recv
    }),
    (Events::PAWS_TIME_WAIT, |c| &mut c.tcp_ext_paws_timewait),
    (Events::SKIPPED_TIME_WAIT, |c| {
        &mut c.tcp_ext_tcp_ack_skipped_time_wait
    }),
    (Events::SKIPPED_FIN_WAIT_2, |c| {
        &mut c.tcp_ext_tcp_ack_skipped_fin_wait_2
    }),
    (Events::PATH_PROBE_ARRIVED, |c| {
        &mut c.tcp_ext_tcp_mtup_success
    }),
    (Events::PATH_PROBE_LOST, |c| &mut c.tcp_ext_tcp_mtup_fail),
    (Events::OUT_OF_ORDER, |c| &mut c.tcp_ext_tcp_ofo_queue),
    (Events::OUT_OF_ORDER_DROP, |c| &mut c.tcp_ext_tcp_ofo_drop),
    (Events::OUT_OF_ORDER_MERGE, |c| &mut c.tcp_ext_tcp_ofo_merge),
    (Events::DUPLICATE, |c| &mut c.tcp_ext_delayed_ack_lost),
    (Events::WINDOW_SHUT, |c| {
        &mut c.tcp_ext_tcp_to_zero_window_adv
    }),
    (Events::WINDOW_OPENED, |c| {
        &mut c.tcp_ext_tcp_from_zero_window_adv
    }),
    (Events::WINDOW_KEPT_OPEN, |c| {
        &mut c.tcp_ext_tcp_want_zero_window_adv
    }),
    (Events::NO_ROOM, |c| &mut c.tcp_ext_tcp_rcv_q_drop),
    (Events::PRUNED, |c| &mut c.prune_called),
    (Events::OUT_OF_ORDER_PRUNED, |c| &mut c.ofo_pruned),
    (Events::PRUNED_IN_VAIN, |c| &mut c.rcv_pruned),
    (Events::ZERO_WINDOW_DROP, |c| {
        &mut c.tcp_ext_tcp_zero_window_drop
    }),
];

/// What to look for in the events of a segment, which mostly hold nothing of it.
const ALL: Events = {
    let mut bits = 0;
    let mut at = 0;
    while at < TABLE.len() {
        bits |= TABLE[at].0.bits();
        at += 1;
    }
    Events::from_bits_truncate(bits)
};

/// Counts a segment that is sent: a super-segment as what it is cut into.
pub(super) fn count_sent(counters: &mut Counters, outgoing: &OutgoingSegment) {
    let segment = &outgoing.segment;
    let size = outgoing
        .segment_size
        .map_or(usize::MAX, |size| size.get().into());
    let packets = segment.payload.len().div_ceil(size).max(1) as u64;
    counters.tcp_out_segs += packets;
    counters.tcp_out_rsts += u64::from(segment.flags.contains(TcpFlags::RST));
    if outgoing.retransmission {
        counters.tcp_retrans_segs += packets;
        counters.tcp_ext_tcp_syn_retrans += u64::from(segment.flags.contains(TcpFlags::SYN));
    } else if !segment.payload.is_empty() || segment.flags.contains(TcpFlags::FIN) {
        counters.tcp_ext_tcp_orig_data_sent += packets;
    }
}

/// Counts what the peer has got, and with how much of it a mark was echoed, since `before`.
pub(super) fn count_delivered(counters: &mut Counters, before: (u32, u32), after: (u32, u32)) {
    counters.tcp_ext_tcp_delivered += u64::from(after.0.wrapping_sub(before.0));
    counters.tcp_ext_tcp_delivered_ce += u64::from(after.1.wrapping_sub(before.1));
}

/// What nearly every segment is, which is why it is not looked for in the table.
const USUAL: Events = Events::HEADER_PREDICTED
    .union(Events::PREDICTED_ACK)
    .union(Events::PURE_ACK);

/// Counts what happened.
pub(super) fn count(counters: &mut Counters, events: Events) {
    if events.intersects(USUAL) {
        let happened = |event| u64::from(events.contains(event));
        counters.tcp_ext_tcp_hp_hits += happened(Events::HEADER_PREDICTED);
        counters.tcp_ext_tcp_hp_acks += happened(Events::PREDICTED_ACK);
        counters.tcp_ext_tcp_pure_acks += happened(Events::PURE_ACK);
    }
    if !events.intersects(ALL) {
        return;
    }
    for (event, place) in TABLE {
        if events.contains(*event) {
            *place(counters) += 1;
        }
    }
}
