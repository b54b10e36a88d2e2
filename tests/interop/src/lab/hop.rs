//! A hop in the middle that does not take every packet, and what it says.

use sockeye_core::Frame;
use sockeye_wire::{
    Headers, Icmpv4Error, Icmpv6Error, IpProtocol, IpView, Ipv4Header, Ipv6Header, icmpv4, icmpv6,
    quote,
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

/// What a hop may say of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// It is too long for the next link, which takes this much.
    TooBig(u16),
    /// There is no way to where it is going.
    NoWay,
}

/// What a hop says of a packet: to the packet's sender, from where it was going.
pub(crate) fn complain(frame: &Frame, complaint: Complaint) -> Option<Frame> {
    let mut headers = Headers::new();
    let body = match frame.ip().ok()? {
        IpView::V4(ip) => {
            let error = Icmpv4Error::DestinationUnreachable(match complaint {
                Complaint::TooBig(mtu) => icmpv4::Unreachable::FragmentationNeeded { mtu },
                Complaint::NoWay => icmpv4::Unreachable::Host,
            });
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
            let error = match complaint {
                Complaint::TooBig(mtu) => Icmpv6Error::PacketTooBig { mtu: mtu.into() },
                Complaint::NoWay => {
                    Icmpv6Error::DestinationUnreachable(icmpv6::Unreachable::Address)
                }
            };
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
