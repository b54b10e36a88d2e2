//! What each state does with each kind of segment (RFC 9293 3.10.7), one connection against hand-made segments.
#![allow(missing_docs)]

use core::time::Duration;

use sockeye_tcp::{
    Connection, Error, Events, Instant, Linger2, Listen, ListenAction, OutgoingSegment, Segment,
    Seq, Settings, State, TimeWaitAction, reset_for,
};
use sockeye_wire::{TcpFlags, TcpOptions, Timestamps};

const ACK: TcpFlags = TcpFlags::ACK;
const FIN: TcpFlags = TcpFlags::FIN;
const SYN: TcpFlags = TcpFlags::SYN;
const RST: TcpFlags = TcpFlags::RST;
const NONE: TcpFlags = TcpFlags::empty();

/// What an inbound segment led to.
#[derive(Default)]
struct Answer {
    reset: Option<OutgoingSegment>,
    events: Events,
}

/// Our first byte is 1001, the peer's 5001.
struct Lab {
    connection: Connection,
    now: Instant,
    out: Vec<Segment>,
}

fn settings() -> Settings {
    Settings {
        isn: Seq::new(1000),
        timestamps: false,
        ..Settings::default()
    }
}

fn segment(sequence: u32, ack: u32, flags: TcpFlags, data: &[u8]) -> Segment {
    Segment {
        sequence: Seq::new(sequence),
        acknowledgment: Seq::new(ack),
        flags,
        window: 60_000,
        payload: data.to_vec().into(),
        ..Segment::default()
    }
}

impl Lab {
    fn new(connection: Connection) -> Lab {
        let mut lab = Lab {
            connection,
            now: Instant::from_secs(10),
            out: Vec::new(),
        };
        lab.flush();
        lab
    }

    fn syn_sent() -> Lab {
        Lab::new(Connection::connect(settings(), Instant::from_secs(10)))
    }

    fn syn_received() -> Lab {
        Lab::new(Connection::accept(
            settings(),
            &segment(5000, 0, SYN, b""),
            Instant::from_secs(10),
        ))
    }

    fn established() -> Lab {
        let mut lab = Lab::syn_received();
        lab.gets(segment(5001, 1001, ACK, b""));
        assert_eq!(lab.connection.state(), State::Established);
        lab.out.clear();
        lab
    }

    /// Brings the connection into a state by the shortest way.
    fn state(state: State) -> Lab {
        let mut lab = match state {
            State::SynSent => return Lab::syn_sent(),
            State::SynReceived => return Lab::syn_received(),
            _ => Lab::established(),
        };
        let now = lab.now;
        if matches!(state, State::CloseWait | State::LastAck) {
            lab.gets(segment(5001, 1001, ACK | FIN, b""));
        }
        if !matches!(state, State::Established | State::CloseWait) {
            lab.connection.shutdown_send(now);
            lab.flush();
        }
        match state {
            State::FinWait2 => lab.gets(segment(5001, 1002, ACK, b"")),
            State::Closing => lab.gets(segment(5001, 1001, ACK | FIN, b"")),
            State::TimeWait => lab.gets(segment(5001, 1002, ACK | FIN, b"")),
            _ => Answer::default(),
        };
        assert_eq!(lab.connection.state(), state);
        lab.out.clear();
        lab
    }

    fn flush(&mut self) {
        while let Some(segment) = self.connection.poll_transmit(self.now) {
            self.out.push(segment.segment);
        }
    }

    fn gets(&mut self, segment: Segment) -> Answer {
        let response = self.connection.receive(segment, self.now);
        self.flush();
        Answer {
            reset: response.reset,
            events: response.events,
        }
    }

    fn waits(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.connection.deadline().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.connection.advance(self.now);
            self.flush();
        }
        self.now = end;
    }

    fn is_in(&self, state: State) {
        assert_eq!(self.connection.state(), state);
    }

    /// The one segment that went out, as (sequence, acknowledgment, flags).
    fn sent(&mut self) -> (u32, u32, TcpFlags) {
        assert_eq!(self.out.len(), 1, "{:?}", self.out);
        let segment = self.out.remove(0);
        (
            segment.sequence.get(),
            segment.acknowledgment.get(),
            segment.flags,
        )
    }
}

const SYNCHRONIZED: [State; 7] = [
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
    State::TimeWait,
];

/// The peer's next sequence number in a state reached by [`Lab::state`].
fn expected(state: State) -> u32 {
    match state {
        State::CloseWait | State::LastAck | State::Closing | State::TimeWait => 5002,
        _ => 5001,
    }
}

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
    assert!(lab.connection.completes_handshake(&complete));
    lab.gets(complete);
    lab.is_in(State::Established);
    assert_eq!(lab.connection.status().readable, 5);
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
fn the_ways_from_established_to_the_end() {
    // Passive close.
    let mut lab = Lab::state(State::CloseWait);
    assert!(lab.connection.status().readable_eof && lab.connection.status().writable);
    let now = lab.now;
    assert_eq!(lab.connection.send_slice(b"still", false, now), 5);
    lab.connection.shutdown_send(now);
    lab.flush();
    assert_eq!(lab.sent(), (1001, 5002, ACK | FIN | TcpFlags::PSH));
    lab.is_in(State::LastAck);
    lab.gets(segment(5002, 1006, ACK, b""));
    lab.is_in(State::LastAck);
    lab.gets(segment(5002, 1007, ACK, b""));
    lab.is_in(State::Closed);
    // Simultaneous close.
    let mut lab = Lab::state(State::Closing);
    lab.gets(segment(5002, 1002, ACK, b""));
    lab.is_in(State::TimeWait);
    // Active close, FIN and acknowledgment together.
    let lab = Lab::state(State::TimeWait);
    assert_eq!(
        lab.connection.time_wait(lab.now).expect("a record").state(),
        State::TimeWait
    );
    // Half-close: data still comes.
    let mut lab = Lab::state(State::FinWait2);
    lab.gets(segment(5001, 1002, ACK, b"late"));
    lab.is_in(State::FinWait2);
    assert_eq!(lab.connection.status().readable, 4);
    lab.gets(segment(5005, 1002, ACK | FIN, b""));
    lab.is_in(State::TimeWait);
    let mut buffer = [0; 10];
    let now = lab.now;
    assert_eq!(lab.connection.read(&mut buffer, now), 4);
    assert!(lab.connection.status().readable_eof);
}

