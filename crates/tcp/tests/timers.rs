//! When segments go out and when they do not: Nagle, cork, delayed acknowledgments, probes, keepalive, timeouts, urgent data.
#![allow(missing_docs)]
mod support;

use core::time::Duration;

use sockeye_tcp::{Error, Events, Instant, State, UrgentRead};
use sockeye_wire::TcpFlags;
use support::{Channel, Pair};

const MS: Duration = Duration::from_millis(1);

fn pair() -> Pair {
    let mut pair = Pair::established(1, Channel::default());
    pair.run_for(Duration::from_secs(1));
    pair
}

/// Takes what `end` sends now, without delivering it: (bytes of payload, flags).
fn sends(pair: &mut Pair, end: usize) -> Vec<(usize, TcpFlags)> {
    let now = pair.now;
    std::iter::from_fn(|| pair.ends[end].poll_transmit(now))
        .map(|out| (out.segment.payload.len(), out.segment.flags))
        .collect()
}

fn lengths(pair: &mut Pair, end: usize) -> Vec<usize> {
    sends(pair, end)
        .into_iter()
        .map(|(length, _)| length)
        .collect()
}

fn write(pair: &mut Pair, end: usize, count: usize) {
    let now = pair.now;
    assert_eq!(
        pair.ends[end].send_slice(&vec![b'x'; count], false, now),
        count
    );
}

#[test]
fn nagle_holds_back_a_second_short_segment() {
    let mut pair = pair();
    write(&mut pair, 0, 10);
    assert_eq!(lengths(&mut pair, 0), [10]);
    write(&mut pair, 0, 10);
    assert_eq!(lengths(&mut pair, 0), []);
    // Full segments go.
    write(&mut pair, 0, 3000);
    assert_eq!(lengths(&mut pair, 0), [2896]);
    pair.ends[0].options_mut().nodelay = true;
    let now = pair.now;
    pair.ends[0].options_changed(now);
    assert_eq!(lengths(&mut pair, 0), [114]);
    write(&mut pair, 0, 1);
    assert_eq!(lengths(&mut pair, 0), [1]);
}

#[test]
fn a_short_segment_behind_full_ones_goes_at_once() {
    // Minshall: only a short segment in flight holds back a short one.
    let mut pair = pair();
    write(&mut pair, 0, 1448 * 2 + 100);
    assert_eq!(lengths(&mut pair, 0), [1448 * 2, 100]);
}

#[test]
fn a_corked_segment_waits_200_ms_at_most() {
    let mut pair = pair();
    pair.ends[0].options_mut().cork = true;
    write(&mut pair, 0, 2000);
    pair.flush();
    pair.run_for(100 * MS);
    assert_eq!(pair.ends[1].status().readable, 1448);
    pair.run_for(400 * MS);
    assert_eq!(pair.ends[1].status().readable, 2000);
}

#[test]
fn more_to_come_waits_and_the_next_write_releases_it() {
    let mut pair = pair();
    let now = pair.now;
    pair.ends[0].send_slice(b"head", true, now);
    assert_eq!(lengths(&mut pair, 0), []);
    pair.ends[0].send_slice(b"body", false, now);
    assert_eq!(sends(&mut pair, 0), [(8, TcpFlags::ACK | TcpFlags::PSH)]);
}

#[test]
fn an_acknowledgment_is_delayed_40_ms_in_a_ping_pong() {
    let mut pair = pair();
    for end in [0, 1, 0, 1] {
        write(&mut pair, end, 1);
        pair.flush();
        pair.run_for(15 * MS);
        let now = pair.now;
        assert_eq!(pair.ends[1 - end].read(&mut [0; 4], now), 1);
    }
    // The last byte went to end 0, which says nothing for 40 ms after it came.
    assert_eq!(pair.ends[1].unacknowledged().0, 1);
    pair.run_for(30 * MS);
    assert_eq!(pair.ends[1].unacknowledged().0, 1);
    pair.run_for(30 * MS);
    assert_eq!(pair.ends[1].unacknowledged().0, 0);
}

