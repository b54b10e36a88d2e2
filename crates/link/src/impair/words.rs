//! Reading `tc`'s words: what was found, and what was expected.
use core::fmt;
use core::str::FromStr;
use std::time::Duration;

use super::probability::decimal;
use super::{Bandwidth, Probability};

/// What was read and what was expected instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetemError {
    found: String,
    expected: &'static str,
}

impl NetemError {
    pub(crate) fn new(found: &str, expected: &'static str) -> Self {
        NetemError {
            found: found.to_owned(),
            expected,
        }
    }
}

impl fmt::Display for NetemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found '{}'", self.expected, self.found)
    }
}

impl std::error::Error for NetemError {}

/// Words with one word of look-ahead.
pub(super) struct Words<'a>(core::iter::Peekable<core::str::SplitWhitespace<'a>>);

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Words(text.split_whitespace().peekable())
    }

    /// The next word, if there is one.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    /// The next word, which has to be there.
    pub(super) fn next(&mut self, expected: &'static str) -> Result<&'a str, NetemError> {
        self.word()
            .ok_or_else(|| NetemError::new("the end", expected))
    }

    /// Whether the next word is this one, which then is read.
    pub(super) fn next_is(&mut self, expected: &str) -> bool {
        self.0.next_if(|word| *word == expected).is_some()
    }

    /// The next word if it looks like a value and not like a keyword.
    pub(super) fn value(&mut self) -> Option<&'a str> {
        self.0
            .next_if(|word| word.starts_with(|first: char| first.is_ascii_digit() || first == '.'))
    }

    /// The next word if it looks like a number with or without a sign.
    fn signed(&mut self) -> Option<&'a str> {
        self.0.next_if(|word| {
            let number = word.strip_prefix(['-', '+']).unwrap_or(word);
            number.starts_with(|first: char| first.is_ascii_digit())
        })
    }

    pub(super) fn percentage(&mut self) -> Result<Probability, NetemError> {
        self.next("a percentage")?.parse()
    }

    /// A percentage and the correlation.
    pub(super) fn chance(&mut self) -> Result<(Probability, Probability), NetemError> {
        Ok((self.percentage()?, self.percentage_or(Probability::NEVER)?))
    }

    /// A percentage, or this one.
    pub(super) fn percentage_or(
        &mut self,
        default: Probability,
    ) -> Result<Probability, NetemError> {
        self.value().map_or(Ok(default), str::parse)
    }

    pub(super) fn number<N: FromStr>(&mut self) -> Result<N, NetemError> {
        whole(self.next("a number")?)
    }

    /// A number, or this one.
    pub(super) fn number_or<N: FromStr>(&mut self, default: N) -> Result<N, NetemError> {
        self.value().map_or(Ok(default), whole)
    }

    /// A number with or without a sign, or zero.
    pub(super) fn signed_or_zero(&mut self) -> Result<i32, NetemError> {
        self.signed().map_or(Ok(0), whole)
    }

    /// A part of one, as in 0.02, or a percentage.
    pub(super) fn fraction(&mut self) -> Result<Probability, NetemError> {
        let word = self.next("a probability")?;
        if word.ends_with('%') {
            return word.parse();
        }
        let parts = decimal(word, 6).and_then(|parts| u32::try_from(parts).ok());
        match parts {
            Some(parts @ ..=1_000_000) => Ok(Probability::per_million(parts)),
            _ => Err(NetemError::new(word, "a probability from 0.0 to 1.0")),
        }
    }

    pub(super) fn time(&mut self) -> Result<Duration, NetemError> {
        time(self.next("a time")?)
    }

    pub(super) fn rate(&mut self) -> Result<Bandwidth, NetemError> {
        self.next("a rate")?.parse()
    }

    pub(super) fn size<N: TryFrom<u64>>(&mut self) -> Result<N, NetemError> {
        let word = self.next("a size")?;
        size(word)
            .and_then(|bytes| N::try_from(bytes).ok())
            .ok_or_else(|| NetemError::new(word, "a size in bytes such as 1514 or 60kb"))
    }
}

fn whole<N: FromStr>(word: &str) -> Result<N, NetemError> {
    word.parse()
        .map_err(|_| NetemError::new(word, "a whole number"))
}

/// A time as `tc` and as [`Duration`]'s debug form write it; microseconds if there is no unit.
pub(super) fn time(text: &str) -> Result<Duration, NetemError> {
    let bad = || NetemError::new(text, "a time such as 10ms");
    let (number, unit) = number_and_unit(text);
    let digits = match unit {
        "ns" | "nsec" | "nsecs" => 0,
        "us" | "usec" | "usecs" | "µs" | "" => 3,
        "ms" | "msec" | "msecs" => 6,
        "s" | "sec" | "secs" => 9,
        _ => return Err(bad()),
    };
    Ok(Duration::from_nanos(
        decimal(number, digits).ok_or_else(bad)?,
    ))
}

/// A size as `tc` writes it: units are powers of 1024, of bytes or bits.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text);
    let (unit, bits) = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => (1, 1),
        "k" | "kb" => (1 << 10, 1),
        "m" | "mb" => (1 << 20, 1),
        "g" | "gb" => (1 << 30, 1),
        "kbit" => (1 << 10, 8),
        "mbit" => (1 << 20, 8),
        "gbit" => (1 << 30, 8),
        _ => return None,
    };
    Some(decimal(number, 3)?.checked_mul(unit)? / 1000 / bits)
}

fn number_and_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests;
