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
use crate::options::{SharedOptions, Switches};
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
    /// What else is told: of a stamp the time, if it is to be told, and what the packet's headers say.
    pub(crate) told: Vec<Ancillary>,
}

impl QueuedError {
    /// `is_icmp_err_skb`
    fn is_of_icmp(&self) -> bool {
        matches!(self.error.origin, ErrorOrigin::Icmp | ErrorOrigin::Icmp6)
    }

    fn charge(&self) -> usize {
        const OVERHEAD: usize = 768;
        self.payload.len() + OVERHEAD
    }
}

/// Sends without a copy that are done with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completion {
    pub(crate) first: u32,
    pub(crate) last: u32,
    /// `SO_EE_CODE_ZEROCOPY_COPIED`
    pub(crate) was_copied: bool,
    pub(crate) is_v6: bool,
}

impl Completion {
    /// Whether another may be under way, or wait to be told, beside so many (`sock_omalloc`).
    pub(crate) fn has_room(held: usize, optmem_max: usize) -> bool {
        /// What Linux 6.18 takes for each, and asks that there is left.
        const EACH: usize = 832;
        const LEFT: usize = 576;
        held.saturating_mul(EACH).saturating_add(LEFT) <= optmem_max
    }

    fn entry(self) -> QueuedError {
        QueuedError {
            error: ExtendedError {
                errno: None,
                origin: ErrorOrigin::ZeroCopy,
                kind: 0,
                code: u8::from(self.was_copied),
                info: self.first,
                data: self.last,
                offender: None,
                is_v6: self.is_v6,
            },
            payload: Payload::new(),
            destination: None,
            told: Vec::new(),
        }
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

    /// Tells that sends without a copy are done with, along with those before if their numbers go on from there
    /// (`skb_zerocopy_notify_extend`).
    pub(crate) fn push_completion(&mut self, done: Completion) {
        let queues = self.queues.get_or_insert_default();
        if let Some(last) = queues.errors.back_mut()
            && last.error.origin == ErrorOrigin::ZeroCopy
            && last.error.data.checked_add(1) == Some(done.first)
        {
            last.error.data = done.last;
            return;
        }
        let entry = done.entry();
        queues.errors_charged += entry.charge();
        queues.errors.push_back(entry);
    }

    /// How many entries tell of sends without a copy.
    pub(crate) fn completions(&self) -> usize {
        let is_completion = |queued: &&QueuedError| queued.error.origin == ErrorOrigin::ZeroCopy;
        let errors = self.queues.as_ref().map(|queues| queues.errors.iter());
        errors.map_or(0, |errors| errors.filter(is_completion).count())
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

    /// `recvmsg` with `MSG_ERRQUEUE`. What ICMP told is the socket's pending error for as long as it is next in the queue
    /// (`sock_dequeue_err_skb`).
    pub(crate) fn receive_error(
        &mut self,
        message: &mut Incoming<'_, '_>,
        pending: &mut Option<Errno>,
    ) -> Result<Received, Errno> {
        let queues = self.queues.as_mut().ok_or(Errno::EAGAIN)?;
        let queued = queues.errors.pop_front().ok_or(Errno::EAGAIN)?;
        queues.errors_charged -= queued.charge();
        match queues.errors.front() {
            Some(next) if next.is_of_icmp() => *pending = next.error.errno,
            _ if queued.is_of_icmp() => *pending = None,
            _ => {}
        }
        self.release_if_empty();
        let mut received = copy_out(&queued.payload, 0, message);
        received.flags |= MessageFlags::ERRQUEUE;
        received.address = queued.destination;
        received.ancillary.extend(queued.told);
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
    told.extend(options.stamps(received));
    if options.is_on(Switches::RECEIVE_OVERFLOWS) && dropped > 0 {
        told.push(Ancillary::Overflows(dropped));
    }
    told_of(domain, options, envelope, &mut told);
    told
}

/// What the socket's options ask to be told of a packet's headers.
pub(crate) fn told_of(
    domain: Domain,
    options: &SharedOptions,
    envelope: &Envelope,
    told: &mut Vec<Ancillary>,
) {
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
}
