//! Packets that the script hands in.

use super::Player;
use crate::ast::{Icmp, Packet, Quoted, Range, Segment};
use crate::failure::{Failure, Outcome, Place};
use crate::flow::Flow;
use crate::packet::{self, Message};

const SYN: u16 = 0x02;
const ACK: u16 = 0x10;
const URG: u16 = 0x20;
/// The most data that fit a packet whatever its headers.
const LONGEST: usize = 65_000;

impl Player<'_> {
    /// The flow with these ports, which is made if it is not there.
    pub(super) fn flow_with(&mut self, local: u16, remote: u16) -> usize {
        let found = self
            .flows
            .iter()
            .rposition(|flow| flow.local.1 == local && flow.remote.1 == remote);
        found.unwrap_or_else(|| {
            let setup = self.context.setup;
            let flow = Flow::new((setup.local, local), (setup.remote, remote));
            self.flows.push(flow);
            self.flows.len() - 1
        })
    }

    /// The flow of a packet that comes in.
    fn inbound_flow(&mut self, packet: &Packet) -> usize {
        let at = match (packet.ports, self.current) {
            (Some((remote, local)), _) => self.flow_with(local, remote),
            (None, Some(current)) => current,
            (None, None) => {
                let local = self.listening.unwrap_or(self.context.setup.bind_port);
                let remote = self.next_port;
                self.next_port = self.next_port.wrapping_add(1);
                self.flow_with(local, remote)
            }
        };
        self.current = Some(at);
        self.flows[at].is_aside = false;
        at
    }

    pub(super) fn inject_segment(
        &mut self,
        packet: &Packet,
        segment: &Segment,
        place: Place,
    ) -> Outcome<()> {
        let at = self.inbound_flow(packet);
        let options = segment.options.as_deref();
        let Some(options) = options else {
            let what = "a packet that goes in must say its options";
            return Err(Failure::new(place, what));
        };
        if !packet::option_length(options).is_multiple_of(4) {
            let what = "the options are no multiple of four bytes long";
            return Err(Failure::new(place, what).note("options", packet::show_options(options)));
        }
        if packet::option_length(options) > 40 {
            return Err(Failure::new(place, "the options are longer than 40 bytes"));
        }
        if segment.range.length > LONGEST {
            let what = "a packet that goes in can't be so long";
            return Err(Failure::new(place, what));
        }
        let flow = &mut self.flows[at];
        if segment.flags & SYN != 0 {
            if flow.remote_start.is_none() {
                flow.bases.1 = segment.range.start;
            }
            if flow.remote_start.is_none() || segment.flags & ACK != 0 {
                flow.remote_start = Some(segment.range.start);
            } else {
                flow.reopening = Some(segment.range.start);
            }
        }
        flow.is_urgent |= segment.flags & URG != 0;
        let bytes = packet::segment(packet.ip, flow, segment);
        let mss = self.context.setup.mss;
        let size = mss.filter(|mss| segment.range.length > usize::from(mss.get()));
        self.system.inject(bytes, size);
        self.wait(self.system.now())
    }

    pub(super) fn inject_udp(
        &mut self,
        packet: &Packet,
        length: usize,
        place: Place,
    ) -> Outcome<()> {
        if length > LONGEST {
            let what = "a packet that goes in can't be so long";
            return Err(Failure::new(place, what));
        }
        let at = match (packet.ports, self.current) {
            (None, None) => {
                // A datagram socket: bound, or connected to where this comes from.
                let file = self.connecting.and_then(|fd| self.context.files.get(&fd));
                let remote = file
                    .and_then(|file| file.peer)
                    .unwrap_or(self.context.setup.connect_port);
                let local = self.listening.unwrap_or(self.context.setup.bind_port);
                self.flow_with(local, remote)
            }
            _ => self.inbound_flow(packet),
        };
        self.current = Some(at);
        let bytes = packet::udp(packet.ip, &self.flows[at], length);
        self.system.inject(bytes, None);
        self.wait(self.system.now())
    }

    pub(super) fn inject_icmp(&mut self, packet: &Packet, icmp: &Icmp) -> Outcome<()> {
        let is_v6 = self.context.setup.local.is_ipv6();
        let message = Message::of(icmp, is_v6)?;
        let at = self.inbound_flow(packet);
        let flow = &self.flows[at];
        let about = icmp.quoted.unwrap_or_else(|| {
            let (start, length) = flow.last_sent.unwrap_or((0, 0));
            Quoted::Segment(Range { start, length })
        });
        let bytes = packet::icmp(packet.ip, flow, message, about);
        self.system.inject(bytes, None);
        self.wait(self.system.now())
    }
}
