//! Listeners and their queues.

use super::*;

#[test]
fn the_accept_queue_holds_one_more_than_the_backlog() {
    both(|domain| {
        for backlog in [0, 1, 5] {
            let mut host = host();
            let server = listener(&mut host, domain, 80, backlog);
            let mut waiting = 0;
            for _ in 0..10 {
                let client = tcp(&mut host, domain);
                let _ = host.connect(client, &loopback(domain, 80), NOW);
                waiting += i32::from(host.readiness(client) == Readiness::OUT);
            }
            assert_eq!(waiting, backlog + 1);
            assert!(host.counters().tcp_ext_listen_overflows > 0);
            for _ in 0..waiting {
                host.accept(server, NOW).unwrap();
            }
            assert_eq!(host.accept(server, NOW), Err(Errno::EAGAIN));
        }
    });
}

#[test]
fn an_accept_that_is_taken_back_is_the_next_one_again() {
    both(|domain| {
        let mut host = host();
        let server = listener(&mut host, domain, 80, 5);
        for _ in 0..2 {
            let client = tcp(&mut host, domain);
            let _ = host.connect(client, &loopback(domain, 80), NOW);
        }
        let first = host.accept(server, NOW).unwrap();
        host.unaccept(server, first.socket).unwrap();
        assert_eq!(host.readiness(first.socket), Readiness::empty());
        assert_eq!(host.accept(server, NOW).unwrap(), first);
    });
}
