//! `RTM_GETLINK`: interfaces.

use alloc::vec::Vec;

use super::{AF_BRIDGE, AF_UNSPEC, Head, RTM_NEWLINK, Subject};
use crate::interface::InterfaceInfo;
use crate::netlink::message::{Attributes, Message, Writer, number_u32};
use crate::{Errno, Host};

/// `sizeof(struct ifinfomsg)`.
const FIXED: usize = 16;
const IFLA_ADDRESS: u16 = 1;
const IFLA_BROADCAST: u16 = 2;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_QDISC: u16 = 6;
const IFLA_MASTER: u16 = 10;
const IFLA_TXQLEN: u16 = 13;
const IFLA_MAP: u16 = 14;
const IFLA_OPERSTATE: u16 = 16;
const IFLA_LINKMODE: u16 = 17;
const IFLA_LINKINFO: u16 = 18;
const IFLA_GROUP: u16 = 27;
const IFLA_PROMISCUITY: u16 = 30;
const IFLA_NUM_TX_QUEUES: u16 = 31;
const IFLA_NUM_RX_QUEUES: u16 = 32;
const IFLA_CARRIER: u16 = 33;
const IFLA_ALT_IFNAME: u16 = 53;

/// Every interface.
pub(super) fn all(host: &Host, head: Head) -> impl Iterator<Item = Vec<u8>> + '_ {
    host.interface_infos().map(move |link| encode(&link, head))
}

/// What a dump's request asks for.
pub(super) fn subject(
    request: &Message<'_>,
    family: u8,
    is_strict: bool,
) -> Result<Subject, Errno> {
    if is_strict {
        // rtnl_valid_dump_ifinfo_req: nothing of the fixed part is a filter.
        let fixed = request.payload.get(..FIXED).ok_or(Errno::EINVAL)?;
        if fixed.iter().skip(1).any(|byte| *byte != 0) {
            return Err(Errno::EINVAL);
        }
    }
    let attributes = Attributes::after(request.payload, FIXED);
    // No interface of ours has a master, or is of a kind that has a name.
    let is_none_meant = attributes
        .into_iter()
        .any(|attribute| matches!(attribute.kind, IFLA_MASTER | IFLA_LINKINFO));
    if is_none_meant || family == AF_BRIDGE {
        return Ok(Subject::Nothing);
    }
    Ok(Subject::Links)
}

/// The interface that a request names, by index or by name (`rtnl_getlink`).
pub(super) fn one(host: &Host, request: &Message<'_>, head: Head) -> Result<Vec<u8>, Errno> {
    let index = number_u32(request.payload, 4).ok_or(Errno::EINVAL)?;
    let attributes = Attributes::after(request.payload, FIXED);
    let name = attributes
        .clone()
        .find(IFLA_IFNAME)
        .or_else(|| attributes.find(IFLA_ALT_IFNAME));
    let mut links = host.interface_infos();
    let found = if index != 0 {
        links.find(|link| link.index == index)
    } else {
        let name = name.ok_or(Errno::EINVAL)?;
        links.find(|link| link.name.as_bytes() == name.as_text())
    };
    Ok(encode(&found.ok_or(Errno::ENODEV)?, head))
}

/// In the order of `rtnl_fill_ifinfo`. Statistics, offloads and the settings of each family are left out.
fn encode(link: &InterfaceInfo<'_>, head: Head) -> Vec<u8> {
    let mut message: Writer = head.begin(RTM_NEWLINK);
    message.fixed(&[AF_UNSPEC, 0]);
    message.fixed(&link.hardware.to_ne_bytes());
    message.fixed(&link.index.to_ne_bytes());
    message.fixed(&link.flags.to_ne_bytes());
    message.fixed(&[0; 4]);
    message
        .text(IFLA_IFNAME, link.name)
        .u32(IFLA_TXQLEN, link.queue_length)
        // IF_OPER_UNKNOWN, as of every device without a link layer of its own; IF_LINK_MODE_DEFAULT.
        .u8(IFLA_OPERSTATE, 0)
        .u8(IFLA_LINKMODE, 0)
        .u32(IFLA_MTU, link.mtu)
        .u32(IFLA_GROUP, 0)
        .u32(IFLA_PROMISCUITY, 0)
        .u32(IFLA_NUM_TX_QUEUES, 1)
        .u32(IFLA_NUM_RX_QUEUES, 1)
        .u8(IFLA_CARRIER, 1);
    if !link.hardware_address.is_empty() {
        message
            .attribute(IFLA_ADDRESS, link.hardware_address)
            // The loopback's is zero too; no other interface has a link layer to broadcast on.
            .attribute(IFLA_BROADCAST, link.hardware_address);
    }
    message
        .text(IFLA_QDISC, link.queue_discipline)
        .attribute(IFLA_MAP, &[0; 32]);
    message.finish()
}