#[test]
fn time_wait_ends_after_a_minute_and_a_repeated_fin_extends_it() {
    let mut lab = Lab::state(State::TimeWait);
    lab.waits(Duration::from_secs(59));
    lab.is_in(State::TimeWait);
    lab.gets(segment(5001, 1002, ACK | FIN, b""));
    assert_eq!(lab.sent(), (1002, 5002, ACK));
    lab.waits(Duration::from_secs(59));
    lab.is_in(State::TimeWait);
    lab.waits(Duration::from_secs(2));
    lab.is_in(State::Closed);
    assert!(lab.connection.is_finished());
}

#[test]
fn time_wait_gives_way_to_a_newer_syn() {
    let lab = Lab::state(State::TimeWait);
    let mut record = lab.connection.time_wait(lab.now).expect("a record");
    match record.receive(&segment(900_000, 0, SYN, b""), lab.now) {
        TimeWaitAction::Reopen { isn } => assert!(isn.after(Seq::new(1002))),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        record.receive(&segment(4000, 0, SYN, b""), lab.now),
        TimeWaitAction::Acknowledge(_)
    ));
    assert!(
        matches!(
            record.receive(&segment(4000, 0, SYN, b""), lab.now),
            TimeWaitAction::Ignore
        ),
        "rate limit"
    );
    assert!(matches!(
        record.receive(&segment(5002, 0, RST, b""), lab.now),
        TimeWaitAction::Finished
    ));
    assert!(size_of_val(&record) <= 80);
}

#[test]
fn an_orphan_in_fin_wait_2_becomes_a_record() {
    let mut lab = Lab::state(State::FinWait2);
    assert!(lab.connection.time_wait(lab.now).is_none());
    let now = lab.now;
    lab.connection.close(now);
    let mut record = lab.connection.time_wait(now).expect("a record");
    assert_eq!(record.state(), State::FinWait2);
    assert_eq!(record.deadline() - now, Duration::from_secs(60));
    assert!(matches!(
        record.clone().receive(&segment(5001, 1002, ACK, b"x"), now),
        TimeWaitAction::Reset(_)
    ));
    assert!(matches!(
        record.receive(&segment(5001, 1002, ACK | FIN, b""), now),
        TimeWaitAction::Acknowledge(_)
    ));
    assert_eq!(record.state(), State::TimeWait);
    lab.waits(Duration::from_secs(61));
    lab.is_in(State::Closed);
    // TCP_LINGER2 below zero.
    let mut lab = Lab::state(State::FinWait2);
    lab.connection.options_mut().linger2 = Linger2::None;
    let now = lab.now;
    lab.connection.close(now);
    lab.flush();
    assert_eq!(lab.sent().2, RST | ACK);
}

#[test]
fn close_with_unread_data_resets() {
    let mut lab = Lab::established();
    lab.gets(segment(5001, 1001, ACK, b"unread"));
    lab.out.clear();
    let now = lab.now;
    lab.connection.close(now);
    lab.flush();
    assert_eq!(lab.sent(), (1001, 5007, RST | ACK));
    assert!(lab.connection.is_finished());
    // And data that comes after a close.
    let mut lab = Lab::established();
    lab.connection.close(now);
    lab.flush();
    assert_eq!(lab.sent(), (1001, 5001, ACK | FIN));
    let reset = lab
        .gets(segment(5001, 1001, ACK, b"late"))
        .reset
        .expect("a reset")
        .segment;
    assert_eq!((reset.sequence.get(), reset.flags), (1001, RST));
    lab.is_in(State::Closed);
}

#[test]
fn data_received_before_a_reset_can_be_read_after_it() {
    let mut lab = Lab::established();
    lab.gets(segment(5001, 1001, ACK, b"last words"));
    lab.gets(segment(5011, 0, RST, b""));
    let mut buffer = [0; 20];
    let now = lab.now;
    assert_eq!(lab.connection.read(&mut buffer, now), 10);
    assert_eq!(lab.connection.status().error, Some(Error::Reset));
}

#[test]
fn abort_resets_where_there_is_somebody_to_tell() {
    for state in SYNCHRONIZED
        .into_iter()
        .chain([State::SynSent, State::SynReceived])
    {
        let mut lab = Lab::state(state);
        lab.out.clear();
        let now = lab.now;
        lab.connection.abort(now);
        lab.flush();
        lab.is_in(State::Closed);
        let tells = !matches!(
            state,
            State::SynSent | State::Closing | State::LastAck | State::TimeWait
        );
        assert_eq!(lab.out.len(), usize::from(tells), "{state}");
        assert!(lab.out.iter().all(|segment| segment.has(RST | ACK)));
        assert!(lab.connection.is_finished());
    }
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
        options: stamp(1002, 0),
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
