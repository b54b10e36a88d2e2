//! The internet checksum: the one's complement of the one's complement sum of 16-bit words (RFC 1071).
//!
//! The sum is kept 64 bits wide and in the machine's byte order, because the one's complement sum does not care about
//! byte order until the end (RFC 1071 2 (B)) and because four words are then added at once.
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::IpProtocol;

/// Accumulates an internet checksum over bytes that come in pieces of any length.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checksum {
    /// The sum of what was added, as native-endian words. Kept below 2^48 so that many adds can't overflow.
    sum: u64,
    /// An odd number of bytes was added so far: the next byte is the second half of a word.
    odd: bool,
}

impl Checksum {
    /// An empty sum.
    pub const fn new() -> Self {
        Checksum { sum: 0, odd: false }
    }

    /// Starts with the pseudo header of TCP, UDP over IPv4 (RFC 9293 3.1).
    ///
    /// `length` is the length of the transport header and data in bytes. More than 65535 (a super-segment that will be
    /// split or never leaves the host) is summed as the 32-bit number it is.
    pub fn pseudo_header_v4(
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: IpProtocol,
        length: usize,
    ) -> Self {
        let mut sum = Checksum::new();
        sum.add_u32(u32::from(source));
        sum.add_u32(u32::from(destination));
        sum.add_u16(u16::from(protocol.0));
        sum.add_length(length);
        sum
    }

    /// Starts with the pseudo header of upper layers over IPv6 (RFC 8200 8.1).
    pub fn pseudo_header_v6(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        protocol: IpProtocol,
        length: usize,
    ) -> Self {
        let mut sum = Checksum::new();
        sum.add_bytes(&source.octets());
        sum.add_bytes(&destination.octets());
        sum.add_u16(u16::from(protocol.0));
        sum.add_length(length);
        sum
    }

    /// Starts with the pseudo header for either version.
    ///
    /// `None` if the two addresses are of different versions.
    pub fn pseudo_header(
        source: IpAddr,
        destination: IpAddr,
        protocol: IpProtocol,
        length: usize,
    ) -> Option<Self> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Some(Self::pseudo_header_v4(
                source,
                destination,
                protocol,
                length,
            )),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Self::pseudo_header_v6(
                source,
                destination,
                protocol,
                length,
            )),
            _ => None,
        }
    }

    /// Adds one 16-bit word (host value; its wire form is big-endian).
    ///
    /// Only meaningful at an even position.
    pub fn add_u16(&mut self, word: u16) {
        self.add_sum(u64::from(word.to_be()));
    }

    /// Adds one 32-bit word at an even position.
    pub fn add_u32(&mut self, word: u32) {
        self.add_sum(u64::from(word.to_be()));
    }

    pub(crate) fn add_length(&mut self, length: usize) {
        self.add_u32(u32::try_from(length).unwrap_or(u32::MAX));
    }

    /// Adds bytes, continuing where the last piece ended, in the middle of a word if need be.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        let piece = u64::from(sum_bytes(bytes));
        // RFC 1071 2 (B): a piece that starts at an odd position counts byte-swapped.
        let piece = if self.odd { swap_bytes(piece) } else { piece };
        self.add_sum(piece);
        self.odd ^= bytes.len() % 2 == 1;
    }

    /// Adds a short header of a fixed, even length at an even position; the compiler unrolls it.
    #[inline]
    pub(crate) fn add_array<const N: usize>(&mut self, bytes: &[u8; N]) {
        let (words, rest) = bytes.as_chunks::<4>();
        let mut sum = 0;
        for word in words {
            sum += u64::from(u32::from_ne_bytes(*word));
        }
        if let &[a, b] = rest {
            sum += u64::from(u16::from_ne_bytes([a, b]));
        }
        self.add_sum((sum & 0xffff_ffff) + (sum >> 32));
    }

    fn add_sum(&mut self, value: u64) {
        // `value` is hardly above 2^32: folding the high half back keeps the sum below 2^34 for ever.
        self.sum = (self.sum & 0xffff_ffff) + (self.sum >> 32) + value;
    }

    /// The folded sum before the final complement, as a host value.
    pub fn folded(&self) -> u16 {
        u16::from_be(fold(self.sum))
    }

    /// The checksum as a host value, to be written big-endian.
    pub fn finish(&self) -> u16 {
        !self.folded()
    }

    /// True if the bytes added, checksum field included, are intact.
    pub fn is_valid(&self) -> bool {
        self.folded() == 0xffff
    }

    /// The checksum of a packet in which one 16-bit word changed (RFC 1624 3, equation 3: `HC' = ~(~HC + ~m + m')`).
    pub fn update(checksum: u16, old: u16, new: u16) -> u16 {
        let sum = u32::from(!checksum) + u32::from(!old) + u32::from(new);
        !fold_u32(sum)
    }

    /// The checksum of a packet in which one 32-bit word at an even offset changed.
    pub fn update_u32(checksum: u16, old: u32, new: u32) -> u16 {
        let mut result = checksum;
        for (old, new) in halves(old).into_iter().zip(halves(new)) {
            result = Self::update(result, old, new);
        }
        result
    }

    /// The checksum of a packet in which `old` was replaced by `new` at an even offset (an address, for instance).
    ///
    /// Both have the same, even length; a longer one's rest is taken as zeros.
    pub fn update_bytes(checksum: u16, old: &[u8], new: &[u8]) -> u16 {
        let mut added = Checksum::new();
        added.add_bytes(new);
        let mut removed = Checksum::new();
        removed.add_bytes(old);
        Self::update(checksum, removed.folded(), added.folded())
    }
}

