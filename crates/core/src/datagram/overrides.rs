//! What control messages say for one datagram instead of the socket's options.

use core::net::IpAddr;

use crate::address::unmapped;
use crate::host::Stack;
use crate::ids::InterfaceId;
use crate::message::{Ancillary, MessageLevel};
use crate::options::{SharedOptions, StampFlags, Switches};
use crate::socket::departures::StampRequest;
use crate::{Domain, Errno};

/// What a control message says instead of the socket's options, for one datagram.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Overrides {
    pub(super) source: Option<IpAddr>,
    pub(super) device: Option<InterfaceId>,
    pub(super) hop_limit: Option<u8>,
    pub(super) traffic_class: Option<u8>,
    pub(super) segment_size: Option<u16>,
    pub(super) dont_fragment: Option<bool>,
    pub(super) stamps: StampRequest,
}

/// Reads the control messages as the destination's family does (`ip_cmsg_send`, `ip6_datagram_send_ctl`): what is of the
/// other family is passed over.
pub(super) fn read(
    stack: &Stack,
    (domain, options): (Domain, &SharedOptions),
    is_udp: bool,
    destination: IpAddr,
    control: &[Ancillary],
) -> Result<Overrides, Errno> {
    let mut overrides = Overrides {
        stamps: StampRequest::of(options),
        ..Overrides::default()
    };
    let device = |index: u32| match index {
        0 => Ok(None),
        _ => stack
            .interface_by_index(index)
            .map(Some)
            .ok_or(Errno::ENODEV),
    };
    let is_ipv4 = destination.is_ipv4();
    for message in control {
        match message {
            Ancillary::PacketInfo {
                interface, local, ..
            } if is_ipv4 => {
                overrides.device = device(*interface)?;
                overrides.source = Some(IpAddr::V4(*local)).filter(|local| !local.is_unspecified());
            }
            // An IPv6 socket may name the source of a packet to an IPv4 address in IPv6's way.
            Ancillary::PacketInfoV6 { interface, address }
                if !is_ipv4 || domain == Domain::Inet6 =>
            {
                let source = unmapped(IpAddr::V6(*address));
                if is_ipv4 && !source.is_ipv4() {
                    return Err(Errno::EINVAL);
                }
                overrides.device = device(*interface)?;
                overrides.source = Some(source).filter(|local| !local.is_unspecified());
            }
            Ancillary::TimeToLive(hops) if is_ipv4 => overrides.hop_limit = Some(*hops),
            Ancillary::HopLimit(hops) if !is_ipv4 => overrides.hop_limit = Some(*hops),
            Ancillary::TypeOfService(class) if is_ipv4 => overrides.traffic_class = Some(*class),
            Ancillary::TrafficClass(class) if !is_ipv4 => overrides.traffic_class = Some(*class),
            Ancillary::DontFragment(is_on) if !is_ipv4 => overrides.dont_fragment = Some(*is_on),
            Ancillary::StampRequest(flags) => overrides.stamps.ask(*flags),
            Ancillary::StampKey(_) if !options.stamp_flags().contains(StampFlags::OPT_ID) => {
                return Err(Errno::EINVAL);
            }
            Ancillary::StampKey(key) => overrides.stamps.key = Some(*key),
            Ancillary::SegmentSize(size) if is_udp => overrides.segment_size = Some(*size),
            Ancillary::Invalid(level) => {
                let is_looked_at = match level {
                    MessageLevel::Socket => true,
                    MessageLevel::Ip => is_ipv4,
                    MessageLevel::Ipv6 => !is_ipv4,
                    MessageLevel::Ipv6PacketInfo => domain == Domain::Inet6,
                    MessageLevel::Udp => is_udp,
                };
                if is_looked_at {
                    return Err(Errno::EINVAL);
                }
            }
            // SOL_SOCKET messages that an internet socket has no use for are passed over (__sock_cmsg_send), rights and
            // credentials among them.
            _ => {}
        }
    }
    Ok(overrides)
}

/// Whether a datagram may say that it comes from this address: one of the host, or any if the socket may use those of
/// others. IPv4 finds no route for it (`ip_route_output_key`), IPv6 looks at the address.
pub(super) fn check_source(
    stack: &Stack,
    options: &SharedOptions,
    destination: IpAddr,
    source: Option<IpAddr>,
) -> Result<(), Errno> {
    let Some(source) = source else {
        return Ok(());
    };
    let fits = source.is_ipv4() == destination.is_ipv4();
    if fits && stack.is_local(source) {
        return Ok(());
    }
    let is_transparent = options.is_on(Switches::TRANSPARENT);
    match destination {
        IpAddr::V4(_) if is_transparent || options.is_on(Switches::HEADER_INCLUDED) => Ok(()),
        IpAddr::V4(_) => Err(Errno::ENETUNREACH),
        // ipv6_can_nonlocal_bind
        IpAddr::V6(_)
            if is_transparent
                || options.is_on(Switches::FREE_BIND)
                || stack.config.sysctl.ip_nonlocal_bind =>
        {
            if fits {
                Ok(())
            } else {
                Err(Errno::EAFNOSUPPORT)
            }
        }
        IpAddr::V6(_) => Err(Errno::EINVAL),
    }
}
