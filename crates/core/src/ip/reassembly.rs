//! Reassembly of IPv4 and IPv6 fragments, bounded in time and memory.
//!
//! RFC 791, RFC 815 (the hole list, kept here as the sorted pieces), RFC 8200 4.5, RFC 5722 (an overlap discards the
//! whole datagram). Linux discards overlapping IPv4 datagrams too, since 4.19; an exact duplicate of a piece is only
//! dropped.
//!
//! Bounds, with Linux's names: a datagram lives for `ipfrag_time` (30 s; `ip6frag_time` is 60 s), and all pieces
//! together take at most `ipfrag_high_thresh` bytes: beyond it the oldest datagrams go.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use sockeye_tcp::Instant;
use sockeye_wire::{Ecn, Payload};

/// What all fragments of one datagram have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FragmentKey {
    /// The sender.
    pub source: IpAddr,
    /// The receiver.
    pub destination: IpAddr,
    /// The sender's number of the datagram.
    pub identification: u32,
    /// IPv4 numbers datagrams for each protocol apart; zero for IPv6.
    pub protocol: u8,
}

/// One fragment.
#[derive(Debug, Clone)]
pub(crate) struct Fragment {
    /// Where `payload` begins in the datagram's payload, in bytes.
    pub offset: usize,
    /// Whether fragments with greater offsets exist.
    pub more: bool,
    /// What the fragment's header says of congestion.
    pub ecn: Ecn,
    /// The fragment's part of the datagram's payload.
    pub payload: Payload,
}

/// What became of a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Reassembled<H> {
    /// Kept until the rest comes.
    Incomplete,
    /// The whole datagram: the head of its first fragment, its payload, and what its fragments say of congestion.
    Complete(H, Payload, Ecn),
    /// The datagram is dropped: it overlaps, contradicts itself or is too long. `ReasmFails`.
    Failed,
}

/// Why a datagram was given up, for the ICMP error and the counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimedOut<H> {
    /// The head of the first fragment, if that one came: RFC 792 and RFC 8200 send a time exceeded only then.
    pub first: Option<(H, Payload)>,
}

/// Bytes that a kept piece costs beside its payload.
const PIECE_OVERHEAD: usize = 128;
/// The largest payload an IP datagram can have.
const MAX_PAYLOAD: usize = 65_535;

#[derive(Debug)]
struct Datagram<H> {
    expires: Instant,
    head: Option<H>,
    /// Sorted by offset, without overlaps.
    pieces: Vec<(usize, Payload)>,
    /// Bytes of all pieces.
    received: usize,
    /// The end of the last fragment, when that one has come.
    total: Option<usize>,
    memory: usize,
    marks: Marks,
}

/// What the headers of a datagram's fragments say of congestion: a bit for each value of [`Ecn`] that one of them has.
#[derive(Debug, Clone, Copy, Default)]
struct Marks(u8);

impl Marks {
    fn add(&mut self, ecn: Ecn) {
        self.0 |= Self::of(ecn);
    }

    /// RFC 3168 5.3 (`ip_frag_ecn_table`): what the datagram says; nothing if its fragments can't be of one datagram,
    /// as a transport either understands marks or does not.
    fn together(self) -> Option<Ecn> {
        let incapable = Self::of(Ecn::NotCapable);
        if self.0 == incapable {
            Some(Ecn::NotCapable)
        } else if self.0 & incapable != 0 {
            None
        } else if self.0 & Self::of(Ecn::Congestion) != 0 {
            Some(Ecn::Congestion)
        } else if self.0 & Self::of(Ecn::Capable0) != 0 {
            Some(Ecn::Capable0)
        } else {
            Some(Ecn::Capable1)
        }
    }

    fn of(ecn: Ecn) -> u8 {
        1 << ecn.bits()
    }
}

/// The datagrams of one IP version that still lack fragments. `H` is what the IP layer wants to keep of the first
/// fragment's header.
#[derive(Debug)]
pub(crate) struct Reassembly<H> {
    timeout: Duration,
    high_threshold: usize,
    memory: usize,
    datagrams: BTreeMap<FragmentKey, Datagram<H>>,
    /// Oldest first; an entry whose datagram is gone or newer is passed over.
    ages: VecDeque<(Instant, FragmentKey)>,
}

impl<H> Reassembly<H> {
    /// An empty table that keeps datagrams for `timeout` and at most `high_threshold` bytes.
    pub(crate) fn new(timeout: Duration, high_threshold: usize) -> Self {
        Self {
            timeout,
            high_threshold,
            memory: 0,
            datagrams: BTreeMap::new(),
            ages: VecDeque::new(),
        }
    }

