//! LISTEN, SYN-SENT and SYN-RECEIVED.

use super::*;

#[test]
fn a_segment_without_connection_is_answered_with_a_reset() {
    let reset = reset_for(&segment(7, 9, ACK, b"x"))
        .expect("a reset")
        .segment;
    assert_eq!((reset.sequence.get(), reset.flags), (9, RST));
    let reset = reset_for(&segment(7, 0, SYN, b"x"))
        .expect("a reset")
        .segment;
    assert_eq!(
        (
            reset.sequence.get(),
            reset.acknowledgment.get(),
            reset.flags
        ),
        (0, 9, RST | ACK)
    );
    assert!(reset_for(&segment(7, 0, RST, b"")).is_none());
}

#[test]
fn listen_takes_a_syn_and_nothing_else() {
    assert!(matches!(
        Listen.receive(&segment(1, 0, SYN, b"")),
        ListenAction::Request
    ));
    assert!(matches!(
        Listen.receive(&segment(1, 0, RST, b"")),
        ListenAction::Ignore
    ));
    assert!(matches!(
        Listen.receive(&segment(1, 0, NONE, b"")),
        ListenAction::Ignore
    ));
    assert!(matches!(
        Listen.receive(&segment(1, 5, ACK, b"")),
        ListenAction::Reset(_)
    ));
    assert!(matches!(
        Listen.receive(&segment(1, 5, SYN | ACK, b"")),
        ListenAction::Reset(_)
    ));
}

#[test]
fn syn_offers_every_option_and_the_answer_only_what_was_offered() {
    let mut opener = Connection::connect(Settings::default(), Instant::ZERO);
    let syn = opener.poll_transmit(Instant::ZERO).expect("a SYN").segment;
    assert_eq!(syn.flags, SYN);
    assert_eq!(syn.options.mss, Some(1460));
    assert_eq!(
        syn.options.window_scale,
        Some(7),
        "Linux's for a tcp_rmem[2] of 6 MiB"
    );
    assert!(syn.options.sack_permitted && syn.options.timestamps.is_some());
    assert_eq!(syn.window, 64_240, "44 segments, as Linux");
    let mut plain = syn;
    plain.options = TcpOptions {
        mss: Some(1000),
        ..TcpOptions::NONE
    };
    let mut answerer = Connection::accept(Settings::default(), &plain, Instant::ZERO);
    let answer = answerer
        .poll_transmit(Instant::ZERO)
        .expect("a SYN-ACK")
        .segment;
    assert_eq!(
        answer.options,
        TcpOptions {
            mss: Some(1460),
            ..TcpOptions::NONE
        }
    );
    assert_eq!(answerer.info(Instant::ZERO).snd_mss, 1000);
}

#[test]
fn syn_sent_is_established_by_a_syn_ack() {
    let mut lab = Lab::syn_sent();
    assert_eq!(lab.sent(), (1000, 0, SYN));
    let response = lab.gets(segment(5000, 1001, SYN | ACK, b""));
    assert!(response.events.contains(Events::ESTABLISHED));
    lab.is_in(State::Established);
    assert_eq!(lab.sent(), (1001, 5001, ACK));
}

#[test]
fn syn_sent_resets_a_wrong_acknowledgment_and_stays() {
    for flags in [ACK, SYN | ACK] {
        let mut lab = Lab::syn_sent();
        lab.out.clear();
        let reset = lab
            .gets(segment(5000, 1000, flags, b""))
            .reset
            .expect("a reset")
            .segment;
        assert_eq!((reset.sequence.get(), reset.flags), (1000, RST));
        lab.is_in(State::SynSent);
    }
}

#[test]
fn syn_sent_believes_a_reset_only_with_the_right_acknowledgment() {
    let mut lab = Lab::syn_sent();
    assert!(lab.gets(segment(0, 0, RST, b"")).reset.is_none());
    assert!(lab.gets(segment(0, 1000, RST | ACK, b"")).reset.is_none());
    lab.is_in(State::SynSent);
    lab.gets(segment(0, 1001, RST | ACK, b""));
    lab.is_in(State::Closed);
    assert_eq!(lab.connection.take_error(), Some(Error::ConnectionRefused));
    assert!(lab.connection.is_finished());
}

#[test]
fn two_syns_that_cross_make_a_connection() {
    let mut lab = Lab::syn_sent();
    lab.out.clear();
    lab.gets(segment(5000, 0, SYN, b""));
    lab.is_in(State::SynReceived);
    assert_eq!(lab.sent(), (1000, 5001, SYN | ACK));
    lab.gets(segment(5000, 1001, SYN | ACK, b""));
    lab.is_in(State::Established);
    assert_eq!(lab.sent(), (1001, 5001, ACK));
}

