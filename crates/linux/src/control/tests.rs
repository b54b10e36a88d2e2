use core::net::{Ipv4Addr, Ipv6Addr};

use super::*;

#[test]
fn what_may_be_sent_survives_the_round_trip() {
    let messages = vec![
        Ancillary::PacketInfo {
            interface: 2,
            local: Ipv4Addr::new(10, 0, 2, 100),
            destination: Ipv4Addr::new(192, 0, 2, 1),
        },
        Ancillary::PacketInfoV6 {
            interface: 1,
            address: Ipv6Addr::LOCALHOST,
        },
        Ancillary::TimeToLive(9),
        Ancillary::TypeOfService(0x10),
        Ancillary::HopLimit(3),
        Ancillary::TrafficClass(0xb8),
    ];
    assert_eq!(decode(&encode(&messages)), messages);
}

#[test]
fn malformed_headers_are_refused() {
    let good = encode(&[Ancillary::TimeToLive(9)]);
    let refused = [Ancillary::Invalid(MessageLevel::Socket)];
    assert_eq!(decode(&good), [Ancillary::TimeToLive(9)]);
    let mut long = good.clone();
    long[0] = 200;
    assert_eq!(decode(&long), refused);
    let mut short = good;
    short[0] = 15;
    assert_eq!(decode(&short), refused);
    assert_eq!(decode(&[0; 15]), []);
}

/// One message alone.
fn decoded(level: i32, kind: i32, data: &[u8]) -> Vec<Ancillary> {
    let mut bytes = Vec::new();
    push(&mut bytes, level, kind, data);
    decode(&bytes)
}

#[test]
fn what_a_level_does_not_take_is_left_to_the_socket() {
    let invalid = |level| vec![Ancillary::Invalid(level)];
    assert_eq!(decoded(999, 1, &[0; 4]), []);
    assert_eq!(decoded(SOL_IP, 99, &[0; 4]), invalid(MessageLevel::Ip));
    assert_eq!(decoded(SOL_UDP, 99, &[0; 4]), invalid(MessageLevel::Udp));
    assert_eq!(
        decoded(SOL_SOCKET, SCM_CREDENTIALS, &[0; 16]),
        invalid(MessageLevel::Socket)
    );
    assert_eq!(decoded(SOL_SOCKET, SCM_RIGHTS, &[0; 4]), []);
}

#[test]
fn values_out_of_range_are_invalid() {
    let said = |kind, value: i32| decoded(SOL_IPV6, kind, &value.to_ne_bytes());
    let invalid = [Ancillary::Invalid(MessageLevel::Ipv6)];
    assert_eq!(said(IPV6_HOPLIMIT, -1), []);
    assert_eq!(said(IPV6_HOPLIMIT, 0), [Ancillary::HopLimit(0)]);
    assert_eq!(said(IPV6_HOPLIMIT, 256), invalid);
    assert_eq!(said(IPV6_TCLASS, -1), [Ancillary::TrafficClass(255)]);
    assert_eq!(said(IPV6_TCLASS, -2), invalid);
    assert_eq!(said(IPV6_DONTFRAG, 2), invalid);
    let ttl = |value: i32| decoded(SOL_IP, IP_TTL, &value.to_ne_bytes());
    assert_eq!(ttl(0), [Ancillary::Invalid(MessageLevel::Ip)]);
    assert_eq!(ttl(255), [Ancillary::TimeToLive(255)]);
}

#[test]
fn what_does_not_fit_is_cut_within_its_data() {
    let fitted = |room| {
        let mut two = encode(&[Ancillary::TimeToLive(9), Ancillary::TimeToLive(9)]);
        assert_eq!(two.len(), 48);
        let cut = fit(&mut two, room);
        (two, cut)
    };
    assert_eq!(fitted(48).0.len(), 48);
    assert!(!fitted(48).1);
    assert_eq!(fitted(44).0.len(), 44);
    assert!(!fitted(44).1);
    let (bytes, cut) = fitted(43);
    assert!(cut && bytes.len() == 43);
    assert_eq!(bytes[24..32], 19_u64.to_ne_bytes());
    let (bytes, cut) = fitted(39);
    assert!(cut && bytes.len() == 24);
    assert_eq!(fitted(3), (Vec::new(), true));
}
