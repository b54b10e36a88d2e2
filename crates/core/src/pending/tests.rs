//! Waiting calls on AF_UNIX sockets, which need no network.
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::{Config, Credentials, Domain, Right, Shutdown, UnixAddress};

const NOW: Instant = Instant::ZERO;

fn host() -> Host {
    Host::new(Config::default())
}

fn pair(host: &mut Host, kind: SocketType) -> (SocketId, SocketId) {
    host.socket_pair(Domain::Unix, kind, 0, Credentials::ROOT)
        .unwrap()
}

fn put(host: &mut Host, id: SocketId, data: &[u8]) {
    host.send_message(
        id,
        Outgoing {
            data: &[data],
            ..Outgoing::default()
        },
        NOW,
    )
    .unwrap();
}

fn receive(
    host: &mut Host,
    call: &mut Pending,
    room: &mut [u8],
    flags: MessageFlags,
    now: Instant,
) -> Step<usize> {
    let (a, b) = room.split_at_mut(room.len() / 3);
    let step = call.receive(
        host,
        Incoming {
            buffers: &mut [a, b],
            flags,
            ancillary_room: 100,
        },
        now,
    );
    match step {
        Step::Done(result) => Step::Done(result.map(|received| received.length)),
        Step::Blocked => Step::Blocked,
    }
}

fn set_timeout(host: &mut Host, id: SocketId, name: i32, millis: i64) {
    let value = [
        (millis / 1000).to_ne_bytes(),
        (millis % 1000 * 1000).to_ne_bytes(),
    ]
    .concat();
    host.set_option(id, 1, name, &value, NOW).unwrap();
}

#[test]
fn waitall_gathers_until_all_is_there() {
    let mut host = host();
    let (a, b) = pair(&mut host, SocketType::Stream);
    let mut call = Pending::receiving(&host, b, false, NOW);
    let mut room = [0; 7];
    for part in [&b"abc"[..], b"de"] {
        assert_eq!(
            receive(&mut host, &mut call, &mut room, MessageFlags::WAITALL, NOW),
            Step::Blocked
        );
        put(&mut host, a, part);
    }
    assert_eq!(
        receive(&mut host, &mut call, &mut room, MessageFlags::WAITALL, NOW),
        Step::Blocked
    );
    assert_eq!(call.progress(), 5);
    put(&mut host, a, b"fgh");
    assert_eq!(
        receive(&mut host, &mut call, &mut room, MessageFlags::WAITALL, NOW),
        Step::Done(Ok(7))
    );
    assert_eq!(&room, b"abcdefg");
    host.shutdown(a, Shutdown::Write, NOW).unwrap();
    let mut call = Pending::receiving(&host, b, false, NOW);
    assert_eq!(
        receive(&mut host, &mut call, &mut room, MessageFlags::WAITALL, NOW),
        Step::Done(Ok(1))
    );
}

#[test]
fn the_low_water_mark_is_waited_for() {
    let mut host = host();
    let (a, b) = pair(&mut host, SocketType::Stream);
    host.set_option(b, 1, 18, &4i32.to_ne_bytes(), NOW).unwrap();
    let mut call = Pending::receiving(&host, b, false, NOW);
    let mut room = [0; 100];
    put(&mut host, a, b"abc");
    assert_eq!(
        receive(&mut host, &mut call, &mut room, MessageFlags::empty(), NOW),
        Step::Blocked
    );
    put(&mut host, a, b"de");
    assert_eq!(
        receive(&mut host, &mut call, &mut room, MessageFlags::empty(), NOW),
        Step::Done(Ok(5))
    );
    // Who does not wait takes what there is.
    put(&mut host, a, b"x");
    let mut call = Pending::receiving(&host, b, true, NOW);
    assert_eq!(
        receive(&mut host, &mut call, &mut room, MessageFlags::empty(), NOW),
        Step::Done(Ok(1))
    );
}

#[test]
fn rights_end_a_read_that_waits_for_more() {
    let mut host = host();
    let (a, b) = pair(&mut host, SocketType::Stream);
    let ancillary = vec![Ancillary::Rights(vec![Right::new(1)])];
    host.send_message(
        a,
        Outgoing {
            data: &[b"DDDD"],
            ancillary,
            ..Outgoing::default()
        },
        NOW,
    )
    .unwrap();
    put(&mut host, a, b"z");
    let mut call = Pending::receiving(&host, b, false, NOW);
    assert_eq!(
        receive(
            &mut host,
            &mut call,
            &mut [0; 5],
            MessageFlags::WAITALL,
            NOW
        ),
        Step::Done(Ok(4))
    );
}

