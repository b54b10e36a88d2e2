//! Another implementation reads what we write and writes what we read.
#![allow(clippy::unwrap_used)]

use core::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{
    IpFragOffset, IpNumber, Ipv4Header as OtherV4, Ipv6Header as OtherV6, TcpHeader as OtherTcp,
    TcpOptionElement, UdpHeader as OtherUdp,
};
use proptest::prelude::*;
use sockeye_wire::{
    Checksum, FastOpenCookie, FragmentHeader, Headers, Icmpv4Header, Icmpv6Header, IpProtocol,
    Ipv4Header, Ipv4Options, Ipv4View, Ipv6Header, Ipv6View, SackBlocks, TcpFlags, TcpHeader,
    TcpOptions, TcpView, Timestamps, UdpHeader, UdpView, checksum::checksum,
};

fn data() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..200)
}

fn v4() -> impl Strategy<Value = Ipv4Addr> {
    any::<u32>().prop_map(Ipv4Addr::from)
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(Ipv6Addr::from)
}

prop_compose! {
    fn ipv4_header()(
        traffic_class: u8, identification: u16, dont_fragment: bool, more_fragments: bool,
        offset in 0usize..8192, hop_limit: u8, protocol: u8, source in v4(), destination in v4(),
        options in prop::collection::vec(any::<u8>(), 0..11), payload_length in 0usize..65476,
    ) -> Ipv4Header {
        // Whole words: padding is added otherwise, and then the round trip shows it.
        let options: Ipv4Options = options.iter().flat_map(|byte| [*byte; 4]).take(40).collect();
        Ipv4Header {
            traffic_class, identification, dont_fragment, more_fragments,
            fragment_offset: offset * 8, hop_limit, protocol: IpProtocol(protocol),
            source, destination, options, payload_length,
        }
    }
}

prop_compose! {
    fn ipv6_header()(
        traffic_class: u8, flow_label in 0u32..1 << 20, payload_length in 0usize..65536,
        next_header: u8, hop_limit: u8, source in v6(), destination in v6(),
    ) -> Ipv6Header {
        Ipv6Header {
            traffic_class, flow_label, payload_length, next_header: IpProtocol(next_header),
            hop_limit, source, destination,
        }
    }
}

prop_compose! {
    fn options()(
        mss in prop::option::of(1u16..), window_scale: Option<u8>, sack_permitted: bool,
        timestamps: Option<(u32, u32)>, blocks in prop::collection::vec(any::<(u32, u32)>(), 0..5),
        cookie in prop::option::of(prop::collection::vec(any::<u8>(), 0..17)),
        user_timeout: Option<u16>,
    ) -> TcpOptions {
        let mut options = TcpOptions {
            mss, window_scale, sack_permitted,
            timestamps: timestamps.map(|(value, echo)| Timestamps { value, echo }),
            sack: SackBlocks::new(),
            fast_open: cookie.and_then(|cookie| FastOpenCookie::new(&cookie)),
            user_timeout,
        };
        // A SYN with everything and a long cookie would not fit.
        if user_timeout.is_some() {
            options.fast_open = None;
        }
        let room = options.sack_room();
        options.sack = blocks.into_iter().take(room).collect();
        options
    }
}

prop_compose! {
    fn tcp_header()(
        source_port: u16, destination_port: u16, sequence: u32, acknowledgment: u32, flags: u8,
        window: u16, urgent: u16, options in options(),
    ) -> TcpHeader {
        TcpHeader {
            source_port, destination_port, sequence, acknowledgment,
            flags: TcpFlags::from_bits_retain(flags), window, urgent, options,
        }
    }
}

/// The options as the other implementation sees them; kinds it does not know end its walk.
fn as_elements(options: &TcpOptions) -> Vec<TcpOptionElement> {
    let mut elements = Vec::new();
    if let Some(mss) = options.mss {
        elements.push(TcpOptionElement::MaximumSegmentSize(mss));
    }
    if options.sack_permitted {
        elements.push(TcpOptionElement::SelectiveAcknowledgementPermitted);
    }
    if let Some(Timestamps { value, echo }) = options.timestamps {
        elements.push(TcpOptionElement::Timestamp(value, echo));
    }
    if let Some(shift) = options.window_scale {
        elements.push(TcpOptionElement::WindowScale(shift));
    }
    if let [first, rest @ ..] = options.sack.as_slice() {
        let mut more = [None; 3];
        for (slot, block) in more.iter_mut().zip(rest) {
            *slot = Some(*block);
        }
        elements.push(TcpOptionElement::SelectiveAcknowledgement(*first, more));
    }
    elements
}

