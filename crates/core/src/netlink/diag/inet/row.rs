//! One socket as `struct inet_diag_msg` with its attributes (`inet_sk_diag_fill`, `inet_diag_msg_attrs_fill`).

use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use sockeye_tcp::State;

use super::filter::Entry;
use super::{AF_INET, AF_INET6, CLOSE, RAW, Request, TCP, UDP, UDP_LITE};
use crate::datagram::{DatagramEndpoint, Protocol};
use crate::host::SocketSummary;
use crate::inet::Names;
use crate::inet::demux::FourTuple;
use crate::netlink::diag::{ESTABLISHED, LISTEN, READ_SHUT, WRITE_SHUT, inode, memory, word};
use crate::netlink::exchange::Head;
use crate::netlink::message::Writer;
use crate::options::{Switches, tcp_info};
use crate::socket::{Endpoint, Socket};
use crate::tcp::time_wait::Waiting;
use crate::tcp::{self, TcpEndpoint};
use crate::{Domain, Host, SocketId};

const INET_DIAG_MEMINFO: u16 = 1;
const INET_DIAG_INFO: u16 = 2;
const INET_DIAG_VEGASINFO: u16 = 3;
const INET_DIAG_CONG: u16 = 4;
const INET_DIAG_TOS: u16 = 5;
const INET_DIAG_TCLASS: u16 = 6;
const INET_DIAG_SKMEMINFO: u16 = 7;
const INET_DIAG_SHUTDOWN: u16 = 8;
const INET_DIAG_SKV6ONLY: u16 = 11;
const INET_DIAG_MARK: u16 = 15;
const INET_DIAG_BBRINFO: u16 = 16;
const INET_DIAG_CLASS_ID: u16 = 17;
const INET_DIAG_SOCKOPT: u16 = 22;

/// What kind of socket a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Listener,
    /// TCP with a port, and neither listening nor connected.
    Bound,
    Connection,
    /// A connection in SYN-RECEIVED that no program has: in Linux no socket yet.
    Request,
    TimeWait,
    Udp,
    Raw,
}

/// What a look at a socket tells at once.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) kind: Kind,
    pub(super) family: u8,
    /// `TCP_*`
    pub(super) state: u8,
    names: Option<&'a Names>,
}

impl<'a> Row<'a> {
    /// What is listed of a socket among those of a protocol, if it is.
    pub(super) fn of(socket: &'a Socket, protocol: u32) -> Option<Self> {
        if socket.options.is_on(Switches::STANDS_IN) {
            return None;
        }
        let family = match socket.domain {
            Domain::Inet => AF_INET,
            Domain::Inet6 => AF_INET6,
            Domain::Unix | Domain::Netlink => return None,
        };
        let (kind, state) = match (&socket.endpoint, protocol) {
            (Endpoint::Listener(_), TCP) => (Kind::Listener, LISTEN),
            (Endpoint::Tcp(endpoint), TCP) => of_tcp(socket, endpoint)?,
            (Endpoint::Datagram(endpoint), UDP | UDP_LITE | RAW) => {
                of_datagram(endpoint, protocol)?
            }
            _ => return None,
        };
        Some(Self {
            kind,
            family,
            state,
            names: socket.names(),
        })
    }

    /// What is listed of a connection that is a record only, if it is.
    pub(super) fn of_record(tuple: &FourTuple, waiting: &Waiting) -> Option<Self> {
        (!waiting.stands_in()).then(|| Self {
            kind: Kind::TimeWait,
            family: if tuple.local.is_ipv4() {
                AF_INET
            } else {
                AF_INET6
            },
            state: waiting.record.state().number(),
            names: None,
        })
    }

    /// What a filter sees of a socket (`inet_diag_bc_sk`).
    pub(super) fn entry(&self, socket: &Socket) -> Entry {
        let names = self.names;
        let own = match self.kind {
            // `inet_create`: a raw socket's port is its protocol.
            Kind::Raw => socket.protocol,
            _ => names.map_or(0, |names| names.local_port),
        };
        let device = socket.options.device.map(|device| device.ifindex());
        let scope = names.map_or(0, |names| names.scope_id);
        let encoded = |address: Option<IpAddr>| {
            address.map_or([0; 16], |address| self.encode_address(address))
        };
        Entry {
            family: self.family,
            source_port: own,
            destination_port: names.map_or(0, |names| names.remote_port),
            source: encoded(names.map(Names::local)),
            destination: encoded(names.map(Names::remote)),
            interface: device.unwrap_or(scope),
            mark: socket.options.mark,
            is_port_bound: match &socket.endpoint {
                Endpoint::Tcp(endpoint) => endpoint.is_port_bound(),
                _ => names.is_some_and(|names| names.is_port_bound),
            },
        }
    }

    pub(super) fn entry_of_record(&self, tuple: &FourTuple) -> Entry {
        Entry {
            family: self.family,
            source_port: tuple.local_port,
            destination_port: tuple.remote_port,
            source: self.encode_address(tuple.local),
            destination: self.encode_address(tuple.remote),
            interface: 0,
            mark: 0,
            is_port_bound: false,
        }
    }

