//! The bodies, by subject.

mod address_arguments;
mod binding;
mod control;
mod datagram;
mod datagram_options;
mod every_state;
mod extras;
mod fragments;
mod ip_level;
mod misuse;
mod multicast;
mod netlink;
mod opening;
pub(crate) mod option_table;
pub(crate) mod options;
mod packet_options;
mod path_mtu;
mod port_range;
mod raw;
mod send_amounts;
mod sock_diag;
mod stamps;
mod stream;
mod stream_stamps;
mod tcp_options;
mod udp_lite;
mod unix;
mod unix_names;
mod unix_rights;
mod urgent;
mod zero_copy;

use crate::runner::Case;
use crate::{Flavor, World};

pub use option_table::names as option_names;

/// Where the cases register.
#[derive(Default)]
pub(crate) struct Registry {
    cases: Vec<Case>,
}

impl Registry {
    /// A body for IPv4, IPv6 and v4-mapped addresses.
    pub(crate) fn inet(&mut self, kind: &str, behaviour: &str, body: fn(&mut World<'_>)) {
        for flavor in Flavor::ALL {
            self.add(flavor.name(), kind, behaviour, flavor, Box::new(body));
        }
    }

    /// A body for UDP and for UDP-Lite.
    pub(crate) fn datagram(&mut self, behaviour: &str, body: fn(&mut World<'_>)) {
        for flavor in Flavor::ALL {
            self.datagram_of(flavor, behaviour, body);
        }
    }

    /// The same for one flavor.
    pub(crate) fn datagram_of(
        &mut self,
        flavor: Flavor,
        behaviour: &str,
        body: fn(&mut World<'_>),
    ) {
        for (kind, protocol) in [("dgram", 0), ("udplite", libc::IPPROTO_UDPLITE)] {
            let run = Box::new(move |w: &mut World<'_>| {
                w.datagram_protocol = protocol;
                body(w);
            });
            self.add(flavor.name(), kind, behaviour, flavor, run);
        }
    }

    /// A body for one domain.
    pub(crate) fn one(
        &mut self,
        domain: &str,
        kind: &str,
        behaviour: &str,
        flavor: Flavor,
        body: fn(&mut World<'_>),
    ) {
        self.add(domain, kind, behaviour, flavor, Box::new(body));
    }

    /// A body for `AF_UNIX`.
    pub(crate) fn unix(&mut self, kind: &str, behaviour: &str, body: fn(&mut World<'_>)) {
        self.one("unix", kind, behaviour, Flavor::V4, body);
    }

    /// A body for `AF_UNIX` that is the same for these socket types.
    pub(crate) fn unix_kinds(
        &mut self,
        kinds: &[i32],
        behaviour: &str,
        body: fn(&mut World<'_>, i32),
    ) {
        for kind in kinds.iter().copied() {
            let run = Box::new(move |w: &mut World<'_>| body(w, kind));
            self.add(
                "unix",
                &crate::names::kind(kind),
                behaviour,
                Flavor::V4,
                run,
            );
        }
    }

    /// Any case.
    pub(crate) fn add(
        &mut self,
        domain: &str,
        kind: &str,
        behaviour: &str,
        flavor: Flavor,
        body: crate::runner::Body,
    ) {
        self.cases.push(Case {
            name: format!("{domain}::{kind}::{behaviour}"),
            flavor,
            body,
        });
    }
}

/// Every case.
#[must_use]
pub fn all() -> Vec<Case> {
    let mut registry = Registry::default();
    address_arguments::register(&mut registry);
    binding::register(&mut registry);
    control::register(&mut registry);
    datagram::register(&mut registry);
    datagram_options::register(&mut registry);
    every_state::register(&mut registry);
    extras::register(&mut registry);
    fragments::register(&mut registry);
    ip_level::register(&mut registry);
    misuse::register(&mut registry);
    multicast::register(&mut registry);
    netlink::register(&mut registry);
    opening::register(&mut registry);
    options::register(&mut registry);
    packet_options::register(&mut registry);
    path_mtu::register(&mut registry);
    port_range::register(&mut registry);
    raw::register(&mut registry);
    send_amounts::register(&mut registry);
    sock_diag::register(&mut registry);
    stamps::register(&mut registry);
    stream::register(&mut registry);
    stream_stamps::register(&mut registry);
    tcp_options::register(&mut registry);
    udp_lite::register(&mut registry);
    unix::register(&mut registry);
    unix_names::register(&mut registry);
    unix_rights::register(&mut registry);
    urgent::register(&mut registry);
    zero_copy::register(&mut registry);
    registry.cases
}