#[test]
fn the_syn_is_repeated_as_linux_repeats_it_and_given_up() {
    let mut lab = Lab::syn_sent();
    let start = lab.now;
    let mut times = Vec::new();
    while lab.connection.state() == State::SynSent {
        let due = lab.connection.deadline().expect("a timer");
        lab.out.clear();
        lab.now = due;
        lab.connection.advance(due);
        lab.flush();
        times.push((due - start).as_secs());
    }
    assert_eq!(times, [1, 2, 3, 4, 5, 7, 11, 19, 35, 67, 131]);
    assert_eq!(lab.connection.take_error(), Some(Error::TimedOut));
}

#[test]
fn syn_received_repeats_the_syn_ack_and_resets_a_wrong_acknowledgment() {
    let mut lab = Lab::syn_received();
    assert_eq!(lab.sent(), (1000, 5001, SYN | ACK));
    lab.gets(segment(5000, 0, SYN, b""));
    assert_eq!(lab.sent(), (1000, 5001, SYN | ACK));
    let reset = lab
        .gets(segment(5001, 999, ACK, b""))
        .reset
        .expect("a reset")
        .segment;
    assert_eq!((reset.sequence.get(), reset.flags), (999, RST));
    lab.is_in(State::SynReceived);
    let complete = segment(5001, 1001, ACK, b"hello");
    assert!(lab.connection.completes_handshake(&complete, lab.now));
    lab.gets(complete);
    lab.is_in(State::Established);
    assert_eq!(lab.connection.status().readable, 5);
}

/// A connection in SYN-RECEIVED whose listener waits for data through so many timeouts.
fn deferring(timeouts: u8) -> Lab {
    let mut settings = settings();
    settings.options.defer_accept = timeouts;
    let syn = segment(5000, 0, SYN, b"");
    let mut lab = Lab::new(Connection::accept(settings, &syn, Instant::from_secs(10)));
    lab.out.clear();
    lab
}

#[test]
fn a_deferring_listener_waits_for_data() {
    let mut lab = deferring(3);
    let bare = segment(5001, 1001, ACK, b"");
    assert!(!lab.connection.completes_handshake(&bare, lab.now));
    let answer = lab.gets(bare);
    assert_eq!(answer.events, Events::ACCEPT_DEFERRED);
    assert!(lab.out.is_empty() && answer.reset.is_none());
    lab.is_in(State::SynReceived);
    lab.waits(Duration::from_millis(2900));
    // The peer knows that it is connected: nothing to repeat yet.
    assert!(lab.out.is_empty());
    let data = segment(5001, 1001, ACK, b"now");
    assert!(lab.connection.completes_handshake(&data, lab.now));
    lab.gets(data);
    lab.is_in(State::Established);
    assert_eq!(lab.connection.status().readable, 3);
}

#[test]
fn a_deferring_listener_gives_a_silent_peer_a_last_chance() {
    // What Linux does with TCP_DEFER_ACCEPT of 1, 3 and 7 seconds: the SYN-ACK comes again at the end of that time.
    for (timeouts, seconds) in [(1, 1), (2, 3), (3, 7)] {
        let mut lab = deferring(timeouts);
        lab.gets(segment(5001, 1001, ACK, b""));
        lab.waits(Duration::from_millis(1000 * seconds - 1));
        assert!(lab.out.is_empty(), "{timeouts}");
        lab.waits(Duration::from_millis(1));
        assert_eq!(lab.sent(), (1000, 5001, SYN | ACK));
        lab.gets(segment(5001, 1001, ACK, b""));
        lab.is_in(State::Established);
    }
}

#[test]
fn a_peer_that_never_answers_a_deferring_listener_is_given_up() {
    let mut lab = deferring(3);
    lab.waits(Duration::from_secs(200));
    assert_eq!(lab.out.len(), 5);
    assert!(lab.connection.is_finished());
}

#[test]
fn a_client_that_delays_saves_the_first_acknowledgment() {
    let connect = |ping_pong, defer_accept| {
        let mut settings = Settings {
            ping_pong,
            ..settings()
        };
        settings.options.defer_accept = defer_accept;
        let mut lab = Lab::new(Connection::connect(settings, Instant::from_secs(10)));
        lab.out.clear();
        lab.gets(segment(5000, 1001, SYN | ACK, b""));
        lab.is_in(State::Established);
        lab
    };
    assert_eq!(connect(false, 0).sent(), (1001, 5001, ACK));
    for mut lab in [connect(true, 0), connect(false, 1)] {
        lab.waits(Duration::from_millis(199));
        assert!(lab.out.is_empty());
        lab.waits(Duration::from_millis(1));
        assert_eq!(lab.sent(), (1001, 5001, ACK));
    }
}

#[test]
fn syn_received_is_given_up_after_five_repetitions() {
    let mut lab = Lab::syn_received();
    lab.waits(Duration::from_secs(62));
    assert_eq!(lab.out.len(), 6);
    lab.is_in(State::SynReceived);
    lab.waits(Duration::from_secs(2));
    lab.is_in(State::Closed);
    assert_eq!(lab.connection.take_error(), None);
}
