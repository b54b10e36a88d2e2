//! Several impairments from one line of text.
use core::fmt;
use core::str::FromStr;
use std::time::Duration;

use super::probability::decimal;
use super::random::Random;
use super::{Bandwidth, Corrupt, Delay, Duplicate, Limit, Loss, Probability, Rate, Reorder};
use crate::Link;

/// What happens to frames on a link, in the words of `tc netem`:
///
/// `delay TIME [JITTER [CORRELATION]]`, `loss [random] PERCENT [CORRELATION]`, `duplicate PERCENT [CORRELATION]`,
/// `corrupt PERCENT [CORRELATION]`, `reorder PERCENT [CORRELATION] [gap DISTANCE]`, `rate RATE`, `limit PACKETS`.
///
/// Times are `10ms`, `250us`, `1.5s` or microseconds without a unit. Reordering needs a delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Netem {
    /// How long each frame takes.
    pub delay: Duration,
    /// How much more or less at most.
    pub jitter: Duration,
    /// How much a frame's delay depends on the last one's.
    pub delay_correlation: Probability,
    /// Frames that overtake.
    pub reorder: Option<Reorder>,
    /// Frames that are lost, and the correlation.
    pub loss: (Probability, Probability),
    /// Frames that arrive twice, and the correlation.
    pub duplicate: (Probability, Probability),
    /// Frames that are damaged, and the correlation.
    pub corrupt: (Probability, Probability),
    /// The speed of the link.
    pub rate: Option<Bandwidth>,
    /// How many frames may be under way; `None` is netem's default of 1000.
    pub limit: Option<usize>,
}

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

impl Netem {
    /// What `tc` takes if no limit is given.
    pub const DEFAULT_LIMIT: usize = 1000;

    /// Puts the impairments around `inner`. The same seed makes the same decisions.
    ///
    /// From the outside in: duplicate, loss, corrupt, limit, rate, delay.
    pub fn build<L: Link + Send + 'static>(&self, inner: L, seed: u64) -> Box<dyn Link + Send> {
        let mut seeds = Random::new(seed);
        let mut link: Box<dyn Link + Send> = Box::new(inner);
        // Every generator gets its seed whether it is used or not: adding one impairment leaves the decisions of the others.
        let [delay, reorder, corrupt, loss, duplicate] = [0; 5].map(|_| seeds.next_u64());
        if !self.delay.is_zero() || !self.jitter.is_zero() {
            let correlation = self.delay_correlation;
            let delayed = Delay::new(link, self.delay, self.jitter, correlation, delay);
            link = match self.reorder {
                Some(settings) => Box::new(delayed.with_reorder(settings, reorder)),
                None => Box::new(delayed),
            };
        }
        if let Some(rate) = self.rate {
            link = Box::new(Rate::new(link, rate));
        }
        link = Box::new(Limit::new(link, self.limit.unwrap_or(Self::DEFAULT_LIMIT)));
        let (probability, correlation) = self.corrupt;
        if probability != Probability::NEVER {
            link = Box::new(Corrupt::new(link, probability, correlation, corrupt));
        }
        let (probability, correlation) = self.loss;
        if probability != Probability::NEVER {
            link = Box::new(Loss::new(link, probability, correlation, loss));
        }
        let (probability, correlation) = self.duplicate;
        if probability != Probability::NEVER {
            link = Box::new(Duplicate::new(link, probability, correlation, duplicate));
        }
        link
    }
}

/// Words with one word of look-ahead.
struct Words<'a>(core::iter::Peekable<core::str::SplitWhitespace<'a>>);

impl<'a> Words<'a> {
    fn next(&mut self, expected: &'static str) -> Result<&'a str, NetemError> {
        self.0
            .next()
            .ok_or_else(|| NetemError::new("the end", expected))
    }

    /// The next word if it looks like a value and not like a keyword.
    fn value(&mut self) -> Option<&'a str> {
        self.0
            .next_if(|word| word.starts_with(|first: char| first.is_ascii_digit() || first == '.'))
    }

