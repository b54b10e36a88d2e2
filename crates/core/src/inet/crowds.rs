//! Destinations to which so many connections go that a free port is hard to find by trying.
//!
//! One is noticed when all of the first ports that `connect` tries are taken, and forgotten when few connections are left.
//! Meanwhile a set says which local ports its connections and their TIME-WAITs have. So the cost of a set is spread over
//! the connections that made the crowd, and other destinations cost nothing.

use core::net::IpAddr;

use hashbrown::HashMap;

use super::bind_table::PortSpace;
use super::demux::FourTuple;
use super::ephemeral::{PROBES, PortSet};
use super::keyed::Keyed;

/// With fewer connections it is no crowd any more.
const LEAST: usize = PROBES / 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Destination {
    local: IpAddr,
    remote: IpAddr,
    remote_port: u16,
}

impl Destination {
    fn of(tuple: &FourTuple) -> Self {
        Self {
            local: tuple.local,
            remote: tuple.remote,
            remote_port: tuple.remote_port,
        }
    }
}

/// The TCP ports that crowded destinations leave free.
#[derive(Debug)]
pub(crate) struct Crowds {
    sets: HashMap<Destination, PortSet, Keyed>,
}

impl Crowds {
    pub(crate) fn new(keyed: Keyed) -> Self {
        Self {
            sets: HashMap::with_hasher(keyed),
        }
    }

    /// The local ports taken at the tuple's destination, if it is crowded.
    pub(crate) fn get(&self, tuple: &FourTuple) -> Option<&PortSet> {
        self.sets.get(&Destination::of(tuple))
    }

    /// The tuple's destination is crowded: these ports are taken.
    pub(crate) fn notice(&mut self, tuple: &FourTuple, taken: PortSet) {
        self.sets.insert(Destination::of(tuple), taken);
    }

    /// Names were taken, or given back.
    pub(crate) fn note(&mut self, tuple: &FourTuple, is_taken: bool) {
        if self.sets.is_empty() || tuple.space != PortSpace::Tcp {
            return;
        }
        let destination = Destination::of(tuple);
        if let Some(set) = self.sets.get_mut(&destination) {
            set.set(tuple.local_port, is_taken);
            if set.len() < LEAST {
                self.sets.remove(&destination);
            }
        }
    }
}
