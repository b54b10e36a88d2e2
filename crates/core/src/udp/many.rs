//! Datagrams to groups and broadcast addresses.

use super::{Kind, deliver, is_connected_as};
use crate::host::Host;
use crate::inet::demux::FourTuple;
use crate::multicast;
use crate::socket::Endpoint;
use crate::socket::datagrams::{Datagram, Envelope};

/// Gives every socket that is named by the datagram a copy: those bound to the group (or broadcast address) or to none,
/// connected to the sender or to nobody (`__udp4_lib_mcast_deliver`, `__udp6_lib_mcast_deliver`).
pub(super) fn deliver_to_many(
    host: &mut Host,
    kind: Kind,
    tuple: &FourTuple,
    datagram: &Datagram,
    partial: Option<u16>,
) {
    let Envelope {
        source,
        source_port,
        destination,
        interface,
        ..
    } = datagram.envelope;
    let mut ids = host.stack.receivers.all(tuple, interface);
    let connected = host.connected(tuple);
    ids.extend(connected.filter(|id| is_connected_as(host, *id, tuple)));
    ids.retain(|id| {
        let Some(socket) = host.sockets.get(*id) else {
            return false;
        };
        let Endpoint::Datagram(endpoint) = &socket.endpoint else {
            return false;
        };
        let names = &endpoint.names;
        let is_from_peer = !endpoint.is_connected
            || (names.remote() == source && [0, source_port].contains(&names.remote_port));
        is_from_peer
            && (!destination.is_multicast()
                || multicast::hears(&socket.options, destination, interface, source))
    });
    for id in ids {
        deliver(host, id, kind, datagram.clone(), partial);
    }
}
