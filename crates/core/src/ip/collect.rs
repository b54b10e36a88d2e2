//! Fragments put to their others (RFC 791 3.2, RFC 8200 4.5), and what the datagram's header is when it is whole.

use core::net::IpAddr;

use bytes::{Bytes, BytesMut};
use sockeye_wire::{
    Ecn, FragmentHeader, Frame, Headers, Ipv4Header, Ipv4View, Ipv6Extensions, Ipv6View, Layout,
    Version, ipv6,
};

use super::input::next_header_field;
use super::reassembly::{Fragment, FragmentKey, Reassembled};
use crate::Instant;
use crate::host::Stack;
use crate::ids::InterfaceId;

impl Stack {
    /// Puts a fragment to its others; the datagram if it was the last one missing.
    pub(super) fn collect(
        &mut self,
        interface: InterfaceId,
        frame: &Frame,
        layout: Layout,
        now: Instant,
    ) -> Option<Frame> {
        let (key, fragment) = fragment_of(frame, layout)?;
        let head = || (interface, frame.headers.clone());
        let counters = &mut self.counters;
        match layout.version {
            Version::V4 => {
                counters.ip_reasm_reqds += 1;
                match self.reassembly_v4.insert(key, fragment, head, now) {
                    Reassembled::Complete((_, headers), payload, ecn) => {
                        counters.ip_reasm_oks += 1;
                        whole_v4(&headers, &payload.to_bytes()).map(|frame| marked(frame, ecn))
                    }
                    Reassembled::Incomplete => None,
                    Reassembled::Failed => {
                        counters.ip_reasm_fails += 1;
                        None
                    }
                }
            }
            Version::V6 => {
                counters.ip6_reasm_reqds += 1;
                match self.reassembly_v6.insert(key, fragment, head, now) {
                    Reassembled::Complete((_, headers), payload, ecn) => {
                        counters.ip6_reasm_oks += 1;
                        whole_v6(&headers, &payload.to_bytes()).map(|frame| marked(frame, ecn))
                    }
                    Reassembled::Incomplete => None,
                    Reassembled::Failed => {
                        counters.ip6_reasm_fails += 1;
                        None
                    }
                }
            }
        }
    }
}

/// The fragment that a packet is.
fn fragment_of(frame: &Frame, layout: Layout) -> Option<(FragmentKey, Fragment)> {
    let ip = frame.ip().ok()?;
    let (source, destination): (IpAddr, IpAddr) = (ip.source(), ip.destination());
    let ecn = Ecn::of(ip.traffic_class());
    let payload = frame.ip_payload(layout.transport);
    match layout.version {
        Version::V4 => {
            let view = Ipv4View::parse(&frame.headers).ok()?;
            let identification = view.identification().into();
            let protocol = view.protocol().0;
            let fragment = Fragment {
                offset: view.fragment_offset(),
                more: view.more_fragments(),
                ecn,
                payload,
            };
            Some((
                FragmentKey {
                    source,
                    destination,
                    identification,
                    protocol,
                },
                fragment,
            ))
        }
        Version::V6 => {
            let (_, header) = fragment_header(&frame.headers)?;
            let key = FragmentKey {
                source,
                destination,
                identification: header.identification,
                protocol: 0,
            };
            Some((
                key,
                Fragment {
                    offset: header.offset,
                    more: header.more_fragments,
                    ecn,
                    payload,
                },
            ))
        }
    }
}

/// The fragment header, and where it is.
fn fragment_header(headers: &[u8]) -> Option<(usize, FragmentHeader)> {
    let view = Ipv6View::parse(headers).ok()?;
    let rest = headers.get(ipv6::HEADER_LEN..)?;
    Ipv6Extensions::new(view.next_header(), rest)
        .map_while(Result::ok)
        .find_map(|header| Some((ipv6::HEADER_LEN + header.offset, header.fragment()?)))
}

fn whole_v4(first: &[u8], payload: &Bytes) -> Option<Frame> {
    let mut header = Ipv4Header::from(Ipv4View::parse(first).ok()?);
    header.more_fragments = false;
    header.fragment_offset = 0;
    header.payload_length = payload.len();
    let mut headers = Headers::new();
    header.emit(&mut headers);
    Some(joined(&headers, payload))
}

/// RFC 8200 4.5: the per-fragment headers of the first fragment without the fragment header, then all data.
fn whole_v6(first: &[u8], payload: &Bytes) -> Option<Frame> {
    let (at, fragment) = fragment_header(first)?;
    let mut headers = Headers::from(first.get(..at)?);
    let field = usize::try_from(next_header_field(&headers)).unwrap_or(usize::MAX);
    *headers.get_mut(field)? = fragment.next_header.0;
    let length = u16::try_from(at - ipv6::HEADER_LEN + payload.len()).ok()?;
    headers
        .get_mut(4..6)?
        .copy_from_slice(&length.to_be_bytes());
    Some(joined(&headers, payload))
}

fn joined(headers: &[u8], payload: &Bytes) -> Frame {
    let mut bytes = BytesMut::with_capacity(headers.len() + payload.len());
    bytes.extend_from_slice(headers);
    bytes.extend_from_slice(payload);
    Frame::from_bytes(bytes.freeze())
}

/// The datagram whose fragments say this together.
fn marked(mut frame: Frame, ecn: Ecn) -> Frame {
    if ecn == Ecn::Congestion {
        frame.mark_congestion();
    }
    frame
}
