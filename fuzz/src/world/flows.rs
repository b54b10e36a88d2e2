//! The host's connections with the outside, as seen in what it sends.
use std::net::{Ipv4Addr, Ipv6Addr};

use sockeye_wire::{
    ChecksumState, Frame, Headers, IpProtocol, IpView, Ipv4Header, Ipv6Header, Payload, TcpFlags,
    TcpHeader, TcpView,
};

use crate::action::Action;

const MAX_FLOWS: usize = 64;

/// Connections in the order in which they were seen.
#[derive(Default)]
pub(super) struct Flows(Vec<Flow>);

/// One connection.
struct Flow {
    addresses: Addresses,
    own_port: u16,
    peer_port: u16,
    /// The next sequence number of the host.
    own_next: u32,
    /// The next sequence number that the host expects.
    peer_next: u32,
}

/// The host's address and the peer's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Addresses {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

impl Flows {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Learns from a packet of the host where its connections are.
    pub(super) fn watch(&mut self, frame: &Frame) {
        let (Ok(layout), Ok(ip)) = (frame.layout(), frame.ip()) else {
            return;
        };
        let transport = frame.headers.get(layout.transport..).unwrap_or_default();
        if layout.fragment || layout.protocol != IpProtocol::TCP {
            return;
        }
        let Ok(tcp) = TcpView::parse(transport) else {
            return;
        };
        let addresses = match ip {
            IpView::V4(view) => Addresses::V4(view.source(), view.destination()),
            IpView::V6(view) => Addresses::V6(view.source(), view.destination()),
        };
        let length = u32::try_from(frame.payload.len()).unwrap_or(0);
        let flags = tcp.flags();
        let numbers =
            u32::from(flags.contains(TcpFlags::SYN)) + u32::from(flags.contains(TcpFlags::FIN));
        let own_next = tcp.sequence().wrapping_add(length).wrapping_add(numbers);
        let room = self.0.len() < MAX_FLOWS;
        let known = self.0.iter_mut().find(|flow| {
            flow.addresses == addresses
                && flow.own_port == tcp.source_port()
                && flow.peer_port == tcp.destination_port()
        });
        match known {
            Some(flow) => {
                flow.own_next = own_next;
                flow.peer_next = tcp.acknowledgment();
            }
            None if room => self.0.push(Flow {
                addresses,
                own_port: tcp.source_port(),
                peer_port: tcp.destination_port(),
                own_next,
                peer_next: tcp.acknowledgment(),
            }),
            None => {}
        }
    }

    /// The segment that an action describes.
    pub(super) fn segment(&self, action: &Action) -> Option<Frame> {
        let Action::Segment {
            flow,
            flags,
            sequence,
            acknowledgment,
            window,
            ref options,
            length,
        } = *action
        else {
            return None;
        };
        let flow = self.0.get(usize::from(flow) % self.0.len().max(1))?;
        let header = TcpHeader {
            source_port: flow.peer_port,
            destination_port: flow.own_port,
            sequence: flow.peer_next.wrapping_add_signed(sequence.into()),
            acknowledgment: flow.own_next.wrapping_add_signed(acknowledgment.into()),
            flags: TcpFlags::from_bits_retain(flags),
            window,
            urgent: u16::from(flags & 0x20 != 0),
            options: sockeye_wire::TcpOptions::parse(options),
        };
        let length = usize::from(length % 1461);
        let transport = header.header_len() + length;
        let mut headers = Headers::new();
        match flow.addresses {
            Addresses::V4(own, peer) => {
                Ipv4Header::new(peer, own, IpProtocol::TCP, transport).emit(&mut headers);
            }
            Addresses::V6(own, peer) => {
                Ipv6Header::new(peer, own, IpProtocol::TCP, transport).emit(&mut headers);
            }
        }
        header.emit(&mut headers);
        let mut frame = Frame::new(headers, Payload::from(vec![0xaa; length]));
        frame.offload.checksum = ChecksumState::Partial;
        frame.complete_checksum();
        Some(frame)
    }
}
