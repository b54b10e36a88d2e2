//! Connections in TIME-WAIT, and the FIN-WAIT-2 of those that were closed: a record each, no socket.
//!
//! A record ends by its own deadline, which a retransmitted FIN moves: its place in the queue is then looked at again.

use alloc::collections::VecDeque;

use hashbrown::HashMap;
use sockeye_tcp::TimeWaitRecord;

use crate::Instant;
use crate::inet::bind_table::Claim;
use crate::inet::demux::FourTuple;
use crate::inet::keyed::Keyed;

/// One record, with what else must outlive the socket.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) record: TimeWaitRecord,
    /// The claim on the port.
    pub(crate) claim: Option<Claim>,
    pub(crate) uid: u32,
    /// `SO_COOKIE` of the socket that it was, or [`Waiting::STANDS_IN`].
    pub(crate) cookie: u64,
}

impl Waiting {
    /// The cookie, which no socket has, of one that stood for somebody elsewhere.
    pub(crate) const STANDS_IN: u64 = 0;

    /// Whether it stands for somebody elsewhere (`Host::stand_in`).
    pub(crate) fn stands_in(&self) -> bool {
        self.cookie == Self::STANDS_IN
    }
}

/// The records of a host.
#[derive(Debug)]
pub(crate) struct TimeWaitTable {
    records: HashMap<FourTuple, Waiting, Keyed>,
    /// When to look at which record: each has one entry, not later than its deadline, except after a reopening.
    queue: VecDeque<(Instant, FourTuple)>,
    /// How many entries have left the front of the queue, so that a place in it can be named for good.
    gone: u64,
}

impl TimeWaitTable {
    pub(crate) fn new(keyed: Keyed) -> Self {
        Self {
            records: HashMap::with_hasher(keyed),
            queue: VecDeque::new(),
            gone: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn get(&self, tuple: &FourTuple) -> Option<&Waiting> {
        self.records.get(tuple)
    }

    pub(crate) fn get_mut(&mut self, tuple: &FourTuple) -> Option<&mut Waiting> {
        if self.records.is_empty() {
            return None;
        }
        self.records.get_mut(tuple)
    }

    pub(crate) fn insert(&mut self, tuple: FourTuple, waiting: Waiting) {
        self.enqueue(waiting.record.deadline(), tuple);
        self.records.insert(tuple, waiting);
    }

    pub(crate) fn remove(&mut self, tuple: &FourTuple) -> Option<Waiting> {
        let waiting = self.records.remove(tuple);
        if self.records.is_empty() {
            self.gone += u64::try_from(self.queue.len()).unwrap_or(0);
            self.queue = VecDeque::new();
        }
        waiting
    }

    /// A record whose time is over, taken out. Call until `None`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<(FourTuple, Waiting)> {
        loop {
            let (at, tuple) = *self.queue.front()?;
            if at > now {
                return None;
            }
            self.queue.pop_front();
            self.gone += 1;
            match self.records.get(&tuple) {
                Some(waiting) if waiting.record.is_over(now) => {
                    return self.remove(&tuple).map(|waiting| (tuple, waiting));
                }
                Some(waiting) => {
                    let deadline = waiting.record.deadline();
                    self.enqueue(deadline, tuple);
                }
                None => {}
            }
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.queue.front().map(|(at, _)| *at)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&FourTuple, &Waiting)> {
        self.iter_from(0)
            .map(|(_, tuple, waiting)| (tuple, waiting))
    }

    /// The records from a place in the queue on, each with its place: where a list that is asked for piece by piece goes on,
    /// whatever has ended in between.
    pub(crate) fn iter_from(
        &self,
        place: u64,
    ) -> impl Iterator<Item = (u64, &FourTuple, &Waiting)> {
        let first = usize::try_from(place.saturating_sub(self.gone)).unwrap_or(usize::MAX);
        // In the order of the queue, which is reproducible.
        let queue = self.queue.range(first.min(self.queue.len())..);
        let places = place.max(self.gone)..;
        places.zip(queue).filter_map(|(place, (at, tuple))| {
            let (tuple, waiting) = self.records.get_key_value(tuple)?;
            (waiting.record.deadline() >= *at).then_some((place, tuple, waiting))
        })
    }

    /// Nearly all records live equally long, so that the place is nearly always the end.
    fn enqueue(&mut self, at: Instant, tuple: FourTuple) {
        if self.queue.back().is_none_or(|(last, _)| *last <= at) {
            self.queue.push_back((at, tuple));
            return;
        }
        let place = self.queue.partition_point(|(other, _)| *other <= at);
        self.queue.insert(place, (at, tuple));
    }
}
