//! A proxy on the host stands for a client elsewhere.
use super::*;

const SOL_IP: i32 = 0;
const IP_TRANSPARENT: i32 = 19;
const SOL_IPV6: i32 = 41;
const IPV6_TRANSPARENT: i32 = 75;

/// A client elsewhere, and the options that let a socket stand for it.
fn client_of(domain: Domain) -> (SocketAddress, i32, i32) {
    let address = |ip: &str| SocketAddress::new(ip.parse().unwrap(), 4444);
    match domain {
        Domain::Inet => (address("203.0.113.7"), SOL_IP, IP_TRANSPARENT),
        _ => (address("2001:db8::7"), SOL_IPV6, IPV6_TRANSPARENT),
    }
}

fn own(domain: Domain) -> SocketAddress {
    let ip = if domain == Domain::Inet {
        "10.0.0.1"
    } else {
        "fd00::1"
    };
    SocketAddress::new(ip.parse().unwrap(), 80)
}

#[test]
fn a_connection_from_an_address_of_another_host_has_both_its_ends_here() {
    for domain in [Domain::Inet, Domain::Inet6] {
        let mut host = Host::new(Config {
            addresses: vec![
                IpCidr::new("10.0.0.1".parse().unwrap(), 24).unwrap(),
                IpCidr::new("fd00::1".parse().unwrap(), 64).unwrap(),
            ],
            ..Config::default()
        });
        let (client, level, name) = client_of(domain);
        let server = tcp(&mut host, domain);
        host.bind(server, &own(domain), NOW).unwrap();
        host.listen(server, 10, NOW).unwrap();
        let proxy = tcp(&mut host, domain);
        host.set_option(proxy, level, name, &1_i32.to_ne_bytes(), NOW)
            .unwrap();
        host.bind(proxy, &client, NOW).unwrap();
        assert_eq!(
            host.connect(proxy, &own(domain), NOW),
            Err(Errno::EINPROGRESS)
        );
        let accepted = host.accept(server, NOW).unwrap();
        assert_eq!(accepted.peer, client);
        send(&mut host, proxy, b"question").unwrap();
        assert_eq!(
            receive(&mut host, accepted.socket, 100).unwrap(),
            b"question"
        );
        send(&mut host, accepted.socket, b"answer").unwrap();
        assert_eq!(receive(&mut host, proxy, 100).unwrap(), b"answer");
        // The server's end answers the other's end to the last.
        host.close(proxy, NOW).unwrap();
        assert_eq!(receive(&mut host, accepted.socket, 100).unwrap(), b"");
        host.close(accepted.socket, NOW).unwrap();
        host.close(server, NOW).unwrap();
        let states: Vec<&str> = host
            .snapshot()
            .sockets
            .iter()
            .map(|row| row.state)
            .collect();
        assert_eq!(states, ["TIME-WAIT"], "{domain:?}");
        // Nobody else is reached there.
        let other = tcp(&mut host, domain);
        assert_eq!(
            host.connect(other, &client, NOW),
            Err(Errno::ENETUNREACH),
            "{domain:?}"
        );
    }
}

#[test]
fn a_listener_of_an_interface_is_reached_from_elsewhere_by_that_interface() {
    const SO_BINDTODEVICE: i32 = 25;
    for (device, is_reached) in [(&b"eth0\0"[..], true), (b"lo\0", false)] {
        let mut host = Host::new(Config {
            addresses: vec![IpCidr::new("10.0.0.1".parse().unwrap(), 24).unwrap()],
            ..Config::default()
        });
        let server = tcp(&mut host, Domain::Inet);
        host.set_option(server, 1, SO_BINDTODEVICE, device, NOW)
            .unwrap();
        host.bind(server, &own(Domain::Inet), NOW).unwrap();
        host.listen(server, 10, NOW).unwrap();
        let found = host.listener_at(&own(Domain::Inet));
        assert_eq!(found, is_reached.then_some(server));
        let proxy = tcp(&mut host, Domain::Inet);
        host.stand_in(proxy).unwrap();
        let (client, ..) = client_of(Domain::Inet);
        host.bind(proxy, &client, NOW).unwrap();
        let _under_way = host.connect(proxy, &own(Domain::Inet), NOW);
        let accepted = host.accept(server, NOW);
        assert_eq!(accepted.is_ok(), is_reached, "{accepted:?}");
        if let Ok(accepted) = accepted {
            send(&mut host, accepted.socket, b"hello").unwrap();
            assert_eq!(receive(&mut host, proxy, 100).unwrap(), b"hello");
        }
    }
}
