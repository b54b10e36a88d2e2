//! Packets in the script's own notation.

use std::fmt::Write as _;

use super::seen::{Body, Seen};
use crate::ast::{self, Ecn, IpNotes, Packet, TcpOption};
use crate::flow::Flow;

fn flags(bits: u16) -> String {
    let letters = [
        (0x01, 'F'),
        (0x02, 'S'),
        (0x04, 'R'),
        (0x08, 'P'),
        (0x20, 'U'),
        (0x40, 'E'),
        (0x80, 'W'),
        (0x100, 'A'),
        (0x10, '.'),
    ];
    let set = letters.iter().filter(|(bit, _)| bits & bit != 0);
    let text: String = set.map(|(_, letter)| *letter).collect();
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

fn row(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Options as they stand between `<` and `>`.
pub(crate) fn options(options: &[TcpOption]) -> String {
    let one = |option: &TcpOption| match option {
        TcpOption::Nop => "nop".to_owned(),
        TcpOption::End => "eol".to_owned(),
        TcpOption::Mss(mss) => format!("mss {mss}"),
        TcpOption::WindowScale(scale) => format!("wscale {scale}"),
        TcpOption::SackOk => "sackOK".to_owned(),
        TcpOption::Sack(blocks) => {
            let blocks: Vec<String> = blocks.iter().map(|(s, e)| format!("{s}:{e}")).collect();
            format!("sack {}", blocks.join(" "))
        }
        TcpOption::Timestamps { value, echo } => format!("TS val {value} ecr {echo}"),
        TcpOption::FastOpen(cookie) => format!("FO {}", row(cookie)).trim_end().to_owned(),
        TcpOption::FastOpenExperiment(cookie) => {
            format!("FOEXP {}", row(cookie)).trim_end().to_owned()
        }
        TcpOption::Md5 => "md5".to_owned(),
        TcpOption::Other(kind, data) => format!("kind {kind} {}", row(data)),
        TcpOption::Raw(bytes) => format!("raw {}", row(bytes)),
    };
    let list: Vec<String> = options.iter().map(one).collect();
    list.join(",")
}

fn notes(ip: IpNotes) -> String {
    let mut list = Vec::new();
    if let Some(ecn) = ip.ecn {
        list.push(
            match ecn {
                Ecn::None => "noecn",
                Ecn::Ect0 => "ect0",
                Ecn::Ect1 => "ect1",
                Ecn::Ect01 => "ect01",
                Ecn::Ce => "ce",
            }
            .to_owned(),
        );
    }
    if let Some(class) = ip.traffic_class {
        list.push(format!("tos {class:#x}"));
    }
    if let Some(hops) = ip.hop_limit {
        list.push(format!("ttl {hops}"));
    }
    if let Some(label) = ip.flow_label {
        list.push(format!("flowlabel {label:#x}"));
    }
    if list.is_empty() {
        String::new()
    } else {
        format!("[{}] ", list.join(","))
    }
}

/// What the script expects.
pub(crate) fn script(packet: &Packet, is_v6: bool) -> String {
    let notes = notes(packet.ip);
    match &packet.body {
        ast::Body::Tcp(segment) => {
            let (start, length) = (segment.range.start, segment.range.length);
            let mut text = format!(
                "{notes}{} {start}:{}({length})",
                flags(segment.flags),
                end(start, length)
            );
            if let Some(ack) = segment.ack {
                let _ = write!(text, " ack {ack}");
            }
            if let Some(window) = segment.window {
                let _ = write!(text, " win {window}");
            }
            if let Some(urgent) = segment.urgent {
                let _ = write!(text, " urg {urgent}");
            }
            match &segment.options {
                None => text.push_str(" <...>"),
                Some(list) if !list.is_empty() => {
                    let _ = write!(text, " <{}>", options(list));
                }
                Some(_) => {}
            }
            text
        }
        ast::Body::Udp { length } => format!("{notes}udp ({length})"),
        ast::Body::Icmp(icmp) => match super::Message::of(icmp, is_v6) {
            Ok(message) => format!("{notes}{}", message.show(is_v6)),
            Err(_) => format!("{notes}icmp {}", icmp.kind),
        },
    }
}

fn end(start: u32, length: usize) -> u32 {
    start.wrapping_add(u32::try_from(length).unwrap_or(0))
}

/// What was sent, in the script's numbers. Of the IP header only what the script speaks of.
pub(crate) fn seen(seen: &Seen, flow: Option<&Flow>, asked: IpNotes) -> String {
    let notes = notes(IpNotes {
        ecn: asked.ecn.map(|_| match seen.class & 3 {
            0 => Ecn::None,
            1 => Ecn::Ect1,
            2 => Ecn::Ect0,
            _ => Ecn::Ce,
        }),
        traffic_class: asked.traffic_class.map(|_| seen.class),
        hop_limit: asked.hop_limit.map(|_| seen.hop_limit),
        flow_label: asked.flow_label.map(|_| seen.flow_label),
    });
    match &seen.body {
        Body::Tcp {
            sequence,
            ack,
            flags: bits,
            window,
            urgent,
            options: list,
            data,
        } => {
            let sequence = flow.map_or(*sequence, |flow| flow.script_local(*sequence, *bits));
            let mut text = format!(
                "{notes}{} {sequence}:{}({})",
                flags(*bits),
                end(sequence, data.len()),
                data.len()
            );
            if bits & 0x10 != 0 {
                let _ = write!(text, " ack {ack}");
            }
            let _ = write!(text, " win {window}");
            if bits & 0x20 != 0 {
                let _ = write!(text, " urg {urgent}");
            }
            if !list.is_empty() {
                let list: Vec<TcpOption> = list
                    .iter()
                    .map(|option| match (option, flow) {
                        (TcpOption::Timestamps { value, echo }, Some(flow)) => {
                            TcpOption::Timestamps {
                                value: flow.script_timestamp(*value),
                                echo: *echo,
                            }
                        }
                        _ => option.clone(),
                    })
                    .collect();
                let _ = write!(text, " <{}>", options(&list));
            }
            text
        }
        Body::Udp { length } => format!("{notes}udp ({length})"),
        Body::Icmp(message) => format!("{notes}{}", message.show(seen.source.is_ipv6())),
        Body::Other(protocol) => format!("{notes}a packet of protocol {protocol}"),
    }
}
