//! A router on the way: packets that are too long for what lies behind it, and those that come while the wire is cut, are
//! answered with ICMP. And somebody who forges ICMP without seeing what it is about (RFC 5927 4).

use std::net::IpAddr;

use bytes::Bytes;

use crate::Side;

/// What the router does besides forwarding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Router {
    /// The longest packet that it forwards.
    pub mtu: usize,
    /// One of so many packets that it drops is answered.
    pub tells_every: usize,
    /// After so many packets somebody forges ICMP about sequence numbers that are not in flight; 0 is never.
    pub forges_every: usize,
}

/// What is said of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    TooBig(usize),
    Unreachable,
    NoSuchPort,
}

/// The router at work.
#[derive(Debug)]
pub(crate) struct Busy {
    rules: Router,
    dropped: usize,
    seen: usize,
}

const TCP: u8 = 6;
const SYN: u8 = 2;

impl Busy {
    pub(crate) fn new(rules: Router) -> Self {
        Self {
            rules,
            dropped: 0,
            seen: 0,
        }
    }

    /// Whether it forwards the packet, and what the sender hears of it.
    pub(crate) fn take(
        &mut self,
        packet: &[u8],
        from: Side,
        is_cut: bool,
    ) -> (bool, Option<Bytes>) {
        self.seen += 1;
        let is_too_long = packet.len() > self.rules.mtu;
        let word = match (is_too_long, is_cut) {
            (true, _) => Some(Word::TooBig(self.rules.mtu)),
            // Told of a SYN it would end the attempt, as `tests/scripts/connect` shows.
            (false, true) if !has_syn(packet) => Some(Word::Unreachable),
            _ => None,
        };
        if word.is_some() {
            self.dropped += 1;
        }
        let told = word.filter(|_| self.dropped.is_multiple_of(self.rules.tells_every.max(1)));
        let answer = match told {
            Some(word) => message(packet, from, word, 0),
            None if self.rules.forges_every > 0
                && self.seen.is_multiple_of(self.rules.forges_every) =>
            {
                let words = [Word::TooBig(600), Word::NoSuchPort, Word::Unreachable];
                let word = words[self.seen / self.rules.forges_every % words.len()];
                message(packet, from, word, 0x4000_0000)
            }
            None => None,
        };
        (!is_too_long && !is_cut, answer)
    }
}

/// Where the transport header of a packet begins.
fn header_len(packet: &[u8]) -> Option<usize> {
    match packet.first()? >> 4 {
        4 => Some(usize::from(packet.first()? & 15) * 4),
        6 => Some(40),
        _ => None,
    }
}

fn protocol(packet: &[u8]) -> Option<u8> {
    let is_v4 = packet.first()? >> 4 == 4;
    packet.get(if is_v4 { 9 } else { 6 }).copied()
}

fn has_syn(packet: &[u8]) -> bool {
    let flags = header_len(packet).and_then(|at| packet.get(at + 13));
    flags.is_some_and(|flags| flags & SYN != 0)
}

/// An ICMP error about the packet for who sent it, which quotes it with its sequence number moved by `shift`.
fn message(packet: &[u8], from: Side, word: Word, shift: u32) -> Option<Bytes> {
    let at = header_len(packet)?;
    let is_v6 = packet.first()? >> 4 == 6;
    if protocol(packet)? != TCP {
        return None;
    }
    let (kind, code, rest) = match (is_v6, word) {
        (false, Word::TooBig(mtu)) => (3, 4, mtu),
        (false, Word::Unreachable) => (3, 1, 0),
        (false, Word::NoSuchPort) => (3, 3, 0),
        (true, Word::TooBig(mtu)) => (2, 0, mtu),
        (true, Word::Unreachable) => (1, 3, 0),
        (true, Word::NoSuchPort) => (1, 4, 0),
    };
    let mut quote = packet.get(..(at + 20).min(packet.len()))?.to_vec();
    let number = quote.get_mut(at + 4..at + 8)?;
    let moved = u32::from_be_bytes([number[0], number[1], number[2], number[3]]);
    number.copy_from_slice(&moved.wrapping_add(shift).to_be_bytes());
    let mut body = vec![kind, code, 0, 0];
    body.extend(u32::try_from(rest).unwrap_or(0).to_be_bytes());
    body.extend(quote);
    let (source, target) = (from.other().address(is_v6), from.address(is_v6));
    let length = u16::try_from(body.len()).ok()?;
    let header = match (source, target) {
        (IpAddr::V4(source), IpAddr::V4(target)) => {
            let sum = checksum(&[&body]);
            body[2..4].copy_from_slice(&sum.to_be_bytes());
            let mut header = vec![0x45, 0];
            header.extend((length + 20).to_be_bytes());
            header.extend([0, 0, 0, 0, 64, 1, 0, 0]);
            header.extend(source.octets());
            header.extend(target.octets());
            let sum = checksum(&[&header]);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            header
        }
        (IpAddr::V6(source), IpAddr::V6(target)) => {
            let pseudo = [
                0,
                0,
                length.to_be_bytes()[0],
                length.to_be_bytes()[1],
                0,
                0,
                0,
                58,
            ];
            let sum = checksum(&[&source.octets(), &target.octets(), &pseudo, &body]);
            body[2..4].copy_from_slice(&sum.to_be_bytes());
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(length.to_be_bytes());
            header.extend([58, 64]);
            header.extend(source.octets());
            header.extend(target.octets());
            header
        }
        _ => return None,
    };
    Some(Bytes::from([header, body].concat()))
}

/// RFC 1071; all parts but the last have an even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}
