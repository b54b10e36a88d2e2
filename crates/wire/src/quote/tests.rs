use core::net::{Ipv4Addr, Ipv6Addr};

use alloc::vec;

use super::*;
use crate::{
    FragmentHeader, Headers, Ipv4Header, Ipv6Header, TcpHeader, UdpHeader, icmpv4::Unreachable,
};

const V4: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));

fn udp_v4(length: usize) -> Frame {
    let mut headers = Headers::new();
    Ipv4Header::new(V4.0, V4.1, IpProtocol::UDP, 8 + length).emit(&mut headers);
    UdpHeader {
        source_port: 1000,
        destination_port: 77,
        payload_length: length,
    }
    .emit(&mut headers);
    Frame::new(headers, Payload::from(vec![1; length]))
}

#[test]
fn an_error_is_never_longer_than_576_bytes() {
    for (length, expected) in [(0, 56), (10, 66), (520, 576), (521, 576), (60_000, 576)] {
        let error = Icmpv4Error::DestinationUnreachable(Unreachable::Port);
        let mut frame = icmpv4_error(error, &udp_v4(length), 20);
        let transport = frame.len();
        let mut headers = Headers::new();
        Ipv4Header::new(V4.1, V4.0, IpProtocol::ICMPV4, transport).emit(&mut headers);
        headers.extend_from_slice(&frame.headers);
        frame.headers = headers;
        assert_eq!(frame.len(), expected);
        assert!(frame.verify_checksum());
        assert!(is_icmp_error(&frame));
        let quote = Quote::parse(&frame.payload.to_bytes()).unwrap();
        assert_eq!(
            quote,
            Quote {
                source: V4.0.into(),
                destination: V4.1.into(),
                protocol: IpProtocol::UDP,
                transport_offset: 20,
                transport: QuotedTransport::Udp {
                    source_port: 1000,
                    destination_port: 77
                },
            }
        );
    }
}

#[test]
fn an_icmpv6_error_fits_the_minimum_mtu() {
    let (a, b) = (
        Ipv6Addr::LOCALHOST,
        Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1),
    );
    let mut headers = Headers::new();
    let tcp = TcpHeader {
        source_port: 5,
        destination_port: 6,
        sequence: 0x0102_0304,
        ..TcpHeader::default()
    };
    Ipv6Header::new(a, b, IpProtocol::TCP, 20 + 3000).emit(&mut headers);
    tcp.emit(&mut headers);
    let offending = Frame::new(headers, Payload::from(vec![1; 3000]));
    let error = Icmpv6Error::PacketTooBig { mtu: 1400 };
    let mut frame = icmpv6_error(error, &offending, b, a, 0);
    let length = frame.len();
    assert_eq!(length, 1240);
    let mut headers = Headers::new();
    Ipv6Header::new(b, a, IpProtocol::ICMPV6, length).emit(&mut headers);
    headers.extend_from_slice(&frame.headers);
    frame.headers = headers;
    assert!(frame.verify_checksum());
    let view = crate::IcmpView::parse(&frame.headers[40..]).unwrap();
    assert_eq!(Icmpv6Header::from(view), Icmpv6Header::Error(error));
    let quote = Quote::parse(&frame.payload.to_bytes()).unwrap();
    assert_eq!(
        quote.transport,
        QuotedTransport::Tcp {
            source_port: 5,
            destination_port: 6,
            sequence: 0x0102_0304
        }
    );
}

#[test]
fn later_fragments_and_cut_headers_name_no_socket() {
    let whole = udp_v4(0).to_vec();
    assert!(matches!(
        Quote::parse(&whole[..28]).unwrap().transport,
        QuotedTransport::Udp { .. }
    ));
    assert_eq!(
        Quote::parse(&whole[..27]).unwrap().transport,
        QuotedTransport::Other
    );
    assert_eq!(Quote::parse(&whole[..19]), Err(ParseError::Truncated));
    let mut later = whole.clone();
    later[7] = 1;
    assert_eq!(
        Quote::parse(&later).unwrap().transport,
        QuotedTransport::Other
    );
    // A first fragment still has the ports.
    let mut first = whole;
    first[6] = 0x20;
    assert!(matches!(
        Quote::parse(&first).unwrap().transport,
        QuotedTransport::Udp { .. }
    ));

    let localhost = Ipv6Addr::LOCALHOST;
    for (offset, has_ports) in [(0, true), (8, false)] {
        let mut headers = Headers::new();
        Ipv6Header::new(localhost, localhost, IpProtocol::FRAGMENT, 16).emit(&mut headers);
        FragmentHeader {
            next_header: IpProtocol::UDP,
            offset,
            more_fragments: true,
            identification: 1,
        }
        .emit(&mut headers);
        headers.extend_from_slice(&[0, 1, 0, 2, 0, 8, 0, 0]);
        let quote = Quote::parse(&headers).unwrap();
        assert_eq!(quote.transport != QuotedTransport::Other, has_ports);
        assert_eq!(quote.transport_offset, 48);
    }
}
