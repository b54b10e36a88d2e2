//! What queues take, and what a full one answers.
use super::*;
use crate::Queued;

#[test]
fn a_message_is_charged_as_linux_charges_it() {
    let streams = [
        (1, 768),
        (192, 768),
        (193, 1280),
        (704, 1280),
        (705, 2304),
        (1728, 2304),
        (1729, 4352),
        (3776, 4352),
        (3777, 4864),
        (7872, 8448),
        (7873, 8960),
        (16065, 17152),
        (32449, 33536),
        (36864, 38400),
        (36865, 38400),
        (40000, 41472),
        (65536, 67072),
        (100_000, 103_168),
        (200_000, 204_288),
        (212_960, 216_576),
    ];
    let datagrams = [
        (0, 768),
        (192, 768),
        (193, 1280),
        (3776, 4352),
        (3777, 8448),
        (7873, 16640),
        (16064, 16640),
        (16065, 20736),
        (32449, 37120),
        (36865, 41216),
        (65536, 69888),
        (106_432, 135_424),
        (200_000, 200_960),
        (212_960, 332_032),
    ];
    let cases = streams.map(|case| (SocketType::Stream, case)).into_iter();
    for (kind, (length, charge)) in cases.chain(datagrams.map(|case| (SocketType::Datagram, case)))
    {
        let mut host = host();
        let (a, b) = host.pair(kind);
        assert_eq!(host.put(a, &vec![7; length]), Ok(length));
        assert_eq!(
            host.queued(a, Queued::Unsent),
            Ok(charge),
            "{kind:?} {length}"
        );
        assert_eq!(host.queued(b, Queued::Unread), Ok(length));
        assert_eq!(host.take(b, length).unwrap(), vec![7; length]);
        assert_eq!(host.queued(a, Queued::Unsent), Ok(0));
    }
}

#[test]
fn a_full_stream_takes_what_fits_and_says_when_there_is_room() {
    let mut host = host();
    let (a, b) = host.pair(SocketType::Stream);
    assert_eq!(host.put(a, &vec![0; 10_000_000]), Ok(219_264));
    assert_eq!(host.queued(a, Queued::Unsent), Ok(222_720));
    assert_eq!(host.put(a, b"x"), Err(Errno::EAGAIN));
    host.is(a, 0);
    while host.next_event().is_some() {}
    assert_eq!(host.take(b, 200_000).unwrap().len(), 200_000);
    host.is(a, 0x4);
    assert!(
        core::iter::from_fn(|| host.next_event())
            .any(|(id, ready)| id == a && ready.contains(Readiness::OUT))
    );
}

#[test]
fn a_pair_of_datagram_sockets_is_bounded_by_the_send_buffer() {
    for (length, count) in [(1, 278), (10_000, 13)] {
        let mut host = host();
        let (a, _) = host.pair(SocketType::Datagram);
        let sent = (0..1000)
            .take_while(|_| host.put(a, &vec![0; length]).is_ok())
            .count();
        assert_eq!(sent, count);
        assert_eq!(host.put(a, b"x"), Err(Errno::EAGAIN));
    }
}

#[test]
fn a_datagram_queue_takes_one_more_than_its_limit() {
    let mut host = host();
    let receiver = host.bound(SocketType::Datagram, "@dg");
    let sender = host.open(SocketType::Datagram);
    let sent = (0..100)
        .take_while(|_| host.put_to(sender, b"x", "@dg").is_ok())
        .count();
    assert_eq!(sent, 11);
    host.is(sender, 0x4);
    host.connect(sender, &name("@dg"), NOW).unwrap();
    host.is(sender, 0);
    assert_eq!(host.put(sender, b"y"), Err(Errno::EAGAIN));
    while host.next_event().is_some() {}
    host.take(receiver, 1).unwrap();
    host.is(sender, 0x4);
    assert!(core::iter::from_fn(|| host.next_event()).any(|(id, _)| id == sender));
    assert_eq!(
        host.put_to(sender, &vec![0; 300_000], "@dg"),
        Err(Errno::EMSGSIZE)
    );
    assert_eq!(
        host.put_with(sender, b"", MessageFlags::OOB, vec![]),
        Err(Errno::EOPNOTSUPP)
    );
    host.close(receiver, NOW).unwrap();
    host.is(sender, 0x4);
    assert_eq!(host.peer_address(sender), Ok(name("@dg")));
    assert_eq!(host.put(sender, b"x"), Err(Errno::ECONNREFUSED));
    assert_eq!(host.put(sender, b"x"), Err(Errno::ENOTCONN));
    assert_eq!(host.peer_address(sender), Err(Errno::ENOTCONN));
}