#[test]
fn the_delay_of_an_acknowledgment_has_a_bound_of_the_sockets() {
    let mut pair = pair();
    for end in [0, 1, 0, 1] {
        pair.ends[end].options_mut().delayed_ack_max = 8 * MS;
        write(&mut pair, end, 1);
        pair.flush();
        pair.run_for(15 * MS);
        let now = pair.now;
        assert_eq!(pair.ends[1 - end].read(&mut [0; 4], now), 1);
    }
    pair.run_for(15 * MS);
    assert_eq!(pair.ends[1].unacknowledged().0, 0);
}

#[test]
fn quick_acknowledgments_can_be_asked_for_and_end_a_delay() {
    let mut pair = pair();
    for end in [0, 1, 0, 1] {
        write(&mut pair, end, 1);
        pair.flush();
        pair.run_for(15 * MS);
        let now = pair.now;
        assert_eq!(pair.ends[1 - end].read(&mut [0; 4], now), 1);
    }
    let now = pair.now;
    assert!(!pair.ends[0].is_quickack());
    // Lasting or not, what waits is acknowledged.
    pair.ends[0].set_quickack(true, false, now);
    assert_eq!(sends(&mut pair, 0), [(0, TcpFlags::ACK)]);
    assert!(!pair.ends[0].is_quickack());
    pair.ends[0].set_quickack(true, true, now);
    assert!(pair.ends[0].is_quickack());
    pair.ends[0].set_quickack(false, true, now);
    assert!(!pair.ends[0].is_quickack());
}

#[test]
fn every_second_full_segment_is_acknowledged_at_once() {
    let mut pair = pair();
    write(&mut pair, 0, 14_480);
    pair.flush();
    pair.run_for(21 * MS);
    assert_eq!(pair.ends[0].unacknowledged().0, 0);
}

#[test]
fn a_closed_window_is_probed_until_it_opens() {
    let mut pair = pair();
    let mut total = 0;
    for _ in 0..200 {
        let (now, room) = (pair.now, pair.ends[0].send_room());
        total += pair.ends[0].send_slice(&vec![1; room], false, now);
        pair.flush();
        pair.run_for(30 * MS);
    }
    // Nobody has read: the window is closed and everything that was taken waits.
    assert_eq!(pair.ends[1].info(pair.now).rcv_wnd, 0);
    let before = pair.now;
    pair.run_for(Duration::from_secs(3600));
    assert!(pair.now - before >= Duration::from_secs(3600));
    assert_eq!(
        pair.ends[0].state(),
        State::Established,
        "a peer that answers is never given up"
    );
    let probes = pair.ends[1].info(pair.now).segs_in;
    assert!((25..500).contains(&probes), "{probes}");
    let mut read = 0;
    let mut buffer = vec![0; 1 << 20];
    while read < total {
        let now = pair.now;
        read += pair.ends[1].read(&mut buffer, now);
        pair.flush();
        assert!(pair.step());
    }
    assert_eq!(read, total);
}

#[test]
fn memory_of_a_peer_that_is_not_read_is_bounded() {
    let mut pair = pair();
    for _ in 0..300 {
        let (now, room) = (pair.now, pair.ends[0].send_room());
        pair.ends[0].send_slice(&vec![1; room], false, now);
        pair.flush();
        pair.run_for(30 * MS);
    }
    let (_, buffer) = pair.ends[1].buffer_sizes();
    assert!(pair.ends[1].status().readable <= buffer);
    assert!(pair.ends[0].unacknowledged().0 <= 4 << 20);
}

#[test]
fn silence_is_given_up_after_924_seconds() {
    let mut pair = pair();
    pair.channel.loss = 100;
    write(&mut pair, 0, 10);
    pair.flush();
    pair.run_for(Duration::from_secs(924));
    assert_eq!(pair.ends[0].state(), State::Established);
    pair.run_for(Duration::from_secs(124));
    assert_eq!(pair.ends[0].state(), State::Closed);
    assert_eq!(pair.ends[0].take_error(), Some(Error::TimedOut));
}

