use super::*;

#[test]
fn the_example_of_rfc_1071() {
    // RFC 1071 3: 0001 f203 f4f5 f6f7 sum to ddf2.
    let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    let mut sum = Checksum::new();
    sum.add_bytes(&bytes);
    assert_eq!(sum.folded(), 0xddf2);
    assert_eq!(checksum(&bytes), !0xddf2);
}

#[test]
fn the_example_of_rfc_1624() {
    // RFC 1624 4: a word changes from 5555 to 3285 under the checksum dd2f; the new one is 0000.
    assert_eq!(Checksum::update(0xdd2f, 0x5555, 0x3285), 0x0000);
}

#[test]
fn a_sum_of_many_full_words_does_not_overflow() {
    let mut sum = Checksum::new();
    let ones = [0xff; 4096];
    for _ in 0..100_000 {
        sum.add_bytes(&ones);
        sum.add_u32(u32::MAX);
    }
    assert_eq!(sum.folded(), 0xffff);
}

#[test]
fn addresses_of_two_versions_have_no_pseudo_header() {
    let v4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
    assert!(Checksum::pseudo_header(v4, v6, IpProtocol::TCP, 20).is_none());
    assert!(Checksum::pseudo_header(v4, v4, IpProtocol::TCP, 20).is_some());
    assert!(Checksum::pseudo_header(v6, v6, IpProtocol::TCP, 20).is_some());
}
