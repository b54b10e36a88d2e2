//! ICMP errors on their way to the socket whose datagram they are about.

use sockeye_wire::Payload;

use super::Protocol;
use super::receive::wants_errors;
use crate::address::as_seen_by;
use crate::host::Host;
use crate::ip::IcmpReport;
use crate::message::ExtendedError;
use crate::options::Discovery;
use crate::socket::Endpoint;
use crate::socket::datagrams::QueuedError;
use crate::{Domain, Errno, SocketId};
use alloc::vec::Vec;
use core::net::IpAddr;

/// Gives a report to a socket (`__udp4_lib_err`, `raw_err`, `ping_err`): with `IP_RECVERR` it is queued with its
/// details; without, only fatal ones reach a socket, and only a connected one.
///
/// `destination` is where the datagram went, `payload` what the quoted packet holds of its data.
pub(crate) fn report(
    host: &mut Host,
    id: SocketId,
    report: &IcmpReport,
    destination: (IpAddr, u16),
    payload: Payload,
) {
    let mut is_fatal = report.is_fatal;
    if report.is_too_big() {
        let Some(is_told) = note_path_mtu(host, id, report, destination.0) else {
            return;
        };
        is_fatal = is_told;
    }
    let Some(socket) = host.sockets.get_mut(id) else {
        return;
    };
    let Endpoint::Datagram(endpoint) = &mut socket.endpoint else {
        return;
    };
    let (address, port) = destination;
    if wants_errors(&socket.options, address.is_ipv4()) {
        let error = report.extended(socket.domain);
        let destination = as_seen_by(socket.domain, address, port, 0);
        endpoint.queues.push_error(
            QueuedError {
                error,
                payload,
                destination: Some(destination),
                told: Vec::new(),
            },
            &socket.options,
        );
    } else if !is_fatal || !endpoint.is_connected {
        return;
    }
    socket.error = Some(report.errno);
    host.wake(id);
}

/// What a socket's `IP_MTU_DISCOVER` makes of a packet that was too big: whether the path's MTU is believed, and whether
/// the socket hears of it even if it did not ask for errors. `None`: it hears nothing.
fn note_path_mtu(
    host: &mut Host,
    id: SocketId,
    report: &IcmpReport,
    destination: IpAddr,
) -> Option<bool> {
    let Host { sockets, stack } = host;
    let socket = sockets.get(id)?;
    let Endpoint::Datagram(endpoint) = &socket.endpoint else {
        return None;
    };
    let options = &socket.options;
    let discover = options.discovery(destination.is_ipv4());
    // ip_sk_accept_pmtu, ip6_sk_accept_pmtu: not IP_PMTUDISC_INTERFACE and _OMIT.
    let is_believed = discover <= Discovery::PROBE;
    if is_believed && let Ok(path) = stack.route(destination, None, options.device) {
        stack.learn_path_mtu(destination, report.mtu, &path);
    }
    let is_raw = matches!(endpoint.protocol, Protocol::Raw(_));
    let is_told = discover != Discovery::DONT;
    match destination {
        IpAddr::V4(_) if !is_told && !is_raw => None,
        IpAddr::V6(_) if !is_believed => None,
        _ => Some(is_told),
    }
}

/// An error that the host itself found, for sockets that asked for errors: `ip_local_error`.
pub(crate) fn local_error(
    host: &mut Host,
    id: SocketId,
    errno: Errno,
    destination: (IpAddr, u16),
    info: u32,
) {
    let Some(socket) = host.sockets.get_mut(id) else {
        return;
    };
    let Endpoint::Datagram(endpoint) = &mut socket.endpoint else {
        return;
    };
    let (address, port) = destination;
    if !wants_errors(&socket.options, address.is_ipv4()) {
        return;
    }
    let error = ExtendedError {
        errno: Some(errno),
        origin: crate::message::ErrorOrigin::Local,
        kind: 0,
        code: 0,
        info,
        data: 0,
        offender: None,
        is_v6: socket.domain == Domain::Inet6,
    };
    let destination = as_seen_by(socket.domain, address, port, 0);
    let queued = QueuedError {
        error,
        payload: Payload::new(),
        destination: Some(destination),
        told: Vec::new(),
    };
    endpoint.queues.push_error(queued, &socket.options);
    host.wake(id);
}
