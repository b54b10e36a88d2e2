//! `NETLINK_SOCK_DIAG`: what the two networks tell of the case's own sockets, and what they answer to misuse.
//!
//! Rows are sorted, since the order of a hash table is nobody's business. Ports are written as names; whether there is an
//! inode number and a cookie, not which. Left out: control groups, the memory and the clocks of a connection.

mod code;
mod inet;
mod others;

use std::fmt::Write as _;

use libc::{AF_NETLINK, AF_UNIX, MSG_DONTWAIT, SOCK_RAW};
use sockeye_core::netlink::message::{Attributes, Message, Messages, Writer, number_u32};

use super::Registry;
use super::option_table::TCP_CONGESTION;
use crate::world::Opt;
use crate::{Address, Flavor, Handle, World};

const SO_COOKIE: Opt = Opt {
    name: "SO_COOKIE",
    level: libc::SOL_SOCKET,
    number: libc::SO_COOKIE,
};
const TCPDIAG_GETSOCK: u16 = 18;
const BY_FAMILY: u16 = 20;
const DESTROY: u16 = 21;
const ONE: u16 = 1;
const DUMP: u16 = 0x301;
const BYTECODE: u16 = 1;
const NO_COOKIE: u64 = u64::MAX;
const ALL: u32 = u32::MAX;

pub(super) fn register(r: &mut Registry) {
    r.inet("stream", "sock_diag_lists_connections", inet::connections);
    r.inet("stream", "sock_diag_finds_one", inet::one_connection);
    r.inet("stream", "sock_diag_filters", code::filters);
    r.inet("stream", "sock_diag_tells_of_ends", inet::ends);
    r.inet("stream", "sock_diag_destroys", inet::destruction);
    r.datagram("sock_diag_lists_datagram_sockets", inet::datagrams);
    let mut one = |name: &str, body: fn(&mut World<'_>)| {
        r.one("netlink", "sock_diag", name, Flavor::V4, body);
    };
    one("requests_that_are_none", others::misuse);
    one("byte_code_that_is_none", code::bad_code);
    one("the_old_request", others::old);
    one("unix_sockets", others::unix);
    one("netlink_sockets", others::netlink);
}

/// `struct inet_diag_req_v2`
#[derive(Clone, Copy)]
struct Request {
    family: i32,
    protocol: i32,
    extensions: u8,
    states: u32,
    /// Source and destination.
    ports: [u16; 2],
    addresses: [[u8; 16]; 2],
    interface: u32,
    cookie: u64,
}

impl Request {
    fn of(family: i32, protocol: i32) -> Self {
        Self {
            family,
            protocol,
            extensions: 0,
            states: ALL,
            ports: [0; 2],
            addresses: [[0; 16]; 2],
            interface: 0,
            cookie: NO_COOKIE,
        }
    }

    fn names(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.ports.iter().flat_map(|p| p.to_be_bytes()).collect();
        bytes.extend(self.addresses.concat());
        bytes.extend(self.interface.to_ne_bytes());
        bytes.extend(self.cookie.to_ne_bytes());
        bytes
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![byte(self.family), byte(self.protocol), self.extensions, 0];
        bytes.extend(self.states.to_ne_bytes());
        bytes.extend(self.names());
        bytes
    }

