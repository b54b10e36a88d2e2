//! What setting the options does.

use core::net::{IpAddr, Ipv4Addr};

use super::layouts::{
    Filter, address, address_v6, filter, group_filter, group_request, group_source_request, number,
};
use crate::Errno;
use crate::multicast::{
    Join, Mode, Named, change_source, join, leave, most_sources, replace_filter,
};
use crate::options::table::Target;

/// `struct ip_mreq`
const REQUEST: usize = 8;
/// `struct ip_mreqn`: with the interface's number.
const NUMBERED_REQUEST: usize = 12;

/// `IP_MULTICAST_IF`: an address, an `ip_mreq` or an `ip_mreqn`.
pub(super) fn set_interface(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    if t.is_tcp() || value.len() < 4 {
        return Err(Errno::EINVAL);
    }
    let at = if value.len() >= REQUEST { 4 } else { 0 };
    let address = address(value, at)?;
    let index = if value.len() >= NUMBERED_REQUEST {
        number(value, REQUEST)?
    } else {
        0
    };
    let stack = &t.host.stack;
    let interface = match index {
        0 if address.is_unspecified() => None,
        0 => Some(
            stack
                .interface_of(address.into())
                .ok_or(Errno::EADDRNOTAVAIL)?,
        ),
        index => Some(
            stack
                .interface_by_index(index)
                .ok_or(Errno::EADDRNOTAVAIL)?,
        ),
    };
    let options = &mut t.socket_mut()?.options;
    if interface.is_some()
        && options
            .device
            .is_some_and(|device| Some(device) != interface)
    {
        return Err(Errno::EINVAL);
    }
    let multicast = options.multicast_mut();
    multicast.interface = interface;
    multicast.address = if interface.is_some() {
        address
    } else {
        Ipv4Addr::UNSPECIFIED
    };
    Ok(())
}

pub(super) fn set_interface_v6(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    if t.is_tcp() {
        return Err(Errno::ENOPROTOOPT);
    }
    let interface = match number(value, 0)? {
        0 => None,
        index => Some(
            t.host
                .stack
                .interface_by_index(index)
                .ok_or(Errno::ENODEV)?,
        ),
    };
    let options = &mut t.socket_mut()?.options;
    if interface.is_some()
        && options
            .device
            .is_some_and(|device| Some(device) != interface)
    {
        return Err(Errno::EINVAL);
    }
    options.multicast_mut().interface_v6 = interface;
    Ok(())
}

/// `struct ip_mreq` or `struct ip_mreqn`.
fn request(t: &Target<'_>, value: &[u8]) -> Result<(IpAddr, Named), Errno> {
    // IP_ADD_MEMBERSHIP is not for what knows connections (`IS_ICSK`); the calls of RFC 3678 don't look.
    if t.is_tcp() {
        return Err(Errno::EPROTO);
    }
    let on = Named {
        address: address(value, 4)?,
        index: if value.len() >= NUMBERED_REQUEST {
            number(value, REQUEST)?
        } else {
            0
        },
    };
    Ok((address(value, 0)?.into(), on))
}

pub(super) fn add_membership(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let (group, on) = request(t, value)?;
    let mode = Mode::Exclude;
    join(t.host, t.id, Join { group, on, mode }).map(drop)
}

pub(super) fn drop_membership(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let (group, on) = request(t, value)?;
    leave(t.host, t.id, group, on)
}

/// `struct ipv6_mreq`
fn request_v6(t: &Target<'_>, value: &[u8]) -> Result<(IpAddr, Named), Errno> {
    let request = (
        address_v6(value, 0)?.into(),
        Named::by_index(number(value, 16)?),
    );
    if t.is_tcp() {
        return Err(Errno::EPROTO);
    }
    Ok(request)
}

pub(super) fn add_membership_v6(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let (group, on) = request_v6(t, value)?;
    let mode = Mode::Exclude;
    join(t.host, t.id, Join { group, on, mode }).map(drop)
}

pub(super) fn drop_membership_v6(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let (group, on) = request_v6(t, value)?;
    leave(t.host, t.id, group, on)
}

/// What is done with a source.
#[derive(Clone, Copy, Debug)]
enum Change {
    Block,
    Unblock,
    /// With the membership, if there is none yet.
    Join,
    Leave,
}

