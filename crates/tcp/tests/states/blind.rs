//! Segments that may be forged or old (RFC 5961, 7323 5).

use super::*;

#[test]
fn a_reset_must_have_the_exact_sequence_number() {
    for state in SYNCHRONIZED {
        let next = expected(state);
        if state != State::TimeWait {
            let mut lab = Lab::state(state);
            lab.gets(segment(next + 1, 0, RST, b""));
            lab.is_in(state);
            // RFC 5961 3.2
            let (_, ack, flags) = lab.sent();
            assert_eq!((ack, flags), (next, ACK), "{state}");
            lab.gets(segment(next.wrapping_sub(60_000), 0, RST, b""));
            lab.gets(segment(next + 3_000_000, 0, RST, b""));
            lab.is_in(state);
            assert!(lab.out.is_empty());
        }
        let mut lab = Lab::state(state);
        lab.gets(segment(next, 0, RST, b""));
        lab.is_in(State::Closed);
        assert!(lab.out.is_empty() && lab.connection.is_finished());
        let error = match state {
            State::TimeWait => None,
            State::CloseWait => Some(Error::BrokenPipe),
            _ => Some(Error::Reset),
        };
        assert_eq!(lab.connection.take_error(), error, "{state}");
    }
}

#[test]
fn a_syn_is_challenged_at_most_twice_a_second() {
    for state in SYNCHRONIZED {
        let mut lab = Lab::state(state);
        let next = expected(state);
        for _ in 0..10 {
            assert!(
                lab.gets(segment(next, 1001, SYN | ACK, b""))
                    .reset
                    .is_none()
            );
        }
        let (_, ack, flags) = lab.sent();
        assert_eq!((ack, flags), (next, ACK), "{state}");
        lab.now += Duration::from_millis(501);
        lab.gets(segment(next, 1001, SYN | ACK, b""));
        assert_eq!(lab.sent().1, next);
        lab.is_in(state);
    }
}

#[test]
fn what_lies_outside_the_window_is_answered_and_dropped() {
    for state in [State::Established, State::FinWait1, State::FinWait2] {
        for (sequence, data) in [(4990, &b"old"[..]), (5001 + 200_000, b"new")] {
            let mut lab = Lab::state(state);
            let response = lab.gets(segment(sequence, 1001, ACK, data));
            assert!(response.events.contains(Events::OUT_OF_WINDOW));
            assert_eq!(lab.sent().1, 5001, "{state}");
            assert_eq!(lab.connection.status().readable, 0);
        }
    }
}

#[test]
fn an_acknowledgment_of_what_was_not_sent_is_challenged() {
    let mut lab = Lab::established();
    lab.gets(segment(5001, 1002, ACK, b"data"));
    assert_eq!(lab.sent(), (1001, 5001, ACK));
    assert_eq!(
        lab.connection.status().readable,
        0,
        "RFC 9293: drop the segment"
    );
    // RFC 5961 5: too old.
    lab.now += Duration::from_secs(1);
    lab.gets(segment(5001, 1001u32.wrapping_sub(70_000), ACK, b"data"));
    assert_eq!(lab.sent(), (1001, 5001, ACK));
    assert_eq!(lab.connection.status().readable, 0);
}

#[test]
fn an_old_timestamp_is_dropped_and_answered() {
    let stamp = |value, echo| TcpOptions {
        timestamps: Some(Timestamps { value, echo }),
        ..TcpOptions::NONE
    };
    let syn = Segment {
        options: stamp(1000, 0),
        ..segment(5000, 0, SYN, b"")
    };
    let settings = Settings {
        timestamps: true,
        ..settings()
    };
    let mut lab = Lab::new(Connection::accept(settings, &syn, Instant::from_secs(10)));
    lab.gets(Segment {
        options: stamp(1001, 0),
        ..segment(5001, 1001, ACK, b"")
    });
    lab.gets(Segment {
        options: stamp(1003, 0),
        ..segment(5001, 1001, ACK, b"one")
    });
    lab.out.clear();
    let response = lab.gets(Segment {
        options: stamp(1001, 0),
        ..segment(5004, 1001, ACK, b"old")
    });
    assert!(response.events.contains(Events::PAWS_DROP));
    assert_eq!(lab.sent().1, 5004);
    assert_eq!(lab.connection.status().readable, 3);
    // RFC 7323 5.5: after 24 days it says nothing.
    lab.now += Duration::from_secs(25 * 24 * 3600);
    lab.gets(Segment {
        options: stamp(1001, 0),
        ..segment(5004, 1001, ACK, b"new")
    });
    assert_eq!(lab.connection.status().readable, 6);
}
