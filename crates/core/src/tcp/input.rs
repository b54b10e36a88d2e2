//! Segments and ICMP errors in (`tcp_v4_rcv`, `tcp_v4_err`).

use core::net::IpAddr;

use sockeye_tcp::{Events, IcmpError, Response, Segment, Seq, State, TimeWaitAction, reset_for};
use sockeye_wire::{Ecn, Quote, QuotedTransport, TcpFlags, TcpView};

use super::listener::{self, Admission};
use super::output::{make_ready, send_alone};
use super::request::{self, Cookie};
use super::{Phase, Queue, close, saved_syn};
use crate::address::as_seen_by;
use crate::host::Host;
use crate::ids::SocketId;
use crate::inet::bind_table::PortSpace;
use crate::inet::demux::FourTuple;
use crate::ip::{IcmpReport, Inbound};
use crate::options::{Came, Switches};
use crate::socket::datagrams::QueuedError;
use crate::{Errno, Instant};

/// A segment, its checksum verified.
pub(crate) fn receive(host: &mut Host, inbound: Inbound<'_>, now: Instant) {
    host.stack.counters.tcp_in_segs += 1;
    if inbound.is_multicast() {
        return;
    }
    let Ok(view) = TcpView::parse(inbound.transport_header()) else {
        host.stack.counters.tcp_in_errs += 1;
        return;
    };
    let tuple = FourTuple {
        space: PortSpace::Tcp,
        local: inbound.destination,
        local_port: view.destination_port(),
        remote: inbound.source,
        remote_port: view.source_port(),
    };
    let ecn = if view.has_accurate_ecn() && view.flags().contains(TcpFlags::SYN) {
        // RFC 8311 4.3: its SYN may be marked as capable, which RFC 3168's must not.
        Ecn::NotCapable
    } else {
        Ecn::of(inbound.traffic_class)
    };
    let mut segment = Segment {
        sequence: Seq::new(view.sequence()),
        acknowledgment: Seq::new(view.acknowledgment()),
        flags: view.flags(),
        window: view.window(),
        urgent: view.urgent(),
        options: view.options(),
        ecn,
        unit: inbound.frame.offload.segment_size,
        payload: core::mem::take(&mut inbound.frame.payload),
    };
    let came = Came {
        interface: inbound.interface,
        hop_limit: inbound.hop_limit,
        class: inbound.traffic_class,
        is_v4: tuple.local.is_ipv4(),
    };
    if let Some(id) = host.connected(&tuple) {
        deliver(host, id, &tuple, &mut segment, came, now);
        return;
    }
    // RFC 9293 3.9.2.3: nobody opens a connection from or to an address of many (MUST-57, MUST-63).
    if host.stack.is_broadcast(tuple.remote) || host.stack.is_broadcast(tuple.local) {
        return;
    }
    let mut least_isn = None;
    if let Some(waiting) = host.stack.time_wait.get_mut(&tuple) {
        let action = waiting.record.receive(&segment, now);
        super::count::count(&mut host.stack.counters, waiting.record.take_events());
        match action {
            TimeWaitAction::Ignore => return,
            TimeWaitAction::Acknowledge(answer) => {
                send_alone(&mut host.stack, &tuple, answer);
                return;
            }
            TimeWaitAction::Reset(answer) => {
                close::drop_record(&mut host.stack, &tuple);
                send_alone(&mut host.stack, &tuple, answer);
                return;
            }
            TimeWaitAction::Finished => {
                close::drop_record(&mut host.stack, &tuple);
                return;
            }
            TimeWaitAction::Reopen { isn } => least_isn = Some(isn),
        }
    }
    let interface = host.seeming_interface(&tuple, inbound.interface);
    let Some(id) = host.stack.receivers.find(&tuple, interface) else {
        if let Some(reset) = reset_for(&segment) {
            send_alone(&mut host.stack, &tuple, reset);
        }
        return;
    };
    let listener = host.sockets.get(id).map(|socket| &socket.options);
    if listener.is_some_and(|options| !options.admits(came.hop_limit, came.is_v4)) {
        host.stack.counters.tcp_ext_tcp_min_ttl_drop += 1;
        return;
    }
    match sockeye_tcp::Listen.receive(&segment) {
        sockeye_tcp::ListenAction::Ignore => {}
        sockeye_tcp::ListenAction::Reset(reset) => {
            match request::take_cookie(host, id, tuple, came, &segment, now) {
                Cookie::None => send_alone(&mut host.stack, &tuple, reset),
                Cookie::Dropped => {}
                Cookie::Connection(child) => deliver(host, child, &tuple, &mut segment, came, now),
            }
        }
        sockeye_tcp::ListenAction::Request => {
            if least_isn.is_some() {
                close::drop_record(&mut host.stack, &tuple);
            }
            let child = request::request(host, id, tuple, came, &segment, least_isn, now);
            saved_syn::keep(host, child, &inbound.frame.headers, came.interface);
            if let Some(child) = child {
                listener::note_opened_fast(host, id, child, came);
            }
        }
    }
}

