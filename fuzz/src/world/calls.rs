//! The socket calls.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use sockeye_core::{
    Ancillary, Credentials, Domain, Errno, Incoming, MessageFlags, MessageLevel, Outgoing, Right,
    Shutdown, SocketAddress, SocketId, SocketType, UnixAddress,
};

use super::{MAX_SOCKETS, OWN_V4, OWN_V6, PEER_V4, PEER_V6, World, groups};
use crate::action::{Action, Address, STANDS_IN};

impl World {
    pub(super) fn call(&mut self, action: &Action) {
        let now = self.now;
        let result = match *action {
            Action::Socket {
                domain,
                kind,
                protocol,
            } => self.socket(domain, kind, protocol),
            Action::Bind { socket, address } => {
                let socket = self.named(socket);
                self.host.bind(socket, &resolve(address), now).map(|()| 0)
            }
            Action::Listen { socket, backlog } => {
                let socket = self.named(socket);
                self.host.listen(socket, backlog.into(), now).map(|()| 0)
            }
            Action::Accept { socket } => {
                let socket = self.named(socket);
                self.host.accept(socket, now).map(|accepted| {
                    self.sockets.push(accepted.socket);
                    1
                })
            }
            Action::Connect { socket, address } => {
                let socket = self.named(socket);
                self.host
                    .connect(socket, &resolve(address), now)
                    .map(|()| 0)
            }
            Action::Send {
                socket,
                flags,
                length,
                address,
            } => {
                let socket = self.named(socket);
                let data = vec![0x55; usize::from(length)];
                let address = address.map(resolve);
                let message = Outgoing {
                    data: &[&data],
                    address: address.as_ref(),
                    ancillary: Vec::new(),
                    flags: MessageFlags::from_bits_retain(flags.into()),
                };
                self.host.send_message(socket, message, now)
            }
            Action::Receive {
                socket,
                flags,
                length,
            } => {
                let socket = self.named(socket);
                let mut data = vec![0; usize::from(length)];
                let message = Incoming {
                    buffers: &mut [&mut data],
                    flags: MessageFlags::from_bits_retain(flags.into()),
                    ancillary_room: 256,
                };
                let result = self.host.receive_message(socket, message, now);
                result.map(|received| received.length)
            }
            Action::Shutdown { socket, how } => {
                let socket = self.named(socket);
                let how = Shutdown::from_number(how.into()).unwrap_or(Shutdown::Both);
                self.host.shutdown(socket, how, now).map(|()| 0)
            }
            Action::Close { socket } => {
                let id = self.named(socket);
                self.sockets.retain(|socket| *socket != id);
                self.host.close(id, now).map(|()| 0)
            }
            Action::SetOption {
                socket,
                level,
                name,
                ref value,
            } => {
                let socket = self.named(socket);
                let set = self
                    .host
                    .set_option(socket, level.into(), name.into(), value, now);
                set.map(|()| 0)
            }
            Action::GetOption {
                socket,
                level,
                name,
                length,
            } => {
                let socket = self.named(socket);
                let room = length.into();
                let value = self
                    .host
                    .get_option(socket, level.into(), name.into(), room, now);
                value.map(|value| {
                    assert!(value.len() <= room, "an option longer than its room");
                    value.len()
                })
            }
            Action::SocketPair { kind } => self.pair(kind),
            Action::Group {
                socket,
                call,
                group,
                interface,
                source,
            } => {
                let socket = self.named(socket);
                let (level, name, value) = groups::option(call, group, interface, source);
                self.host
                    .set_option(socket, level, name, &value, now)
                    .map(|()| 0)
            }
            Action::SendControl {
                socket,
                flags,
                length,
                address,
                ref control,
            } => {
                let socket = self.named(socket);
                let data = vec![0x33; usize::from(length)];
                let address = address.map(resolve);
                let message = Outgoing {
                    data: &[&data],
                    address: address.as_ref(),
                    ancillary: control.iter().map(|byte| ancillary(*byte)).collect(),
                    flags: MessageFlags::from_bits_retain(flags.into()),
                };
                self.host.send_message(socket, message, now)
            }
            Action::SendBytes { socket, length } => {
                let socket = self.named(socket);
                let data = Bytes::from(vec![0x77; usize::from(length)]);
                self.host.send_bytes(socket, data, now)
            }
            Action::ReceivePayload { socket, most } => {
                let socket = self.named(socket);
                let most = usize::from(most);
                let payload = self.host.receive_payload(socket, most, now);
                payload.map(|payload| {
                    assert!(payload.len() <= most, "more than was asked for");
                    payload.len()
                })
            }
            _ => Ok(0),
        };
        self.note_result(&result);
    }

