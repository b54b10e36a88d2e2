//! Segments out.

use core::net::IpAddr;

use sockeye_tcp::{Compression, EcnPolicy, OutgoingSegment, Settings};
use sockeye_wire::{ChecksumState, Ecn, Frame, Headers, IpProtocol, Offload, TcpHeader};

use super::stamps::Recipient;
use super::{Marks, Phase, TcpEndpoint, close, reports};
use crate::config::Timestamps;
use crate::host::{Host, Stack};
use crate::ids::{InterfaceId, SocketId};
use crate::inet::demux::FourTuple;
use crate::ip::output::{Fragmentation, IpMeta, Kept, Path};
use crate::ip::routes::RouteMetrics;
use crate::options::{SharedOptions, StampFlags, Switches};
use crate::{Errno, Instant};

/// Segments that one socket sends before the next one's turn comes.
const BATCH: usize = 64;
/// The longest super-segment on the way inside of the host, in bytes.
const LOOPBACK_SUPER_SEGMENT: usize = 256 << 10;
/// The longest one to a device: an IPv4 packet's 65,535 less the longest headers.
pub(super) const DEVICE_SUPER_SEGMENT: u16 = 65_535 - 120;

/// Puts the socket on the list of those that have something to send.
pub(super) fn make_ready(stack: &mut Stack, endpoint: &mut TcpEndpoint, id: SocketId) {
    if !endpoint.marks.contains(Marks::READY) {
        endpoint.marks.set(Marks::READY, true);
        stack.ready.push_back(id);
    }
}

/// Sends what the socket has to send, a batch at most, and sees to what follows from it.
pub(crate) fn transmit(host: &mut Host, id: SocketId, now: Instant) {
    transmit_some(host, id, BATCH, now);
}

/// Sends one segment if there is one to send (`tcp_push_one`).
pub(super) fn transmit_one(host: &mut Host, id: SocketId, now: Instant) {
    transmit_some(host, id, 1, now);
}

fn transmit_some(host: &mut Host, id: SocketId, most: usize, now: Instant) {
    let Host { sockets, stack } = host;
    let Some(parts) = super::endpoint_mut(sockets, id) else {
        return;
    };
    let endpoint = parts.endpoint;
    endpoint.marks.set(Marks::READY, false);
    let Phase::Connected(connection) = &mut endpoint.phase else {
        return;
    };
    let names = &endpoint.names;
    let tuple = names.tuple(crate::inet::bind_table::PortSpace::Tcp);
    stack.expire_path_mtus(now);
    let mut known = endpoint.path.current(stack, tuple.local);
    if known.is_none()
        && let Ok(path) = stack.route_of(&tuple, parts.options.via())
    {
        endpoint.path = stack.tcp_paths.note(&path);
        super::path::follow(stack, &tuple, &path, parts.options, connection, now);
        known = Some(path);
    }
    if known.is_some_and(|path| stack.is_refused(&path)) {
        connection.refuse(now);
        let events = connection.take_events();
        return close::conclude(host, id, events, now);
    }
    let label = flow_label(stack, &tuple, parts.options, connection.rehashes());
    let mut sent = 0;
    let mut has_news = false;
    while sent < most {
        // Looked at where it is: a segment is large to be moved.
        let mut next = connection.poll_transmit(now);
        let Some(segment) = &mut next else { break };
        let path = match known.filter(|path| path.generation == stack.route_generation) {
            Some(path) => path,
            None => match stack.route_of(&tuple, parts.options.via()) {
                Ok(path) => {
                    endpoint.path = stack.tcp_paths.note(&path);
                    *known.insert(path)
                }
                // As a lost segment: the retransmission finds a route or none.
                Err(_) => {
                    sent += 1;
                    continue;
                }
            },
        };
        if let Some(reports) = &mut endpoint.reports
            && reports.departs(segment, parts.options, now)
        {
            let bytes = reports::range(segment);
            let to = Recipient::new(parts.domain, parts.options, &stack.config, now);
            if !parts.options.stamp_flags().contains(StampFlags::OPT_TSONLY) {
                stack.kept = Kept::Wanted;
            }
            send_labelled(stack, &tuple, &path, parts.options, label, segment);
            let kept = core::mem::take(&mut stack.kept);
            reports.departed(bytes, connection, (kept, path.interface), to);
            has_news = true;
        } else {
            send_labelled(stack, &tuple, &path, parts.options, label, segment);
        }
        sent += 1;
    }
    // What was told by what was sent.
    let events = connection.take_events();
    if sent == BATCH {
        make_ready(stack, endpoint, id);
    }
    if has_news {
        host.wake(id);
    }
    close::conclude(host, id, events, now);
}

