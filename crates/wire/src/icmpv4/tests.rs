use super::*;

fn round_trip(header: Icmpv4Header) {
    let mut out = Headers::new();
    header.emit(&mut out, [&b"odd"[..], b"data"]);
    let view = IcmpView::parse(&out).unwrap();
    assert_eq!(Icmpv4Header::from(view), header);
    assert_eq!((view.kind(), view.code()), (header.kind(), header.code()));
    let mut sum = Checksum::new();
    sum.add_bytes(&out);
    sum.add_bytes(b"odddata");
    assert!(sum.is_valid());
}

#[test]
fn every_message_is_read_as_it_was_written() {
    for unreachable in [
        Unreachable::Network,
        Unreachable::Host,
        Unreachable::Protocol,
        Unreachable::Port,
        Unreachable::FragmentationNeeded { mtu: 1400 },
        Unreachable::SourceRouteFailed,
        Unreachable::NETWORK_UNKNOWN,
        Unreachable::PROHIBITED,
        Unreachable::Other(200),
    ] {
        round_trip(Icmpv4Header::Error(Icmpv4Error::DestinationUnreachable(
            unreachable,
        )));
    }
    for error in [
        Icmpv4Error::SourceQuench,
        Icmpv4Error::Redirect {
            code: 1,
            gateway: Ipv4Addr::new(10, 0, 0, 1),
        },
        Icmpv4Error::HopLimitExceeded,
        Icmpv4Error::ReassemblyTimeout,
        Icmpv4Error::ParameterProblem {
            code: 0,
            pointer: 20,
        },
    ] {
        round_trip(Icmpv4Header::Error(error));
    }
    let (identifier, sequence) = (0x1234, 7);
    round_trip(Icmpv4Header::EchoRequest {
        identifier,
        sequence,
    });
    round_trip(Icmpv4Header::EchoReply {
        identifier,
        sequence,
    });
    round_trip(Icmpv4Header::TimestampRequest {
        identifier,
        sequence,
    });
    round_trip(Icmpv4Header::TimestampReply {
        identifier,
        sequence,
    });
    round_trip(Icmpv4Header::Other {
        kind: 17,
        code: 3,
        rest: [1, 2, 3, 4],
    });
}

#[test]
fn seven_bytes_are_no_message() {
    assert!(matches!(
        IcmpView::parse(&[8; 7]),
        Err(crate::ParseError::Truncated)
    ));
}