/// Timeouts of one short segment that never gets through, by time.
fn timeouts(change: impl FnOnce(&mut sockeye_tcp::SocketOptions), time: Duration) -> u16 {
    let mut pair = pair();
    change(pair.ends[0].options_mut());
    let now = pair.now;
    pair.ends[0].options_changed(now);
    // The variance comes down to the bound by and by.
    for _ in 0..40 {
        write(&mut pair, 0, 10);
        pair.flush();
        pair.run_for(100 * MS);
    }
    pair.channel.loss = 100;
    write(&mut pair, 0, 10);
    pair.flush();
    pair.run_for(time);
    pair.ends[0].info(pair.now).total_rto
}

#[test]
fn a_thin_stream_may_time_out_six_times_without_backing_off() {
    let exponential = timeouts(|_| {}, Duration::from_secs(3));
    let linear = timeouts(
        |options| options.thin_linear_timeouts = true,
        Duration::from_secs(3),
    );
    // The timeout is 0.26 s and begins with the probe of the tail, when that is due: after 0.52, 1.04, 2.08 s; after 0.52,
    // 0.78 ... 2.08, 2.6 s.
    assert_eq!((exponential, linear), (3, 8));
}

#[test]
fn the_retransmission_timeout_keeps_to_the_sockets_bounds() {
    let slow = timeouts(
        |options| options.rto_max = Duration::from_secs(1),
        Duration::from_secs(10),
    );
    // A probe of the tail after 0.26 s, timeouts after 0.52 and 1.04 s, then each second.
    assert_eq!(slow, 10);
    let quick = timeouts(|options| options.rto_min = 8 * MS, Duration::from_secs(1));
    let usual = timeouts(|_| {}, Duration::from_secs(1));
    assert!(quick > usual + 1, "{quick} {usual}");
}

#[test]
fn the_user_timeout_shortens_that() {
    let mut pair = pair();
    pair.channel.loss = 100;
    pair.ends[0].options_mut().user_timeout = Some(Duration::from_secs(5));
    write(&mut pair, 0, 10);
    pair.flush();
    pair.run_for(Duration::from_secs(4));
    assert_eq!(pair.ends[0].state(), State::Established);
    pair.run_for(Duration::from_secs(4));
    assert_eq!(pair.ends[0].take_error(), Some(Error::TimedOut));
}

#[test]
fn keepalive_notices_a_dead_peer_and_leaves_a_live_one_alone() {
    let mut pair = pair();
    let now = pair.now;
    let options = pair.ends[0].options_mut();
    options.keepalive = true;
    options.keep_idle = Duration::from_secs(60);
    options.keep_interval = Duration::from_secs(10);
    options.keep_count = 3;
    pair.ends[0].options_changed(now);
    pair.run_for(Duration::from_secs(600));
    assert_eq!(pair.ends[0].state(), State::Established);
    assert!(
        (8..=11).contains(&(pair.ends[1].info(pair.now).segs_in - 1)),
        "{:?}",
        pair.ends[1].info(pair.now)
    );
    pair.channel.loss = 100;
    pair.run_for(Duration::from_secs(70));
    assert_eq!(pair.ends[0].state(), State::Established);
    pair.run_for(Duration::from_secs(50));
    assert_eq!(pair.ends[0].take_error(), Some(Error::TimedOut));
}