/// Puts a segment into a packet and on its way.
pub(super) fn send(
    stack: &mut Stack,
    tuple: &FourTuple,
    path: &Path,
    options: &SharedOptions,
    mut outgoing: OutgoingSegment,
) {
    let label = flow_label(stack, tuple, options, 0);
    send_labelled(stack, tuple, path, options, label, &mut outgoing);
}

/// The label of a connection's packets that has looked for another path so often.
pub(super) fn flow_label(
    stack: &Stack,
    tuple: &FourTuple,
    options: &SharedOptions,
    rehashes: u16,
) -> u32 {
    if tuple.remote.is_ipv6() && options.labels_flows(&stack.config.sysctl) {
        stack.flow_labels.of(tuple, rehashes)
    } else {
        0
    }
}

fn send_labelled(
    stack: &mut Stack,
    tuple: &FourTuple,
    path: &Path,
    options: &SharedOptions,
    label: u32,
    outgoing: &mut OutgoingSegment,
) {
    super::count::count_sent(&mut stack.counters, outgoing);
    let fragmentation = super::path::fragmentation(stack, tuple.remote, path, options);
    let frame = packet(
        stack,
        tuple,
        path,
        options,
        (fragmentation, label),
        outgoing,
    );
    // A packet that is too long is cut: the path's MTU has just become less, and the peer is to get it all the same.
    let _ = stack.output(frame, path, fragmentation);
}

/// The packet of a segment, which is left without its payload.
pub(super) fn packet(
    stack: &mut Stack,
    tuple: &FourTuple,
    path: &Path,
    options: &SharedOptions,
    (fragmentation, flow_label): (Fragmentation, u32),
    outgoing: &mut OutgoingSegment,
) -> Frame {
    let OutgoingSegment {
        segment,
        segment_size,
        ..
    } = outgoing;
    let header = TcpHeader {
        source_port: tuple.local_port,
        destination_port: tuple.remote_port,
        sequence: segment.sequence.get(),
        acknowledgment: segment.acknowledgment.get(),
        flags: segment.flags,
        window: segment.window,
        urgent: segment.urgent,
        options: segment.options,
    };
    let is_v4 = tuple.remote.is_ipv4();
    let sysctl = &stack.config.sysctl;
    let meta = IpMeta {
        source: tuple.local,
        destination: tuple.remote,
        protocol: IpProtocol::TCP,
        hop_limit: if is_v4 {
            options.time_to_live.unwrap_or(sysctl.ip_default_ttl)
        } else {
            options.unicast_hops.unwrap_or(sysctl.ipv6_hop_limit)
        },
        traffic_class: segment.ecn.bits()
            | !Ecn::MASK
                & if is_v4 {
                    options.type_of_service
                } else {
                    options.traffic_class
                },
        flow_label,
        fragmentation,
        options: options.ip_options().filter(|_| is_v4).cloned(),
    };
    let length = header.header_len() + segment.payload.len();
    let mut frame = Frame {
        headers: Headers::new(),
        payload: core::mem::take(&mut segment.payload),
        offload: Offload {
            checksum: ChecksumState::Partial,
            segment_size: *segment_size,
        },
    };
    stack.ip_header(&mut frame.headers, &meta, path, length);
    header.emit(&mut frame.headers);
    frame
}

/// Sends a segment that no socket has to do with: a reset, or an answer out of TIME-WAIT.
pub(super) fn send_alone(stack: &mut Stack, tuple: &FourTuple, segment: OutgoingSegment) {
    let Ok(path) = stack.route_of(tuple, None) else {
        return;
    };
    let options = SharedOptions::new(&stack.config.sysctl);
    send(stack, tuple, &path, &options, segment);
}