    /// Takes one fragment. `head` is asked for when it is the first of its datagram.
    pub(crate) fn insert(
        &mut self,
        key: FragmentKey,
        fragment: Fragment,
        head: impl FnOnce() -> H,
        now: Instant,
    ) -> Reassembled<H> {
        let end = fragment.offset + fragment.payload.len();
        // RFC 8200 4.5: all but the last are multiples of eight octets long, and nothing reaches beyond 65,535.
        let ragged = fragment.more
            && (!fragment.payload.len().is_multiple_of(8) || fragment.payload.is_empty());
        if ragged || end > MAX_PAYLOAD {
            return self.fail(&key);
        }
        let expires = now + self.timeout;
        let datagram = self.datagrams.entry(key).or_insert_with(|| {
            self.ages.push_back((expires, key));
            Datagram {
                expires,
                head: None,
                pieces: Vec::new(),
                received: 0,
                total: None,
                memory: 0,
                marks: Marks::default(),
            }
        });
        if datagram.is_contradicted(&fragment, end) {
            return self.fail(&key);
        }
        let at = datagram
            .pieces
            .partition_point(|(offset, _)| *offset < fragment.offset);
        match datagram.place(at, fragment.offset, end) {
            Place::Duplicate => return Reassembled::Incomplete,
            Place::Overlap => return self.fail(&key),
            Place::Free => {}
        }
        if !fragment.more {
            datagram.total = Some(end);
        }
        if fragment.offset == 0 {
            datagram.head = Some(head());
        }
        let cost = fragment.payload.len() + PIECE_OVERHEAD;
        datagram.received += fragment.payload.len();
        datagram.memory += cost;
        datagram.marks.add(fragment.ecn);
        datagram
            .pieces
            .insert(at, (fragment.offset, fragment.payload));
        self.memory += cost;

        let is_whole = datagram.total == Some(datagram.received);
        if !is_whole {
            self.enforce_threshold();
            return Reassembled::Incomplete;
        }
        self.take(&key)
            .and_then(Datagram::joined)
            .map_or(Reassembled::Failed, |(head, payload, ecn)| {
                Reassembled::Complete(head, payload, ecn)
            })
    }

    /// Gives up one datagram whose time is over; call until `None`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<TimedOut<H>> {
        while let Some(&(expires, key)) = self.ages.front() {
            let is_current = self
                .datagrams
                .get(&key)
                .is_some_and(|datagram| datagram.expires == expires);
            if is_current && expires > now {
                return None;
            }
            self.ages.pop_front();
            if is_current && let Some(datagram) = self.take(&key) {
                let piece = datagram.pieces.into_iter().next().map(|(_, piece)| piece);
                return Some(TimedOut {
                    first: datagram.head.zip(piece),
                });
            }
        }
        None
    }

    /// When `expire` has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.ages.front().map(|(expires, _)| *expires)
    }

    /// Bytes held.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    fn fail(&mut self, key: &FragmentKey) -> Reassembled<H> {
        self.take(key);
        self.forget_stale_ages();
        Reassembled::Failed
    }

    fn enforce_threshold(&mut self) {
        while self.memory > self.high_threshold {
            let Some((expires, key)) = self.ages.pop_front() else {
                return;
            };
            if self
                .datagrams
                .get(&key)
                .is_some_and(|datagram| datagram.expires == expires)
            {
                self.take(&key);
            }
        }
    }

    fn take(&mut self, key: &FragmentKey) -> Option<Datagram<H>> {
        let datagram = self.datagrams.remove(key)?;
        self.memory -= datagram.memory;
        self.forget_stale_ages();
        Some(datagram)
    }

    /// Keeps the queue of ages within a constant of the datagrams it stands for.
    fn forget_stale_ages(&mut self) {
        if self.ages.len() > 2 * self.datagrams.len() + 16 {
            let datagrams = &self.datagrams;
            self.ages.retain(|(expires, key)| {
                datagrams
                    .get(key)
                    .is_some_and(|datagram| datagram.expires == *expires)
            });
        }
        if self.datagrams.is_empty() {
            self.ages.clear();
        }
    }
}

enum Place {
    Free,
    Duplicate,
    Overlap,
}

impl<H> Datagram<H> {
    /// The whole of it, if its fragments agree.
    fn joined(self) -> Option<(H, Payload, Ecn)> {
        let head = self.head?;
        let ecn = self.marks.together()?;
        let mut payload = Payload::new();
        for (_, mut piece) in self.pieces {
            payload.append(&mut piece);
        }
        Some((head, payload, ecn))
    }

    /// Whether the fragment and those before disagree on where the datagram ends.
    fn is_contradicted(&self, fragment: &Fragment, end: usize) -> bool {
        match self.total {
            Some(total) => end > total || (!fragment.more && end != total),
            None => {
                let last = self
                    .pieces
                    .last()
                    .map_or(0, |(offset, piece)| offset + piece.len());
                !fragment.more && last > end
            }
        }
    }

    /// How `offset..end` lies among the pieces, of which the one at `at` is the first not before `offset`.
    fn place(&self, at: usize, offset: usize, end: usize) -> Place {
        if let Some((next, piece)) = self.pieces.get(at) {
            if *next == offset && next + piece.len() == end {
                return Place::Duplicate;
            }
            if *next < end {
                return Place::Overlap;
            }
        }
        let before = at.checked_sub(1).and_then(|before| self.pieces.get(before));
        match before {
            Some((start, piece)) if start + piece.len() > offset => Place::Overlap,
            _ => Place::Free,
        }
    }
}

#[cfg(test)]
mod tests;
