//! Rights and credentials on their way.
use super::*;
use crate::Right;
use crate::options::Switches;

fn rights(count: usize) -> Vec<Ancillary> {
    vec![Ancillary::Rights((0..count).map(Right::new).collect())]
}

fn send(host: &mut Host, id: SocketId, data: &[u8], count: usize) -> Result<usize, Errno> {
    host.put_with(id, data, MessageFlags::empty(), rights(count))
}

/// Data, number of rights, flags.
fn receive(
    host: &mut Host,
    id: SocketId,
    room: usize,
    control: usize,
    flags: MessageFlags,
) -> (Vec<u8>, usize, MessageFlags) {
    let (data, received) = host.get_from(id, room, flags, control).unwrap();
    let count = received.ancillary.iter().map(|item| match item {
        Ancillary::Rights(rights) => rights.len(),
        _ => 0,
    });
    (data, count.sum(), received.flags)
}

const NONE: MessageFlags = MessageFlags::empty();

#[test]
fn a_read_ends_after_the_write_that_carried_rights() {
    let mut host = host();
    let (a, b) = host.pair(SocketType::Stream);
    host.put(a, b"pre").unwrap();
    send(&mut host, a, b"mid", 2).unwrap();
    host.put(a, b"post").unwrap();
    assert_eq!(
        receive(&mut host, b, 100, 100, MessageFlags::PEEK),
        (b"premid".to_vec(), 2, NONE)
    );
    assert_eq!(
        receive(&mut host, b, 100, 100, NONE),
        (b"premid".to_vec(), 2, NONE)
    );
    assert_eq!(
        receive(&mut host, b, 100, 100, NONE),
        (b"post".to_vec(), 0, NONE)
    );
    send(&mut host, a, b"BB", 1).unwrap();
    send(&mut host, a, b"CC", 1).unwrap();
    assert_eq!(
        receive(&mut host, b, 1, 100, NONE),
        (b"B".to_vec(), 1, NONE)
    );
    assert_eq!(
        receive(&mut host, b, 10, 100, NONE),
        (b"BCC".to_vec(), 1, NONE)
    );
}

#[test]
fn rights_beyond_the_room_are_given_up() {
    let mut host = host();
    let (a, b) = host.pair(SocketType::Stream);
    for (room, count, flags) in [
        (0, 0, MessageFlags::CTRUNC),
        (20, 1, MessageFlags::CTRUNC),
        (24, 2, MessageFlags::CTRUNC),
        (28, 3, NONE),
    ] {
        send(&mut host, a, b"xyz", 3).unwrap();
        assert_eq!(
            receive(&mut host, b, 10, room, NONE),
            (b"xyz".to_vec(), count, flags)
        );
    }
    assert_eq!(send(&mut host, a, b"x", 254), Err(Errno::EINVAL));
    assert_eq!(send(&mut host, a, b"x", 253), Ok(1));
    assert_eq!(receive(&mut host, b, 10, 2000, NONE).1, 253);
    // A stream carries nothing without a byte.
    assert_eq!(send(&mut host, a, b"", 1), Ok(0));
    host.is(b, 0x4);
    assert!(host.stack.unix.in_flight.is_empty());
}

#[test]
fn a_user_has_only_so_many_rights_in_flight() {
    let mut host = host();
    let user = Credentials {
        pid: 5,
        uid: 1000,
        gid: 1000,
    };
    let (a, b) = host
        .socket_pair(Domain::Unix, SocketType::Datagram, 0, user)
        .unwrap();
    let sent = (0..100)
        .take_while(|_| send(&mut host, a, b"x", 200).is_ok())
        .count();
    assert_eq!(sent, 6);
    assert_eq!(send(&mut host, a, b"x", 1), Err(Errno::ETOOMANYREFS));
    assert_eq!(receive(&mut host, b, 1, 1000, NONE).1, 200);
    assert_eq!(send(&mut host, a, b"x", 1), Ok(1));
}

#[test]
fn credentials_come_to_who_asked() {
    let mut host = host();
    let user = Credentials {
        pid: 5,
        uid: 1000,
        gid: 1000,
    };
    let (a, b) = host
        .socket_pair(Domain::Unix, SocketType::Stream, 0, user)
        .unwrap();
    host.put(a, b"HO").unwrap();
    host.get_mut(b).unwrap().options.switches |= Switches::PASS_CREDENTIALS;
    host.put(a, b"yo").unwrap();
    let nobody = Credentials {
        pid: 0,
        uid: 65_534,
        gid: 65_534,
    };
    for (data, who) in [(b"HO", nobody), (b"yo", user)] {
        let (got, received) = host.get_from(b, 10, NONE, 100).unwrap();
        assert_eq!(
            (got.as_slice(), received.ancillary),
            (&data[..], vec![Ancillary::Credentials(who)])
        );
    }
    let forged = vec![Ancillary::Credentials(Credentials {
        pid: 1,
        uid: 0,
        gid: 0,
    })];
    assert_eq!(host.put_with(a, b"x", NONE, forged), Err(Errno::EPERM));
}

#[test]
fn what_is_sent_before_the_accept_bears_credentials() {
    let mut host = host();
    let listener = host.listener("@pc", 1);
    host.get_mut(listener).unwrap().options.switches |= Switches::PASS_CREDENTIALS;
    let client = host.open(SocketType::Stream);
    host.connect(client, &name("@pc"), NOW).unwrap();
    host.put(client, b"hi").unwrap();
    let server = host.accept(listener, NOW).unwrap().socket;
    let (_, received) = host.get_from(server, 10, NONE, 100).unwrap();
    assert_eq!(
        received.ancillary,
        [Ancillary::Credentials(Credentials::ROOT)]
    );
}

#[test]
fn sockets_that_hold_only_each_other_are_found() {
    let mut host = host();
    let (a, b) = host.pair(SocketType::Stream);
    let (c, d) = host.pair(SocketType::Datagram);
    let [of_b, of_d] = [b, d].map(Right::new);
    // b's queue holds d, d's queue holds b; another handle to b is held by us.
    host.put_with(a, b"x", NONE, vec![Ancillary::Rights(vec![of_d])])
        .unwrap();
    host.put_with(c, b"x", NONE, vec![Ancillary::Rights(vec![of_b.clone()])])
        .unwrap();
    assert_eq!(host.collect_rights(), 0);
    host.is(b, 0x5);
    drop(of_b);
    assert_eq!(host.collect_rights(), 2);
    host.is(b, 0x4);
    assert!(host.stack.unix.sockets_in_flight.is_empty());
    assert_eq!(host.collect_rights(), 0);
}

#[test]
fn a_socket_in_the_queue_of_a_connection_to_accept_is_held_by_the_listener() {
    let mut host = host();
    let listener = host.listener("@gc", 1);
    let client = host.open(SocketType::Stream);
    host.connect(client, &name("@gc"), NOW).unwrap();
    host.put_with(
        client,
        b"x",
        NONE,
        vec![Ancillary::Rights(vec![Right::new(client)])],
    )
    .unwrap();
    assert_eq!(host.collect_rights(), 0);
    // Now the listener itself is in that queue and nowhere else.
    host.put_with(
        client,
        b"x",
        NONE,
        vec![Ancillary::Rights(vec![Right::new(listener)])],
    )
    .unwrap();
    assert_eq!(host.collect_rights(), 2);
}
