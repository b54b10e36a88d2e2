//! Network interfaces: names, addresses, and packets that wait to be taken.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use sockeye_wire::Frame;
use sockeye_wire::segmentation::Segments;

use crate::config::{InterfaceConfig, OffloadCapabilities};
use crate::ids::InterfaceId;
use crate::ip::routes::IpCidr;

/// Packets that may wait on an interface. Linux's `txqueuelen` is 1000; super-segments count once here, too.
const QUEUE_LIMIT: usize = 4096;

/// `lo`'s `txqueuelen`, which means nothing without a queue (`DEFAULT_TX_QUEUE_LEN`).
const LOOPBACK_QUEUE: u32 = 1000;

/// `lo`'s MTU.
pub(crate) const LOOPBACK_MTU: usize = 65_536;

/// `IFF_UP | IFF_RUNNING | IFF_LOWER_UP`: every interface of a host carries packets.
const FLAGS_UP: u32 = 0x1 | 0x40 | 0x1_0000;
/// `IFF_LOOPBACK`.
const FLAG_LOOPBACK: u32 = 0x8;
/// `IFF_NOARP | IFF_MULTICAST`.
const FLAGS_IP: u32 = 0x80 | 0x1000;
/// `ARPHRD_LOOPBACK`.
const HARDWARE_LOOPBACK: u16 = 772;
/// `ARPHRD_NONE`.
const HARDWARE_NONE: u16 = 0xfffe;

/// An interface as Linux shows it to programs: by netlink, and by `ioctl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceInfo<'a> {
    /// `ifindex`.
    pub index: u32,
    /// Its name.
    pub name: &'a str,
    /// The longest IP packet it carries.
    pub mtu: u32,
    /// `IFF_*`.
    pub flags: u32,
    /// `ARPHRD_*`.
    pub hardware: u16,
    /// The link layer's address: empty if there is no link layer.
    pub hardware_address: &'a [u8],
    /// How many packets may wait: `txqueuelen`.
    pub queue_length: u32,
    /// What `ip link` calls the queue.
    pub queue_discipline: &'static str,
    /// Its addresses.
    pub addresses: &'a [IpCidr],
}

/// One interface.
#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) mtu: usize,
    pub(crate) addresses: Vec<IpCidr>,
    pub(crate) offload: OffloadCapabilities,
    queue: VecDeque<Frame>,
    /// How many may wait in it.
    pub(crate) limit: usize,
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
            limit: QUEUE_LIMIT,
            splitting: None,
        }
    }

    /// What programs see of it, under this id.
    pub(crate) fn info(&self, id: InterfaceId) -> InterfaceInfo<'_> {
        let is_loopback = id == InterfaceId::LOOPBACK;
        let own = if is_loopback { FLAG_LOOPBACK } else { FLAGS_IP };
        InterfaceInfo {
            index: id.ifindex(),
            name: &self.name,
            mtu: u32::try_from(self.mtu).unwrap_or(u32::MAX),
            flags: FLAGS_UP | own,
            hardware: if is_loopback {
                HARDWARE_LOOPBACK
            } else {
                HARDWARE_NONE
            },
            hardware_address: if is_loopback { &[0; 6] } else { &[] },
            // The loopback's queue is emptied by the call that fills it.
            queue_length: if is_loopback {
                LOOPBACK_QUEUE
            } else {
                u32::try_from(self.limit).unwrap_or(u32::MAX)
            },
            queue_discipline: if is_loopback { "noqueue" } else { "pfifo" },
            addresses: &self.addresses,
        }
    }

    /// Whether the next packet would be dropped.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= self.limit
    }

    /// Queues a packet; false if it was dropped because too many wait.
    pub(crate) fn push(&mut self, frame: Frame) -> bool {
        let has_room = !self.is_full();
        if has_room {
            self.queue.push_back(frame);
        }
        has_room
    }

    /// The next packet, as the device can take it: what it does not do itself is done here.
    pub(crate) fn pop(&mut self) -> Option<Frame> {
        if self.splitting.is_none() {
            let mut frame = self.queue.pop_front()?;
            if self.queue.is_empty() && self.queue.capacity() > 256 {
                self.queue = VecDeque::new();
            }
            let is_single = frame.offload.segment_size.is_none();
            if is_single || frame.len() <= self.offload.segmentation {
                // A device that takes super-segments whole sums them itself.
                if !self.offload.checksum && is_single {
                    frame.complete_checksum();
                }
                return Some(frame);
            }
            let segments = frame.segments();
            self.splitting = Some(if self.offload.checksum {
                segments
            } else {
                segments.summed()
            });
        }
        let segments = self.splitting.as_mut()?;
        let packet = segments.next();
        if segments.is_finished() {
            self.splitting = None;
        }
        packet
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
