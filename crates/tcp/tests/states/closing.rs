//! From ESTABLISHED to the end.

use super::*;

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
