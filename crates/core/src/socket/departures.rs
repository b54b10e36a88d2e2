//! When packets went, for the error queue of the socket that sent them (`SO_TIMESTAMPING`, `__skb_tstamp_tx`).
//!
//! A stamp comes with the packet as it was given to the device unless only the stamp is wanted. A device of the host takes a
//! packet at once, so that the stamps of its queue and of the wire are the same.

use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use bytes::Bytes;
use sockeye_wire::{Frame, Payload};

use super::datagrams::{Envelope, QueuedError, told_of};
use crate::address::as_seen_by;
use crate::message::{Ancillary, ErrorOrigin, ExtendedError};
use crate::options::{SharedOptions, StampFlags, Switches};
use crate::{Domain, Errno, InterfaceId};

/// What is recorded of what one call sends: what the socket's options say, or the call's own message instead.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StampRequest {
    pub(crate) flags: StampFlags,
    /// `SCM_TS_OPT_ID`
    pub(crate) key: Option<u32>,
}

impl StampRequest {
    pub(crate) fn of(options: &SharedOptions) -> Self {
        Self {
            flags: options.stamp_flags() & StampFlags::RECORDED,
            key: None,
        }
    }

    /// A control message asks for these.
    pub(crate) fn ask(&mut self, flags: u32) {
        self.flags = StampFlags::from_bits_truncate(flags) & StampFlags::RECORDED;
    }

    /// Whether it is to be told when the packet goes.
    pub(crate) fn is_of_departure(self) -> bool {
        self.flags.intersects(StampFlags::DEPARTURE)
    }
}

/// What has happened to what was sent: `SCM_TSTAMP_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// `SCM_TSTAMP_SND`
    Sent,
    /// `SCM_TSTAMP_SCHED`
    Scheduled,
    /// `SCM_TSTAMP_ACK`
    Acknowledged,
}

impl Stage {
    /// Those of a departure, in the order in which they come.
    pub(crate) const OF_DEPARTURE: [(StampFlags, Self); 2] = [
        (StampFlags::TX_SCHED, Self::Scheduled),
        (StampFlags::TX_SOFTWARE, Self::Sent),
    ];

    const fn number(self) -> u32 {
        match self {
            Self::Sent => 0,
            Self::Scheduled => 1,
            Self::Acknowledged => 2,
        }
    }
}

/// What comes with a stamp.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// Nothing: `SOF_TIMESTAMPING_OPT_TSONLY`.
    Nothing,
    /// The packet, and where it left.
    Packet(&'a Frame, InterfaceId),
    /// The data alone.
    Data(Payload),
    /// What is known of the connection, as netlink attributes: `SOF_TIMESTAMPING_OPT_STATS`.
    Stats(Vec<u8>),
}

/// The entry of the error queue. `now` is a time of the wall clock.
pub(crate) fn entry(
    domain: Domain,
    options: &SharedOptions,
    stage: Stage,
    key: u32,
    now: Duration,
    content: &Content<'_>,
) -> QueuedError {
    let flags = options.stamp_flags();
    let mut told = Vec::new();
    if flags.contains(StampFlags::SOFTWARE) {
        told.push(Ancillary::Timestamping {
            software: now,
            is_new: options.is_on(Switches::NEW_STAMPS),
        });
        if let Content::Stats(stats) = content {
            told.push(Ancillary::StampStats(stats.clone()));
        }
    }
    let mut offender = None;
    // ipv6_recv_error names the sender of the packet, which is this host, and ip_recv_error does so if it is asked to.
    if let Content::Packet(frame, interface) = content
        && (domain == Domain::Inet6 || flags.contains(StampFlags::OPT_CMSG))
        && let Some(envelope) = envelope_of(frame, *interface)
    {
        offender = Some(as_seen_by(domain, envelope.source, 0, 0));
        told_of(domain, options, &envelope, &mut told);
    }
    QueuedError {
        error: ExtendedError {
            errno: Some(Errno::ENOMSG),
            origin: ErrorOrigin::Timestamping,
            kind: 0,
            code: 0,
            info: stage.number(),
            data: key,
            offender,
            is_v6: domain == Domain::Inet6,
        },
        payload: match content {
            Content::Nothing => Payload::new(),
            Content::Packet(frame, interface) => as_the_device_sees(frame, *interface),
            Content::Data(data) => data.clone(),
            Content::Stats(stats) => Payload::from(Bytes::from(stats.clone())),
        },
        destination: None,
        told,
    }
}

fn envelope_of(frame: &Frame, interface: InterfaceId) -> Option<Envelope> {
    let ip = frame.ip().ok()?;
    Some(Envelope {
        source: ip.source(),
        source_port: 0,
        destination: ip.destination(),
        specific: match ip.source() {
            IpAddr::V4(source) => Some(source),
            IpAddr::V6(_) => None,
        },
        destination_port: 0,
        interface,
        hop_limit: ip.hop_limit(),
        traffic_class: ip.traffic_class(),
    })
}

/// The loopback is an Ethernet to Linux; the host's other devices carry IP.
fn as_the_device_sees(frame: &Frame, interface: InterfaceId) -> Payload {
    let mut packet = Vec::new();
    if interface == InterfaceId::LOOPBACK {
        let is_v4 = frame.headers.first().is_some_and(|first| first >> 4 == 4);
        packet.extend([0; 12]);
        packet.extend(if is_v4 { [0x08, 0x00] } else { [0x86, 0xdd] });
    }
    packet.extend(frame.to_vec());
    Payload::from(Bytes::from(packet))
}
