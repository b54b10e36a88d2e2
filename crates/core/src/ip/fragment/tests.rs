//! What is cut and put together again is what it was.

use bytes::Bytes;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use proptest::prelude::*;
use sockeye_tcp::Instant;
use sockeye_wire::Ecn;
use sockeye_wire::ipv6::Ipv6Header;

use super::*;
use crate::ip::reassembly::{Fragment, FragmentKey, Reassembled, Reassembly};

fn datagram(source: IpAddr, destination: IpAddr, data: &[u8]) -> Frame {
    let mut headers = Headers::new();
    // A protocol without a checksum of its own, so that only the cutting is looked at.
    let protocol = IpProtocol(253);
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            Ipv4Header::new(source, destination, protocol, data.len()).emit(&mut headers);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            Ipv6Header::new(source, destination, protocol, data.len()).emit(&mut headers);
        }
        _ => unreachable!("one family"),
    }
    Frame::new(headers, Bytes::copy_from_slice(data).into())
}

/// What the receiver sees of a fragment.
fn received(frame: &Frame) -> Fragment {
    let layout = frame.layout().unwrap();
    let payload = frame.ip_payload(layout.transport);
    match frame.ip().unwrap() {
        IpView::V4(view) => Fragment {
            offset: view.fragment_offset(),
            more: view.more_fragments(),
            ecn: Ecn::NotCapable,
            payload,
        },
        IpView::V6(_) => {
            let header =
                FragmentHeader::parse(&frame.headers[layout.transport - FragmentHeader::LEN..])
                    .unwrap();
            Fragment {
                offset: header.offset,
                more: header.more_fragments,
                ecn: Ecn::NotCapable,
                payload,
            }
        }
    }
}

proptest! {
    #[test]
    fn fragments_fit_the_mtu_and_reassemble(
        data in proptest::collection::vec(any::<u8>(), 0..5000),
        mtu in 68usize..1600,
        is_ipv4 in any::<bool>(),
    ) {
        let (source, destination): (IpAddr, IpAddr) = if is_ipv4 {
            (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(192, 0, 2, 2).into())
        } else {
            ("2001:db8::1".parse::<Ipv6Addr>().unwrap().into(), "2001:db8::2".parse::<Ipv6Addr>().unwrap().into())
        };
        let key = FragmentKey { source, destination, identification: 7, protocol: 253 };
        let mut table = Reassembly::new(Duration::from_secs(30), 1 << 20);
        let fragments = fragment(datagram(source, destination, &data), mtu, 7);
        prop_assert!(!fragments.is_empty());
        let last = fragments.len() - 1;
        for (index, frame) in fragments.iter().enumerate() {
            let bytes = frame.to_vec();
            prop_assert!(bytes.len() <= mtu);
            prop_assert_eq!(&Frame::from_bytes(bytes.clone().into()).to_vec(), &bytes);
            let result = table.insert(key, received(frame), || (), Instant::ZERO);
            if index < last {
                prop_assert_eq!(result, Reassembled::Incomplete);
            } else {
                prop_assert_eq!(result, Reassembled::Complete((), Bytes::from(data.clone()).into(), Ecn::NotCapable));
            }
        }
    }
}

#[test]
fn an_mtu_without_room_for_data_makes_no_fragments() {
    let frame = datagram([192, 0, 2, 1].into(), [192, 0, 2, 2].into(), &[0; 100]);
    assert!(fragment(frame, 27, 0).is_empty());
}