    /// The first four bytes are an address of IPv4, but a mapped one takes all.
    fn encode_address(&self, address: IpAddr) -> [u8; 16] {
        let mut bytes = [0; 16];
        match address {
            IpAddr::V4(address) if self.family == AF_INET => {
                let [a, b, c, d] = address.octets();
                [bytes[0], bytes[1], bytes[2], bytes[3]] = [a, b, c, d];
                bytes
            }
            IpAddr::V4(address) if address.is_unspecified() => bytes,
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        }
    }
}

fn of_tcp(socket: &Socket, endpoint: &TcpEndpoint) -> Option<(Kind, u8)> {
    let state = endpoint.state();
    match state {
        State::Closed if endpoint.names.claim.is_some() => Some((Kind::Bound, CLOSE)),
        State::Closed => None,
        State::SynReceived if socket.is_hidden => Some((Kind::Request, state.number())),
        _ => Some((Kind::Connection, state.number())),
    }
}

fn of_datagram(endpoint: &DatagramEndpoint, protocol: u32) -> Option<(Kind, u8)> {
    let is_of = match &endpoint.protocol {
        Protocol::Udp => protocol == UDP && endpoint.names.local_port != 0,
        Protocol::UdpLite(_) => protocol == UDP_LITE && endpoint.names.local_port != 0,
        Protocol::Raw(_) => protocol == RAW,
        Protocol::Ping => false,
    };
    let state = if endpoint.is_connected {
        ESTABLISHED
    } else {
        CLOSE
    };
    let kind = if protocol == RAW {
        Kind::Raw
    } else {
        Kind::Udp
    };
    is_of.then_some((kind, state))
}

/// The fixed part of a message.
#[derive(Clone, Copy, Debug, Default)]
struct Fixed {
    state: u8,
    /// The number of the timer that runs, how often it has run off, and the milliseconds that are left.
    timer: u8,
    retransmits: u8,
    expires: u32,
    recv_q: u32,
    send_q: u32,
    uid: u32,
    inode: u32,
    cookie: u64,
}

fn begin(fixed: Fixed, entry: &Entry, request: &Request, head: Head) -> Writer {
    let mut message = head.begin(request.kind);
    message
        .fixed(&[entry.family, fixed.state, fixed.timer, fixed.retransmits])
        .fixed(&entry.source_port.to_be_bytes())
        .fixed(&entry.destination_port.to_be_bytes())
        .fixed(&entry.source)
        .fixed(&entry.destination)
        .fixed(&entry.interface.to_ne_bytes())
        // Two words, the lower one first.
        .fixed(
            &u32::try_from(fixed.cookie & u64::from(u32::MAX))
                .unwrap_or(0)
                .to_ne_bytes(),
        )
        .fixed(&u32::try_from(fixed.cookie >> 32).unwrap_or(0).to_ne_bytes());
    for number in [
        fixed.expires,
        fixed.recv_q,
        fixed.send_q,
        fixed.uid,
        fixed.inode,
    ] {
        message.fixed(&number.to_ne_bytes());
    }
    message
}

fn millis(left: Duration) -> u32 {
    u32::try_from(left.as_millis()).unwrap_or(u32::MAX)
}

/// A connection in TIME-WAIT (`inet_twsk_diag_fill`).
pub(super) fn encode_record(
    row: &Row<'_>,
    entry: &Entry,
    left: Duration,
    waiting: &Waiting,
    request: &Request,
    head: Head,
) -> Vec<u8> {
    let fixed = Fixed {
        state: row.state,
        timer: timer_number("timewait"),
        expires: millis(left),
        uid: waiting.uid,
        cookie: waiting.cookie,
        ..Fixed::default()
    };
    let mut message = begin(fixed, entry, request, head);
    if request.is_privileged {
        message.u32(INET_DIAG_MARK, entry.mark);
    }
    message.finish()
}

/// `idiag_timer`
fn timer_number(name: &str) -> u8 {
    match name {
        "on" => 1,
        "keepalive" => 2,
        "timewait" => 3,
        "persist" => 4,
        _ => 0,
    }
}

