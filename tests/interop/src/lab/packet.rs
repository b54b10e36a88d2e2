//! TCP packets as the wire sees them, and packets that nobody's stack would send.

use std::net::IpAddr;

use sockeye_core::Frame;
use sockeye_wire::{
    Ecn, Headers, IpProtocol, IpView, Ipv4Header, Ipv6Header, Payload, TcpFlags, TcpHeader, TcpView,
};

use crate::Who;

/// One that set out.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Whose it is.
    pub from: Who,
    /// Its addresses: from and to.
    pub addresses: [IpAddr; 2],
    /// What its IP header says of congestion.
    pub ecn: Ecn,
    /// Its TCP header.
    pub header: TcpHeader,
    /// Its data.
    pub payload: Payload,
}

impl Packet {
    /// What a frame is, if it is a TCP packet.
    pub(crate) fn of(from: Who, frame: &Frame) -> Option<Self> {
        let layout = frame.layout().ok()?;
        if layout.protocol != IpProtocol::TCP || layout.fragment {
            return None;
        }
        let view = TcpView::parse(frame.headers.get(layout.transport..)?).ok()?;
        let (addresses, traffic_class) = match frame.ip().ok()? {
            IpView::V4(ip) => (
                [ip.source().into(), ip.destination().into()],
                ip.traffic_class(),
            ),
            IpView::V6(ip) => (
                [ip.source().into(), ip.destination().into()],
                ip.traffic_class(),
            ),
        };
        Some(Packet {
            from,
            addresses,
            ecn: Ecn::of(traffic_class),
            header: TcpHeader::from(view),
            payload: frame.payload.clone(),
        })
    }

    /// Whether it has these flags.
    pub fn has(&self, flags: TcpFlags) -> bool {
        self.header.flags.contains(flags)
    }

    /// Whether it has data.
    pub fn has_data(&self) -> bool {
        !self.payload.is_empty()
    }

    /// The number behind its data.
    pub fn end(&self) -> u32 {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        self.header.sequence.wrapping_add(length)
    }

    /// The frame for it, with its checksums.
    pub(crate) fn frame(&self) -> Frame {
        let length = self.header.header_len() + self.payload.len();
        let mut headers = Headers::new();
        let sum = match self.addresses {
            [IpAddr::V4(source), IpAddr::V4(destination)] => {
                let ip = Ipv4Header {
                    dont_fragment: true,
                    traffic_class: self.ecn.bits(),
                    ..Ipv4Header::new(source, destination, IpProtocol::TCP, length)
                };
                ip.emit(&mut headers);
                sockeye_wire::Checksum::pseudo_header_v4(
                    source,
                    destination,
                    IpProtocol::TCP,
                    length,
                )
            }
            [source, destination] => {
                let v6 = |address: IpAddr| match address {
                    IpAddr::V4(address) => address.to_ipv6_mapped(),
                    IpAddr::V6(address) => address,
                };
                let (source, destination) = (v6(source), v6(destination));
                let ip = Ipv6Header {
                    traffic_class: self.ecn.bits(),
                    ..Ipv6Header::new(source, destination, IpProtocol::TCP, length)
                };
                ip.emit(&mut headers);
                sockeye_wire::Checksum::pseudo_header_v6(
                    source,
                    destination,
                    IpProtocol::TCP,
                    length,
                )
            }
        };
        let data = self.payload.to_vec();
        self.header
            .emit_with_checksum(&mut headers, sum, [data.as_slice()]);
        Frame::new(headers, self.payload.clone())
    }
}
