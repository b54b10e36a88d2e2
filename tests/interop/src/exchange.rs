//! What the two ends do: the client connects, then each sends so many bytes and reads to the other's end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::Place;

/// Over which addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The plan of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// Over which addresses.
    pub family: Family,
    /// Bytes from the client to the server.
    pub request: usize,
    /// Bytes from the server to the client.
    pub response: usize,
    /// After which it has failed.
    pub deadline: Duration,
    /// `TCP_CONGESTION` of both ends; the system's own if `None`.
    pub congestion: Option<&'static str>,
}

/// What one end saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many bytes arrived.
    pub received: usize,
}

/// Where servers listen.
pub(crate) const PORT: u16 = 7000;

/// The longest single send and receive.
pub(crate) const PIECE: usize = 64 * 1024;

impl Exchange {
    /// An end's address.
    pub fn address(&self, place: Place) -> IpAddr {
        match self.family {
            Family::V4 => place.v4().into(),
            Family::V6 => place.v6().into(),
        }
    }

    /// Where the server listens.
    pub fn server(&self) -> SocketAddr {
        SocketAddr::new(self.address(Place::Server), PORT)
    }

    /// Whether each end has received what the other sent.
    pub fn check(&self, reports: &[Report; 2]) -> Result<(), String> {
        for place in Place::BOTH {
            let received = reports[usize::from(place == Place::Server)].received;
            let sent = self.sends(place.other());
            if received != sent {
                return Err(format!("the {place:?} received {received} bytes of {sent}"));
            }
        }
        Ok(())
    }

    /// How many bytes an end sends.
    pub fn sends(&self, place: Place) -> usize {
        match place {
            Place::Client => self.request,
            Place::Server => self.response,
        }
    }
}

impl Place {
    /// The IPv4 address here.
    pub fn v4(self) -> Ipv4Addr {
        match self {
            Place::Client => Ipv4Addr::new(10, 77, 0, 1),
            Place::Server => Ipv4Addr::new(10, 77, 0, 2),
        }
    }

    /// The IPv6 address here.
    pub fn v6(self) -> Ipv6Addr {
        let last = match self {
            Place::Client => 1,
            Place::Server => 2,
        };
        Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, last)
    }
}

/// Fills `piece` with what this end sends from `offset` on.
pub(crate) fn fill(place: Place, offset: usize, piece: &mut [u8]) {
    for (at, word) in words(offset, piece.len()) {
        let expected = expected(place, offset + at);
        piece[at..at + word].copy_from_slice(&expected[(offset + at) % 8..][..word]);
    }
}

/// Checks what came from the end at `place`.
pub(crate) fn check(place: Place, offset: usize, piece: &[u8]) -> Result<(), String> {
    for (at, word) in words(offset, piece.len()) {
        let expected = expected(place, offset + at);
        if piece[at..at + word] != expected[(offset + at) % 8..][..word] {
            return Err(format!("wrong bytes at {} from the {place:?}", offset + at));
        }
    }
    Ok(())
}

/// Where the aligned words of 8 bytes begin in what is at `offset`, and how much of each is in it.
fn words(offset: usize, length: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let word = (8 - (offset + at) % 8).min(length - at);
        at += word;
        (word > 0).then(|| (at - word, word))
    })
}

/// The word around an offset. Neighbours, and words a segment or a window apart, differ.
fn expected(place: Place, offset: usize) -> [u8; 8] {
    let number = u64::try_from(offset).unwrap_or(0);
    let salt: u64 = match place {
        Place::Client => 0x1234_5678,
        Place::Server => 0x8765_4321,
    };
    let mixed = ((number / 8) ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.to_be_bytes()
}
