//! The paths of connections: few, that many have in common. A connection keeps the number of its.

use alloc::vec::Vec;
use core::net::IpAddr;

use crate::host::Stack;
use crate::ids::InterfaceId;
use crate::ip::output::{Path, Reach};

/// The number of a path, without the source address that a connection's names have. Until it has one, 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct CachedPath(u32);

/// What of a path many connections have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    interface: InterfaceId,
    mtu: usize,
    is_mtu_locked: bool,
}

/// The paths that connections were found as long as no route has changed.
#[derive(Debug)]
pub(crate) struct KnownPaths {
    ways: Vec<Way>,
    /// The number of the first one: those before it are stale.
    first: u32,
    /// `Stack::route_generation` when they were found.
    generation: u32,
}

impl KnownPaths {
    /// As many as a host has whose paths are not all different. If there are more, all are found anew.
    const MOST: usize = 64;

    pub(crate) const fn new() -> Self {
        Self {
            ways: Vec::new(),
            first: 1,
            generation: 0,
        }
    }

    /// The number of a path that was just found.
    pub(super) fn note(&mut self, path: &Path) -> CachedPath {
        let way = Way {
            interface: path.interface,
            mtu: path.mtu,
            is_mtu_locked: path.is_mtu_locked,
        };
        if self.generation == path.generation
            && let Some(known) = self.ways.iter().rposition(|known| *known == way)
        {
            return self.number(known);
        }
        if self.generation != path.generation || self.ways.len() == Self::MOST {
            let stale = u32::try_from(self.ways.len()).unwrap_or(u32::MAX);
            self.first = self.first.wrapping_add(stale).max(1);
            self.ways.clear();
            self.generation = path.generation;
        }
        self.ways.push(way);
        self.number(self.ways.len() - 1)
    }

    fn number(&self, index: usize) -> CachedPath {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        CachedPath(self.first.wrapping_add(index))
    }
}

impl CachedPath {
    /// No path: it is looked up for the next segment.
    pub(super) const NONE: CachedPath = CachedPath(0);

    /// The path, as long as no route has changed.
    #[inline]
    pub(super) fn current(self, stack: &Stack, source: IpAddr) -> Option<Path> {
        let known = &stack.tcp_paths;
        if known.generation != stack.route_generation {
            return None;
        }
        let index = usize::try_from(self.0.wrapping_sub(known.first)).ok()?;
        known.ways.get(index).map(|way| Path {
            interface: way.interface,
            source,
            mtu: way.mtu,
            is_mtu_locked: way.is_mtu_locked,
            generation: known.generation,
            reach: Reach::LINK,
        })
    }
}