#[test]
fn timeouts_end_waits_with_what_there_is() {
    let mut host = host();
    let (a, b) = pair(&mut host, SocketType::Stream);
    set_timeout(&mut host, b, 20, 1500);
    let late = NOW + Duration::from_millis(1500);
    for (data, answer) in [(&b""[..], Err(Errno::EAGAIN)), (b"ab", Ok(2))] {
        let mut call = Pending::receiving(&host, b, false, NOW);
        assert_eq!(call.deadline(), Some(late));
        put(&mut host, a, data);
        assert_eq!(
            receive(
                &mut host,
                &mut call,
                &mut [0; 9],
                MessageFlags::WAITALL,
                NOW
            ),
            Step::Blocked
        );
        assert_eq!(
            receive(
                &mut host,
                &mut call,
                &mut [0; 9],
                MessageFlags::WAITALL,
                late
            ),
            Step::Done(answer)
        );
    }
    let call = Pending::receiving(&host, a, false, NOW);
    assert_eq!(
        (call.deadline(), call.interrupt()),
        (None, Err(Errno::EINTR))
    );
    let mut call = Pending::receiving(&host, a, false, NOW);
    assert_eq!(
        receive(
            &mut host,
            &mut call,
            &mut [0; 9],
            MessageFlags::DONTWAIT,
            NOW
        ),
        Step::Done(Err(Errno::EAGAIN))
    );
}

#[test]
fn a_send_goes_on_until_all_is_taken() {
    let mut host = host();
    let (a, b) = pair(&mut host, SocketType::Stream);
    let data: Vec<u8> = (0..1_000_000u32)
        .map(|index| index.to_le_bytes()[0])
        .collect();
    let (first, second) = data.split_at(300_001);
    let mut call = Pending::sending(&host, a, false, NOW);
    let mut received = Vec::new();
    let mut resumptions = 0;
    loop {
        match call.send(
            &mut host,
            Outgoing {
                data: &[first, second],
                ..Outgoing::default()
            },
            NOW,
        ) {
            Step::Done(result) => {
                assert_eq!(result, Ok(1_000_000));
                break;
            }
            Step::Blocked => resumptions += 1,
        }
        while let Ok(payload) = host.receive_payload(b, 65_536, NOW) {
            received.extend_from_slice(&payload.to_bytes());
        }
        assert!(core::iter::from_fn(|| host.next_event()).any(|(id, _)| id == a));
    }
    while let Ok(payload) = host.receive_payload(b, 65_536, NOW) {
        received.extend_from_slice(&payload.to_bytes());
    }
    assert!(received == data);
    assert!(resumptions >= 4);
}

#[test]
fn an_interrupted_send_tells_how_much_it_sent() {
    let mut host = host();
    let (a, b) = pair(&mut host, SocketType::Stream);
    let data = vec![0; 1_000_000];
    let mut call = Pending::sending(&host, a, false, NOW);
    assert_eq!(
        call.send(
            &mut host,
            Outgoing {
                data: &[&data],
                ..Outgoing::default()
            },
            NOW
        ),
        Step::Blocked
    );
    assert_eq!(call.clone().interrupt(), Ok(call.progress()));
    host.close(b, NOW).unwrap();
    let part = call.progress();
    assert_eq!(
        call.send(
            &mut host,
            Outgoing {
                data: &[&data],
                ..Outgoing::default()
            },
            NOW
        ),
        Step::Done(Ok(part))
    );
}

#[test]
fn accepting_and_connecting_wait_for_each_other() {
    let mut host = host();
    let name = SocketAddress::Unix(UnixAddress::Abstract(b"w".as_slice().into()));
    let [listener, first, second] = [0; 3].map(|_| {
        host.socket(Domain::Unix, SocketType::Stream, 0, Credentials::ROOT)
            .unwrap()
    });
    host.bind(listener, &name, NOW).unwrap();
    host.listen(listener, 0, NOW).unwrap();
    let mut accept = Pending::receiving(&host, listener, false, NOW);
    assert_eq!(accept.accept(&mut host, NOW), Step::Blocked);
    assert_eq!(
        Pending::sending(&host, first, false, NOW).connect(&mut host, &name, NOW),
        Step::Done(Ok(()))
    );
    let mut connect = Pending::sending(&host, second, false, NOW);
    assert_eq!(connect.connect(&mut host, &name, NOW), Step::Blocked);
    let mut impatient = Pending::sending(&host, second, true, NOW);
    assert_eq!(
        impatient.connect(&mut host, &name, NOW),
        Step::Done(Err(Errno::EAGAIN))
    );
    assert!(matches!(accept.accept(&mut host, NOW), Step::Done(Ok(_))));
    assert!(core::iter::from_fn(|| host.next_event()).any(|(id, _)| id == second));
    assert_eq!(connect.connect(&mut host, &name, NOW), Step::Done(Ok(())));
    host.accept(listener, NOW).unwrap();
    host.shutdown(listener, Shutdown::Read, NOW).unwrap();
    assert_eq!(
        accept.accept(&mut host, NOW),
        Step::Done(Err(Errno::EINVAL))
    );
}

