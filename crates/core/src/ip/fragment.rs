//! Cutting a datagram that is too long for its path (RFC 791 3.2, RFC 8200 4.5).
//!
//! The caller has decided that cutting is allowed (`IP_DF` clear, or the sending host for IPv6). Transport checksums
//! are completed first, since they span the whole datagram.

use alloc::vec::Vec;

use sockeye_wire::ipv4::{Ipv4Header, Ipv4View};
use sockeye_wire::ipv6::{self, FragmentHeader};
use sockeye_wire::{Frame, Headers, IpProtocol, IpView, Payload};

/// The fragments of `frame`, none longer than `mtu`. `identification` is what IPv6 fragments share; IPv4 uses the one
/// in the header. Empty if the packet is not IP or `mtu` leaves no room for eight bytes of data.
pub(crate) fn fragment(mut frame: Frame, mtu: usize, identification: u32) -> Vec<Frame> {
    frame.complete_checksum();
    match frame.ip() {
        Ok(IpView::V4(view)) => fragment_v4(&frame, view, mtu),
        Ok(IpView::V6(_)) => fragment_v6(&frame, mtu, identification),
        Err(_) => Vec::new(),
    }
}

fn fragment_v4(frame: &Frame, view: Ipv4View<'_>, mtu: usize) -> Vec<Frame> {
    let first = Ipv4Header::from(view);
    let mut later = first.clone();
    // RFC 791 3.1: only options with the copied flag go into all fragments.
    later.options = view
        .option_iter()
        .map_while(Result::ok)
        .filter(|option| option.copied())
        .flat_map(|option| {
            let length = u8::try_from(option.data.len() + 2).unwrap_or(2);
            [option.kind, length]
                .into_iter()
                .chain(option.data.iter().copied())
        })
        .collect();
    // A fragment that is cut again keeps its place in the datagram, and its claim that more follow.
    let base = first.fragment_offset;
    let cut = Cut::new(frame.ip_payload(first.header_len()), mtu);
    cut.pieces(
        first.header_len(),
        later.header_len(),
        |offset, more, piece| {
            let mut header = if offset == 0 {
                first.clone()
            } else {
                later.clone()
            };
            header.fragment_offset = base + offset;
            header.more_fragments = more || first.more_fragments;
            header.payload_length = piece.len();
            let mut headers = Headers::new();
            header.emit(&mut headers);
            Frame::new(headers, piece)
        },
    )
}

fn fragment_v6(frame: &Frame, mtu: usize, identification: u32) -> Vec<Frame> {
    let Some((unfragmentable, next_header_at)) = per_fragment_headers(&frame.headers) else {
        return Vec::new();
    };
    let next_header = IpProtocol(frame.headers[next_header_at]);
    let head = unfragmentable + FragmentHeader::LEN;
    let cut = Cut::new(frame.ip_payload(unfragmentable), mtu);
    cut.pieces(head, head, |offset, more_fragments, piece| {
        let mut headers = Headers::from(&frame.headers[..unfragmentable]);
        headers[next_header_at] = IpProtocol::FRAGMENT.0;
        let payload_length = head - ipv6::HEADER_LEN + piece.len();
        headers[4..6].copy_from_slice(&u16::try_from(payload_length).unwrap_or(0).to_be_bytes());
        FragmentHeader {
            next_header,
            offset,
            more_fragments,
            identification,
        }
        .emit(&mut headers);
        Frame::new(headers, piece)
    })
}

/// How long the headers are that each fragment repeats, and where the next-header field of the last of them is:
/// the IPv6 header, and what routers on the way look at (hop-by-hop options and routing headers, RFC 8200 4.5).
fn per_fragment_headers(headers: &[u8]) -> Option<(usize, usize)> {
    let mut next_header_at = 6;
    let mut length = ipv6::HEADER_LEN;
    loop {
        let next = IpProtocol(*headers.get(next_header_at)?);
        let is_repeated = next == IpProtocol::HOP_BY_HOP || next == IpProtocol::ROUTING;
        if !is_repeated {
            return (length <= headers.len()).then_some((length, next_header_at));
        }
        next_header_at = length;
        length += (usize::from(*headers.get(length + 1)?) + 1) * 8;
    }
}

/// A datagram's payload on its way into pieces.
struct Cut {
    payload: Payload,
    mtu: usize,
}

impl Cut {
    fn new(payload: Payload, mtu: usize) -> Self {
        Self { payload, mtu }
    }

    /// Each piece, given to `build` with its offset and whether more follow. The first header may be longer than the
    /// others.
    fn pieces(
        mut self,
        first_header: usize,
        later_header: usize,
        build: impl Fn(usize, bool, Payload) -> Frame,
    ) -> Vec<Frame> {
        let mut fragments = Vec::new();
        let mut offset = 0;
        loop {
            let header = if offset == 0 {
                first_header
            } else {
                later_header
            };
            let room = self.mtu.saturating_sub(header);
            if self.payload.len() <= room {
                fragments.push(build(offset, false, self.payload));
                return fragments;
            }
            let length = room & !7;
            if length == 0 {
                return Vec::new();
            }
            let piece = self.payload.split_to(length);
            fragments.push(build(offset, true, piece));
            offset += length;
        }
    }
}

#[cfg(test)]
mod tests;
