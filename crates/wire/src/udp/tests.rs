use super::*;

#[test]
fn lengths_below_the_header_are_refused_and_zero_is_a_jumbogram() {
    let mut bytes = [0u8; 8];
    for length in 0..10 {
        bytes[5] = length;
        let refused = UdpView::parse(&bytes).is_err();
        assert_eq!(refused, (1..8).contains(&length));
    }
    assert!(matches!(
        UdpView::parse(&bytes[..7]),
        Err(ParseError::Truncated)
    ));
}

#[test]
fn a_checksum_of_zero_is_sent_as_all_ones() {
    let header = UdpHeader {
        source_port: 0,
        destination_port: 0,
        payload_length: 0,
    };
    let mut pseudo = Checksum::new();
    // Header words sum to 8; this makes the sum all ones and its complement zero.
    pseudo.add_u16(!8);
    let mut out = Headers::new();
    header.emit_with_checksum(&mut out, pseudo, []);
    assert_eq!(UdpView::parse(&out).unwrap().checksum(), 0xffff);
}
