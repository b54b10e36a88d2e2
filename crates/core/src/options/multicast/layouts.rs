//! The structures that the calls take, with Linux's layouts on a 64-bit machine.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Errno;

/// `sizeof(struct sockaddr_storage)`
const STORAGE: usize = 128;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

fn word(value: &[u8], at: usize) -> Option<[u8; 4]> {
    value.get(at..)?.first_chunk().copied()
}

pub(super) fn number(value: &[u8], at: usize) -> Result<u32, Errno> {
    word(value, at).map(u32::from_ne_bytes).ok_or(Errno::EINVAL)
}

pub(super) fn address(value: &[u8], at: usize) -> Result<Ipv4Addr, Errno> {
    word(value, at).map(Ipv4Addr::from).ok_or(Errno::EINVAL)
}

pub(super) fn address_v6(value: &[u8], at: usize) -> Result<Ipv6Addr, Errno> {
    let octets: Option<[u8; 16]> = value.get(at..).and_then(|rest| rest.first_chunk().copied());
    octets.map(Ipv6Addr::from).ok_or(Errno::EINVAL)
}

/// A `sockaddr_storage` that holds an address of the family; `None` if it is of another.
fn stored(value: &[u8], at: usize, is_v4: bool) -> Result<Option<IpAddr>, Errno> {
    let family: [u8; 2] = *value
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .ok_or(Errno::EINVAL)?;
    match (u16::from_ne_bytes(family), is_v4) {
        // The address follows the port, and in IPv6 the flow information.
        (AF_INET, true) => address(value, at + 4).map(|address| Some(address.into())),
        (AF_INET6, false) => address_v6(value, at + 8).map(|address| Some(address.into())),
        _ => Ok(None),
    }
}

/// `struct group_req` or the beginning of a `struct group_source_req`: the interface's number, and behind padding the
/// group.
pub(super) struct GroupRequest {
    pub(super) index: u32,
    pub(super) group: Option<IpAddr>,
}

/// Where the first address is.
const FIRST: usize = 8;

pub(super) fn group_request(value: &[u8], is_v4: bool) -> Result<GroupRequest, Errno> {
    if value.len() < FIRST + STORAGE {
        return Err(Errno::EINVAL);
    }
    Ok(GroupRequest {
        index: number(value, 0)?,
        group: stored(value, FIRST, is_v4)?,
    })
}

/// `struct group_source_req`: interface, group and source.
pub(super) fn group_source_request(
    value: &[u8],
    is_v4: bool,
) -> Result<(u32, IpAddr, IpAddr), Errno> {
    if value.len() < FIRST + 2 * STORAGE {
        return Err(Errno::EINVAL);
    }
    let request = group_request(value, is_v4)?;
    let source = stored(value, FIRST + STORAGE, is_v4)?;
    match (request.group, source) {
        (Some(group), Some(source)) => Ok((request.index, group, source)),
        _ => Err(Errno::EADDRNOTAVAIL),
    }
}

/// A whole filter.
pub(super) struct Filter {
    pub(super) index: u32,
    pub(super) address: Ipv4Addr,
    pub(super) group: IpAddr,
    pub(super) mode: u32,
    pub(super) sources: Vec<IpAddr>,
}

/// `struct ip_msfilter`: group, interface, mode, number of sources, sources.
pub(super) fn filter(value: &[u8], most: usize, most_bytes: usize) -> Result<Filter, Errno> {
    const LIST: usize = 16;
    let count = count(value, LIST, 12, most, most_bytes)?;
    if value.len() < LIST + count * 4 {
        return Err(Errno::EINVAL);
    }
    let sources = (0..count).map(|n| address(value, LIST + n * 4).map(IpAddr::V4));
    Ok(Filter {
        index: 0,
        group: address(value, 0)?.into(),
        address: address(value, 4)?,
        mode: number(value, 8)?,
        sources: sources.collect::<Result<_, _>>()?,
    })
}

/// `struct group_filter`: interface, group, mode, number of sources, sources.
pub(super) fn group_filter(
    value: &[u8],
    is_v4: bool,
    most: usize,
    most_bytes: usize,
) -> Result<Filter, Errno> {
    const MODE: usize = FIRST + STORAGE;
    const LIST: usize = MODE + 8;
    let count = count(value, LIST, MODE + 4, most, most_bytes)?;
    if value.len() < LIST + count * STORAGE {
        return Err(Errno::EINVAL);
    }
    // `ip6_mc_msfilter` takes addresses of any family for IPv6's.
    let stored = |at| {
        if is_v4 {
            stored(value, at, true)?.ok_or(Errno::EADDRNOTAVAIL)
        } else {
            address_v6(value, at + 8).map(IpAddr::V6)
        }
    };
    let sources = (0..count).map(|n| stored(LIST + n * STORAGE));
    Ok(Filter {
        index: number(value, 0)?,
        address: Ipv4Addr::UNSPECIFIED,
        group: stored(FIRST)?,
        mode: number(value, MODE)?,
        sources: sources.collect::<Result<_, _>>()?,
    })
}

/// How many sources a filter says that it lists.
fn count(
    value: &[u8],
    least: usize,
    at: usize,
    most: usize,
    most_bytes: usize,
) -> Result<usize, Errno> {
    if value.len() < least {
        return Err(Errno::EINVAL);
    }
    if value.len() > most_bytes {
        return Err(Errno::ENOBUFS);
    }
    usize::try_from(number(value, at)?)
        .ok()
        .filter(|count| *count <= most)
        .ok_or(Errno::ENOBUFS)
}
