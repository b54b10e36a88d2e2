//! In which order the host tries ports when it chooses one itself, and how it finds a free one where most are taken.
//!
//! As Linux does, `bind` to port 0 and `connect` begin with ports of different parity, so that they do not eat up each
//! other's: `connect` those with the parity of the range's first port, `bind` the others. Where in the range is
//! unpredictable (RFC 6056 3.3.3, 3.3.4). Linux then goes from port to port, which takes long when thousands are taken;
//! here that is done for the first few only, and sets of bits say where the next free one is.

use alloc::boxed::Box;
use core::ops::RangeInclusive;

/// Ports that are tried one by one before a set is asked: where nothing is crowded one of them is free.
pub(crate) const PROBES: usize = 64;

const WORDS: usize = 1024;

/// A set of ports.
#[derive(Clone, Debug)]
pub(crate) struct PortSet {
    words: Box<[u64; WORDS]>,
    len: usize,
}

impl PortSet {
    pub(crate) fn new() -> Self {
        Self {
            words: Box::new([0; WORDS]),
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Puts a port in, or takes it out.
    pub(crate) fn set(&mut self, port: u16, is_in: bool) {
        let bit = 1 << (port % 64);
        let word = &mut self.words[usize::from(port / 64)];
        match (is_in, *word & bit != 0) {
            (true, false) => self.len += 1,
            (false, true) => self.len -= 1,
            _ => return,
        }
        *word ^= bit;
    }
}

impl FromIterator<u16> for PortSet {
    fn from_iter<I: IntoIterator<Item = u16>>(ports: I) -> Self {
        let mut set = Self::new();
        for port in ports {
            set.set(port, true);
        }
        set
    }
}

/// The ports of a range in the order in which they are tried.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    low: u32,
    high: u32,
    /// Where it begins, in pairs of ports.
    start: u32,
    /// The parity that comes first, as the distance from `low`.
    first: u32,
}

impl Order {
    pub(crate) fn new(range: &RangeInclusive<u16>, offset: u32, for_connect: bool) -> Self {
        let (low, high) = (u32::from(*range.start()), u32::from(*range.end()));
        let pairs = (high + 1).saturating_sub(low).div_ceil(2);
        Self {
            low,
            high,
            start: offset / 2 % pairs.max(1),
            first: u32::from(!for_connect),
        }
    }

    /// Each port of the range once.
    pub(crate) fn ports(&self) -> impl Iterator<Item = u16> + use<> {
        self.runs()
            .into_iter()
            .flat_map(|(from, to)| (from..to).step_by(2))
            .filter_map(|port| u16::try_from(port).ok())
    }

    /// The ports that are in none of the sets, in this order. To go to the next takes a few hundred words at most.
    pub(crate) fn outside<'a>(&self, sets: &'a [&PortSet]) -> impl Iterator<Item = u16> + use<'a> {
        self.runs().into_iter().flat_map(move |(mut from, to)| {
            core::iter::from_fn(move || {
                let port = first_outside(sets, from, to)?;
                from = u32::from(port) + 2;
                Some(port)
            })
        })
    }

    /// The order as runs of every second port, each from its first to before its last.
    fn runs(&self) -> [(u32, u32); 4] {
        let end = self.high + 1;
        let run = |parity: u32| {
            let from = self.low + self.start * 2 + parity;
            [(from, end), (self.low + parity, from.min(end))]
        };
        let ([a, b], [c, d]) = (run(self.first), run(1 - self.first));
        [a, b, c, d]
    }
}

/// The first of every second port from `from` to before `to` that is in none of the sets.
fn first_outside(sets: &[&PortSet], from: u32, to: u32) -> Option<u16> {
    let parity = if from.is_multiple_of(2) {
        0x5555_5555_5555_5555
    } else {
        0xaaaa_aaaa_aaaa_aaaa
    };
    let mut at = from;
    while at < to {
        let word = usize::try_from(at / 64).ok()?;
        let taken = sets.iter().fold(0, |taken, set| {
            taken | set.words.get(word).copied().unwrap_or(u64::MAX)
        });
        let open = !taken & parity & (u64::MAX << (at % 64));
        if open != 0 {
            let port = at / 64 * 64 + open.trailing_zeros();
            return u16::try_from(port).ok().filter(|_| port < to);
        }
        at = (at / 64 + 1) * 64;
    }
    None
}

#[cfg(test)]
mod tests;
