//! What of a packet is not as the script says.

use crate::ast::{Ecn, IpNotes, Segment, TcpOption};
use crate::flow::Flow;
use crate::packet::{Body, Message, Seen, show_options};

/// The differences of a segment.
pub(super) fn segment(expected: &Segment, flow: &Flow, seen: &Seen) -> Vec<String> {
    let mut list = Vec::new();
    let Body::Tcp {
        sequence,
        ack,
        flags,
        window,
        urgent,
        options,
        data,
    } = &seen.body
    else {
        return vec!["it is no TCP segment".to_owned()];
    };
    let mut note = |what: &str, expected: String, seen: String| {
        if expected != seen {
            list.push(format!("{what} is {seen}, not {expected}"));
        }
    };
    if *flags != expected.flags {
        note(
            "the set of flags",
            format!("{:#04x}", expected.flags),
            format!("{flags:#04x}"),
        );
    }
    let start = flow.script_local(*sequence, *flags);
    note(
        "the sequence number",
        expected.range.start.to_string(),
        start.to_string(),
    );
    note(
        "the length",
        expected.range.length.to_string(),
        data.len().to_string(),
    );
    if let Some(expected) = expected.ack {
        note("the acknowledgment", expected.to_string(), ack.to_string());
    }
    if let Some(expected) = expected.window {
        note("the window", expected.to_string(), window.to_string());
    }
    if let Some(expected) = expected.urgent {
        note(
            "the urgent pointer",
            expected.to_string(),
            urgent.to_string(),
        );
    }
    if let Some(expected) = &expected.options {
        let live: Vec<TcpOption> = expected
            .iter()
            .map(|option| match option {
                TcpOption::Timestamps { value, echo } => TcpOption::Timestamps {
                    value: flow.live_timestamp(*value),
                    echo: *echo,
                },
                other => other.clone(),
            })
            .collect();
        if live != *options {
            let scripted: Vec<TcpOption> = options
                .iter()
                .map(|option| match option {
                    TcpOption::Timestamps { value, echo } => TcpOption::Timestamps {
                        value: flow.script_timestamp(*value),
                        echo: *echo,
                    },
                    other => other.clone(),
                })
                .collect();
            let show = |options: &[TcpOption]| format!("<{}>", show_options(options));
            note("the row of options", show(expected), show(&scripted));
        }
    }
    list
}

/// The differences of a datagram.
pub(super) fn udp(expected: usize, seen: &Seen) -> Vec<String> {
    match &seen.body {
        Body::Udp { length } if *length == expected => Vec::new(),
        Body::Udp { length } => vec![format!("its length is {length}, not {expected}")],
        _ => vec!["it is no UDP datagram".to_owned()],
    }
}

/// The differences of an ICMP message.
pub(super) fn icmp(expected: Message, has_rest: bool, seen: &Seen) -> Vec<String> {
    let Body::Icmp(message) = &seen.body else {
        return vec!["it is no ICMP message".to_owned()];
    };
    let mut list = Vec::new();
    if (message.kind, message.code) != (expected.kind, expected.code) {
        list.push(format!(
            "type and code are {} {}, not {} {}",
            message.kind, message.code, expected.kind, expected.code
        ));
    }
    if has_rest && message.rest != expected.rest {
        list.push(format!(
            "the MTU is {}, not {}",
            message.rest, expected.rest
        ));
    }
    list
}

/// The differences of the IP header, of which the script speaks only if it matters.
pub(super) fn ip(expected: IpNotes, seen: &Seen) -> Vec<String> {
    let mut list = Vec::new();
    let ecn = seen.class & 3;
    let fits = match expected.ecn {
        None => true,
        Some(Ecn::None) => ecn == 0,
        Some(Ecn::Ect1) => ecn == 1,
        Some(Ecn::Ect0) => ecn == 2,
        Some(Ecn::Ect01) => ecn == 1 || ecn == 2,
        Some(Ecn::Ce) => ecn == 3,
    };
    if !fits {
        list.push(format!("the ECN bits are {ecn:#04b}"));
    }
    if let Some(class) = expected.traffic_class
        && class != seen.class
    {
        list.push(format!(
            "the type of service is {:#x}, not {class:#x}",
            seen.class
        ));
    }
    if let Some(hops) = expected.hop_limit
        && hops != seen.hop_limit
    {
        list.push(format!(
            "the time to live is {}, not {hops}",
            seen.hop_limit
        ));
    }
    if let Some(label) = expected.flow_label
        && label != seen.flow_label
    {
        list.push(format!(
            "the flow label is {:#x}, not {label:#x}",
            seen.flow_label
        ));
    }
    list
}