    fn socket(&mut self, domain: u8, kind: u8, protocol: u8) -> Result<usize, Errno> {
        if self.sockets.len() >= MAX_SOCKETS {
            return Err(Errno::EMFILE);
        }
        let stands_in = domain & STANDS_IN != 0;
        let domain = domain & !STANDS_IN;
        let domain = [Domain::Inet, Domain::Inet6, Domain::Unix][usize::from(domain % 3)];
        let kind = kind_of(kind);
        let credentials = Credentials::ROOT;
        let socket = self
            .host
            .socket(domain, kind, protocol.into(), credentials)?;
        self.raw |= kind == SocketType::Raw;
        self.sockets.push(socket);
        if stands_in {
            self.host.stand_in(socket)?;
        }
        Ok(1)
    }

    fn pair(&mut self, kind: u8) -> Result<usize, Errno> {
        if self.sockets.len() >= MAX_SOCKETS {
            return Err(Errno::EMFILE);
        }
        let (a, b) = self
            .host
            .socket_pair(Domain::Unix, kind_of(kind), 0, Credentials::ROOT)?;
        self.sockets.extend([a, b]);
        Ok(2)
    }

    /// The socket that an action means; a stale id if there is none.
    fn named(&self, socket: u8) -> SocketId {
        let index = usize::from(socket) % self.sockets.len().max(1);
        let none = SocketId::from_bits(u64::MAX);
        self.sockets.get(index).copied().unwrap_or(none)
    }
}

fn kind_of(kind: u8) -> SocketType {
    [
        SocketType::Stream,
        SocketType::Datagram,
        SocketType::Raw,
        SocketType::SeqPacket,
    ][usize::from(kind % 4)]
}

/// A control message: its kind from the low bits, a value from the high ones.
fn ancillary(byte: u8) -> Ancillary {
    let value = byte >> 4;
    let interface = u32::from(value & 3);
    match byte & 0xf {
        0 => Ancillary::Rights((0..value).map(Right::new).collect()),
        1 => Ancillary::Credentials(Credentials {
            pid: value.into(),
            ..Credentials::ROOT
        }),
        2 => Ancillary::PacketInfo {
            interface,
            local: [Ipv4Addr::UNSPECIFIED, OWN_V4, PEER_V4, Ipv4Addr::LOCALHOST]
                [usize::from(value >> 2)],
            destination: Ipv4Addr::UNSPECIFIED,
        },
        3 => Ancillary::PacketInfoV6 {
            interface,
            address: [Ipv6Addr::UNSPECIFIED, OWN_V6, PEER_V6, Ipv6Addr::LOCALHOST]
                [usize::from(value >> 2)],
        },
        4 => Ancillary::TimeToLive(value),
        5 => Ancillary::HopLimit(value),
        6 => Ancillary::TypeOfService(byte),
        7 => Ancillary::TrafficClass(byte),
        8 => Ancillary::DontFragment(value & 1 != 0),
        9 => Ancillary::SegmentSize(u16::from(value) * 100),
        10 => Ancillary::Invalid(MessageLevel::Socket),
        11 => Ancillary::Invalid(MessageLevel::Ip),
        12 => Ancillary::Invalid(MessageLevel::Ipv6PacketInfo),
        13 => Ancillary::Overflows(value.into()),
        14 => Ancillary::OriginalDestination(SocketAddress::new(OWN_V4.into(), 1)),
        _ => Ancillary::Invalid(MessageLevel::Udp),
    }
}

fn resolve(address: Address) -> SocketAddress {
    let hosts: [IpAddr; 13] = [
        Ipv4Addr::LOCALHOST.into(),
        Ipv4Addr::UNSPECIFIED.into(),
        OWN_V4.into(),
        PEER_V4.into(),
        Ipv6Addr::LOCALHOST.into(),
        Ipv6Addr::UNSPECIFIED.into(),
        OWN_V6.into(),
        PEER_V6.into(),
        Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(),
        PEER_V4.to_ipv6_mapped().into(),
        Ipv4Addr::new(224, 0, 0, 1).into(),
        Ipv4Addr::BROADCAST.into(),
        Ipv4Addr::new(192, 0, 2, 1).into(),
    ];
    let unspecified = hosts.len();
    let unix = unspecified + 1;
    let index = usize::from(address.host) % (unix + 1 + groups::GROUPS.len());
    match hosts.get(index) {
        Some(host) => SocketAddress::new(*host, address.port),
        None if index == unspecified => SocketAddress::Unspecified,
        None if index > unix => SocketAddress::new(groups::GROUPS[index - unix - 1], address.port),
        None => {
            let name = address.port.to_le_bytes();
            SocketAddress::Unix(UnixAddress::Abstract(Box::from(name)))
        }
    }
}