#[test]
fn a_datagram_socket_that_is_shut_ends_a_wait_with_nothing() {
    let mut host = host();
    let (a, b) = pair(&mut host, SocketType::Datagram);
    let mut call = Pending::receiving(&host, b, false, NOW);
    assert_eq!(
        receive(
            &mut host,
            &mut call,
            &mut [0; 9],
            MessageFlags::empty(),
            NOW
        ),
        Step::Blocked
    );
    put(&mut host, a, b"whole");
    assert_eq!(
        receive(
            &mut host,
            &mut call,
            &mut [0; 9],
            MessageFlags::WAITALL,
            NOW
        ),
        Step::Done(Ok(5))
    );
    host.shutdown(b, Shutdown::Read, NOW).unwrap();
    let mut call = Pending::receiving(&host, b, false, NOW);
    assert_eq!(
        receive(
            &mut host,
            &mut call,
            &mut [0; 9],
            MessageFlags::empty(),
            NOW
        ),
        Step::Done(Ok(0))
    );
    let mut call = Pending::receiving(&host, b, true, NOW);
    assert_eq!(
        receive(
            &mut host,
            &mut call,
            &mut [0; 9],
            MessageFlags::empty(),
            NOW
        ),
        Step::Done(Err(Errno::EAGAIN))
    );
}

#[test]
fn shared_slices_are_sent_whole_and_gathered_up_to_the_low_water_mark() {
    let mut host = host();
    let (a, b) = pair(&mut host, SocketType::Stream);
    host.set_option(b, 1, 18, &4i32.to_ne_bytes(), NOW).unwrap();
    let mut reading = Pending::receiving(&host, b, false, NOW);
    let mut gathered = crate::Payload::default();
    let mut resume = |host: &mut Host| reading.receive_payload(host, &mut gathered, 100, NOW);
    assert_eq!(resume(&mut host), Step::Blocked);
    put(&mut host, a, b"abc");
    assert_eq!(resume(&mut host), Step::Blocked);
    let mut writing = Pending::sending(&host, a, false, NOW);
    let data = bytes::Bytes::from_static(b"de");
    assert_eq!(writing.send_bytes(&mut host, &data, NOW), Step::Done(Ok(2)));
    assert_eq!(resume(&mut host), Step::Done(Ok(5)));
    assert_eq!(gathered.to_vec(), b"abcde");
    // What does not fit is sent when there is room.
    let data = bytes::Bytes::from(vec![9; 2 << 20]);
    let mut writing = Pending::sending(&host, a, false, NOW);
    let mut received = 0;
    while writing.send_bytes(&mut host, &data, NOW) == Step::Blocked {
        let mut payload = crate::Payload::default();
        let mut reading = Pending::receiving(&host, b, true, NOW);
        let step = reading.receive_payload(&mut host, &mut payload, usize::MAX, NOW);
        assert_eq!(step, Step::Done(Ok(payload.len())));
        received += payload.len();
    }
    assert!(received > 0 && writing.progress() == data.len());
}

#[test]
fn a_deadline_of_the_callers_own_takes_the_place_of_the_timeout() {
    let mut host = host();
    let (_a, b) = pair(&mut host, SocketType::Stream);
    set_timeout(&mut host, b, 20, 5000);
    let soon = NOW + Duration::from_millis(10);
    let mut call = Pending::receiving(&host, b, false, NOW).until(soon);
    assert_eq!(call.deadline(), Some(soon));
    let flags = MessageFlags::empty();
    assert_eq!(
        receive(&mut host, &mut call, &mut [0; 9], flags, NOW),
        Step::Blocked
    );
    assert_eq!(
        receive(&mut host, &mut call, &mut [0; 9], flags, soon),
        Step::Done(Err(Errno::EAGAIN))
    );
}