    fn chance(&mut self) -> Result<(Probability, Probability), NetemError> {
        let probability = self.next("a percentage")?.parse()?;
        Ok((probability, self.correlation()?))
    }

    fn correlation(&mut self) -> Result<Probability, NetemError> {
        self.value().map_or(Ok(Probability::NEVER), str::parse)
    }

    fn number(&mut self) -> Result<u32, NetemError> {
        let word = self.next("a number")?;
        word.parse()
            .map_err(|_| NetemError::new(word, "a whole number"))
    }
}

impl FromStr for Netem {
    type Err = NetemError;

    fn from_str(text: &str) -> Result<Self, NetemError> {
        const KEYWORDS: &str = "delay, loss, duplicate, corrupt, reorder, rate or limit";
        let mut netem = Netem::default();
        let mut words = Words(text.split_whitespace().peekable());
        while let Some(word) = words.0.next() {
            match word {
                "delay" | "latency" => {
                    netem.delay = time(words.next("a time")?)?;
                    if let Some(jitter) = words.value() {
                        netem.jitter = time(jitter)?;
                        netem.delay_correlation = words.correlation()?;
                    }
                }
                "loss" | "drop" => {
                    words.0.next_if(|word| *word == "random");
                    netem.loss = words.chance()?;
                }
                "duplicate" => netem.duplicate = words.chance()?,
                "corrupt" => netem.corrupt = words.chance()?,
                "reorder" => {
                    let (probability, correlation) = words.chance()?;
                    let gap = match words.0.next_if(|word| *word == "gap") {
                        Some(_) => words.number()?.max(1),
                        None => 1,
                    };
                    netem.reorder = Some(Reorder {
                        probability,
                        correlation,
                        gap,
                    });
                }
                "rate" => netem.rate = Some(words.next("a rate")?.parse()?),
                "limit" => netem.limit = Some(usize::try_from(words.number()?).unwrap_or(0)),
                other => return Err(NetemError::new(other, KEYWORDS)),
            }
        }
        // As `tc` says: reordering not possible without specifying some delay.
        if netem.reorder.is_some() && netem.delay.is_zero() {
            return Err(NetemError::new(
                "reorder",
                "a delay, without which nothing can overtake",
            ));
        }
        Ok(netem)
    }
}

impl fmt::Display for Netem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if !self.delay.is_zero() || !self.jitter.is_zero() {
            words.push(format!("delay {:?}", self.delay));
            if !self.jitter.is_zero() {
                words.push(format!("{:?}{}", self.jitter, more(self.delay_correlation)));
            }
        }
        for (name, (probability, correlation)) in [
            ("loss", self.loss),
            ("duplicate", self.duplicate),
            ("corrupt", self.corrupt),
        ] {
            if probability != Probability::NEVER {
                words.push(format!("{name} {probability}{}", more(correlation)));
            }
        }
        if let Some(reorder) = self.reorder {
            let correlation = more(reorder.correlation);
            words.push(format!(
                "reorder {}{correlation} gap {}",
                reorder.probability, reorder.gap
            ));
        }
        if let Some(rate) = self.rate {
            words.push(format!("rate {rate}"));
        }
        if let Some(limit) = self.limit {
            words.push(format!("limit {limit}"));
        }
        f.write_str(&words.join(" "))
    }
}

fn more(correlation: Probability) -> String {
    if correlation == Probability::NEVER {
        String::new()
    } else {
        format!(" {correlation}")
    }
}

/// A time as `tc` and as [`Duration`]'s debug form write it; microseconds if there is no unit.
fn time(text: &str) -> Result<Duration, NetemError> {
    let bad = || NetemError::new(text, "a time such as 10ms");
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let digits = match unit {
        "ns" => 0,
        "us" | "usec" | "usecs" | "µs" | "" => 3,
        "ms" | "msec" | "msecs" => 6,
        "s" | "sec" | "secs" => 9,
        _ => return Err(bad()),
    };
    Ok(Duration::from_nanos(
        decimal(number, digits).ok_or_else(bad)?,
    ))
}