/// A segment for a connection.
fn deliver(
    host: &mut Host,
    id: SocketId,
    tuple: &FourTuple,
    segment: &mut Segment,
    came: Came,
    now: Instant,
) {
    let Host { sockets, stack } = host;
    let Some(parts) = super::endpoint_mut(sockets, id) else {
        return;
    };
    let endpoint = parts.endpoint;
    // The table goes by the hash alone: two connections under one hash are told apart here.
    if endpoint.names.tuple(PortSpace::Tcp) != *tuple {
        if let Some(reset) = reset_for(segment) {
            send_alone(stack, tuple, reset);
        }
        return;
    }
    let queue = endpoint.queue();
    // Linux does not judge what comes for a request.
    if !matches!(queue, Queue::Requests(_)) && !parts.options.admits(came.hop_limit, came.is_v4) {
        stack.counters.tcp_ext_tcp_min_ttl_drop += 1;
        return;
    }
    if let Some(reports) = &mut endpoint.reports {
        reports.hops = Some(came.hop_limit);
    }
    let Phase::Connected(connection) = &mut endpoint.phase else {
        // Joined: whoever sends segments to it does not know that its data travels elsewhere.
        return;
    };
    if let Queue::Requests(parent) = queue
        && connection.completes_handshake(segment, now)
    {
        match listener::admit(host, parent) {
            Admission::Admitted => {}
            Admission::Dropped => return,
            Admission::Refused => {
                if let Some(reset) = reset_for(segment) {
                    send_alone(&mut host.stack, tuple, reset);
                }
                listener::forget_request(host, parent, id);
                close::free(host, id);
                return;
            }
        }
    }
    let Host { sockets, stack } = host;
    let Some(parts) = super::endpoint_mut(sockets, id) else {
        return;
    };
    let Phase::Connected(connection) = &mut parts.endpoint.phase else {
        return;
    };
    let attempt = connection.fast_open_outcome(segment);
    let options = attempt.map(|_| segment.options);
    if stack.memory.is_pressed || connection.is_pressed() {
        super::memory::admit(stack, &mut parts.endpoint.pages, connection, segment);
    }
    let before = connection.delivered();
    let end = segment.end();
    let Response { reset, mut events } = connection.receive_in_place(segment, now);
    // In Linux the SYN-ACK was the request's, and does not count.
    if !matches!(queue, Queue::Requests(_)) {
        super::count::count_delivered(&mut stack.counters, before, connection.delivered());
    }
    if let (Some(outcome), Some(options)) = (attempt, options)
        && events.contains(Events::ESTABLISHED)
    {
        stack.learn_of_fast_open(tuple, outcome, &options);
    }
    if !came.is_v4 && parts.options.follows_packets() && connection.numbers().2 == end {
        parts.options.note_received(came);
    }
    if events.contains(Events::CHALLENGE_ACK) && !stack.may_challenge(now) {
        connection.withhold_challenge();
        events.remove(Events::CHALLENGE_ACK);
    }
    let has_output = connection.wants_transmit(now);
    if has_output {
        make_ready(stack, parts.endpoint, id);
    }
    if let Some(reset) = reset {
        match parts.endpoint.path.current(stack, tuple.local) {
            Some(path) => super::output::send(stack, tuple, &path, parts.options, *reset),
            None => send_alone(stack, tuple, *reset),
        }
    }
    if events.contains(Events::ESTABLISHED)
        && let Queue::Requests(parent) = queue
    {
        parts.endpoint.set_queue(Queue::Accept(parent));
        listener::note_arrival(host, parent, id, came);
        listener::established(host, parent, id);
    }
    close::conclude(host, id, events, now);
}

