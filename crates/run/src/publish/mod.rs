//! Published ports: connections and datagrams from outside, with their clients' addresses kept.

mod datagrams;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::str::FromStr;

use anyhow::Context;
use sockeye_core::SocketAddress;

pub(crate) use datagrams::Way;

use crate::conduit::{Arrival, Conduit, Far, Relay, State};
use crate::event_loop::Source;
use crate::launch::Loopback;
use crate::network::{ADDRESS, ADDRESS6};
use crate::pump::MOST_READ;
use crate::resets::reset_when_closed;
use crate::slab::Id;
use crate::stand_in::Client;
use crate::supervisor::Supervisor;
use crate::sys::{self, Events, Name};

/// `[IP:]HOSTPORT:PORT[/udp]`: a port of the machine that leads to a port of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The machine's address to listen at; all of IPv4 and IPv6 if none is named.
    pub address: Option<IpAddr>,
    /// The machine's port; 0 for a free one.
    pub outside: u16,
    /// The port in the run.
    pub inside: u16,
    /// Datagrams instead of connections.
    pub udp: bool,
}

/// What a publication looks like, for messages.
const EXPECTED: &str =
    "expected [IP:]HOSTPORT:PORT[/tcp|/udp], for example 8080:80 or 127.0.0.1:5353:53/udp";

impl FromStr for Publication {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rest, udp) = match text.rsplit_once('/') {
            Some((rest, "udp")) => (rest, true),
            Some((rest, "tcp")) => (rest, false),
            Some((_, other)) => return Err(format!("`{other}` is no protocol; {EXPECTED}")),
            None => (text, false),
        };
        let port = |text: &str| -> Result<u16, String> {
            text.parse()
                .map_err(|_| format!("`{text}` is no port number; {EXPECTED}"))
        };
        let (rest, inside) = rest
            .rsplit_once(':')
            .ok_or_else(|| format!("a port is missing; {EXPECTED}"))?;
        let (address, outside) = match rest.rsplit_once(':') {
            Some((ip, outside)) => {
                let bare = ip
                    .strip_prefix('[')
                    .and_then(|ip| ip.strip_suffix(']'))
                    .unwrap_or(ip);
                let ip: IpAddr = bare
                    .parse()
                    .map_err(|_| format!("`{ip}` is no IP address; {EXPECTED}"))?;
                (Some(ip), outside)
            }
            None => (None, rest),
        };
        let inside = port(inside)?;
        if inside == 0 {
            return Err(format!("port 0 of the run can't be reached; {EXPECTED}"));
        }
        Ok(Publication {
            address,
            outside: port(outside)?,
            inside,
            udp,
        })
    }
}

/// One published port.
#[derive(Debug)]
struct Open {
    publication: Publication,
    socket: OwnedFd,
}

/// The published ports of a run, and the datagram clients seen at each.
#[derive(Debug, Default)]
pub(crate) struct Publisher {
    open: Vec<Open>,
    /// How each client came.
    clients: BTreeMap<Client, Way>,
}

impl Publisher {
    /// The machine's socket of a published port.
    pub(crate) fn socket(&self, index: usize) -> Option<BorrowedFd<'_>> {
        self.open.get(index).map(|open| open.socket.as_fd())
    }
}

