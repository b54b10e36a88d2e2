//! A flood of SYNs whose senders never answer, and the clients in the middle of it. The numbers are those of Linux in the
//! same place.

use core::time::Duration;

use sockeye_wire::TcpOptions;

use super::peer::{ACK, Peer, RST, SYN, exposed, exposed_listener, modern};
use super::*;

const FLOOD: u32 = 20;

/// SYN-ACKs that a flood gets.
fn flood(host: &mut Host) -> usize {
    let count = |number| {
        let peer = Peer::number(1000 + number);
        peer.asks(host, TcpOptions::NONE, NOW);
        let heard = peer.hears(host);
        assert!(heard.iter().all(|answer| answer.flags == SYN | ACK));
        heard.len()
    };
    (0..FLOOD).map(count).sum()
}

#[test]
fn a_client_gets_through_a_flood_with_all_its_options() {
    let mut host = exposed(|_| {});
    let server = exposed_listener(&mut host, 4);
    assert_eq!(flood(&mut host), 20);
    assert_eq!(host.sockets.len(), 1 + 5);
    assert_eq!(host.counters().tcp_ext_syncookies_sent, 15);
    assert_eq!(host.counters().tcp_ext_tcp_req_qfull_do_cookies, 15);
    assert_eq!(host.counters().tcp_ext_listen_drops, 0);

    let client = Peer::number(1);
    client.asks(&mut host, modern(), NOW);
    let answer = client.hears(&mut host).remove(0);
    assert_eq!(host.sockets.len(), 6);
    let later = NOW + Duration::from_secs(50);
    client.confirms(&mut host, &answer, b"hello", later);
    assert_eq!(host.counters().tcp_ext_syncookies_recv, 1);
    let accepted = host.accept(server, later).unwrap();
    assert_eq!(
        accepted.peer,
        SocketAddress::new(client.address.into(), client.port)
    );
    assert_eq!(receive(&mut host, accepted.socket, 9).unwrap(), b"hello");
    let info = crate::tcp::info(&host, accepted.socket, later).unwrap();
    assert_eq!(info.snd_mss, 1448);
    assert_eq!(info.window_scale.map(|scales| scales.0), Some(7));
    assert!(info.timestamps && info.sack);
    assert_eq!(send(&mut host, accepted.socket, b"welcome"), Ok(7));
    assert!(!client.hears(&mut host).is_empty());
}

#[test]
fn without_timestamps_a_flood_costs_the_options_but_the_segment_size() {
    let mut host = exposed(|_| {});
    let server = exposed_listener(&mut host, 0);
    assert_eq!(flood(&mut host), 20);
    let client = Peer::number(1);
    let poor = TcpOptions {
        timestamps: None,
        mss: Some(1408),
        ..modern()
    };
    client.asks(&mut host, poor, NOW);
    let answer = client.hears(&mut host).remove(0);
    assert_eq!(
        (answer.options.window_scale, answer.options.sack_permitted),
        (None, false)
    );
    client.confirms(&mut host, &answer, b"", NOW);
    let accepted = host.accept(server, NOW).unwrap();
    let info = crate::tcp::info(&host, accepted.socket, NOW).unwrap();
    assert_eq!(info.snd_mss, 1300);
    assert!(info.window_scale.is_none() && !info.timestamps && !info.sack);
}

#[test]
fn a_wrong_an_old_and_an_unexpected_cookie_are_reset() {
    let mut host = exposed(|_| {});
    exposed_listener(&mut host, 0);
    let client = Peer::number(1);
    let confirm = |host: &mut Host, answer: &sockeye_wire::TcpHeader, now| {
        client.confirms(host, answer, b"", now);
        let heard = client.hears(host);
        assert!(heard.iter().all(|answer| answer.flags == RST));
        heard.len()
    };
    // Nobody has been sent a cookie: it is not even looked at.
    let mut answer = sockeye_wire::TcpHeader::default();
    assert_eq!(confirm(&mut host, &answer, NOW), 1);
    assert_eq!(host.counters().tcp_ext_syncookies_failed, 0);
    flood(&mut host);
    client.asks(&mut host, TcpOptions::NONE, NOW);
    answer = client.hears(&mut host).remove(0);
    answer.sequence = answer.sequence.wrapping_add(5);
    assert_eq!(confirm(&mut host, &answer, NOW), 1);
    assert_eq!(host.counters().tcp_ext_syncookies_failed, 1);
    answer.sequence = answer.sequence.wrapping_sub(5);
    // The requests have been given up meanwhile, and this cookie is older than two minutes.
    let later = NOW + Duration::from_secs(119);
    Peer::number(7).asks(&mut host, TcpOptions::NONE, later);
    assert_eq!(
        confirm(&mut host, &answer, NOW + Duration::from_secs(121)),
        1
    );
    assert_eq!(host.counters().tcp_ext_syncookies_recv, 0);
}

#[test]
fn a_cookie_that_finds_the_accept_queue_full_is_dropped_and_may_come_again() {
    let mut host = exposed(|_| {});
    let server = exposed_listener(&mut host, 0);
    flood(&mut host);
    let clients = [Peer::number(1), Peer::number(2)];
    let answers = clients.map(|client| {
        client.asks(&mut host, modern(), NOW);
        client.hears(&mut host).remove(0)
    });
    clients[0].confirms(&mut host, &answers[0], b"", NOW);
    clients[1].confirms(&mut host, &answers[1], b"", NOW);
    assert_eq!(clients[1].hears(&mut host), []);
    assert_eq!(host.counters().tcp_ext_listen_overflows, 1);
    assert_eq!(host.counters().tcp_ext_listen_drops, 1);
    host.accept(server, NOW).unwrap();
    clients[1].confirms(&mut host, &answers[1], b"again", NOW);
    let second = host.accept(server, NOW).unwrap().socket;
    assert_eq!(receive(&mut host, second, 9).unwrap(), b"again");
}

#[test]
fn without_cookies_a_flood_locks_others_out_as_the_settings_say() {
    for (backlog, max_syn_backlog, answered, full) in
        [(4, 128, 5, 15), (0, 128, 1, 19), (100, 8, 7, 0)]
    {
        let mut host = exposed(|sysctl| {
            sysctl.tcp_syncookies = 0;
            sysctl.tcp_max_syn_backlog = max_syn_backlog;
        });
        exposed_listener(&mut host, backlog);
        assert_eq!(flood(&mut host), answered);
        assert_eq!(host.counters().tcp_ext_tcp_req_qfull_drop, full);
        let dropped = u64::from(FLOOD) - answered as u64;
        assert_eq!(host.counters().tcp_ext_listen_drops, dropped);
        assert_eq!(host.counters().tcp_ext_syncookies_sent, 0);
    }
}

#[test]
fn cookies_may_be_used_always() {
    let mut host = exposed(|sysctl| sysctl.tcp_syncookies = 2);
    let server = exposed_listener(&mut host, 4);
    let client = Peer::number(1);
    client.asks(&mut host, modern(), NOW);
    let answer = client.hears(&mut host).remove(0);
    assert_eq!(host.sockets.len(), 1);
    client.confirms(&mut host, &answer, b"", NOW);
    assert!(host.accept(server, NOW).is_ok());
}
