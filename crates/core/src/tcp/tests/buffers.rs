//! How much a connection holds, and when there is room again.

use bytes::Bytes;
use sockeye_wire::{TcpFlags, TcpHeader, TcpOptions};

use super::peer::{ACK, Peer, RST, exposed, exposed_listener};
use super::*;
use crate::pending::{Pending, Step};

const SOL_SOCKET: i32 = 1;
const SO_SNDBUF: i32 = 7;
const SO_RCVBUF: i32 = 8;

#[test]
fn a_blocking_write_goes_on_when_a_third_of_the_buffer_is_free() {
    both(|domain| {
        let mut host = host();
        let (client, server) = pair(&mut host, domain);
        let size = 30_000i32.to_ne_bytes();
        host.set_option(client, SOL_SOCKET, SO_SNDBUF, &size, NOW)
            .unwrap();
        host.set_option(server, SOL_SOCKET, SO_RCVBUF, &size, NOW)
            .unwrap();
        let data = Bytes::from(vec![7; 400_000]);
        let mut writing = Pending::sending(&host, client, false, NOW);
        let mut resumed = 0;
        let mut before = 0;
        let mut now = NOW;
        while writing.send_bytes(&mut host, &data, now) == Step::Blocked {
            let written = writing.progress() - before;
            let is_first = before == 0;
            before = writing.progress();
            // 60,000 bytes in all: a third is 20,000.
            assert!(is_first || written == 0 || written >= 20_000, "{written}");
            resumed += usize::from(written > 0);
            if host.receive_payload(server, 1000, now) == Err(Errno::EAGAIN) {
                now = host.next_deadline().expect("something is on its way");
                host.advance(now);
            }
        }
        assert_eq!(writing.progress(), data.len());
        assert!(resumed > 3);
    });
}

const PEERS: u32 = 60;

/// Pages that all may hold, and those that each may hold in any case, with a segment's size on top.
const MOST: u64 = 128 + 60 * 3;

/// A host with little memory, and the connections of some peers.
fn crowded() -> (Host, Vec<(Peer, SocketId, TcpHeader)>) {
    let mut host = exposed(|sysctl| {
        sysctl.tcp_mem = crate::MemoryMarks {
            low: 64,
            pressure: 96,
            high: 128,
        };
    });
    let listener = exposed_listener(&mut host, 100);
    let mut peers = Vec::new();
    for number in 0..PEERS {
        let peer = Peer::number(number);
        let options = TcpOptions {
            sack_permitted: true,
            ..TcpOptions::NONE
        };
        peer.asks(&mut host, options, NOW);
        let answer = peer.hears(&mut host).remove(0);
        peer.confirms(&mut host, &answer, b"", NOW);
        let socket = host.accept(listener, NOW).unwrap().socket;
        peers.push((peer, socket, answer));
    }
    (host, peers)
}

fn sends(host: &mut Host, peer: &Peer, answer: &TcpHeader, at: u32, data: &[u8]) {
    let header = TcpHeader {
        sequence: peer.isn + 1 + at,
        acknowledgment: answer.sequence.wrapping_add(1),
        flags: ACK,
        ..TcpHeader::default()
    };
    peer.sends(host, header, data, NOW);
}

#[test]
fn what_nobody_reads_stays_within_the_budget() {
    let (mut host, peers) = crowded();
    for round in 0..60 {
        for (peer, _, answer) in &peers {
            sends(&mut host, peer, answer, round * 1000, &[1; 1000]);
            peer.hears(&mut host);
            let held = host.tcp_memory().pages;
            assert!(held <= MOST, "{held} pages");
        }
    }
    assert_eq!(host.counters().tcp_ext_tcp_memory_pressures, 1);
    assert!(host.counters().rcv_pruned > 0 && host.counters().prune_called > 0);
    // What is there can be read, and memory is free again for what the peers send next.
    for (_, socket, _) in &peers {
        assert!(receive(&mut host, *socket, 100_000).unwrap().len() >= 4000);
    }
    assert!(!host.tcp_memory().is_pressed);
    assert_eq!(host.tcp_memory().pages, 0);
    assert_eq!(host.counters().tcp_ext_tcp_memory_pressures_chrono, 0);
}

#[test]
fn the_time_under_pressure_is_counted() {
    let (mut host, peers) = crowded();
    for round in 0..60 {
        for (peer, _, answer) in &peers {
            sends(&mut host, peer, answer, round * 1000, &[1; 1000]);
            peer.hears(&mut host);
        }
    }
    assert!(host.tcp_memory().is_pressed);
    let later = NOW + core::time::Duration::from_millis(1500);
    host.advance(later);
    for (_, socket, _) in &peers {
        host.close(*socket, later).unwrap();
    }
    assert!(!host.tcp_memory().is_pressed);
    assert_eq!(host.counters().tcp_ext_tcp_memory_pressures_chrono, 1500);
}

#[test]
fn a_flood_of_tiny_pieces_out_of_order_stays_within_the_budget() {
    let (mut host, peers) = crowded();
    for piece in 0..400 {
        for (peer, _, answer) in &peers {
            sends(&mut host, peer, answer, 2 * piece + 1, b"x");
            peer.hears(&mut host);
            let held = host.tcp_memory().pages;
            assert!(held <= MOST, "{held} pages");
        }
    }
    assert!(host.counters().ofo_pruned > 0);
}

#[test]
fn writers_stay_within_the_budget() {
    let (mut host, peers) = crowded();
    for _ in 0..40 {
        for (_, socket, _) in &peers {
            let _ = send(&mut host, *socket, &[2; 4000]);
            let held = host.tcp_memory().pages;
            assert!(held <= MOST, "{held} pages");
        }
    }
    assert!(host.tcp_memory().is_pressed);
}

#[test]
fn orphans_are_bounded() {
    let (mut host, peers) = crowded();
    host.sysctl_mut().tcp_max_orphans = 2;
    for (number, (peer, socket, _)) in peers.iter().take(4).enumerate() {
        host.close(*socket, NOW).unwrap();
        let flags: Vec<TcpFlags> = peer.hears(&mut host).iter().map(|h| h.flags).collect();
        assert!(flags.contains(&(TcpFlags::FIN | ACK)));
        let is_reset = flags.iter().any(|flags| flags.contains(RST));
        assert_eq!(is_reset, number >= 2, "{number}");
    }
    assert_eq!(host.tcp_memory().orphans, 2);
    assert_eq!(host.counters().tcp_ext_tcp_abort_on_memory, 2);
}

#[test]
fn a_receive_buffer_is_charged_with_packets() {
    both(|domain| {
        let mut host = host();
        let (client, server) = pair(&mut host, domain);
        assert_eq!(send(&mut host, client, &[1; 1000]), Ok(1000));
        // SO_MEMINFO: what a packet of 1000 bytes takes, until all of it is read.
        let charged = |host: &Host| host.summary(server).unwrap().memory_info()[0];
        assert_eq!(charged(&host), 2304);
        assert_eq!(receive(&mut host, server, 999).unwrap().len(), 999);
        assert_eq!(charged(&host), 2304);
        assert_eq!(receive(&mut host, server, 999).unwrap().len(), 1);
        assert_eq!(charged(&host), 0);
    });
}