fn change(
    t: &mut Target<'_>,
    (group, on, source): (IpAddr, Named, IpAddr),
    change: Change,
) -> Result<(), Errno> {
    let (mode, is_added) = match change {
        Change::Block => (Mode::Exclude, true),
        Change::Unblock => (Mode::Exclude, false),
        Change::Join => (Mode::Include, true),
        Change::Leave => (Mode::Include, false),
    };
    let membership = Join { group, on, mode };
    if let Change::Join = change {
        match join(t.host, t.id, membership) {
            // A membership from an earlier source is as good.
            Ok(_) | Err(Errno::EADDRINUSE) => {}
            Err(errno) => return Err(errno),
        }
    }
    change_source(t.host, t.id, membership, source, is_added)
}

/// `struct ip_mreq_source`: group, interface and source.
fn source_request(value: &[u8]) -> Result<(IpAddr, Named, IpAddr), Errno> {
    if value.len() != 12 {
        return Err(Errno::EINVAL);
    }
    Ok((
        address(value, 0)?.into(),
        Named::by_address(address(value, 4)?),
        address(value, 8)?.into(),
    ))
}

pub(super) fn block_source(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    change(t, source_request(value)?, Change::Block)
}

pub(super) fn unblock_source(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    change(t, source_request(value)?, Change::Unblock)
}

pub(super) fn add_source_membership(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    change(t, source_request(value)?, Change::Join)
}

pub(super) fn drop_source_membership(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    change(t, source_request(value)?, Change::Leave)
}

fn group_of(value: &[u8], is_v4: bool) -> Result<(IpAddr, Named), Errno> {
    let request = group_request(value, is_v4)?;
    // The families differ in what another family is.
    let other = if is_v4 {
        Errno::EINVAL
    } else {
        Errno::EADDRNOTAVAIL
    };
    Ok((request.group.ok_or(other)?, Named::by_index(request.index)))
}

fn join_group(t: &mut Target<'_>, value: &[u8], is_v4: bool) -> Result<(), Errno> {
    let (group, on) = group_of(value, is_v4)?;
    let mode = Mode::Exclude;
    join(t.host, t.id, Join { group, on, mode }).map(drop)
}

fn leave_group(t: &mut Target<'_>, value: &[u8], is_v4: bool) -> Result<(), Errno> {
    let (group, on) = group_of(value, is_v4)?;
    leave(t.host, t.id, group, on)
}

fn change_group(t: &mut Target<'_>, value: &[u8], is_v4: bool, what: Change) -> Result<(), Errno> {
    let (index, group, source) = group_source_request(value, is_v4)?;
    change(t, (group, Named::by_index(index), source), what)
}

/// Both families' calls of RFC 3678.
macro_rules! both {
    ($($v4:ident, $v6:ident: $call:ident($($argument:expr),*);)*) => {
        $(pub(super) fn $v4(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
            $call(t, value, true $(, $argument)*)
        }

        pub(super) fn $v6(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
            $call(t, value, false $(, $argument)*)
        })*
    };
}

both! {
    join_v4, join_v6: join_group();
    leave_v4, leave_v6: leave_group();
    block_v4, block_v6: change_group(Change::Block);
    unblock_v4, unblock_v6: change_group(Change::Unblock);
    join_source_v4, join_source_v6: change_group(Change::Join);
    leave_source_v4, leave_source_v6: change_group(Change::Leave);
    set_group_filter_v4, set_group_filter_v6: replace_group_filter();
}

pub(super) fn set_filter(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let most = most_sources(Ipv4Addr::UNSPECIFIED.into());
    let filter = filter(value, most, t.host.stack.config.sysctl.optmem_max)?;
    replace(t, filter)
}

fn replace_group_filter(t: &mut Target<'_>, value: &[u8], is_v4: bool) -> Result<(), Errno> {
    let any = if is_v4 {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    } else {
        IpAddr::V6(core::net::Ipv6Addr::UNSPECIFIED)
    };
    let most_bytes = t.host.stack.config.sysctl.optmem_max;
    let filter = group_filter(value, is_v4, most_sources(any), most_bytes)?;
    replace(t, filter)
}

fn replace(t: &mut Target<'_>, filter: Filter) -> Result<(), Errno> {
    let Filter {
        index,
        address,
        group,
        mode,
        sources,
    } = filter;
    let mode = Mode::from_number(mode).ok_or(Errno::EINVAL)?;
    let on = Named { index, address };
    replace_filter(t.host, t.id, Join { group, on, mode }, sources)
}
