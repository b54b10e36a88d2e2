//! What two programs do with a connection.

use std::time::Duration;

use crate::Random;

/// Over which addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    #[default]
    V4,
    /// IPv6.
    V6,
}

/// A reader that stops now and then, so that the window closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// After so many bytes.
    pub every: usize,
    /// For so long.
    pub length: Duration,
}

/// How a program leaves before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// `SO_LINGER` with no time: the connection is reset.
    Reset,
    /// A plain `close`, whatever has not been read yet.
    Close,
}

/// One option of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `SOL_SOCKET` or `IPPROTO_TCP`.
    pub level: i32,
    /// The option's number.
    pub name: i32,
    /// Its bytes.
    pub value: Vec<u8>,
}

impl Setting {
    /// An option of `SOL_SOCKET` that is a number.
    #[must_use]
    pub fn socket(name: i32, value: i32) -> Self {
        let value = value.to_ne_bytes().to_vec();
        Self {
            level: 1,
            name,
            value,
        }
    }

    /// An option of TCP that is a number.
    #[must_use]
    pub fn tcp(name: i32, value: i32) -> Self {
        Self {
            level: 6,
            ..Self::socket(name, value)
        }
    }

    /// `TCP_CONGESTION`
    #[must_use]
    pub fn congestion(name: &str) -> Self {
        Self {
            level: 6,
            name: 13,
            value: name.as_bytes().to_vec(),
        }
    }
}

/// What one end does besides sending and receiving.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    /// Options, set before the connection is there.
    pub options: Vec<Setting>,
    /// Its reading rests.
    pub rest: Option<Rest>,
    /// Each send of so many is urgent.
    pub urgent: Option<usize>,
    /// It leaves when it has sent or received so many bytes.
    pub leaves: Option<(usize, Leave)>,
}

/// What a flow does.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Over which addresses.
    pub family: Family,
    /// The server's port.
    pub port: u16,
    /// Bytes from the client to the server.
    pub request: usize,
    /// Bytes from the server to the client.
    pub response: usize,
    /// Whether the server answers only after the request's end.
    pub in_turns: bool,
    /// The longest single send and receive.
    pub piece: usize,
    /// The client's habits.
    pub client: Habits,
    /// The server's habits.
    pub server: Habits,
    /// The wire is cut for good: each end has to find out.
    pub is_doomed: bool,
}

impl Plan {
    /// A plan that depends on the seed.
    #[must_use]
    pub fn random(random: &mut Random, port: u16, most: usize) -> Self {
        let amount = |random: &mut Random| match random.below(5) {
            0 => random.below(2),
            1 => random.below(2000),
            _ => random.below(most),
        };
        Self {
            family: if random.below(2) == 0 {
                Family::V4
            } else {
                Family::V6
            },
            port,
            request: amount(random),
            response: amount(random),
            in_turns: random.below(2) == 0,
            piece: 1 + random.below(20_000),
            ..Self::default()
        }
    }
}
