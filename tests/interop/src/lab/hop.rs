//! A hop in the middle that takes no long packets.

use sockeye_core::Frame;
use sockeye_wire::{
    Headers, Icmpv4Error, Icmpv6Error, IpProtocol, IpView, Ipv4Header, Ipv6Header, icmpv4, quote,
};

/// What it takes.
#[derive(Clone, Copy, Debug)]
pub struct Narrow {
    /// The longest that passes.
    pub mtu: u16,
    /// It tells by ICMP of those that don't.
    pub tells: bool,
}

impl Narrow {
    pub(crate) fn takes(self, frame: &Frame) -> bool {
        frame.len() <= usize::from(self.mtu)
    }
}

/// What a hop says of a packet that is too long for it: to the packet's sender, from where it was going.
pub(crate) fn too_big(frame: &Frame, mtu: u16) -> Option<Frame> {
    let mut headers = Headers::new();
    let body = match frame.ip().ok()? {
        IpView::V4(ip) => {
            let error = icmpv4::Unreachable::FragmentationNeeded { mtu };
            let error = Icmpv4Error::DestinationUnreachable(error);
            let body = quote::icmpv4_error(error, frame, ip.header_len());
            Ipv4Header::new(
                ip.destination(),
                ip.source(),
                IpProtocol::ICMPV4,
                body.len(),
            )
            .emit(&mut headers);
            body
        }
        IpView::V6(ip) => {
            let error = Icmpv6Error::PacketTooBig { mtu: mtu.into() };
            let (source, destination) = (ip.destination(), ip.source());
            let body = quote::icmpv6_error(error, frame, source, destination, 0);
            Ipv6Header::new(source, destination, IpProtocol::ICMPV6, body.len()).emit(&mut headers);
            body
        }
    };
    let mut bytes = headers.to_vec();
    bytes.extend(body.to_vec());
    Some(Frame::from_bytes(bytes.into()))
}