#[test]
fn a_lost_segment_is_repaired_without_a_timeout() {
    for sack in [true, false] {
        let settings = |isn| sockeye_tcp::Settings {
            sack,
            ..support::settings(isn)
        };
        let mut pair = Pair::connect(3, Channel::default(), settings(5), settings(6));
        pair.run_for(500 * MS);
        let now = pair.now;
        pair.ends[0].send_slice(&[1; 14_480], false, now);
        // The first segment is lost.
        let out = std::iter::from_fn(|| pair.ends[0].poll_transmit(now));
        let mut pieces: Vec<_> = out.flat_map(support::split).collect();
        assert_eq!(pieces.len(), 10);
        pieces.remove(0);
        let mut answers = Vec::new();
        for piece in pieces {
            let _ = pair.ends[1].receive(piece.segment, now + 10 * MS);
            answers.extend(std::iter::from_fn(|| {
                pair.ends[1].poll_transmit(now + 10 * MS)
            }));
        }
        // With SACK three go at once, and of the others those that open the window; what is left waits for each other.
        assert_eq!(answers.len(), if sack { 7 } else { 9 });
        assert!(
            answers
                .iter()
                .all(|answer| answer.segment.options.sack.is_empty() != sack)
        );
        let mut events = Events::empty();
        let mut again = Vec::new();
        for answer in answers {
            events |= pair.ends[0].receive(answer.segment, now + 20 * MS).events;
            again.extend(std::iter::from_fn(|| {
                pair.ends[0].poll_transmit(now + 20 * MS)
            }));
        }
        assert!(events.contains(Events::RECOVERY), "sack {sack}");
        assert_eq!(again.len(), 1, "sack {sack}: {again:?}");
        assert!(again[0].retransmission && again[0].segment.payload.len() == 1448);
        assert_eq!(pair.ends[0].info(now).snd_ssthresh, 7);
        let last = again.remove(0).segment;
        let _ = pair.ends[1].receive(last, now + 30 * MS);
        assert_eq!(pair.ends[1].status().readable, 14_480);
        let done = pair.ends[1]
            .poll_transmit(now + 30 * MS)
            .expect("an acknowledgment");
        let _ = pair.ends[0].receive(done.segment, now + 40 * MS);
        assert_eq!(pair.ends[0].unacknowledged(), (0, 0));
        // RFC 6582 3.2: without SACK something more must be acknowledged first.
        let state = if sack { 0 } else { 3 };
        assert_eq!(pair.ends[0].info(now).ca_state, state);
    }
}

#[test]
fn urgent_data_is_a_byte_beside_the_stream() {
    let mut pair = pair();
    let now = pair.now;
    pair.ends[0].send_slice(b"abc", false, now);
    assert_eq!(pair.ends[0].send_urgent(b"def", now), 3);
    pair.ends[0].send_slice(b"ghi", false, now);
    pair.flush();
    pair.run_for(100 * MS);
    assert!(pair.ends[1].status().urgent);
    assert_eq!(pair.ends[1].status().readable, 5, "up to the mark");
    assert_eq!(pair.ends[1].read_urgent(true), UrgentRead::Byte(b'f'));
    let (mut buffer, now) = ([0; 20], pair.now);
    assert_eq!(pair.ends[1].read(&mut buffer, now), 5);
    assert_eq!(&buffer[..5], b"abcde");
    assert!(pair.ends[1].at_mark());
    assert_eq!(pair.ends[1].read_urgent(false), UrgentRead::Byte(b'f'));
    assert_eq!(pair.ends[1].read_urgent(false), UrgentRead::None);
    assert_eq!(pair.ends[1].read(&mut buffer, now), 3);
    assert_eq!(&buffer[..3], b"ghi");
    assert!(!pair.ends[1].at_mark());
}

#[test]
fn inline_urgent_data_stays_in_the_stream() {
    let mut pair = pair();
    pair.ends[1].options_mut().oob_inline = true;
    let now = pair.now;
    pair.ends[0].send_slice(b"abc", false, now);
    pair.ends[0].send_urgent(b"d", now);
    pair.ends[0].send_slice(b"ef", false, now);
    pair.flush();
    pair.run_for(100 * MS);
    let (mut buffer, now) = ([0; 20], pair.now);
    assert_eq!(pair.ends[1].read_urgent(false), UrgentRead::None);
    assert_eq!(pair.ends[1].read(&mut buffer, now), 3);
    assert!(pair.ends[1].at_mark());
    assert_eq!(pair.ends[1].read(&mut buffer, now), 3);
    assert_eq!(&buffer[..3], b"def");
}

