//! What goes through a connection within one host.

use super::*;

#[test]
fn bytes_go_both_ways_within_the_call() {
    both(|domain| {
        let mut host = host();
        let (client, server) = pair(&mut host, domain);
        assert_eq!(receive(&mut host, server, 10), Err(Errno::EAGAIN));
        assert_eq!(send(&mut host, client, b"hello"), Ok(5));
        assert_eq!(host.readiness(server), Readiness::IN | Readiness::OUT);
        assert_eq!(receive(&mut host, server, 2).unwrap(), b"he");
        assert_eq!(
            receive_with(&mut host, server, 9, MessageFlags::PEEK).unwrap(),
            b"llo"
        );
        assert_eq!(receive(&mut host, server, 9).unwrap(), b"llo");
        assert_eq!(send(&mut host, server, b"bye"), Ok(3));
        assert_eq!(receive(&mut host, client, 9).unwrap(), b"bye");
    });
}

#[test]
fn the_end_of_the_stream_comes_after_the_data() {
    both(|domain| {
        let mut host = host();
        let (client, server) = pair(&mut host, domain);
        send(&mut host, client, b"last").unwrap();
        host.shutdown(client, Shutdown::Write, NOW).unwrap();
        assert_eq!(send(&mut host, client, b"x"), Err(Errno::EPIPE));
        assert_eq!(
            host.readiness(server),
            Readiness::IN | Readiness::OUT | Readiness::RDHUP
        );
        assert_eq!(receive(&mut host, server, 9).unwrap(), b"last");
        assert_eq!(receive(&mut host, server, 9).unwrap(), b"");
        send(&mut host, server, b"still").unwrap();
        assert_eq!(receive(&mut host, client, 9).unwrap(), b"still");
        host.close(server, NOW).unwrap();
        assert_eq!(receive(&mut host, client, 9).unwrap(), b"");
        let all = Readiness::IN | Readiness::OUT | Readiness::HUP | Readiness::RDHUP;
        assert_eq!(host.readiness(client), all);
        host.close(client, NOW).unwrap();
    });
}

#[test]
fn a_large_transfer_arrives_whole_and_in_order() {
    both(|domain| {
        let mut host = host();
        let (client, server) = pair(&mut host, domain);
        let data: Vec<u8> = (0..3_000_000u32)
            .map(|n| n.to_le_bytes()[n as usize % 3])
            .collect();
        let (mut sent, mut got) = (0, Vec::new());
        let mut now = NOW;
        while got.len() < data.len() {
            let before = (sent, got.len());
            while sent < data.len() {
                match send(
                    &mut host,
                    client,
                    &data[sent..(sent + 65_536).min(data.len())],
                ) {
                    Ok(count) => sent += count,
                    Err(errno) => {
                        assert_eq!(errno, Errno::EAGAIN);
                        break;
                    }
                }
            }
            while let Ok(piece) = receive(&mut host, server, 100_000) {
                got.extend(piece);
            }
            if before == (sent, got.len()) {
                now = host.next_deadline().expect("stalled").max(now);
                host.advance(now);
            }
        }
        assert!(got == data);
        assert_eq!(host.counters().tcp_retrans_segs, 0);
    });
}

/// What the two ends of a bulk transfer count of it: nearly every header is foreseen.
#[test]
fn headers_of_a_bulk_transfer_are_foreseen() {
    both(|domain| {
        let mut host = host();
        let (client, server) = pair(&mut host, domain);
        let nodelay = host.set_option(client, 6, 1, &1i32.to_ne_bytes(), NOW);
        assert_eq!(nodelay, Ok(()));
        for _ in 0..100 {
            assert_eq!(send(&mut host, client, &[7; 1000]), Ok(1000));
            assert_eq!(
                receive(&mut host, server, 2000).map(|data| data.len()),
                Ok(1000)
            );
        }
        let counters = host.counters();
        assert!(
            counters.tcp_ext_tcp_hp_hits >= 90,
            "{}",
            counters.tcp_ext_tcp_hp_hits
        );
        assert!(
            counters.tcp_ext_tcp_hp_acks >= 40,
            "{}",
            counters.tcp_ext_tcp_hp_acks
        );
    });
}