/// An ICMP error about a segment that this host sent.
pub(crate) fn icmp_error(host: &mut Host, quote: &Quote, report: &IcmpReport, now: Instant) {
    let QuotedTransport::Tcp {
        source_port,
        destination_port,
        sequence,
    } = quote.transport
    else {
        return;
    };
    let tuple = FourTuple {
        space: PortSpace::Tcp,
        local: quote.source,
        local_port: source_port,
        remote: quote.destination,
        remote_port: destination_port,
    };
    let Some(id) = host.connected(&tuple) else {
        return;
    };
    let Host { sockets, stack } = host;
    let Some(parts) = super::endpoint_mut(sockets, id) else {
        return;
    };
    if parts.endpoint.names.tuple(PortSpace::Tcp) != tuple {
        return;
    }
    let queue = parts.endpoint.queue();
    let Phase::Connected(connection) = &mut parts.endpoint.phase else {
        return;
    };
    let error = match report.errno {
        Errno::ECONNREFUSED => sockeye_tcp::Error::ConnectionRefused,
        Errno::ENETUNREACH => sockeye_tcp::Error::NetworkUnreachable,
        Errno::EPROTO => sockeye_tcp::Error::Protocol,
        Errno::ENOPROTOOPT => sockeye_tcp::Error::ProtocolUnreachable,
        Errno::EACCES => sockeye_tcp::Error::Prohibited,
        _ => sockeye_tcp::Error::HostUnreachable,
    };
    // One that a program got before its handshake was over is as good as connected (`tcp_v4_err`).
    let is_attempt = match connection.state() {
        State::SynSent => true,
        State::SynReceived => !connection.is_unconfirmed() || queue != Queue::None,
        _ => false,
    };
    let is_about_size = report.errno == Errno::EMSGSIZE;
    // RFC 5927 4.1
    let (una, nxt, _) = connection.numbers();
    let una = una - u32::from(connection.is_unconfirmed());
    let sequence = Seq::new(sequence);
    let is_in_flight = sequence.at_or_after(una) && sequence.at_or_before(nxt);
    if !is_in_flight && connection.state() != State::Closed {
        stack.counters.tcp_ext_out_of_window_icmps += 1;
        return;
    }
    if is_in_flight && !is_about_size && connection.state() != State::Closed {
        let is_wanted = parts.options.is_on(if tuple.remote.is_ipv4() {
            Switches::RECEIVE_ERRORS
        } else {
            Switches::RECEIVE_ERRORS_V6
        });
        // In IPv4 whether the socket asked for it or not (`ip_icmp_error`, `ipv6_icmp_error`).
        let is_own = queue == Queue::None;
        if is_attempt && is_own && (is_wanted || tuple.remote.is_ipv4()) {
            let queued = QueuedError {
                error: report.extended(parts.domain),
                payload: report.quoted.slice(quote.transport_offset..).into(),
                destination: Some(as_seen_by(parts.domain, tuple.remote, tuple.remote_port, 0)),
                told: alloc::vec::Vec::new(),
            };
            let reports = parts.endpoint.reports.get_or_insert_default();
            reports.push(queued, parts.options);
        }
        if !is_attempt && is_wanted {
            // The connection goes on, but the next call hears of it.
            *parts.error = Some(report.errno);
            host.wake(id);
            return;
        }
    }
    let is_request = matches!(queue, Queue::Requests(_));
    if is_request && is_in_flight && !is_about_size {
        // `tcp_req_err`: nobody waits for a request yet, so that it is dropped without a word.
        let is_dropped = match tuple.remote {
            IpAddr::V4(_) => matches!(report.errno, Errno::EHOSTUNREACH | Errno::ENETUNREACH),
            IpAddr::V6(_) => report.is_fatal,
        };
        if is_dropped {
            connection.forget();
            let events = connection.take_events();
            close::conclude(host, id, events, now);
        }
        return;
    }
    let kind = if is_about_size {
        let Some(mss) = super::path::told(stack, &tuple, parts.options, report.mtu) else {
            return;
        };
        IcmpError::PacketTooBig(mss)
    } else if is_attempt || (report.is_fatal && connection.state() != State::SynReceived) {
        // Any "unreachable" ends an attempt (`tcp_v4_err`).
        IcmpError::Hard(error)
    } else {
        IcmpError::Soft(error)
    };
    connection.on_icmp_error(kind, sequence, now);
    let events = connection.take_events();
    let has_output = connection.wants_transmit(now);
    if has_output {
        make_ready(stack, parts.endpoint, id);
    }
    close::conclude(host, id, events, now);
}