/// The checksum of one piece of bytes.
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = Checksum::new();
    sum.add_bytes(bytes);
    sum.finish()
}

fn halves(word: u32) -> [u16; 2] {
    let [a, b, c, d] = word.to_be_bytes();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}

/// The sum of native-endian words, folded to 16 bits. A last odd byte counts as the first half of a word.
fn sum_bytes(bytes: &[u8]) -> u16 {
    // Words of 64 bits are two of 32. Of both halves together a wrapping sum is kept, of the upper ones an exact one (below
    // 32 GiB); that of the lower ones is what remains. The compiler makes vector code of it without unpacking anything, as
    // long as nothing but additions is done to the lanes behind the loop.
    let mut both = [0u64; 8];
    let mut upper = [0u64; 8];
    let (blocks, rest) = bytes.as_chunks::<64>();
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for ((both, upper), word) in both.iter_mut().zip(&mut upper).zip(words) {
            let word = u64::from_ne_bytes(*word);
            *both = both.wrapping_add(word);
            *upper = upper.wrapping_add(word >> 32);
        }
    }
    let mut both = both.into_iter().fold(0, u64::wrapping_add);
    let mut upper = upper.into_iter().fold(0, u64::wrapping_add);
    let (words, rest) = rest.as_chunks::<8>();
    for word in words {
        let word = u64::from_ne_bytes(*word);
        both = both.wrapping_add(word);
        upper = upper.wrapping_add(word >> 32);
    }
    let lower = both.wrapping_sub(upper << 32);
    let mut sum = [lower, upper]
        .iter()
        .map(|half| (half & 0xffff_ffff) + (half >> 32))
        .sum::<u64>();
    let (words, rest) = rest.as_chunks::<4>();
    for word in words {
        sum += u64::from(u32::from_ne_bytes(*word));
    }
    let mut last = [0u8; 4];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    sum += u64::from(u32::from_ne_bytes(last));
    fold(sum)
}

/// Folds a native-endian sum to 16 bits.
fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
    let [a, b, c, d, ..] = sum.to_le_bytes();
    fold_u32(u32::from_le_bytes([a, b, c, d]))
}

/// Folds a sum to 16 bits with end-around carry.
fn fold_u32(sum: u32) -> u16 {
    let [a, b, c, d] = sum.to_le_bytes();
    let (sum, carry) = u16::from_le_bytes([a, b]).overflowing_add(u16::from_le_bytes([c, d]));
    sum.wrapping_add(u16::from(carry))
}

/// Swaps the two bytes of a folded sum.
fn swap_bytes(sum: u64) -> u64 {
    u64::from(fold(sum).swap_bytes())
}

#[cfg(test)]
mod tests;
