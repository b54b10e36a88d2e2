//! `IPPROTO_UDP` (udp(7)), `IPPROTO_UDPLITE` (udplite(7)), `SOL_RAW` (raw(7)) and `IPPROTO_ICMPV6` (RFC 3542).

use super::table::{
    Access, Entry, IPPROTO_ICMPV6, IPPROTO_RAW, IPPROTO_UDP, Scope, Target, Value, bytes,
};
use super::{Switches, udp_lite};
use crate::Errno;
use crate::datagram::Protocol;
use crate::raw::RawOptions;
use crate::socket::Endpoint;

const fn refused(name: i32, label: &'static str, why: &'static str) -> Entry {
    Entry::refused(
        IPPROTO_UDP,
        name,
        label,
        Scope::UDP,
        Errno::ENOPROTOOPT,
        why,
    )
}

pub(super) const TABLE: &[Entry] = &[
    Entry::new(
        IPPROTO_UDP,
        1,
        "UDP_CORK",
        Scope::UDP,
        Access::Int(
            |t| Ok(i32::from(t.socket()?.options.is_on(Switches::UDP_CORK))),
            set_cork,
        ),
    )
    .typed(Value::Bool),
    Entry::new(
        IPPROTO_UDP,
        100,
        "UDP_ENCAP",
        Scope::UDP,
        Access::Int(
            |t| {
                let rare = t.socket()?.options.rare.as_ref();
                Ok(rare.map_or(0, |rare| rare.encapsulation.kind.into()))
            },
            set_encapsulation,
        ),
    ),
    refused(
        101,
        "UDP_NO_CHECK6_TX",
        "every datagram over IPv6 bears a checksum (RFC 8200 8.1)",
    ),
    refused(
        102,
        "UDP_NO_CHECK6_RX",
        "every datagram over IPv6 bears a checksum (RFC 8200 8.1)",
    ),
    Entry::new(
        IPPROTO_UDP,
        103,
        "UDP_SEGMENT",
        Scope::UDP,
        Access::Int(
            |t| Ok(t.socket()?.options.udp_segment.into()),
            |t, value| {
                t.socket_mut()?.options.udp_segment =
                    u16::try_from(value).map_err(|_| Errno::EINVAL)?;
                Ok(())
            },
        ),
    ),
    Entry::new(
        IPPROTO_UDP,
        104,
        "UDP_GRO",
        Scope::UDP,
        Access::Switch(Switches::UDP_GRO),
    ),
    udp_lite::SEND_COVERAGE,
    udp_lite::RECEIVE_COVERAGE,
    Entry::new(
        IPPROTO_RAW,
        1,
        "ICMP_FILTER",
        Scope::RAW4,
        Access::Bytes(
            |t, length| {
                Ok(filter(t)?
                    .get(..4)
                    .map(|filter| bytes(filter, length))
                    .unwrap_or_default())
            },
            |t, value| set_filter(t, value, 4),
        ),
    )
    .typed(Value::Bytes),
    Entry::new(
        IPPROTO_RAW,
        7,
        "IPV6_CHECKSUM",
        Scope::RAW6,
        Access::Int(checksum, set_checksum),
    ),
    Entry::new(
        IPPROTO_ICMPV6,
        1,
        "ICMPV6_FILTER",
        Scope::RAW6,
        Access::Bytes(
            |t, length| Ok(bytes(&filter(t)?, length)),
            |t, value| set_filter(t, value, 32),
        ),
    )
    .typed(Value::Bytes),
];

fn set_cork(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let switches = &mut t.socket_mut()?.options.switches;
    switches.set(Switches::UDP_CORK, value != 0);
    if value == 0 {
        return crate::datagram::push(t.host, t.id);
    }
    Ok(())
}

fn set_encapsulation(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    const ESP: i32 = 2;
    const L2TP: i32 = 3;
    if !matches!(value, 0 | ESP | L2TP) {
        return Err(Errno::ENOPROTOOPT);
    }
    let rare = &mut t.socket_mut()?.options.rare;
    let encapsulation = &mut rare.get_or_insert_default().encapsulation;
    encapsulation.kind = value.to_le_bytes()[0];
    encapsulation.was_esp |= value == ESP;
    Ok(())
}

/// Only raw sockets come here; of them only those of ICMP have a filter.
fn raw<'a>(t: &'a mut Target<'_>) -> Result<&'a mut RawOptions, Errno> {
    match &mut t.socket_mut()?.endpoint {
        Endpoint::Datagram(endpoint) => match &mut endpoint.protocol {
            Protocol::Raw(options) => Ok(options),
            Protocol::Udp | Protocol::UdpLite(_) | Protocol::Ping => Err(Errno::ENOPROTOOPT),
        },
        Endpoint::Unix(_) | Endpoint::Tcp(_) | Endpoint::Listener(_) | Endpoint::Netlink(_) => {
            Err(Errno::ENOPROTOOPT)
        }
    }
}

fn has_filter(t: &Target<'_>) -> Result<(), Errno> {
    // IPPROTO_ICMP, IPPROTO_ICMPV6
    if matches!(t.socket()?.protocol, 1 | 58) {
        Ok(())
    } else {
        Err(Errno::EOPNOTSUPP)
    }
}

fn filter(t: &mut Target<'_>) -> Result<[u8; 32], Errno> {
    has_filter(t)?;
    Ok(raw(t)?.filter.to_bytes())
}

fn set_filter(t: &mut Target<'_>, value: &[u8], most: usize) -> Result<(), Errno> {
    has_filter(t)?;
    raw(t)?.filter.set_bytes(value.get(..most).unwrap_or(value));
    Ok(())
}

/// Where the checksum of the socket's packets is; -1 if the program computes it.
pub(super) fn checksum(t: &mut Target<'_>) -> Result<i32, Errno> {
    Ok(raw(t)?
        .checksum_offset
        .map_or(-1, |offset| i32::try_from(offset).unwrap_or(i32::MAX)))
}

/// RFC 3542 3.1: an even offset; a negative one switches it off.
pub(super) fn set_checksum(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    if value > 0 && value & 1 != 0 {
        return Err(Errno::EINVAL);
    }
    raw(t)?.checksum_offset = u32::try_from(value).ok();
    Ok(())
}
