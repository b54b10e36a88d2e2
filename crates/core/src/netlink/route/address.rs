//! `RTM_GETADDR`: the addresses of interfaces.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::{
    AF_INET, AF_INET6, Head, RTM_NEWADDR, SCOPE_HOST, SCOPE_LINK, SCOPE_UNIVERSE, Subject, is_asked,
};
use crate::config::IpCidr;
use crate::interface::InterfaceInfo;
use crate::netlink::message::{Attributes, Message, number_u32};
use crate::{Errno, Host};

/// `sizeof(struct ifaddrmsg)`.
const FIXED: usize = 8;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_LABEL: u16 = 3;
const IFA_CACHEINFO: u16 = 6;
const IFA_FLAGS: u16 = 8;
const IFA_PROTO: u16 = 11;
/// `IFA_F_PERMANENT`.
const PERMANENT: u8 = 0x80;
/// `IFAPROT_KERNEL_LO`.
const BY_LOOPBACK: u8 = 1;

/// Which addresses a dump gives: those of one interface, or all if it is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    interface: u32,
    /// The interface is none of the host's.
    pub(super) is_unknown: bool,
}

/// What a dump's request asks for, and whether it names a filter.
pub(super) fn subject(
    host: &Host,
    request: &Message<'_>,
    is_strict: bool,
) -> Result<(Subject, bool), Errno> {
    let mut filter = Filter::default();
    if is_strict {
        // inet_valid_dump_ifaddr_req: only the interface may be named.
        let fixed = request.payload.get(..FIXED).ok_or(Errno::EINVAL)?;
        if fixed.iter().skip(1).take(3).any(|byte| *byte != 0) {
            return Err(Errno::EINVAL);
        }
        filter.interface = number_u32(fixed, 4).unwrap_or(0);
        let is_known = host
            .interface_infos()
            .any(|link| link.index == filter.interface);
        filter.is_unknown = filter.interface != 0 && !is_known;
    }
    Ok((Subject::Addresses(filter), filter.interface != 0))
}

/// Every address: IPv4 first, by interface.
pub(super) fn all(
    host: &Host,
    family: u8,
    filter: Filter,
    head: Head,
) -> impl Iterator<Item = Vec<u8>> + '_ {
    let families = [AF_INET, AF_INET6].into_iter();
    let families = families.filter(move |own| is_asked(family, *own));
    families.flat_map(move |own| {
        let links = host
            .interface_infos()
            .filter(move |link| filter.interface == 0 || filter.interface == link.index);
        links.flat_map(move |link| {
            let own = link
                .addresses
                .iter()
                .filter(move |address| address.address().is_ipv4() == (own == AF_INET));
            own.map(move |address| encode(&link, address, head))
        })
    })
}

/// `inet6_rtm_getaddr`: one IPv6 address. Of IPv4 Linux gives only dumps.
pub(super) fn one(
    host: &Host,
    request: &Message<'_>,
    family: u8,
    head: Head,
) -> Result<Vec<u8>, Errno> {
    if family != AF_INET6 {
        return Err(Errno::EOPNOTSUPP);
    }
    let index = number_u32(request.payload, 4).ok_or(Errno::EINVAL)?;
    let attributes = Attributes::after(request.payload, FIXED);
    let named = attributes
        .clone()
        .find(IFA_LOCAL)
        .or_else(|| attributes.find(IFA_ADDRESS));
    let octets: [u8; 16] = named
        .and_then(|named| named.value.try_into().ok())
        .ok_or(Errno::EINVAL)?;
    let links = host.interface_infos();
    let mut found = links
        .filter(|link| index == 0 || link.index == index)
        .filter_map(|link| {
            let mut own = link.addresses.iter();
            let address = own.find(|own| own.address() == IpAddr::from(octets))?;
            Some(encode(&link, address, head))
        });
    found.next().ok_or(Errno::EADDRNOTAVAIL)
}

/// `inet_fill_ifaddr`, `inet6_fill_ifaddr`.
fn encode(link: &InterfaceInfo<'_>, cidr: &IpCidr, head: Head) -> Vec<u8> {
    let mut message = head.begin(RTM_NEWADDR);
    let (family, scope) = match cidr.address() {
        IpAddr::V4(address) if address.is_loopback() => (AF_INET, SCOPE_HOST),
        IpAddr::V4(_) => (AF_INET, SCOPE_UNIVERSE),
        IpAddr::V6(address) if address.is_loopback() => (AF_INET6, SCOPE_HOST),
        IpAddr::V6(address) if address.is_unicast_link_local() => (AF_INET6, SCOPE_LINK),
        IpAddr::V6(_) => (AF_INET6, SCOPE_UNIVERSE),
    };
    message.fixed(&[family, cidr.prefix_len(), PERMANENT, scope]);
    message.fixed(&link.index.to_ne_bytes());
    // For ever preferred and valid, made and changed when the host's time began.
    let mut lifetimes = [0xff; 16];
    if let Some(stamps) = lifetimes.get_mut(8..) {
        stamps.fill(0);
    }
    match cidr.address() {
        IpAddr::V4(address) => {
            message
                .attribute(IFA_ADDRESS, &address.octets())
                .attribute(IFA_LOCAL, &address.octets())
                .text(IFA_LABEL, link.name)
                .u32(IFA_FLAGS, PERMANENT.into())
                .attribute(IFA_CACHEINFO, &lifetimes);
        }
        IpAddr::V6(address) => {
            message
                .attribute(IFA_ADDRESS, &address.octets())
                .attribute(IFA_CACHEINFO, &lifetimes)
                .u32(IFA_FLAGS, PERMANENT.into());
            if address.is_loopback() {
                message.u8(IFA_PROTO, BY_LOOPBACK);
            }
        }
    }
    message.finish()
}
