//! The receive queues of sockets that keep message boundaries: UDP, ICMP echo and raw.
//!
//! A queue owns nothing while it is empty. Memory is counted as Linux counts it (`sk_rmem_alloc`): what a packet's
//! buffer takes, not what the packet says, so that a flood of empty datagrams is bounded too.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use sockeye_wire::Payload;

use crate::ids::InterfaceId;
use crate::message::{ErrorOrigin, ExtendedError, Incoming, MessageFlags, Received};
use crate::options::{SharedOptions, StampFlags, Switches};
use crate::{Ancillary, Domain, Errno, Instant, SocketAddress};

/// What IP knows of a packet beside its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// The sender.
    pub(crate) source: IpAddr,
    /// Its port; for a raw socket the protocol.
    pub(crate) source_port: u16,
    /// To whom it was sent.
    pub(crate) destination: IpAddr,
    /// The address from which to answer what was sent to many over IPv4 (`fib_compute_spec_dst`).
    pub(crate) specific: Option<Ipv4Addr>,
    /// To which port.
    pub(crate) destination_port: u16,
    /// Where it came in.
    pub(crate) interface: InterfaceId,
    /// Time to live or hop limit.
    pub(crate) hop_limit: u8,
    /// Type of service or traffic class.
    pub(crate) traffic_class: u8,
}

/// One received datagram.
#[derive(Debug, Clone)]
pub(crate) struct Datagram {
    pub(crate) envelope: Envelope,
    pub(crate) received: Instant,
    pub(crate) payload: Payload,
}

impl Datagram {
    /// The memory the datagram is charged for: Linux's `truesize` of a packet of this length.
    fn charge(&self) -> usize {
        const SK_BUFF: usize = 256;
        const HEADROOM_AND_SHARED_INFO: usize = 320 + 64 + 28;
        let head = self.payload.len() + HEADROOM_AND_SHARED_INFO;
        SK_BUFF + head.next_power_of_two().min(head.next_multiple_of(4096))
    }
}

/// An entry of the error queue (`IP_RECVERR`): the error, the payload that caused it and where that was sent.
#[derive(Debug, Clone)]
pub(crate) struct QueuedError {
    pub(crate) error: ExtendedError,
    pub(crate) payload: Payload,
    /// Where it was sent; a stamp does not tell.
    pub(crate) destination: Option<SocketAddress>,
    /// When it was sent, of a stamp that tells.
    pub(crate) stamp: Option<Ancillary>,
}

impl QueuedError {
    fn charge(&self) -> usize {
        const OVERHEAD: usize = 768;
        self.payload.len() + OVERHEAD
    }
}

#[derive(Debug, Default)]
struct Queues {
    datagrams: VecDeque<Datagram>,
    errors: VecDeque<QueuedError>,
    errors_charged: usize,
    charged: usize,
}

/// The queues of one socket.
#[derive(Debug, Default)]
pub(crate) struct DatagramQueues {
    queues: Option<Box<Queues>>,
    /// Datagrams dropped since the socket was made (`SO_RXQ_OVFL`).
    pub(crate) dropped: u32,
}

impl DatagramQueues {
    /// Queues a datagram, or drops it if the socket's buffer is full.
    pub(crate) fn push(&mut self, datagram: Datagram, options: &SharedOptions) -> bool {
        let queues = self.queues.get_or_insert_default();
        let limit = usize::try_from(options.receive_buffer).unwrap_or(usize::MAX);
        // As Linux: a datagram is taken while what came before it is within the limit.
        if queues.charged > limit {
            self.dropped = self.dropped.wrapping_add(1);
            return false;
        }
        queues.charged += datagram.charge();
        queues.datagrams.push_back(datagram);
        true
    }

    /// Queues an error, unless too many wait already.
    pub(crate) fn push_error(&mut self, error: QueuedError, options: &SharedOptions) {
        let queues = self.queues.get_or_insert_default();
        let limit = usize::try_from(options.receive_buffer).unwrap_or(usize::MAX);
        if queues.errors_charged <= limit {
            queues.errors_charged += error.charge();
            queues.errors.push_back(error);
        }
    }

    /// Whether there is a datagram to read.
    pub(crate) fn has_datagram(&self) -> bool {
        self.queues
            .as_ref()
            .is_some_and(|queues| !queues.datagrams.is_empty())
    }

    /// Whether there is an error to read with `MSG_ERRQUEUE`.
    pub(crate) fn has_error(&self) -> bool {
        self.queues
            .as_ref()
            .is_some_and(|queues| !queues.errors.is_empty())
    }

    /// The error that `MSG_ERRQUEUE` reads next.
    pub(crate) fn next_error(&self) -> Option<Errno> {
        let first = self
            .queues
            .as_ref()
            .and_then(|queues| queues.errors.front());
        let is_error = |queued: &&QueuedError| queued.error.origin != ErrorOrigin::Timestamping;
        first.filter(is_error).map(|queued| queued.error.errno)
    }

    /// The length of the first datagram: `FIONREAD`.
    pub(crate) fn first_length(&self) -> usize {
        let first = self
            .queues
            .as_ref()
            .and_then(|queues| queues.datagrams.front());
        first.map_or(0, |datagram| datagram.payload.len())
    }

    /// Bytes charged to the receive buffer: the `Recv-Q` of `ss`.
    pub(crate) fn charged(&self) -> usize {
        self.queues.as_ref().map_or(0, |queues| queues.charged)
    }

