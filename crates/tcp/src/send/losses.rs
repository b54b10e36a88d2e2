//! The packets ever declared lost: how many, and for an algorithm that wants to know it, how full the path was when each of
//! them was sent.
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::rate::Stamp;

/// Packets of one segment that were declared lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    pub(crate) packets: u32,
    /// Packets in flight when they were sent, with them.
    pub(crate) in_flight: u32,
    /// Packets lost since then, with them.
    pub(crate) lost: u32,
    pub(crate) is_app_limited: bool,
}

/// The account of a connection that has lost packets; others have none.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    ever: u32,
    is_watched: bool,
    /// Those that nobody has asked for yet; each segment in flight at most once.
    new: Vec<Loss>,
}

/// Where the account is kept.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Option<Box<Losses>>);

impl Ledger {
    pub(crate) const NONE: Ledger = Ledger(None);

    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// C.lost
    pub(crate) fn ever(&self) -> u32 {
        self.0.as_ref().map_or(0, |losses| losses.ever)
    }

    pub(crate) fn heap(&self) -> usize {
        self.0.as_ref().map_or(0, |losses| {
            size_of::<Losses>() + losses.new.capacity() * size_of::<Loss>()
        })
    }

    /// From now on each loss is told.
    pub(crate) fn watch(&mut self) {
        self.0.get_or_insert_default().is_watched = true;
    }

    pub(crate) fn unwatch(&mut self) {
        if let Some(losses) = &mut self.0 {
            losses.is_watched = false;
            losses.new = Vec::new();
        }
    }

    /// Nothing is in flight any more that a count could be compared with.
    pub(crate) fn settle(&mut self) {
        if self.0.as_ref().is_some_and(|losses| !losses.is_watched) {
            self.0 = None;
        }
    }

    /// So many packets that were sent with this stamp are lost.
    pub(crate) fn note(&mut self, stamp: &Stamp, packets: u32) {
        if packets == 0 {
            return;
        }
        let losses = self.0.get_or_insert_default();
        losses.ever = losses.ever.wrapping_add(packets);
        if losses.is_watched {
            losses.new.push(Loss {
                packets,
                in_flight: stamp.in_flight(),
                lost: losses.ever.wrapping_sub(stamp.lost()),
                is_app_limited: stamp.is_app_limited(),
            });
        }
    }

    /// What was lost since the last time.
    pub(crate) fn take(&mut self) -> Vec<Loss> {
        match &mut self.0 {
            Some(losses) => core::mem::take(&mut losses.new),
            None => Vec::new(),
        }
    }
}
