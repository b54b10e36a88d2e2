//! The network of a run: the loopback interface and one of its own.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use sockeye_core::{Config, Host, IpCidr, Loopback as HostLoopback, Route, RouteMetrics};

use crate::launch::Options;

/// The run's own IPv4 address.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 100);
/// The run's own IPv6 address.
pub(crate) const ADDRESS6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x100);

/// The host of a run.
pub(crate) fn host(seed: u64, options: &Options) -> Host {
    let addresses = [
        IpCidr::new(ADDRESS.into(), 24),
        IpCidr::new(ADDRESS6.into(), 64),
    ];
    let mut config = Config {
        seed,
        hostname: options.name.clone().unwrap_or_default(),
        addresses: addresses.into_iter().flatten().collect(),
        loopback: if options.capture.is_some() || options.netem.is_some() {
            HostLoopback::External
        } else {
            HostLoopback::Internal
        },
        epoch: origin(),
        ..Config::default()
    };
    // Ports below 1024 hurt nobody here, and the program may not be root.
    config.sysctl.ip_unprivileged_port_start = 0;
    let mut host = Host::new(config);
    // Nobody is on this link: the networks of the addresses are as unreachable as the rest of the world, and say so.
    if let Some(interface) = host.interface_by_name("eth0") {
        for destination in addresses.into_iter().flatten() {
            host.remove_route(&Route {
                destination,
                gateway: None,
                interface,
                preferred_source: None,
                metric: 0,
                metrics: RouteMetrics::default(),
            });
        }
    }
    host
}

/// When the host's clock was zero, counted from the Unix epoch.
#[allow(
    clippy::disallowed_methods,
    reason = "timestamps that programs and captures show are the machine's"
)]
pub(crate) fn origin() -> Duration {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    since_epoch.saturating_sub(Duration::from_nanos(crate::sys::monotonic_nanos()))
}