    /// `recvmsg`: the first datagram, cut to the caller's buffers. The caller adds the source's address.
    pub(crate) fn receive(
        &mut self,
        message: &mut Incoming<'_, '_>,
        options: &mut SharedOptions,
    ) -> Result<(Received, Datagram), Errno> {
        let queues = self.queues.as_mut().ok_or(Errno::EAGAIN)?;
        let is_peek = message.flags.contains(MessageFlags::PEEK);
        let mut skip = 0;
        let datagram = if is_peek {
            skip = options.peek_offset().unwrap_or(0);
            let peeked = queues.datagrams.iter().find(|datagram| {
                let length = datagram.payload.len();
                let is_behind = skip > 0 && skip >= length;
                skip -= if is_behind { length } else { 0 };
                !is_behind
            });
            peeked.cloned().ok_or(Errno::EAGAIN)?
        } else {
            let datagram = queues.datagrams.pop_front().ok_or(Errno::EAGAIN)?;
            queues.charged -= datagram.charge();
            datagram
        };
        self.release_if_empty();
        let received = copy_out(&datagram.payload, skip, message);
        // `skb_consume_udp`: what the call returns, be it copied or not.
        if is_peek {
            options.has_peeked(received.length);
        } else {
            options.has_read(received.length);
        }
        Ok((received, datagram))
    }

    /// `recvmsg` with `MSG_ERRQUEUE`.
    pub(crate) fn receive_error(
        &mut self,
        message: &mut Incoming<'_, '_>,
    ) -> Result<Received, Errno> {
        let queues = self.queues.as_mut().ok_or(Errno::EAGAIN)?;
        let queued = queues.errors.pop_front().ok_or(Errno::EAGAIN)?;
        queues.errors_charged -= queued.charge();
        self.release_if_empty();
        let mut received = copy_out(&queued.payload, 0, message);
        received.flags |= MessageFlags::ERRQUEUE;
        received.address = queued.destination;
        received.ancillary.extend(queued.stamp);
        received
            .ancillary
            .push(Ancillary::ExtendedError(Box::new(queued.error)));
        Ok(received)
    }

    fn release_if_empty(&mut self) {
        if !self.has_datagram() && !self.has_error() {
            self.queues = None;
        }
    }
}

/// Copies a message from `skip` on into the caller's buffers; with `MSG_TRUNC` its whole length is told.
fn copy_out(payload: &Payload, skip: usize, message: &mut Incoming<'_, '_>) -> Received {
    let mut copied = 0;
    for buffer in message.buffers.iter_mut() {
        copied += payload.copy_to_slice(skip + copied, buffer);
    }
    let mut received = Received {
        length: copied,
        ..Received::default()
    };
    if skip + copied < payload.len() {
        received.flags |= MessageFlags::TRUNC;
        if message.flags.contains(MessageFlags::TRUNC) {
            received.length = payload.len();
        }
    }
    received
}

/// What the socket's options ask to be told of a datagram, in Linux's order. `epoch` is the wall clock at the host's
/// time zero.
pub(crate) fn ancillary(
    domain: Domain,
    options: &SharedOptions,
    datagram: &Datagram,
    dropped: u32,
    epoch: core::time::Duration,
) -> Vec<Ancillary> {
    let envelope = &datagram.envelope;
    let mut told = Vec::new();
    let received = epoch + (datagram.received - Instant::ZERO);
    let is_new = options.is_on(Switches::NEW_STAMPS);
    told.extend(options.stamp(received));
    // Every packet is stamped here, as in Linux once any socket asked for it.
    let flags = options.stamp_flags();
    if flags.contains(StampFlags::SOFTWARE)
        && (flags.contains(StampFlags::RX_SOFTWARE) || !flags.contains(StampFlags::OPT_RX_FILTER))
    {
        told.push(Ancillary::Timestamping {
            software: received,
            is_new,
        });
    }
    if options.is_on(Switches::RECEIVE_OVERFLOWS) && dropped > 0 {
        told.push(Ancillary::Overflows(dropped));
    }
    let interface = envelope.interface.ifindex();
    match envelope.destination {
        IpAddr::V4(destination) => {
            if domain == Domain::Inet6 && options.is_on(Switches::PACKET_INFO_V6) {
                let address = destination.to_ipv6_mapped();
                told.push(Ancillary::PacketInfoV6 { interface, address });
            }
            if options.is_on(Switches::PACKET_INFO) {
                told.push(Ancillary::PacketInfo {
                    interface,
                    local: envelope.specific.unwrap_or(destination),
                    destination,
                });
            }
            if options.is_on(Switches::RECEIVE_TTL) {
                told.push(Ancillary::TimeToLive(envelope.hop_limit));
            }
            if options.is_on(Switches::RECEIVE_TOS) {
                told.push(Ancillary::TypeOfService(envelope.traffic_class));
            }
            if options.is_on(Switches::RECEIVE_ORIGINAL_DESTINATION) {
                let original = SocketAddress::new(envelope.destination, envelope.destination_port);
                told.push(Ancillary::OriginalDestination(original));
            }
        }
        IpAddr::V6(address) => {
            if options.is_on(Switches::PACKET_INFO_V6) {
                told.push(Ancillary::PacketInfoV6 { interface, address });
            }
            if options.is_on(Switches::RECEIVE_HOP_LIMIT) {
                told.push(Ancillary::HopLimit(envelope.hop_limit));
            }
            if options.is_on(Switches::RECEIVE_TRAFFIC_CLASS) {
                told.push(Ancillary::TrafficClass(envelope.traffic_class));
            }
        }
    }
    told
}