#[test]
fn writable_again_when_a_third_is_free() {
    let mut pair = pair();
    pair.ends[0].set_send_buffer(9000);
    pair.channel.loss = 100;
    // In three packets, each of which takes something beside its data: 6,000 in all.
    write(&mut pair, 0, 3504);
    pair.flush();
    assert!(pair.ends[0].status().writable);
    write(&mut pair, 0, 1);
    assert!(!pair.ends[0].status().writable);
    assert!(pair.ends[0].send_room() > 0);
}

#[test]
fn an_icmp_error_ends_an_attempt_but_not_a_connection() {
    use sockeye_tcp::{Connection, IcmpError};
    let mut opener = Connection::connect(support::settings(1), Instant::ZERO);
    let syn = opener.poll_transmit(Instant::ZERO).expect("a SYN").segment;
    opener.on_icmp_error(
        IcmpError::Hard(Error::ConnectionRefused),
        syn.sequence + 9u32,
        Instant::ZERO,
    );
    assert_eq!(
        opener.state(),
        State::SynSent,
        "not about anything in flight"
    );
    opener.on_icmp_error(
        IcmpError::Hard(Error::HostUnreachable),
        syn.sequence,
        Instant::ZERO,
    );
    assert_eq!(opener.take_error(), Some(Error::HostUnreachable));
    let mut pair = pair();
    let (una, ..) = pair.ends[0].numbers();
    let now = pair.now;
    pair.ends[0].on_icmp_error(IcmpError::Hard(Error::ConnectionRefused), una, now);
    assert_eq!(pair.ends[0].state(), State::Established);
}

#[test]
fn a_smaller_path_mtu_makes_smaller_segments() {
    use sockeye_tcp::IcmpError;
    let mut pair = pair();
    write(&mut pair, 0, 5000);
    assert_eq!(lengths(&mut pair, 0), [2896, 2104]);
    let (una, ..) = pair.ends[0].numbers();
    let now = pair.now;
    pair.ends[0].on_icmp_error(IcmpError::PacketTooBig(1000), una, now);
    let again = pair.ends[0].poll_transmit(now).expect("a retransmission");
    assert!(again.retransmission);
    assert_eq!(again.segment_size.map(u16::from), Some(988));
}

#[test]
fn with_rto_restart_the_timeout_counts_from_the_earliest() {
    // RFC 7765 4, and RFC 6298 5.3 without it.
    for (segments, rto_restart) in [(2, false), (2, true), (6, true)] {
        let settings = |isn| sockeye_tcp::Settings {
            // With SACK the probe of RFC 8985 7 comes first.
            sack: false,
            rto_restart,
            ..support::settings(isn)
        };
        let mut pair = Pair::connect(3, Channel::default(), settings(5), settings(6));
        pair.run_for(500 * MS);
        let (sent, answered) = (pair.now, pair.now + 10 * MS);
        pair.ends[0].send_slice(&vec![1; segments * 1448], false, sent);
        let out = std::iter::from_fn(|| pair.ends[0].poll_transmit(sent));
        let first = out.flat_map(support::split).next().expect("data");
        let _ = pair.ends[1].receive(first.segment, answered);
        let answer = pair.ends[1].poll_transmit(answered).expect("an answer");
        let _ = pair.ends[0].receive(answer.segment, answered);
        let rto = pair.ends[0].info(answered).rto;
        // Four are too many.
        let begins = if rto_restart && segments < 4 {
            sent
        } else {
            answered
        };
        assert_eq!(pair.ends[0].deadline(), Some(begins + rto), "{segments}");
    }
}