impl Supervisor {
    /// Opens the published ports, before the program runs.
    pub(crate) fn open_publications(&mut self, publications: &[Publication]) -> anyhow::Result<()> {
        for publication in publications {
            let ip = publication.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
            let address = SocketAddr::new(ip, publication.outside);
            let port = self
                .open_publication(publication, address)
                .with_context(|| format!("cannot publish {address}"))?;
            if publication.address.is_some() {
                continue;
            }
            let address = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
            match self.open_publication(publication, address) {
                // A machine without IPv6 publishes over IPv4 alone.
                Err(error)
                    if !matches!(
                        error.raw_os_error(),
                        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
                    ) =>
                {
                    return Err(error).with_context(|| format!("cannot publish {address}"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Opens one socket of the machine; answers its port.
    fn open_publication(
        &mut self,
        publication: &Publication,
        address: SocketAddr,
    ) -> std::io::Result<u16> {
        let domain = if address.is_ipv4() {
            libc::AF_INET
        } else {
            libc::AF_INET6
        };
        let kind = if publication.udp {
            libc::SOCK_DGRAM
        } else {
            libc::SOCK_STREAM
        };
        let socket = sys::socket(domain, kind, true)?;
        if address.is_ipv6() {
            sys::set_int_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
        }
        if !publication.udp {
            sys::set_int_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
        }
        sys::bind(socket.as_fd(), &Name::internet(address))?;
        if !publication.udp {
            sys::listen(socket.as_fd(), 1024)?;
        }
        if publication.udp && address.ip().is_unspecified() {
            sys::tell_own_address(socket.as_fd(), address.is_ipv6())?;
        }
        let port = sys::own_name(socket.as_fd())?
            .as_internet()
            .map_or(address.port(), |name| name.port());
        let index = u32::try_from(self.publisher.open.len()).unwrap_or(u32::MAX);
        self.watch(socket.as_fd(), sys::IN, Source::Publisher(index))?;
        self.publisher.open.push(Open {
            publication: *publication,
            socket,
        });
        Ok(port)
    }

    /// The machine's addresses of the published ports, which may have been asked for as port 0.
    pub(crate) fn published(&self) -> Vec<(SocketAddr, Publication)> {
        let address = |open: &Open| {
            let name = sys::own_name(open.socket.as_fd()).ok()?;
            Some((name.as_internet()?, open.publication))
        };
        self.publisher.open.iter().filter_map(address).collect()
    }

    pub(crate) fn publisher_event(&mut self, index: u32) {
        let Some(open) = self.publisher.open.get(index as usize) else {
            return;
        };
        let publication = open.publication;
        if publication.udp {
            self.take_datagrams(index as usize, publication);
        } else {
            self.take_connections(index as usize, publication);
        }
    }

    fn take_connections(&mut self, index: usize, publication: Publication) {
        for _ in 0..64 {
            let Some(open) = self.publisher.open.get(index) else {
                return;
            };
            let Ok((file, name)) = sys::accept(open.socket.as_fd(), true) else {
                return;
            };
            let Some(client) = name.as_internet() else {
                continue;
            };
            // The answer of a port where nobody listens is a reset.
            if self
                .take_connection(&file, client, publication.inside)
                .is_none()
            {
                reset_when_closed(file.as_fd());
            }
        }
    }

    /// Hands a connection from outside to the listener of its port.
    fn take_connection(&mut self, file: &OwnedFd, client: SocketAddr, port: u16) -> Option<()> {
        let local = inside_address(client, port);
        let listener_id = loop {
            let listener = self.host.listener_at(&local.into())?;
            let id = self.conduit_of(listener)?;
            if self.listener_lives(id) {
                break id;
            }
            self.retire(id);
        };
        sys::set_int_option(file.as_fd(), libc::IPPROTO_TCP, libc::TCP_NODELAY, 1).ok()?;
        if self.loopback == Loopback::Stack && self.stand_in(file, client, local).is_some() {
            return Some(());
        }
        let listener = self.conduits.get(listener_id)?;
        let (listener_socket, domain, owner, name) = (
            listener.socket,
            listener.domain,
            listener.owner,
            listener.name?,
        );
        let name = self.names.name(name);
        let serial = self.names.serial();
        let end = sys::socket(libc::AF_UNIX, libc::SOCK_STREAM, true).ok()?;
        sys::bind(end.as_fd(), &self.names.name(serial)).ok()?;
        sys::set_send_buffer(end.as_fd(), self.send_buffer);
        sys::connect(end.as_fd(), &name).ok()?;
        let socket = self
            .host
            .join_from(listener_socket, &local.into(), &client.into(), self.now)
            .ok()?;
        let file = file.try_clone().ok()?;
        let mut relay = Relay::new(end, Far::Published(file), MOST_READ);
        relay.name = Some(serial);
        let connection = self.conduits.insert(Conduit::new(
            socket,
            domain,
            owner,
            State::Relay(Box::new(relay)),
        ));
        if let Some(Conduit {
            state: State::Listening(listening),
            ..
        }) = self.conduits.get_mut(listener_id)
        {
            listening.arrivals.push_back(Arrival {
                serial,
                connection,
                peer: as_seen_by(domain, client),
            });
        }
        self.count_line(listener_id);
        if let Some(Conduit {
            state: State::Relay(relay),
            ..
        }) = self.conduits.get(connection)
            && let Far::Published(file) = &relay.far
        {
            let events = crate::pump::WITH_ROOM;
            let _watched = self.watch(file.as_fd(), events, Source::Published(connection));
        }
        self.watch_relay(connection);
        self.resume(listener_id);
        Some(())
    }

    /// Something happened at the machine's side of a published connection.
    pub(crate) fn published_event(&mut self, id: Id, events: Events) {
        if let Some(Conduit {
            state: State::Relay(relay),
            ..
        }) = self.conduits.get_mut(id)
        {
            relay.far_readable |=
                events & (sys::IN | sys::PRI | sys::RDHUP | sys::HUP | sys::ERR) != 0;
            relay.far_writable |= events & (sys::OUT | sys::HUP | sys::ERR) != 0;
            self.pump(id);
        }
    }
}

/// The run's address that a client from outside reaches.
pub(crate) fn inside_address(client: SocketAddr, port: u16) -> SocketAddr {
    match client {
        SocketAddr::V4(_) => SocketAddr::new(ADDRESS.into(), port),
        SocketAddr::V6(_) => SocketAddr::new(ADDRESS6.into(), port),
    }
}

/// An address as a socket of this domain shows it: an IPv6 socket maps IPv4.
fn as_seen_by(domain: u16, client: SocketAddr) -> SocketAddress {
    match client {
        SocketAddr::V4(client) if i32::from(domain) == libc::AF_INET6 => {
            SocketAddress::new(client.ip().to_ipv6_mapped().into(), client.port())
        }
        client => client.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publications_are_read_as_written() {
        let read = |text: &str| text.parse::<Publication>().unwrap();
        assert_eq!(
            read("8080:80"),
            Publication {
                address: None,
                outside: 8080,
                inside: 80,
                udp: false
            }
        );
        assert_eq!(
            read("127.0.0.1:5353:53/udp"),
            Publication {
                address: Some("127.0.0.1".parse().unwrap()),
                outside: 5353,
                inside: 53,
                udp: true
            }
        );
        assert_eq!(
            read("[::1]:8080:80/tcp"),
            Publication {
                address: Some("::1".parse().unwrap()),
                outside: 8080,
                inside: 80,
                udp: false
            }
        );
    }

    #[test]
    fn what_is_no_publication_says_what_was_expected() {
        for text in [
            "",
            "80",
            "80:x",
            "x:80",
            "1.2.3:80:80",
            "80:80/sctp",
            "80:0",
            "70000:80",
            "80:70000",
        ] {
            let error = text.parse::<Publication>().unwrap_err();
            assert!(
                error.contains("expected [IP:]HOSTPORT:PORT"),
                "{text}: {error}"
            );
        }
    }
}
