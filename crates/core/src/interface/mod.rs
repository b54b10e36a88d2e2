//! Network interfaces: names, addresses, and packets that wait to be taken.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use sockeye_wire::Frame;
use sockeye_wire::segmentation::Segments;

use crate::config::{InterfaceConfig, OffloadCapabilities};
use crate::ip::routes::IpCidr;

/// Packets that may wait on an interface. Linux's `txqueuelen` is 1000; super-segments count once here, too.
const QUEUE_LIMIT: usize = 4096;

/// `lo`'s MTU.
pub(crate) const LOOPBACK_MTU: usize = 65_536;

/// One interface.
#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) mtu: usize,
    pub(crate) addresses: Vec<IpCidr>,
    pub(crate) offload: OffloadCapabilities,
    queue: VecDeque<Frame>,
    /// A super-segment that the device can't take whole, on its way out.
    splitting: Option<Segments>,
}

impl Interface {
    pub(crate) fn new(config: InterfaceConfig) -> Self {
        Self {
            name: config.name,
            mtu: config.mtu,
            addresses: config.addresses,
            offload: config.offload,
            queue: VecDeque::new(),
            splitting: None,
        }
    }

    /// Queues a packet; false if it was dropped because too many wait.
    pub(crate) fn push(&mut self, frame: Frame) -> bool {
        let has_room = self.queue.len() < QUEUE_LIMIT;
        if has_room {
            self.queue.push_back(frame);
        }
        has_room
    }

    /// The next packet, as the device can take it: what it does not do itself is done here.
    pub(crate) fn pop(&mut self) -> Option<Frame> {
        let mut frame = match &mut self.splitting {
            Some(segments) => segments.next()?,
            None => {
                let frame = self.queue.pop_front()?;
                if self.queue.is_empty() && self.queue.capacity() > 256 {
                    self.queue = VecDeque::new();
                }
                if frame.offload.segment_size.is_none() || frame.len() <= self.offload.segmentation
                {
                    frame
                } else {
                    self.splitting.insert(frame.segments()).next()?
                }
            }
        };
        if self.splitting.as_ref().is_some_and(Segments::is_finished) {
            self.splitting = None;
        }
        // A device that takes super-segments whole sums them itself.
        if !self.offload.checksum && frame.offload.segment_size.is_none() {
            frame.complete_checksum();
        }
        Some(frame)
    }

    pub(crate) fn has_output(&self) -> bool {
        !self.queue.is_empty() || self.splitting.is_some()
    }

    /// Whether this is the broadcast address of one of the interface's networks.
    pub(crate) fn has_broadcast(&self, address: Ipv4Addr) -> bool {
        self.addresses.iter().any(|cidr| match cidr.address() {
            // A network of two or fewer addresses has none (RFC 3021).
            IpAddr::V4(own) if cidr.prefix_len() < 31 => {
                let host = u32::MAX >> cidr.prefix_len();
                address.to_bits() == own.to_bits() | host
            }
            _ => false,
        })
    }

    /// The interface's address from which to speak to `destination`: of its family, with the longest common prefix
    /// (RFC 6724 5, rule 8; rule 2 keeps link-local addresses to link-local destinations).
    pub(crate) fn source_for(&self, destination: IpAddr) -> Option<IpAddr> {
        let candidates = self.addresses.iter().map(IpCidr::address);
        let fitting = candidates.filter(|source| source.is_ipv4() == destination.is_ipv4());
        match destination {
            // IPv4 takes the address whose network holds the destination, else the first (`inet_select_addr`).
            IpAddr::V4(_) => {
                let on_link = self
                    .addresses
                    .iter()
                    .find(|cidr| cidr.contains(destination));
                on_link
                    .map(IpCidr::address)
                    .or_else(|| fitting.clone().next())
            }
            IpAddr::V6(to) => {
                let score = |source: &IpAddr| match source {
                    IpAddr::V6(from) => {
                        let same_scope = from.is_unicast_link_local() == to.is_unicast_link_local();
                        (same_scope, (from.to_bits() ^ to.to_bits()).leading_zeros())
                    }
                    IpAddr::V4(_) => (false, 0),
                };
                fitting.rev().max_by_key(score)
            }
        }
    }
}