#[test]
fn a_socket_connected_to_itself_has_only_its_send_buffer() {
    let mut host = host();
    let id = host.bound(SocketType::Datagram, "@self");
    assert_eq!(
        (0..1000)
            .take_while(|_| host.put_to(id, b"x", "@self").is_ok())
            .count(),
        278
    );
    host.is(id, 0x1);
    host.shutdown(id, Shutdown::Write, NOW).unwrap();
    assert_eq!(host.put_to(id, b"x", "@self"), Err(Errno::EPIPE));
    host.close(id, NOW).unwrap();
    assert!(host.sockets.is_empty());
}

#[test]
fn a_connected_datagram_socket_takes_from_its_peer_only() {
    let mut host = host();
    let receiver = host.bound(SocketType::Datagram, "@dh");
    let other = host.bound(SocketType::Datagram, "@oo");
    host.connect(receiver, &name("@oo"), NOW).unwrap();
    let stranger = host.open(SocketType::Datagram);
    assert_eq!(host.connect(stranger, &name("@dh"), NOW), Err(Errno::EPERM));
    assert_eq!(host.put_to(stranger, b"x", "@dh"), Err(Errno::EPERM));
    host.shutdown(receiver, Shutdown::Read, NOW).unwrap();
    host.is(receiver, 0x2005);
    assert_eq!(host.take(receiver, 1), Err(Errno::EAGAIN));
    assert_eq!(host.put_to(other, b"x", "@dh"), Err(Errno::EPIPE));
}

#[test]
fn reconnecting_throws_away_what_the_old_peer_sent() {
    let mut host = host();
    let (a, b) = host.pair(SocketType::Datagram);
    host.put(b, b"q").unwrap();
    host.put(a, b"r").unwrap();
    host.bound(SocketType::Datagram, "@cc");
    host.connect(a, &name("@cc"), NOW).unwrap();
    host.is(a, 0x4);
    host.is(b, 0xd);
    assert_eq!(host.take(b, 1), Err(Errno::ECONNRESET));
    assert_eq!(host.take(b, 1).unwrap(), b"r");
    assert_eq!(host.put(b, b"k"), Err(Errno::EPERM));
    assert_eq!(host.take(a, 1), Err(Errno::EAGAIN));
}

#[test]
fn packets_keep_their_boundaries_and_their_ends() {
    let mut host = host();
    let (a, b) = host.pair(SocketType::SeqPacket);
    host.put(a, b"hello").unwrap();
    host.put_with(a, b"world", MessageFlags::EOR, vec![])
        .unwrap();
    let (data, received) = host.get_from(b, 3, MessageFlags::empty(), 0).unwrap();
    assert_eq!(
        (data.as_slice(), received.flags),
        (&b"hel"[..], MessageFlags::TRUNC)
    );
    let (data, received) = host.get_from(b, 100, MessageFlags::empty(), 0).unwrap();
    // Linux does not report MSG_EOR on AF_UNIX.
    assert_eq!(
        (data.as_slice(), received.flags),
        (&b"world"[..], MessageFlags::empty())
    );
    assert_eq!(host.put(a, b""), Ok(0));
    host.is(b, 0x5);
    assert_eq!(host.take(b, 10).unwrap(), b"");
    host.is(b, 0x4);
    host.put(a, b"abc").unwrap();
    host.close(b, NOW).unwrap();
    host.is(a, 0x201d);
    assert_eq!(host.put(a, b"x"), Err(Errno::ECONNRESET));
    assert_eq!(host.put(a, b"x"), Err(Errno::EPIPE));
    assert_eq!(host.take(a, 1).unwrap(), b"");
    host.is(a, 0x2015);
}

#[test]
fn a_cut_datagram_tells_its_length_when_asked() {
    let mut host = host();
    let (a, b) = host.pair(SocketType::Datagram);
    host.put(a, b"hello").unwrap();
    let mut buffer = [0; 2];
    for flags in [
        MessageFlags::PEEK | MessageFlags::TRUNC,
        MessageFlags::TRUNC,
    ] {
        let incoming = Incoming {
            buffers: &mut [&mut buffer],
            flags,
            ancillary_room: 0,
        };
        let received = host.receive_message(b, incoming, NOW).unwrap();
        assert_eq!((received.length, received.flags), (5, MessageFlags::TRUNC));
    }
    assert_eq!(host.take(b, 1), Err(Errno::EAGAIN));
}