/// How a connection of these names begins.
pub(super) fn settings(
    stack: &mut Stack,
    tuple: &FourTuple,
    path: &Path,
    shared: &SharedOptions,
    now: Instant,
) -> Settings {
    let sysctl = &stack.config.sysctl;
    let default_mss = if tuple.remote.is_ipv4() { 536 } else { 1220 };
    let metrics = stack.route_metrics(tuple.remote, shared.via());
    let carried = super::path::longest(stack, tuple.remote, path, shared, now);
    let may_change =
        metrics != RouteMetrics::default() || stack.path_mtu(tuple.remote, path, now).is_some();
    let bytes = |size: u32| usize::try_from(size).unwrap_or(usize::MAX);
    let choices = shared.tcp_choices(sysctl);
    let is_locked = |switch| shared.is_on(switch);
    let receive_buffer = bytes(shared.receive_buffer);
    let send_buffer = bytes(shared.send_buffer);
    // What leaves the host stays within what Linux sends by default: readers of captures sum larger segments wrongly.
    let is_internal = path.interface == InterfaceId::LOOPBACK
        && stack.config.loopback == crate::Loopback::Internal;
    let mut settings = Settings {
        isn: stack.secrets.isn(tuple, now),
        timestamp_offset: stack.secrets.timestamp_offset(tuple, sysctl.tcp_timestamps),
        local_mss: metrics.advertised_mss.unwrap_or(carried),
        path_mss: may_change.then_some(carried),
        path: sysctl.tcp_path,
        default_mss,
        max_super_segment: if is_internal {
            LOOPBACK_SUPER_SEGMENT
        } else {
            DEVICE_SUPER_SEGMENT.into()
        },
        receive_buffer,
        receive_buffer_max: if is_locked(Switches::RECEIVE_BUFFER_LOCKED)
            || !sysctl.tcp_moderate_rcvbuf
        {
            receive_buffer
        } else {
            sysctl.tcp_rmem.max.max(receive_buffer)
        },
        window_scale_for: if is_locked(Switches::RECEIVE_BUFFER_LOCKED) {
            receive_buffer / 2
        } else {
            sysctl.tcp_rmem.max.max(sysctl.rmem_max)
        },
        send_buffer,
        send_buffer_max: if is_locked(Switches::SEND_BUFFER_LOCKED) {
            send_buffer
        } else {
            sysctl.tcp_wmem.max.max(send_buffer)
        },
        window_scaling: sysctl.tcp_window_scaling,
        timestamps: sysctl.tcp_timestamps != Timestamps::Off,
        invalid_interval: u16::try_from(sysctl.tcp_invalid_ratelimit.as_millis())
            .unwrap_or(u16::MAX),
        rfc1337: sysctl.tcp_rfc1337,
        sack: sysctl.tcp_sack,
        ecn: EcnPolicy {
            offer: sysctl.tcp_ecn == 1,
            accept: sysctl.tcp_ecn != 0,
            fallback: sysctl.tcp_ecn_fallback,
        },
        dsack: sysctl.tcp_dsack,
        early_retransmit: sysctl.tcp_early_retrans,
        recovery: sysctl.tcp_recovery,
        frto: sysctl.tcp_frto != 0,
        reordering: sysctl.tcp_reordering,
        max_reordering: sysctl.tcp_max_reordering,
        thin_linear_timeouts: sysctl.tcp_thin_linear_timeouts,
        rto_restart: sysctl.tcp_rto_restart,
        standard_urgent: sysctl.tcp_stdurg,
        ping_pong_threshold: sysctl.tcp_pingpong_thresh,
        compression: Compression {
            most: sysctl.tcp_comp_sack_nr,
            delay: sysctl.tcp_comp_sack_delay,
            slack: sysctl.tcp_comp_sack_slack,
        },
        syn_retries: choices.syn_retries.unwrap_or(sysctl.tcp_syn_retries),
        syn_linear_timeouts: sysctl.tcp_syn_linear_timeouts,
        congestion: choices.congestion.unwrap_or(sysctl.tcp_congestion_control),
        slow_start_after_idle: sysctl.tcp_slow_start_after_idle,
        min_super_segment: sysctl.tcp_min_tso_segs,
        pacing_ratios: (sysctl.tcp_pacing_ss_ratio, sysctl.tcp_pacing_ca_ratio),
        ping_pong: shared.is_on(Switches::PING_PONG),
        // `reqsk_timer_handler`: what a listener was told of SYNs holds for its SYN-ACKs.
        synack_retries: choices.syn_retries.unwrap_or(sysctl.tcp_synack_retries),
        retries1: sysctl.tcp_retries1,
        retries2: sysctl.tcp_retries2,
        orphan_retries: sysctl.tcp_orphan_retries,
        min_rtt_window: sysctl.tcp_min_rtt_wlen,
        shrink_window: sysctl.tcp_shrink_window,
        fin_timeout: sysctl.tcp_fin_timeout,
        options: shared.tcp_options(sysctl),
        ..Settings::default()
    };
    if let Some(window) = metrics.initial_window {
        settings.initial_window = window;
    }
    stack.tcp_rules.share(&mut settings);
    settings
}

/// How much longer than usual `IP_OPTIONS` makes the headers of packets to this address.
pub(super) fn ip_options_length(options: &SharedOptions, remote: IpAddr) -> usize {
    let options = options.ip_options().filter(|_| remote.is_ipv4());
    options.map_or(0, |options| options.len())
}

/// The route of a connection, before it has one.
pub(super) fn path_to(
    stack: &Stack,
    remote: IpAddr,
    local: IpAddr,
    options: &SharedOptions,
) -> Result<Path, Errno> {
    stack.route(
        remote,
        Some(local).filter(|local| !local.is_unspecified()),
        options.via(),
    )
}
