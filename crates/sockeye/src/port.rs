//! Where an interface's packets go: into a wire to another host, or around the loopback.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use sockeye_core::{Frame, Instant, InterfaceId};
use sockeye_link::{End, Link, Wire};

use crate::net::Shared;

/// One direction of a wire: anything of `sockeye-link`, put together as wished.
pub type BoxedLink = Box<dyn Link + Send>;

/// A wire between two hosts. Its lock is taken last, always: whoever holds it takes no other.
pub(crate) type SharedWire = Arc<Mutex<Wire<BoxedLink>>>;

/// An interface and what it is plugged into.
pub(crate) struct Port {
    pub(crate) interface: InterfaceId,
    medium: Medium,
}

enum Medium {
    /// What is sent is received by the same host.
    Loopback(BoxedLink),
    Wire {
        wire: SharedWire,
        end: End,
        peer: Weak<Shared>,
    },
}

impl Port {
    pub(crate) fn loopback(link: BoxedLink) -> Self {
        Self {
            interface: InterfaceId::LOOPBACK,
            medium: Medium::Loopback(link),
        }
    }

    pub(crate) fn wire(
        interface: InterfaceId,
        wire: SharedWire,
        end: End,
        peer: &Arc<Shared>,
    ) -> Self {
        Self {
            interface,
            medium: Medium::Wire {
                wire,
                end,
                peer: Arc::downgrade(peer),
            },
        }
    }

    pub(crate) fn send(&mut self, frame: Frame, now: Instant) {
        match &mut self.medium {
            Medium::Loopback(link) => link.send(frame, now),
            Medium::Wire { wire, end, .. } => lock(wire).send(*end, frame, now),
        }
    }

    pub(crate) fn receive(&mut self, now: Instant) -> Option<Frame> {
        match &mut self.medium {
            Medium::Loopback(link) => link.receive(now),
            Medium::Wire { wire, end, .. } => lock(wire).receive(*end, now),
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        match &self.medium {
            Medium::Loopback(link) => link.next_deadline(),
            Medium::Wire { wire, end, .. } => lock(wire).next_deadline_at(*end),
        }
    }

    /// The host at the other end, unless it is this one or gone.
    pub(crate) fn peer(&self) -> Option<Arc<Shared>> {
        match &self.medium {
            Medium::Loopback(_) => None,
            Medium::Wire { peer, .. } => peer.upgrade(),
        }
    }
}

fn lock(wire: &SharedWire) -> MutexGuard<'_, Wire<BoxedLink>> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}
