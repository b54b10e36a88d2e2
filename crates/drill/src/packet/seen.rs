//! Packets that the stack under test sent.

use std::net::IpAddr;

use bytes::Bytes;
use sockeye_wire::{Frame, IpProtocol, IpView, Layout, TcpView, UdpView};

use super::icmp::Message;
use super::options;
use crate::ast::TcpOption;

const ACK: u16 = 0x10;

/// A packet, read.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) class: u8,
    pub(crate) hop_limit: u8,
    pub(crate) flow_label: u32,
    pub(crate) ports: (u16, u16),
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Tcp {
        sequence: u32,
        ack: u32,
        flags: u16,
        window: u16,
        urgent: u16,
        options: Vec<TcpOption>,
        data: Vec<u8>,
    },
    Udp {
        length: usize,
    },
    Icmp(Message),
    Other(u8),
}

impl Seen {
    /// Lets what it acknowledges count from where the script's numbers of the other end do.
    pub(crate) fn count_from(&mut self, base: impl Fn(u16) -> u32) {
        let Body::Tcp {
            ack,
            flags,
            options,
            ..
        } = &mut self.body
        else {
            return;
        };
        let base = base(*flags);
        if *flags & ACK != 0 {
            *ack = ack.wrapping_sub(base);
        }
        for option in options {
            if let TcpOption::Sack(blocks) = option {
                for (start, end) in blocks {
                    *start = start.wrapping_sub(base);
                    *end = end.wrapping_sub(base);
                }
            }
        }
    }

    /// Reads a packet; what is wrong with it if it can't be one.
    pub(crate) fn read(packet: &[u8]) -> Result<Self, String> {
        let mut frame = Frame::from_bytes(Bytes::copy_from_slice(packet));
        if !frame.verify_checksum() {
            return Err(format!("a packet with a wrong checksum: {packet:02x?}"));
        }
        let unreadable = |error| format!("a packet that can't be read ({error:?}): {packet:02x?}");
        let ip = IpView::parse(packet).map_err(unreadable)?;
        let layout = Layout::of(packet).map_err(unreadable)?;
        let rest = packet.get(layout.transport..).unwrap_or_default();
        let mut ports = (0, 0);
        let body = match layout.protocol {
            IpProtocol::TCP => {
                let view = TcpView::parse(rest).map_err(unreadable)?;
                ports = (view.source_port(), view.destination_port());
                Body::Tcp {
                    sequence: view.sequence(),
                    ack: view.acknowledgment(),
                    flags: flags_of(rest),
                    window: view.window(),
                    urgent: view.urgent(),
                    options: options::decode(view.option_bytes()),
                    data: rest.get(view.header_len()..).unwrap_or_default().to_vec(),
                }
            }
            IpProtocol::UDP => {
                let view = UdpView::parse(rest).map_err(unreadable)?;
                ports = (view.source_port(), view.destination_port());
                Body::Udp {
                    length: usize::from(view.length()).saturating_sub(8),
                }
            }
            IpProtocol::ICMPV4 | IpProtocol::ICMPV6 => match rest {
                [kind, code, _, _, a, b, c, d, ..] => Body::Icmp(Message {
                    kind: *kind,
                    code: *code,
                    rest: u32::from_be_bytes([*a, *b, *c, *d]),
                }),
                _ => return Err(format!("an ICMP message that is cut: {packet:02x?}")),
            },
            other => Body::Other(other.0),
        };
        let flow_label = match &ip {
            IpView::V6(view) => view.flow_label(),
            IpView::V4(_) => 0,
        };
        Ok(Self {
            source: ip.source(),
            destination: ip.destination(),
            class: ip.traffic_class(),
            hop_limit: ip.hop_limit(),
            flow_label,
            ports,
            body,
        })
    }
}

/// The flags of a segment, AE with them (RFC 9768 3.1).
fn flags_of(segment: &[u8]) -> u16 {
    match segment.get(12..14) {
        Some(&[high, low]) => u16::from_be_bytes([high & 1, low]),
        _ => 0,
    }
}
