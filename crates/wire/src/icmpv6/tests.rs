use super::*;

fn round_trip(header: Icmpv6Header) {
    let mut out = Headers::new();
    header.emit(&mut out, Checksum::new(), [&b"odd"[..], b"data"]);
    let view = IcmpView::parse(&out).unwrap();
    assert_eq!(Icmpv6Header::from(view), header);
    assert_eq!((view.kind(), view.code()), (header.kind(), header.code()));
    let mut sum = Checksum::new();
    sum.add_bytes(&out);
    sum.add_bytes(b"odddata");
    assert!(sum.is_valid());
}

#[test]
fn every_message_is_read_as_it_was_written() {
    for code in 0..=10 {
        round_trip(Icmpv6Header::Error(Icmpv6Error::DestinationUnreachable(
            Unreachable::from(code),
        )));
        assert_eq!(Unreachable::from(code).code(), code);
    }
    for error in [
        Icmpv6Error::PacketTooBig { mtu: 1280 },
        Icmpv6Error::HopLimitExceeded,
        Icmpv6Error::ReassemblyTimeout,
        Icmpv6Error::ParameterProblem {
            code: 1,
            pointer: 6,
        },
    ] {
        assert!(is_error(error.kind()));
        round_trip(Icmpv6Header::Error(error));
    }
    let (identifier, sequence) = (0x1234, 7);
    round_trip(Icmpv6Header::EchoRequest {
        identifier,
        sequence,
    });
    round_trip(Icmpv6Header::EchoReply {
        identifier,
        sequence,
    });
    round_trip(Icmpv6Header::Other {
        kind: 135,
        code: 0,
        rest: [0; 4],
    });
}
