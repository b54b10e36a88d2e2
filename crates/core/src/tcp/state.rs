//! What a TCP socket shows of itself: to `poll(2)` and to `ss`.

use sockeye_tcp::State;

use super::{Marks, Phase, TcpEndpoint, join};
use crate::host::{Host, SocketSummary};
use crate::socket::Socket;
use crate::{Credentials, Domain, Readiness, SocketAddress, SocketId, SocketType, Sysctl};

/// `tcp_poll`
pub(crate) fn readiness(socket: &Socket, endpoint: &TcpEndpoint) -> Readiness {
    let has_report = endpoint
        .reports
        .as_ref()
        .is_some_and(|queue| queue.has_error());
    let has_error = socket.error.is_some() || has_report;
    let connection = match &endpoint.phase {
        // CLOSE: hung up, and writable in the sense that a write does not block.
        Phase::Unconnected => {
            let mut ready = Readiness::OUT | Readiness::HUP;
            ready.set(
                Readiness::IN | Readiness::RDHUP,
                endpoint.marks.contains(Marks::READ_SHUT),
            );
            ready.set(Readiness::ERR, has_error);
            return ready;
        }
        Phase::Joined(_) => return Readiness::OUT,
        Phase::Connected(connection) => connection,
    };
    let (send_shut, receive_shut) = (connection.is_send_shut(), connection.is_receive_shut());
    let mut ready = Readiness::empty();
    ready.set(
        Readiness::HUP,
        (send_shut && receive_shut) || connection.is_closed(),
    );
    ready.set(Readiness::IN | Readiness::RDHUP, receive_shut);
    if connection.is_syn_sent() {
        // A write sends the SYN (`TCP_FASTOPEN_CONNECT`).
        ready.set(Readiness::OUT, connection.is_deferred());
    } else {
        let low = usize::try_from(socket.options.receive_low_water.max(1)).unwrap_or(1);
        if connection.readable() >= low {
            ready |= Readiness::IN;
        }
        if send_shut || connection.is_writable() {
            ready |= Readiness::OUT;
        }
        ready.set(Readiness::PRI, connection.has_urgent());
    }
    ready.set(Readiness::ERR, has_error);
    ready
}

impl TcpEndpoint {
    /// The state of the connection, CLOSED if there is none.
    pub(crate) fn state(&self) -> State {
        match &self.phase {
            Phase::Unconnected => State::Closed,
            Phase::Connected(connection) => connection.state(),
            Phase::Joined(ends) => ends.state(),
        }
    }

    /// The program has bound its port itself (`SOCK_BINDPORT_LOCK`, which an accepted connection does not inherit).
    pub(crate) fn is_port_bound(&self) -> bool {
        self.names.is_port_bound && !self.marks.contains(Marks::PASSIVE)
    }

    /// Whether reading and writing have ended (`sk_shutdown`).
    pub(crate) fn shut_halves(&self) -> (bool, bool) {
        match &self.phase {
            Phase::Unconnected => (self.marks.contains(Marks::READ_SHUT), false),
            Phase::Connected(connection) => {
                (connection.is_receive_shut(), connection.is_send_shut())
            }
            Phase::Joined(ends) => (ends.received, ends.sent),
        }
    }
}

/// The congestion control of a socket's connections.
pub(crate) fn congestion_of(socket: &Socket, sysctl: &Sysctl) -> sockeye_tcp::Algorithm {
    let chosen = socket.options.tcp_choices(sysctl).congestion;
    chosen.unwrap_or(sysctl.tcp_congestion_control)
}

/// What `ss` shows.
pub(crate) fn summarize(
    host: &Host,
    socket: &Socket,
    endpoint: &TcpEndpoint,
    summary: &mut SocketSummary,
) {
    summary.local = Some(endpoint.names.local_as_seen_by(socket.domain));
    summary.peer =
        (endpoint.names.remote_port != 0).then(|| endpoint.names.remote_as_seen_by(socket.domain));
    summary.memory += size_of::<TcpEndpoint>();
    match &endpoint.phase {
        Phase::Unconnected => summary.state = "UNCONN",
        Phase::Joined(ends) => {
            summary.state = name(ends.state());
            summary.is_joined = true;
            summary.tcp_info = Some(join::info(host, endpoint, *ends));
        }
        Phase::Connected(connection) => {
            let status = connection.status();
            let (unacknowledged, _) = connection.unacknowledged();
            let (send_buffer, receive_buffer) = connection.buffer_sizes();
            summary.state = name(connection.state());
            // As in Linux the peer's FIN counts until it is read.
            let has_unread_end = matches!(
                connection.state(),
                State::CloseWait | State::Closing | State::LastAck
            ) && !endpoint.marks.contains(Marks::END_READ);
            summary.recv_q = status.readable + usize::from(has_unread_end);
            summary.send_q = unacknowledged;
            summary.send_buffer = send_buffer;
            summary.send_memory = connection.send_memory();
            summary.receive_memory = connection.charged();
            summary.receive_buffer = receive_buffer;
            summary.memory += connection.heap();
            summary.tcp_info = super::inquiry::whole_info(endpoint, host.stack.now);
            summary.timer = connection
                .shown_timer()
                .map(|(name, due)| (name, due - host.stack.now));
        }
    }
}

/// The state's name in `ss`.
pub(super) fn name(state: State) -> &'static str {
    match state {
        State::Closed => "UNCONN",
        State::Listen => "LISTEN",
        State::SynSent => "SYN-SENT",
        State::SynReceived => "SYN-RECV",
        State::Established => "ESTAB",
        State::FinWait1 => "FIN-WAIT-1",
        State::FinWait2 => "FIN-WAIT-2",
        State::CloseWait => "CLOSE-WAIT",
        State::Closing => "CLOSING",
        State::LastAck => "LAST-ACK",
        State::TimeWait => "TIME-WAIT",
    }
}

/// The connections that are only records any more.
pub(crate) fn time_wait_summaries(host: &Host) -> impl Iterator<Item = SocketSummary> + '_ {
    let now = host.stack.now;
    host.stack.time_wait.iter().map(move |(tuple, waiting)| {
        let domain = if tuple.local.is_ipv4() {
            Domain::Inet
        } else {
            Domain::Inet6
        };
        SocketSummary {
            // No socket has this id.
            id: SocketId::from_bits(0),
            domain,
            kind: SocketType::Stream,
            protocol: super::PROTOCOL,
            state: name(waiting.record.state()),
            local: Some(SocketAddress::new(tuple.local, tuple.local_port)),
            peer: Some(SocketAddress::new(tuple.remote, tuple.remote_port)),
            recv_q: 0,
            send_q: 0,
            is_v6_only: false,
            device: None,
            credentials: Credentials {
                pid: 0,
                uid: waiting.uid,
                gid: 0,
            },
            cookie: waiting.cookie,
            stands_in: waiting.stands_in(),
            is_orphan: true,
            is_joined: false,
            timer: Some(("timewait", waiting.record.deadline() - now)),
            tcp_info: None,
            memory: size_of::<super::time_wait::Waiting>(),
            receive_buffer: 0,
            send_buffer: 0,
            receive_memory: 0,
            send_memory: 0,
            drops: 0,
        }
    })
}
