//! What a connection is told of its path's MTU (`tcp_v4_mtu_reduced`, `tcp_v6_mtu_reduced`, `tcp_current_mss`).

use core::net::IpAddr;

use sockeye_tcp::Connection;

use super::output::ip_options_length;
use crate::Instant;
use crate::host::Stack;
use crate::inet::demux::FourTuple;
use crate::ip::output::{Fragmentation, Path};
use crate::options::{Discovery, SharedOptions};

/// RFC 8200 5: no link of IPv6 carries less, and who says so is not believed.
const LEAST_V6: u32 = 1280;
/// TCP's header.
const HEADER: usize = 20;

/// How long segments may be: the path's MTU, as far as the socket believes ICMP (`IP_MTU_DISCOVER`), without headers.
pub(super) fn longest(
    stack: &Stack,
    remote: IpAddr,
    path: &Path,
    options: &SharedOptions,
    now: Instant,
) -> u16 {
    let ip = if remote.is_ipv4() { 20 } else { 40 };
    let known = if believes(options, remote) {
        stack.path_mtu(remote, path, now)
    } else {
        None
    };
    let mtu = known.map_or(path.mtu, |known| known.mtu.min(path.mtu));
    let headers = ip + HEADER + ip_options_length(options, remote);
    u16::try_from(mtu.saturating_sub(headers)).unwrap_or(u16::MAX)
}

/// `ip_sk_accept_pmtu`, `ip6_sk_accept_pmtu`; and `IP_PMTUDISC_DONT` lets routers cut.
fn believes(options: &SharedOptions, remote: IpAddr) -> bool {
    let discover = options.discovery(remote.is_ipv4());
    discover <= Discovery::PROBE && (discover != Discovery::DONT || remote.is_ipv6())
}

/// A router said that a packet of this connection was too long: how long segments may be now, if that is believed.
pub(super) fn told(
    stack: &mut Stack,
    tuple: &FourTuple,
    options: &SharedOptions,
    mtu: u32,
) -> Option<u16> {
    let remote = tuple.remote;
    if !believes(options, remote) || (remote.is_ipv6() && mtu < LEAST_V6) {
        return None;
    }
    let path = stack.route_of(tuple, options.via()).ok()?;
    stack.learn_path_mtu(remote, mtu, &path);
    Some(longest(stack, remote, &path, options, stack.now))
}

/// A route was looked up anew: what is known of its MTU may be something else, too.
pub(super) fn follow(
    stack: &Stack,
    tuple: &FourTuple,
    path: &Path,
    options: &SharedOptions,
    connection: &mut Connection,
    now: Instant,
) {
    connection.set_path(longest(stack, tuple.remote, path, options, now), now);
}

/// Whether routers may cut a segment (`ip_dont_fragment`).
pub(super) fn fragmentation(
    stack: &Stack,
    remote: IpAddr,
    path: &Path,
    options: &SharedOptions,
) -> Fragmentation {
    match options.discovery(remote.is_ipv4()) {
        Discovery::DONT | Discovery::INTERFACE | Discovery::OMIT => Fragmentation::Allowed,
        Discovery::WANT if path.is_mtu_locked || stack.path_mtus.is_cut(remote, stack.now) => {
            Fragmentation::Allowed
        }
        // What is longer than the path has just become is cut here, so that the peer gets it all the same.
        _ => Fragmentation::LocalOnly,
    }
}
