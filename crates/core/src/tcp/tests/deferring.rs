//! `TCP_DEFER_ACCEPT`. The times are those at which Linux does the same.

use core::time::Duration;

use super::peer::{ACK, Peer, SYN, exposed, exposed_listener, modern};
use super::*;

const IPPROTO_TCP: i32 = 6;
const TCP_DEFER_ACCEPT: i32 = 9;

/// A host with a listener that waits so many seconds for data, a client, and the SYN-ACK that it has confirmed.
fn confirmed(seconds: i32) -> (Host, SocketId, Peer, sockeye_wire::TcpHeader) {
    let mut host = exposed(|_| {});
    let server = exposed_listener(&mut host, 5);
    let value = seconds.to_ne_bytes();
    host.set_option(server, IPPROTO_TCP, TCP_DEFER_ACCEPT, &value, NOW)
        .unwrap();
    let client = Peer::number(1);
    client.asks(&mut host, modern(), NOW);
    let answer = client.hears(&mut host).remove(0);
    client.confirms(&mut host, &answer, b"", NOW);
    (host, server, client, answer)
}

#[test]
fn a_bare_acknowledgment_wakes_nobody_and_data_does() {
    let (mut host, server, client, answer) = confirmed(5);
    assert_eq!(host.readiness(server), Readiness::empty());
    assert_eq!(host.accept(server, NOW), Err(Errno::EAGAIN));
    assert_eq!(host.counters().tcp_ext_tcp_defer_accept_drop, 1);
    assert_eq!(client.hears(&mut host), []);
    client.confirms(&mut host, &answer, b"now", NOW);
    assert_eq!(host.readiness(server), Readiness::IN);
    let accepted = host.accept(server, NOW).unwrap().socket;
    assert_eq!(receive(&mut host, accepted, 9).unwrap(), b"now");
}

#[test]
fn when_the_time_is_over_the_client_is_asked_again_and_let_in() {
    for seconds in [1, 3, 7] {
        let (mut host, server, client, _) = confirmed(seconds);
        let due = NOW + Duration::from_secs(seconds.cast_unsigned().into());
        let mut now = NOW;
        let again = loop {
            now = host.next_deadline().unwrap().max(now);
            host.advance(now);
            if let Some(again) = client.hears(&mut host).pop() {
                break again;
            }
        };
        assert_eq!(again.flags, SYN | ACK);
        assert!(
            now >= due && now - due < Duration::from_millis(1),
            "{now:?}"
        );
        client.confirms(&mut host, &again, b"", now);
        assert!(host.accept(server, now).is_ok());
        assert_eq!(host.counters().tcp_ext_tcp_defer_accept_drop, 1);
    }
}
