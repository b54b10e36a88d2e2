//! The names of ICMP messages.

use crate::ast::Icmp;
use crate::failure::{Failure, Outcome};

/// Type, code and the four bytes behind the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: u8,
    pub(crate) code: u8,
    pub(crate) rest: u32,
}

/// Type names with their numbers, for either version.
const KINDS: [(&str, Option<u8>, Option<u8>); 9] = [
    ("unreachable", Some(3), Some(1)),
    ("source_quench", Some(4), None),
    ("redirect", Some(5), None),
    ("packet_too_big", None, Some(2)),
    ("time_exceeded", Some(11), Some(3)),
    ("parameter_problem", Some(12), Some(4)),
    ("echo_request", Some(8), Some(128)),
    ("echo_reply", Some(0), Some(129)),
    ("router_advert", None, Some(134)),
];

const CODES_V4: [(u8, &str, u8); 18] = [
    (3, "net_unreachable", 0),
    (3, "host_unreachable", 1),
    (3, "protocol_unreachable", 2),
    (3, "port_unreachable", 3),
    (3, "frag_needed", 4),
    (3, "source_route_failed", 5),
    (3, "net_unknown", 6),
    (3, "host_unknown", 7),
    (3, "source_host_isolated", 8),
    (3, "net_prohibited", 9),
    (3, "host_prohibited", 10),
    (3, "net_unreachable_for_tos", 11),
    (3, "host_unreachable_for_tos", 12),
    (3, "communication_prohibited", 13),
    (3, "admin_prohibited", 13),
    (11, "ttl_exceeded_in_transit", 0),
    (11, "ttl", 0),
    (11, "fragment_reassembly", 1),
];

const CODES_V6: [(u8, &str, u8); 10] = [
    (1, "no_route", 0),
    (1, "admin_prohibited", 1),
    (1, "beyond_scope", 2),
    (1, "addr_unreachable", 3),
    (1, "port_unreachable", 4),
    (1, "address_unreachable", 3),
    (1, "host_unreachable", 3),
    (1, "net_unreachable", 0),
    (3, "hop_limit", 0),
    (3, "fragment_reassembly", 1),
];

impl Message {
    /// What the script's words mean.
    pub(crate) fn of(icmp: &Icmp, is_v6: bool) -> Outcome<Self> {
        let version = if is_v6 { "ICMPv6" } else { "ICMP" };
        let named = KINDS.iter().find(|(name, ..)| *name == icmp.kind);
        let kind = named.and_then(|(_, v4, v6)| if is_v6 { *v6 } else { *v4 });
        let Some(kind) = kind else {
            let what = format!("`{}` is no type of {version} known here", icmp.kind);
            return Err(Failure::new(icmp.place, what));
        };
        let code = match &icmp.code {
            None => 0,
            Some(name) => {
                let codes: &[(u8, &str, u8)] = if is_v6 { &CODES_V6 } else { &CODES_V4 };
                let code = codes
                    .iter()
                    .find(|(of, known, _)| *of == kind && known == name);
                let Some((_, _, code)) = code else {
                    let what = format!("`{name}` is no code of {version} {}", icmp.kind);
                    return Err(Failure::new(icmp.place, what));
                };
                *code
            }
        };
        Ok(Self {
            kind,
            code,
            rest: icmp.mtu.unwrap_or(0),
        })
    }

    /// In the script's words.
    pub(crate) fn show(&self, is_v6: bool) -> String {
        let kind = KINDS
            .iter()
            .find(|(_, v4, v6)| (if is_v6 { v6 } else { v4 }) == &Some(self.kind));
        let mut text = match kind {
            Some((name, ..)) => format!("icmp {name}"),
            None => format!("icmp type {}", self.kind),
        };
        let codes: &[(u8, &str, u8)] = if is_v6 { &CODES_V6 } else { &CODES_V4 };
        let code = codes
            .iter()
            .find(|(of, _, code)| (*of, *code) == (self.kind, self.code));
        if let Some((_, name, _)) = code {
            text.push(' ');
            text.push_str(name);
        } else if self.code != 0 {
            text.push_str(&format!(" code {}", self.code));
        }
        if self.rest != 0 {
            text.push_str(&format!(" mtu {}", self.rest));
        }
        text
    }
}