    /// `struct inet_diag_req`
    fn old(&self) -> Vec<u8> {
        let mut bytes = vec![byte(self.family), 0, 0, self.extensions];
        bytes.extend(self.names());
        bytes.extend(self.states.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes
    }
}

fn byte(number: i32) -> u8 {
    u8::try_from(number).unwrap_or(0)
}

fn message(kind: u16, flags: u16, body: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(kind, flags, 9, 0);
    writer.fixed(body);
    for (kind, value) in attributes {
        writer.attribute(*kind, value);
    }
    writer.finish()
}

fn socket(w: &mut World<'_>) -> Handle {
    w.socket_of(AF_NETLINK, SOCK_RAW, 4)
}

/// Every message that answers.
fn answers(w: &mut World<'_>, s: Handle, bytes: &[u8]) -> Vec<Vec<u8>> {
    w.quietly(|w| {
        let sent = w.send(s, bytes, 0);
        assert_eq!(sent, Ok(bytes.len()), "a request is taken");
        let mut all = Vec::new();
        while let Ok(received) = w.recv(s, 65_536, MSG_DONTWAIT) {
            for message in Messages::new(&received.data) {
                all.push(message.whole.to_vec());
            }
        }
        all
    })
}

/// Asks, and notes what answers. `ports` are those that the case knows.
fn ask(w: &mut World<'_>, s: Handle, what: &str, bytes: &[u8], ports: &[(u16, &str)]) {
    w.note(what);
    let mut rows: Vec<String> = answers(w, s, bytes)
        .iter()
        .flat_map(|bytes| {
            Messages::new(bytes)
                .map(|m| describe(&m, ports))
                .collect::<Vec<_>>()
        })
        .collect();
    // `NLMSG_DONE` and errors stay last.
    rows.sort_by_key(|row| {
        (
            row.starts_with("done") || row.starts_with("error"),
            row.clone(),
        )
    });
    for row in rows {
        w.note(&row);
    }
}

fn describe(message: &Message<'_>, ports: &[(u16, &str)]) -> String {
    let Message {
        kind,
        flags,
        sequence,
        payload,
        ..
    } = *message;
    let number = |at| number_u32(payload, at).unwrap_or(0);
    match kind {
        2 => return format!("error {} flags {flags:#x}", number(0).cast_signed()),
        3 => return format!("done {} flags {flags:#x}", number(0).cast_signed()),
        _ => {}
    }
    let mut text = format!("{kind} flags {flags:#x} sequence {sequence}");
    match i32::from(payload[0]) {
        AF_UNIX => describe_unix(&mut text, payload),
        AF_NETLINK => describe_netlink(&mut text, payload),
        _ => describe_inet(&mut text, payload, ports),
    }
    text
}

fn describe_inet(text: &mut String, payload: &[u8], ports: &[(u16, &str)]) {
    let number = |at| number_u32(payload, at).unwrap_or(0);
    let port = |at: usize| {
        let port = u16::from_be_bytes([payload[at], payload[at + 1]]);
        match ports.iter().find(|(known, _)| *known == port) {
            Some((_, name)) => (*name).to_owned(),
            None if port == 0 => "0".to_owned(),
            None => "any".to_owned(),
        }
    };
    let [family, state, timer, retransmits, ..] = *payload else {
        return;
    };
    let _ = write!(
        text,
        " family {family} state {state} timer {timer},{retransmits} {} {} {} {} interface {} cookie {} queues {} {} \
         uid {} inode {}",
        payload[8..24].escape_ascii(),
        port(4),
        payload[24..40].escape_ascii(),
        port(6),
        number(40),
        number(44) != 0,
        number(56),
        number(60),
        number(64),
        number(68) != 0,
    );
    for attribute in Attributes::after(payload, 72) {
        let value = attribute.value;
        let _ = match attribute.kind {
            // INET_DIAG_CGROUP_ID
            21 => Ok(()),
            // INET_DIAG_MEMINFO; INET_DIAG_INFO; INET_DIAG_SKMEMINFO
            1 => write!(text, " memory of {}", value.len()),
            2 => write!(text, " info of {}, state {}", value.len(), value[0]),
            7 => write!(text, " words of {}", value.len()),
            kind => write!(text, " {kind}={}", value.escape_ascii()),
        };
    }
}

fn describe_unix(text: &mut String, payload: &[u8]) {
    let _ = write!(text, " unix {:?}", &payload[1..4]);
    for attribute in Attributes::after(payload, 16) {
        let number = |at| number_u32(attribute.value, at).unwrap_or(0);
        let _ = match attribute.kind {
            1 => write!(text, " node"),
            2 => write!(text, " peer {}", number(0) != 0),
            3 => write!(text, " waiting {}", attribute.value.len() / 4),
            // The kernel counts its bookkeeping, too.
            4 => write!(text, " queues {} {}", number(0), number(4) != 0),
            5 => write!(text, " words of {}", attribute.value.len()),
            kind => write!(text, " {kind}={}", attribute.value.escape_ascii()),
        };
    }
}

fn describe_netlink(text: &mut String, payload: &[u8]) {
    let number = |at| number_u32(payload, at).unwrap_or(0);
    let _ = write!(
        text,
        " netlink {:?} port {} peer {},{} inode {}",
        &payload[1..4],
        number(4),
        number(8),
        number(12),
        number(16) != 0,
    );
    for attribute in Attributes::after(payload, 28) {
        let _ = match attribute.kind {
            0 => write!(text, " words of {}", attribute.value.len()),
            kind => write!(text, " {kind}={}", attribute.value.escape_ascii()),
        };
    }
}

/// The port a socket has.
fn port_of(w: &mut World<'_>, socket: Handle) -> u16 {
    match w.quietly(|w| w.local(socket)) {
        Address::Inet { port, .. } => port,
        other => panic!("no internet address: {other:?}"),
    }
}

/// A client, its server, and a listener, with their ports: the listener's and the client's.
fn established(w: &mut World<'_>) -> ([Handle; 3], [(u16, &'static str); 2]) {
    let (client, server, listener) = w.established();
    // The two may have other defaults.
    for socket in [client, server, listener] {
        let _ = w.quietly(|w| w.set(socket, TCP_CONGESTION, b"reno"));
    }
    let ports = [(port_of(w, listener), "L"), (port_of(w, client), "C")];
    ([client, server, listener], ports)
}

/// The flavor's loopback address as a request has it.
fn loopback(w: &World<'_>) -> [u8; 16] {
    let mut bytes = [0; 16];
    match w.flavor.loopback() {
        std::net::IpAddr::V4(address) => bytes[..4].copy_from_slice(&address.octets()),
        std::net::IpAddr::V6(address) => bytes = address.octets(),
    }
    bytes
}

fn cookie_of(w: &mut World<'_>, socket: Handle) -> u64 {
    let s = w.quietly(|w| w.peek_option(socket, SO_COOKIE, 8));
    s.try_into().map_or(0, u64::from_ne_bytes)
}
