//! `recvmsg` of datagram sockets.

use super::{DatagramEndpoint, Protocol, endpoint};
use crate::address::as_seen_by;
use crate::host::Host;
use crate::message::{Incoming, MessageFlags, Received};
use crate::options::Switches;
use crate::socket::Endpoint;
use crate::socket::datagrams::{Datagram, ancillary};
use crate::{Domain, Errno, Instant, SocketAddress, SocketId};

/// The next datagram, or with `MSG_ERRQUEUE` the next error.
///
/// A pending error is told first, once (`__skb_wait_for_more_packets` looks at `sk_err` before the queue is found empty;
/// `__skb_try_recv_datagram` does so before it looks at all).
pub(crate) fn receive_message(
    host: &mut Host,
    id: SocketId,
    mut message: Incoming<'_, '_>,
    _now: Instant,
) -> Result<Received, Errno> {
    let epoch = host.stack.config.epoch;
    let socket = host.get_mut(id)?;
    let domain = socket.domain;
    let endpoint = endpoint!(socket);
    // raw_recvmsg and ping_recvmsg refuse urgent data, UDP does not look at the flag.
    if message.flags.contains(MessageFlags::OOB) && !endpoint.protocol.is_udp() {
        return Err(Errno::EOPNOTSUPP);
    }
    if message.flags.contains(MessageFlags::ERRQUEUE) {
        return endpoint
            .queues
            .receive_error(&mut message, &mut socket.error);
    }
    if let Some(errno) = socket.error.take() {
        return Err(errno);
    }
    let (mut received, datagram) = endpoint.queues.receive(&mut message, &mut socket.options)?;
    received.address = Some(source_address(domain, endpoint, &datagram));
    received.ancillary = ancillary(
        domain,
        &socket.options,
        &datagram,
        endpoint.queues.dropped,
        epoch,
    );
    Ok(received)
}

fn source_address(
    domain: Domain,
    endpoint: &DatagramEndpoint,
    datagram: &Datagram,
) -> SocketAddress {
    let envelope = &datagram.envelope;
    let port = match endpoint.protocol {
        Protocol::Udp | Protocol::UdpLite(_) => envelope.source_port,
        // Neither has ports to tell.
        Protocol::Ping | Protocol::Raw(_) => 0,
    };
    as_seen_by(domain, envelope.source, port, 0)
}

/// Whether the socket asked for the errors of packets to this family (`IP_RECVERR`, `IPV6_RECVERR`).
pub(super) fn wants_errors(options: &crate::options::SharedOptions, is_ipv4: bool) -> bool {
    options.is_on(if is_ipv4 {
        Switches::RECEIVE_ERRORS
    } else {
        Switches::RECEIVE_ERRORS_V6
    })
}
