//! Published datagrams: to the program's sockets and back to the clients, past the stack or to their stand-ins.

use std::net::{IpAddr, SocketAddr};

use sockeye_core::SocketAddress;
use sockeye_linux::address;

use super::{Publication, Publisher, as_seen_by};
use crate::conduit::{PendingDatagram, State};
use crate::launch::Loopback;
use crate::slab::Id;
use crate::stand_in::Client;
use crate::supervisor::Supervisor;
use crate::sys::{self, Name};

/// How a client's datagrams come, and answers go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// The published port.
    pub(crate) index: usize,
    /// The machine's address that the client knows, if it is not the published port's.
    pub(crate) own: Option<IpAddr>,
    /// The machine's interface at which a link-local client is, or 0. The run has no such interface.
    pub(crate) scope: u32,
}

/// How many datagram clients are remembered.
const MOST_CLIENTS: usize = 4096;

impl Publisher {
    /// Sends what is for a client out; what the machine can't send is lost, as datagrams are.
    pub(crate) fn send_out(&self, client: Client, way: Way, data: &[u8]) {
        if let Some(outside) = self.socket(way.index) {
            let mut address = client.address;
            if let SocketAddr::V6(address) = &mut address {
                address.set_scope_id(way.scope);
            }
            let target = Name::internet(address);
            let sent = sys::send_datagram(outside, data, &target, way.own);
            if sent.is_err() && way.own.is_some() {
                // The machine may have lost the address.
                let _sent = sys::send_datagram(outside, data, &target, None);
            }
        }
    }

    fn remember(&mut self, client: Client, way: Way) {
        if self.clients.len() >= MOST_CLIENTS && !self.clients.contains_key(&client) {
            self.clients.pop_first();
        }
        self.clients.insert(client, way);
    }
}

impl Supervisor {
    pub(super) fn take_datagrams(&mut self, index: usize, publication: Publication) {
        let mut buffer = vec![0; 65_536];
        for _ in 0..256 {
            let Some(outside) = self.publisher.socket(index) else {
                return;
            };
            let Ok(received) = sys::receive_datagram(outside, &mut buffer) else {
                return;
            };
            let Some(address) = received.name.as_internet() else {
                continue;
            };
            let client = Client {
                port: publication.inside,
                address,
            };
            let way = Way {
                index,
                own: received.own,
                scope: received.name.scope(),
            };
            let data = buffer.get(..received.length).unwrap_or_default();
            if self.loopback == Loopback::Stack && self.send_as(client, way, data).is_some() {
                self.publisher.remember(client, way);
                continue;
            }
            let Some(id) = self.datagram_socket_at(publication.inside) else {
                continue;
            };
            self.publisher.remember(client, way);
            let domain = self.conduits.get(id).map_or(0, |conduit| conduit.domain);
            let source = address::encode(&as_seen_by(domain, client.address));
            self.put_datagram(
                id,
                PendingDatagram {
                    data: data.to_vec(),
                    source,
                    control: Vec::new(),
                },
            );
        }
    }

    /// The program's UDP socket at a port that a datagram from outside reaches.
    fn datagram_socket_at(&self, port: u16) -> Option<Id> {
        self.conduits
            .iter()
            .filter(|(_, conduit)| matches!(&conduit.state, State::Datagram(datagram) if datagram.end.is_none()))
            .find(|(_, conduit)| {
                self.host.local_address(conduit.socket).is_ok_and(|local| match local.ip() {
                    Some((ip, bound)) => bound == port && !ip.is_loopback(),
                    None => false,
                })
            })
            .map(|(id, _)| id)
    }

    /// Sends a datagram to a client that came through a published port; `None` if the destination is none, or has a socket of
    /// the host that stands in for it.
    pub(crate) fn send_published(
        &mut self,
        id: Id,
        data: &[u8],
        address: Option<&SocketAddress>,
    ) -> Option<usize> {
        let (client, way) = self.client_at(id, address?)?;
        if self.loopback == Loopback::Stack && self.stand_in_of(client, way).is_some() {
            return None;
        }
        self.publisher.send_out(client, way, data);
        Some(data.len())
    }

    /// The client of a published port that has this address for a socket of the run, and how it came.
    pub(crate) fn client_at(&self, id: Id, address: &SocketAddress) -> Option<(Client, Way)> {
        if self.publisher.clients.is_empty() {
            return None;
        }
        let (ip, port) = address.ip()?;
        let address = SocketAddr::new(ip.to_canonical(), port);
        let socket = self.conduits.get(id)?.socket;
        let (_, port) = self.host.local_address(socket).ok()?.ip()?;
        let client = Client { port, address };
        Some((client, *self.publisher.clients.get(&client)?))
    }
}