/// A socket.
pub(super) fn encode(
    host: &Host,
    id: SocketId,
    row: &Row<'_>,
    entry: &Entry,
    request: &Request,
    head: Head,
) -> Vec<u8> {
    let (Some(summary), Some(socket)) = (host.summary(id), host.sockets.get(id)) else {
        return Vec::new();
    };
    let info = summary.tcp_info.as_ref();
    let (timer, left) = summary.timer.unwrap_or(("", Duration::ZERO));
    let timer = timer_number(timer);
    let retransmits = match (timer, info) {
        (0, _) | (_, None) => 0,
        (1, Some(info)) => info.retransmits,
        (_, Some(info)) => info.probes,
    };
    let mut fixed = Fixed {
        state: row.state,
        timer,
        retransmits,
        expires: millis(left),
        recv_q: word(summary.recv_q),
        send_q: word(summary.send_q),
        uid: summary.credentials.uid,
        inode: inode(id, socket),
        cookie: socket.cookie,
    };
    if row.kind == Kind::Request {
        // `inet_req_diag_fill`
        (fixed.recv_q, fixed.send_q, fixed.uid) = (0, 0, 0);
        let mut message = begin(fixed, entry, request, head);
        if request.is_privileged {
            message.u32(INET_DIAG_MARK, entry.mark);
        }
        return message.finish();
    }
    let mut message = begin(fixed, entry, request, head);
    add_common(&mut message, row, socket, request);
    if request.wants(INET_DIAG_MEMINFO) {
        let [received, _, unsent, _, spare, queued, ..] = summary.memory_info();
        let words = [received, queued, spare, unsent];
        let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
        message.attribute(INET_DIAG_MEMINFO, &bytes);
    }
    if request.wants(INET_DIAG_SKMEMINFO) {
        message.attribute(INET_DIAG_SKMEMINFO, &memory(&summary));
    }
    // Of a socket that is only bound Linux tells nothing of TCP.
    if matches!(row.kind, Kind::Listener | Kind::Connection) {
        add_tcp(host, &mut message, row, socket, &summary, request);
    }
    message.finish()
}

/// `inet_diag_msg_attrs_fill`
fn add_common(message: &mut Writer, row: &Row<'_>, socket: &Socket, request: &Request) {
    let options = &socket.options;
    message.u8(INET_DIAG_SHUTDOWN, shutdown(socket));
    if request.wants(INET_DIAG_TOS) {
        message.u8(INET_DIAG_TOS, options.type_of_service);
    }
    if row.family == AF_INET6 {
        if request.wants(INET_DIAG_TCLASS) {
            message.u8(INET_DIAG_TCLASS, options.traffic_class);
        }
        if matches!(row.state, LISTEN | CLOSE) {
            let is_v6_only = options.is_on(Switches::V6_ONLY);
            message.u8(INET_DIAG_SKV6ONLY, is_v6_only.into());
        }
    }
    if request.is_privileged {
        message.u32(INET_DIAG_MARK, options.mark);
    }
    // The class of a control group is a byte's ninth bit, so that the traffic class asks for it, too. There are no such
    // groups: the priority stands in.
    if request.wants(INET_DIAG_TCLASS) {
        message.u32(INET_DIAG_CLASS_ID, options.priority);
    }
    message.attribute(INET_DIAG_SOCKOPT, &switches(socket));
}

/// `sk_shutdown`
fn shutdown(socket: &Socket) -> u8 {
    let (read, write) = match &socket.endpoint {
        Endpoint::Tcp(endpoint) => endpoint.shut_halves(),
        Endpoint::Datagram(endpoint) => endpoint.shut_halves(),
        Endpoint::Listener(_) | Endpoint::Unix(_) | Endpoint::Netlink(_) => (false, false),
    };
    let half = |is_shut: bool, bit| if is_shut { bit } else { 0 };
    half(read, READ_SHUT) | half(write, WRITE_SHUT)
}

/// `struct inet_diag_sockopt`: bits, of which the first is the lowest.
fn switches(socket: &Socket) -> [u8; 2] {
    let options = &socket.options;
    let is_tcp = matches!(socket.endpoint, Endpoint::Tcp(_) | Endpoint::Listener(_));
    let first = [
        options.is_on(Switches::RECEIVE_ERRORS),
        is_tcp,
        options.is_on(Switches::FREE_BIND),
        options.is_on(Switches::HEADER_INCLUDED),
        options.is_on(Switches::MULTICAST_LOOP),
        options.is_on(Switches::TRANSPARENT),
        options.is_on(Switches::MULTICAST_ALL),
        // IP_NODEFRAG: there is nothing to switch off.
        false,
    ];
    let second = [
        options.is_on(Switches::BIND_ADDRESS_NO_PORT),
        // IP_RECVERR_RFC4884 is not there.
        false,
        socket.waits_to_connect(),
    ];
    let byte = |bits: &[bool]| {
        let bits = bits.iter().rev();
        bits.fold(0, |byte, bit| byte << 1 | u8::from(*bit))
    };
    [byte(&first), byte(&second)]
}

/// What TCP adds.
fn add_tcp(
    host: &Host,
    message: &mut Writer,
    row: &Row<'_>,
    socket: &Socket,
    summary: &SocketSummary,
    request: &Request,
) {
    let Some(info) = &summary.tcp_info else {
        return;
    };
    if request.wants(INET_DIAG_INFO) {
        message.attribute(INET_DIAG_INFO, &tcp_info::encode(info));
    }
    if request.wants(INET_DIAG_CONG) {
        let sysctl = &host.stack.config.sysctl;
        message.text(INET_DIAG_CONG, tcp::congestion_of(socket, sysctl).name());
    }
    // `sk_state < TCP_TIME_WAIT`; BBR tells of itself to who asks for Vegas (`bbr_get_info`).
    if request.wants(INET_DIAG_VEGASINFO)
        && row.state < State::TimeWait.number()
        && let Some(bbr) = &info.bbr
    {
        message.attribute(INET_DIAG_BBRINFO, &tcp_info::encode_bbr(bbr));
    }
}
