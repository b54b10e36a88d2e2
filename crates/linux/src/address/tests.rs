use super::*;

fn v4(text: &str) -> SocketAddress {
    SocketAddress::V4(text.parse().unwrap())
}

fn v6(text: &str) -> SocketAddress {
    SocketAddress::V6(text.parse().unwrap())
}

#[test]
fn addresses_survive_the_round_trip() {
    for (domain, address) in [
        (AF_INET, v4("192.0.2.7:8080")),
        (AF_INET6, v6("[fd00::7]:443")),
        (
            AF_UNIX,
            SocketAddress::Unix(UnixAddress::Abstract(b"a\0b".as_slice().into())),
        ),
        (
            AF_UNIX,
            SocketAddress::Unix(UnixAddress::Path(b"/run/x".as_slice().into())),
        ),
        (AF_UNIX, SocketAddress::Unix(UnixAddress::Unnamed)),
    ] {
        assert_eq!(
            decode(
                domain,
                SocketType::Datagram,
                &encode(&address),
                Purpose::Bind
            )
            .unwrap(),
            address
        );
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what decode answers")]
fn malformed(errno: Errno) -> Result<SocketAddress, Errno> {
    Ok(SocketAddress::Malformed(errno))
}

#[test]
fn the_length_is_checked_before_the_family() {
    let long = encode(&v6("[::1]:1"));
    let short = encode(&v4("127.0.0.1:1"));
    assert_eq!(
        decode(
            AF_INET,
            SocketType::Datagram,
            &short[..15],
            Purpose::Connect
        ),
        malformed(Errno::EINVAL)
    );
    assert_eq!(
        decode(AF_INET6, SocketType::Datagram, &short, Purpose::Bind),
        malformed(Errno::EINVAL)
    );
    assert_eq!(
        decode(AF_INET6, SocketType::Datagram, &short, Purpose::Send),
        Ok(v4("127.0.0.1:1"))
    );
    assert_eq!(
        decode(AF_INET6, SocketType::Datagram, &long[..24], Purpose::Bind),
        Ok(v6("[::1]:1"))
    );
    assert_eq!(
        decode(AF_INET6, SocketType::Datagram, &long[..23], Purpose::Bind),
        malformed(Errno::EINVAL)
    );
    // tcp_v6_connect finds it too short before it sees its family.
    assert_eq!(
        decode(AF_INET6, SocketType::Stream, &short, Purpose::Connect),
        malformed(Errno::EINVAL)
    );
    let long_v4 = [&short[..], &[0; 12]].concat();
    assert_eq!(
        decode(AF_INET6, SocketType::Stream, &long_v4, Purpose::Connect),
        malformed(Errno::EAFNOSUPPORT)
    );
    assert_eq!(
        decode(AF_INET6, SocketType::Datagram, &long_v4, Purpose::Connect),
        Ok(v4("127.0.0.1:1"))
    );
    assert_eq!(
        decode(AF_INET, SocketType::Datagram, &[1], Purpose::Connect),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        decode(AF_INET, SocketType::Datagram, &[0; 129], Purpose::Connect),
        Err(Errno::EINVAL)
    );
}

#[test]
fn a_zero_family_means_what_the_call_makes_of_it() {
    let zero = [0; 16];
    assert_eq!(
        decode(AF_INET, SocketType::Datagram, &zero, Purpose::Bind),
        Ok(v4("0.0.0.0:0"))
    );
    assert_eq!(
        decode(AF_INET, SocketType::Datagram, &zero, Purpose::Connect),
        Ok(SocketAddress::Unspecified)
    );
    assert_eq!(
        decode(AF_INET, SocketType::Datagram, &zero[..2], Purpose::Connect),
        Ok(SocketAddress::Unspecified)
    );
    let mut named = zero;
    named[4] = 127;
    assert_eq!(
        decode(AF_INET, SocketType::Datagram, &named, Purpose::Bind),
        malformed(Errno::EAFNOSUPPORT)
    );
}

#[test]
fn unknown_families_are_refused() {
    let mut bytes = [0; 28];
    bytes[0] = 99;
    assert_eq!(
        decode(AF_INET, SocketType::Datagram, &bytes, Purpose::Bind),
        malformed(Errno::EAFNOSUPPORT)
    );
    assert_eq!(
        decode(AF_INET6, SocketType::Datagram, &bytes, Purpose::Connect),
        malformed(Errno::EAFNOSUPPORT)
    );
}