proptest! {
    #[test]
    fn ipv4_headers_agree(header in ipv4_header()) {
        let mut out = Headers::new();
        header.emit(&mut out);
        let (other, rest) = OtherV4::from_slice(&out).unwrap();
        prop_assert!(rest.is_empty());
        prop_assert_eq!(other.header_checksum, other.calc_header_checksum());
        prop_assert_eq!(other.dscp.value() << 2 | other.ecn.value(), header.traffic_class);
        prop_assert_eq!(other.total_len, header.total_length());
        prop_assert_eq!(other.identification, header.identification);
        prop_assert_eq!(other.dont_fragment, header.dont_fragment);
        prop_assert_eq!(other.more_fragments, header.more_fragments);
        let offset = IpFragOffset::try_new(u16::try_from(header.fragment_offset / 8).unwrap());
        prop_assert_eq!(other.fragment_offset, offset.unwrap());
        prop_assert_eq!(other.time_to_live, header.hop_limit);
        prop_assert_eq!(other.protocol, IpNumber(header.protocol.0));
        prop_assert_eq!(other.source, header.source.octets());
        prop_assert_eq!(other.destination, header.destination.octets());
        prop_assert_eq!(other.options.as_slice(), &header.options[..]);
        prop_assert_eq!(&other.to_bytes()[..], &out[..]);
        let view = Ipv4View::parse(&out).unwrap();
        prop_assert!(view.checksum_is_valid());
        prop_assert_eq!(Ipv4Header::from(view), header);
    }

    #[test]
    fn ipv6_headers_agree(header in ipv6_header()) {
        let mut out = Headers::new();
        header.emit(&mut out);
        let (other, _) = OtherV6::from_slice(&out).unwrap();
        prop_assert_eq!(other.traffic_class, header.traffic_class);
        prop_assert_eq!(other.flow_label.value(), header.flow_label);
        prop_assert_eq!(usize::from(other.payload_length), header.payload_length);
        prop_assert_eq!(other.next_header, IpNumber(header.next_header.0));
        prop_assert_eq!(other.hop_limit, header.hop_limit);
        prop_assert_eq!(other.source_addr(), header.source);
        prop_assert_eq!(other.destination_addr(), header.destination);
        prop_assert_eq!(Ipv6Header::from(Ipv6View::parse(&out).unwrap()), header);
    }

    #[test]
    fn fragment_headers_agree(next: u8, offset in 0usize..8192, more: bool, identification: u32) {
        let header = FragmentHeader {
            next_header: IpProtocol(next), offset: offset * 8, more_fragments: more, identification,
        };
        let mut out = Headers::new();
        header.emit(&mut out);
        let (other, _) = etherparse::Ipv6FragmentHeader::from_slice(&out).unwrap();
        prop_assert_eq!(other.next_header, IpNumber(next));
        prop_assert_eq!(usize::from(other.fragment_offset.value()), offset);
        prop_assert_eq!(other.more_fragments, more);
        prop_assert_eq!(other.identification, identification);
        prop_assert_eq!(FragmentHeader::parse(&out).unwrap(), header);
    }

    #[test]
    fn tcp_headers_agree(
        header in tcp_header(), ip in ipv4_header(), ip6 in ipv6_header(), data in data(), cut: prop::sample::Index,
    ) {
        let length = header.header_len() + data.len();
        // The data comes in two pieces of any lengths.
        let (left, right) = data.split_at(cut.index(data.len() + 1));
        let pseudo = Checksum::pseudo_header_v4(ip.source, ip.destination, IpProtocol::TCP, length);
        let mut out = Headers::new();
        header.emit_with_checksum(&mut out, pseudo, [left, right]);
        prop_assert_eq!(out.len(), header.header_len());
        let (other, rest) = OtherTcp::from_slice(&out).unwrap();
        prop_assert!(rest.is_empty());
        prop_assert_eq!(other.source_port, header.source_port);
        prop_assert_eq!(other.destination_port, header.destination_port);
        prop_assert_eq!(other.sequence_number, header.sequence);
        prop_assert_eq!(other.acknowledgment_number, header.acknowledgment);
        prop_assert_eq!(other.window_size, header.window);
        prop_assert_eq!(other.urgent_pointer, header.urgent);
        for (theirs, ours) in [
            (other.fin, TcpFlags::FIN), (other.syn, TcpFlags::SYN), (other.rst, TcpFlags::RST),
            (other.psh, TcpFlags::PSH), (other.ack, TcpFlags::ACK), (other.urg, TcpFlags::URG),
            (other.ece, TcpFlags::ECE), (other.cwr, TcpFlags::CWR),
        ] {
            prop_assert_eq!(theirs, header.flags.contains(ours));
        }
        prop_assert_eq!(
            other.checksum,
            other.calc_checksum_ipv4_raw(ip.source.octets(), ip.destination.octets(), &data).unwrap()
        );
        if header.options.fast_open.is_none() && header.options.user_timeout.is_none() {
            let elements: Vec<_> = other.options_iterator().map(Result::unwrap)
                .filter(|element| *element != TcpOptionElement::Noop).collect();
            prop_assert_eq!(elements, as_elements(&header.options));
        }
        prop_assert_eq!(TcpHeader::from(TcpView::parse(&out).unwrap()), header);

        let pseudo = Checksum::pseudo_header_v6(ip6.source, ip6.destination, IpProtocol::TCP, length);
        let mut out = Headers::new();
        header.emit_with_checksum(&mut out, pseudo, [left, right]);
        prop_assert_eq!(
            TcpView::parse(&out).unwrap().checksum(),
            other.calc_checksum_ipv6_raw(ip6.source.octets(), ip6.destination.octets(), &data).unwrap()
        );
    }

    #[test]
    fn options_written_by_the_other_are_read(
        mss in 1u16.., shift: u8, stamps: (u32, u32), first: (u32, u32), second: (u32, u32),
    ) {
        use TcpOptionElement::*;
        let mut other = OtherTcp::new(1, 2, 3, 4);
        other.set_options(&[
            Noop, SelectiveAcknowledgement(first, [Some(second), None, None]), WindowScale(shift),
            Timestamp(stamps.0, stamps.1), MaximumSegmentSize(mss),
        ]).unwrap();
        let bytes = other.to_bytes();
        let ours = TcpView::parse(&bytes).unwrap().options();
        prop_assert_eq!(ours, TcpOptions {
            mss: Some(mss), window_scale: Some(shift),
            timestamps: Some(Timestamps { value: stamps.0, echo: stamps.1 }),
            sack: [first, second].into_iter().collect(),
            ..TcpOptions::NONE
        });
    }

    #[test]
    fn udp_headers_agree(source_port: u16, destination_port: u16, source in v4(), destination in v4(), data in data()) {
        let header = UdpHeader { source_port, destination_port, payload_length: data.len() };
        let pseudo = Checksum::pseudo_header_v4(source, destination, IpProtocol::UDP, 8 + data.len());
        let mut out = Headers::new();
        header.emit_with_checksum(&mut out, pseudo, [&data[..]]);
        let (other, _) = OtherUdp::from_slice(&out).unwrap();
        prop_assert_eq!(other.source_port, source_port);
        prop_assert_eq!(other.destination_port, destination_port);
        prop_assert_eq!(usize::from(other.length), 8 + data.len());
        prop_assert_eq!(
            other.checksum,
            other.calc_checksum_ipv4_raw(source.octets(), destination.octets(), &data).unwrap()
        );
        prop_assert_eq!(UdpHeader::from(UdpView::parse(&out).unwrap()), header);
    }

    #[test]
    fn icmp_echo_headers_agree(identifier: u16, sequence: u16, source in v6(), destination in v6(), data in data()) {
        let echo = etherparse::IcmpEchoHeader { id: identifier, seq: sequence };
        let mut out = Headers::new();
        Icmpv4Header::EchoRequest { identifier, sequence }.emit(&mut out, [&data[..]]);
        let other = etherparse::Icmpv4Header::with_checksum(etherparse::Icmpv4Type::EchoRequest(echo), &data);
        prop_assert_eq!(&out[..], &other.to_bytes()[..]);

        let pseudo = Checksum::pseudo_header_v6(source, destination, IpProtocol::ICMPV6, 8 + data.len());
        let mut out = Headers::new();
        Icmpv6Header::EchoReply { identifier, sequence }.emit(&mut out, pseudo, [&data[..]]);
        let other = etherparse::Icmpv6Header::with_checksum(
            etherparse::Icmpv6Type::EchoReply(echo), source.octets(), destination.octets(), &data,
        ).unwrap();
        prop_assert_eq!(&out[..], &other.to_bytes()[..]);
    }

    #[test]
    fn the_checksum_of_pieces_is_that_of_the_whole(
        data in prop::collection::vec(any::<u8>(), 0..3000), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let slow = {
            let mut sum = 0u64;
            for pair in data.chunks(2) {
                sum += u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |byte| u64::from(*byte));
            }
            while sum > 0xffff {
                sum = (sum & 0xffff) + (sum >> 16);
            }
            !u16::try_from(sum).unwrap()
        };
        prop_assert_eq!(checksum(&data), slow);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(data.len() + 1)).collect();
        cuts.push(0);
        cuts.push(data.len());
        cuts.sort_unstable();
        let mut sum = Checksum::new();
        for pair in cuts.windows(2) {
            sum.add_bytes(&data[pair[0]..pair[1]]);
        }
        prop_assert_eq!(sum.finish(), slow);
    }

    #[test]
    fn an_updated_checksum_is_the_recomputed_one(
        data in prop::collection::vec(any::<u16>(), 2..40), at: prop::sample::Index, new: u16, new32: u32,
    ) {
        let bytes = |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        let mut data = data;
        // A version nibble: a header is never all zeros, which is the one case where two checksums are right.
        data[0] |= 0x4000;
        let old_sum = checksum(&bytes(&data));
        let at = 1 + at.index(data.len() - 1);
        let old = std::mem::replace(&mut data[at], new);
        prop_assert_eq!(Checksum::update(old_sum, old, new), checksum(&bytes(&data)));
        let old_sum = checksum(&bytes(&data));
        if at + 1 < data.len() {
            let old = u32::from(data[at]) << 16 | u32::from(data[at + 1]);
            data[at] = u16::try_from(new32 >> 16).unwrap();
            data[at + 1] = u16::try_from(new32 & 0xffff).unwrap();
            let expected = checksum(&bytes(&data));
            prop_assert_eq!(Checksum::update_u32(old_sum, old, new32), expected);
            prop_assert_eq!(Checksum::update_bytes(old_sum, &old.to_be_bytes(), &new32.to_be_bytes()), expected);
        }
    }
}
