//! Packets that the script expects.

use super::{LONGEST, Player, compare, seconds, ticks};
use crate::ast::{Body as Expected, Event, Packet, Segment, TcpOption, Time};
use crate::failure::{Failure, Outcome};
use crate::flow::Flow;
use crate::packet::{self, Body, Seen};

const FIN: u16 = 0x01;
const SYN: u16 = 0x02;
const ACK: u16 = 0x10;

/// From when to when a packet may leave.
struct Window {
    first: i64,
    last: i64,
    is_any: bool,
}

impl Window {
    fn show(&self, tolerance: i64) -> String {
        if self.is_any {
            return "at any time".to_owned();
        }
        if self.first == self.last {
            let near = format!("{}.{:03} ms", tolerance / 1000, tolerance % 1000);
            return format!("at {} (give or take {near})", seconds(self.first));
        }
        format!("between {} and {}", seconds(self.first), seconds(self.last))
    }
}

impl Player<'_> {
    fn window(&self, time: Time) -> Window {
        let after = |time: i64| self.last.saturating_add(time);
        let (first, last) = match time {
            Time::At(time) => (time, time),
            Time::After(time) => (after(time), after(time)),
            Time::Between(first, last) => (first, last),
            Time::AfterBetween(first, last) => (after(first), after(last)),
            Time::Any => (0, self.system.now().saturating_add(LONGEST)),
        };
        Window {
            first,
            last,
            is_any: time == Time::Any,
        }
    }

    /// Waits for a packet and compares it.
    pub(super) fn expect(&mut self, packet: &Packet, event: &Event) -> Outcome<()> {
        let window = self.window(event.time);
        let setup = self.context.setup;
        let passes = window.last.saturating_sub(self.last).max(0);
        let tolerance = setup.tolerance.max(passes / 100 * setup.tolerance_percent);
        let latest = window.last.saturating_add(tolerance);
        let is_v6 = self.context.setup.local.is_ipv6();
        let wanted = packet::show_script(packet, is_v6);
        let (time, seen) = loop {
            let Some((time, bytes)) = self.next_packet(latest)? else {
                return Err(Failure::new(event.place, "no packet was sent")
                    .note("expected", format!("> {wanted}"))
                    .note("", window.show(tolerance))
                    .note("seen", format!("nothing until {}", seconds(latest))));
            };
            let seen = Seen::read(&bytes).map_err(|why| {
                Failure::new(event.place, "the packet that was sent is broken").note("seen", why)
            })?;
            if !self.is_past(&seen, packet) {
                break (time, seen);
            }
        };
        let (seen, whole) = self.whole(seen, packet, latest)?;
        let flow = self.flow_of_seen(&seen, packet);
        let mut seen = seen;
        if let Some(flow) = flow.and_then(|at| self.flows.get(at)) {
            seen.count_from(|flags| flow.remote_base(flags));
        }
        let mut differences = match &packet.body {
            Expected::Icmp(icmp) => {
                let message = packet::Message::of(icmp, is_v6)?;
                compare::icmp(message, icmp.mtu.is_some(), &seen)
            }
            Expected::Udp { length } => compare::udp(*length, &seen),
            Expected::Tcp(segment) => match flow {
                Some(at) => {
                    self.learn(at, segment, &seen);
                    let flow = &self.flows[at];
                    compare::segment(segment, flow, &seen)
                }
                None => vec!["it is of a connection that the script does not know".to_owned()],
            },
        };
        differences.extend(compare::ip(packet.ip, &seen));
        if let (Some(expected), Some((remote, local))) = (
            packet.ports,
            flow.map(|at| (self.flows[at].remote.1, self.flows[at].local.1)),
        ) && expected != (local, remote)
        {
            differences.push(format!("the ports are {local} > {remote}"));
        }
        let remote = self.context.setup.remote;
        if seen.destination != remote {
            differences.push(format!("it goes to {}, not {remote}", seen.destination));
        }
        if let Some(broken) = whole {
            differences.push(broken);
        }
        if let (Some(tick), Some(flow)) = (
            self.context.setup.timestamp_tick,
            flow.and_then(|at| self.flows.get_mut(at)),
        ) {
            differences.extend(ticks::compare(flow, &seen, time, tick, tolerance));
        }
        let flow_seen = flow.and_then(|at| self.flows.get(at));
        let shown = packet::show_seen(&seen, flow_seen, packet.ip);
        if !differences.is_empty() {
            return Err(Failure::new(event.place, "another packet was sent")
                .note("expected", format!("> {wanted}"))
                .note("", window.show(tolerance))
                .note("seen", format!("> {shown}"))
                .note("", format!("at {}", seconds(time)))
                .note("because", differences.join("\n")));
        }
        let is_early = time < window.first.saturating_sub(tolerance);
        if !window.is_any && (is_early || time > latest) {
            let when = if is_early { "early" } else { "late" };
            return Err(
                Failure::new(event.place, format!("this packet was sent too {when}"))
                    .note("expected", window.show(tolerance))
                    .note("seen", format!("at {}", seconds(time))),
            );
        }
        self.check_data_sent(flow, &seen, event)?;
        self.last = match event.time {
            Time::At(_) | Time::After(_) => window.first,
            Time::Any | Time::Between(..) | Time::AfterBetween(..) => time,
        };
        Ok(())
    }

    /// Whether the packet is of a connection that the script has closed, and after which it began another, or of one that it
    /// left behind for another socket. The reference looks at the newest connection only; so here, unless ports tell which is
    /// meant.
    fn is_past(&self, seen: &Seen, packet: &Packet) -> bool {
        let (local, remote) = seen.ports;
        let of = |flow: &Flow| flow.local.1 == local && flow.remote.1 == remote;
        let at = self.flows.iter().rposition(of);
        let Some(flow) = at.and_then(|at| self.flows.get(at)) else {
            return false;
        };
        if self.is_taken_over(flow, seen) {
            return false;
        }
        let is_over = flow.is_closed && self.current.is_some() && at != self.current;
        packet.ports.is_none() && (flow.is_aside || is_over)
    }

    /// Whether the packet begins another connection with the names of one that the script has closed, as happens in place of
    /// a TIME-WAIT.
    fn is_taken_over(&self, flow: &Flow, seen: &Seen) -> bool {
        let is_first = matches!(seen.body, Body::Tcp { flags, .. } if flags & (SYN | ACK) == SYN);
        let awaited = self.connecting.filter(|fd| self.flow_of(*fd).is_none());
        is_first && flow.is_closed && awaited.is_some()
    }

    /// A script may name several segments of a stream as one, as they leave a stack that lets the device cut them: all
    /// that belong to it, put together, and what is wrong if they don't fit.
    fn whole(
        &mut self,
        first: Seen,
        packet: &Packet,
        latest: i64,
    ) -> Outcome<(Seen, Option<String>)> {
        let Expected::Tcp(expected) = &packet.body else {
            return Ok((first, None));
        };
        if self.context.setup.is_strict {
            return Ok((first, None));
        }
        let mut whole = first;
        loop {
            let (ports, missing) = (whole.ports, {
                let Body::Tcp { data, flags, .. } = &whole.body else {
                    return Ok((whole, None));
                };
                let length = data.len();
                // PSH in the midst is where one super-segment ends and the next begins: as it comes.
                if length == 0 || length >= expected.range.length || flags & FIN != 0 {
                    return Ok((whole, None));
                }
                expected.range.length - length
            });
            let Some((time, bytes)) = self.next_packet(latest)? else {
                return Ok((whole, Some(format!("{missing} bytes more did not follow"))));
            };
            let Ok(next) = Seen::read(&bytes) else {
                return Ok((whole, Some("what followed was broken".to_owned())));
            };
            let fits = next.ports == ports && append(&mut whole, &next);
            if !fits {
                self.packets.push_front((time, bytes));
                let at = self.flow_of_seen(&next, packet);
                let flow = at.and_then(|at| self.flows.get(at));
                let shown = packet::show_seen(&next, flow, packet.ip);
                return Ok((whole, Some(format!("what followed was > {shown}"))));
            }
        }
    }

    /// The flow of a packet that left; a connection that the stack opens becomes known by its SYN.
    fn flow_of_seen(&mut self, seen: &Seen, packet: &Packet) -> Option<usize> {
        let (local, remote) = seen.ports;
        let known = self
            .flows
            .iter()
            .rposition(|flow| flow.local.1 == local && flow.remote.1 == remote);
        let over = known.and_then(|at| self.flows.get(at));
        if let Some(over) = over.filter(|flow| self.is_taken_over(flow, seen)) {
            let next = Flow::new(over.local, over.remote);
            self.flows.push(next);
        } else if known.is_some() {
            return known;
        }
        let is_first = match (&seen.body, &packet.body) {
            (Body::Tcp { flags, .. }, Expected::Tcp(_)) => flags & (SYN | ACK) == SYN,
            (Body::Udp { .. }, Expected::Udp { .. }) => true,
            _ => false,
        };
        if !is_first {
            return None;
        }
        let at = self.flow_with(local, remote);
        self.flows[at].fd = self.connecting;
        self.current = Some(at);
        Some(at)
    }

    /// Learns the live numbers that the script's stand for.
    fn learn(&mut self, at: usize, expected: &Segment, seen: &Seen) {
        let flow = &mut self.flows[at];
        let Body::Tcp {
            sequence,
            flags,
            options,
            data,
            ..
        } = &seen.body
        else {
            return;
        };
        let offset = sequence.wrapping_sub(expected.range.start);
        let is_new = flow.local_offset.is_none() || (flow.reopening.is_some() && flags & ACK != 0);
        if flags & expected.flags & SYN != 0 && is_new {
            if flow.local_offset.is_none() {
                flow.bases.0 = expected.range.start;
            }
            flow.local_offset = Some(offset);
            if let Some(start) = flow.reopening.take() {
                flow.remote_start = Some(start);
            }
        }
        flow.last_sent = Some((flow.script_local(*sequence, 0), data.len()));
        let stamp = |list: &[TcpOption]| {
            list.iter().find_map(|option| match option {
                TcpOption::Timestamps { value, .. } => Some(*value),
                _ => None,
            })
        };
        let script = expected.options.as_deref().and_then(stamp);
        if let (Some(script), Some(live)) = (script, stamp(options)) {
            flow.note_timestamp(script, live);
        }
    }

    /// The data of a segment are those that the program wrote, at their place.
    fn check_data_sent(&self, flow: Option<usize>, seen: &Seen, event: &Event) -> Outcome<()> {
        let Some(flow) = flow.and_then(|at| self.flows.get(at)) else {
            return Ok(());
        };
        let Body::Tcp {
            sequence,
            flags,
            data,
            ..
        } = &seen.body
        else {
            return Ok(());
        };
        let Some(file) = flow.fd.and_then(|fd| self.context.files.get(&fd)) else {
            return Ok(());
        };
        if file.is_foreign {
            return Ok(());
        }
        let first = if flags & SYN != 0 { flow.bases.0 } else { 1 };
        let from = flow.script_local(*sequence, *flags).wrapping_sub(first);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let written = file.written.get(from..).unwrap_or_default();
        let differing = written.iter().zip(data).position(|(a, b)| a != b);
        match differing {
            None => Ok(()),
            Some(at) => {
                let what = format!(
                    "byte {} of the stream is not the one that was written",
                    from + at
                );
                Err(Failure::new(event.place, what))
            }
        }
    }
}

/// Puts the segment behind another, if that is where it belongs.
fn append(whole: &mut Seen, next: &Seen) -> bool {
    let (
        Body::Tcp {
            sequence,
            ack,
            flags,
            data,
            window,
            ..
        },
        Body::Tcp {
            sequence: next_sequence,
            ack: next_ack,
            flags: next_flags,
            data: next_data,
            window: next_window,
            ..
        },
    ) = (&mut whole.body, &next.body)
    else {
        return false;
    };
    let end = sequence.wrapping_add(u32::try_from(data.len()).unwrap_or(0));
    let is_next = *next_sequence == end && ack == next_ack && !next_data.is_empty();
    if is_next {
        data.extend_from_slice(next_data);
        *flags = *next_flags;
        *window = *next_window;
    }
    is_next
}
