//! Several impairments from one line of text.
use core::fmt;
use core::str::FromStr;
use std::time::Duration;

use super::words::Words;
use super::{
    Bandwidth, Discipline, Distribution, Framing, Impaired, Latency, LossModel, NetemError,
    Probability, Reorder, Slot,
};
use crate::Link;

/// What happens to frames on a link, in the words of `tc netem`:
///
/// `delay TIME [JITTER [CORRELATION]]`, `distribution uniform | normal | pareto | paretonormal`,
/// `loss [random] PERCENT [CORRELATION]`, `loss state P13 [P31 [P32 [P23 P14]]]`, `loss gemodel P [R [1-H [1-K]]]`, `ecn`,
/// `duplicate PERCENT [CORRELATION]`, `corrupt PERCENT [CORRELATION]`, `reorder PERCENT [CORRELATION] [gap DISTANCE]`,
/// `rate RATE [PACKETOVERHEAD [CELLSIZE [CELLOVERHEAD]]]`, `slot MIN [MAX] [packets PACKETS] [bytes BYTES]`,
/// `slot distribution NAME DELAY JITTER [packets PACKETS] [bytes BYTES]`, `limit PACKETS`, `seed NUMBER`.
///
/// A `rate` may be followed at the end by a queue discipline with its own words, as a child of netem has them:
/// `pfifo`, `bfifo`, `codel`, `fq_codel` or `red`, see [`Discipline`].
///
/// Times are `10ms`, `250us`, `1.5s` or microseconds without a unit. Reordering needs a delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Netem {
    /// How long frames take, and which overtake.
    pub latency: Latency,
    /// Frames that are lost.
    pub loss: LossModel,
    /// Frames are marked in place of being lost, if their transport understands it.
    pub ecn: bool,
    /// Frames that arrive twice, and the correlation.
    pub duplicate: (Probability, Probability),
    /// Frames that are damaged, and the correlation.
    pub corrupt: (Probability, Probability),
    /// The speed of the link.
    pub rate: Option<Bandwidth>,
    /// What the link adds to each frame.
    pub framing: Framing,
    /// When the link takes frames, if not always.
    pub slot: Option<Slot>,
    /// How many frames may be under way. `None` is netem's default of 1000; with a discipline, whose own limit says how many may
    /// wait, it is no limit.
    pub limit: Option<usize>,
    /// How the queue in front of the link is kept.
    pub discipline: Option<Discipline>,
    /// A seed in place of the one that the link is built with.
    pub seed: Option<u64>,
}

impl Netem {
    /// What `tc` takes if no limit is given.
    pub const DEFAULT_LIMIT: usize = 1000;

    /// Puts the impairments around `inner`. The same seed makes the same decisions.
    pub fn build<L: Link + Send + 'static>(&self, inner: L, seed: u64) -> Box<dyn Link + Send> {
        Box::new(Impaired::new(inner, self, seed))
    }
}

const KEYWORDS: &str = "delay, distribution, loss, ecn, duplicate, corrupt, reorder, gap, rate, slot, limit, seed, pfifo, bfifo, \
                        codel, fq_codel or red";

impl FromStr for Netem {
    type Err = NetemError;

    fn from_str(text: &str) -> Result<Self, NetemError> {
        let mut netem = Netem::default();
        let mut gap = None;
        let mut words = Words::new(text);
        while let Some(word) = words.word() {
            match word {
                "delay" | "latency" => {
                    netem.latency.delay = words.time()?;
                    if let Some(jitter) = words.value() {
                        netem.latency.jitter = super::words::time(jitter)?;
                        netem.latency.correlation = words.percentage_or(Probability::NEVER)?;
                    }
                }
                "distribution" => {
                    let name = words.next("a distribution")?;
                    netem.latency.distribution = Distribution::named(name)?;
                }
                "loss" | "drop" => netem.loss = loss(&mut words)?,
                "ecn" => netem.ecn = true,
                "duplicate" => netem.duplicate = words.chance()?,
                "corrupt" => netem.corrupt = words.chance()?,
                "reorder" => {
                    let (probability, correlation) = words.chance()?;
                    netem.latency.reorder = Some(Reorder {
                        probability,
                        correlation,
                        gap: 1,
                    });
                }
                "gap" => gap = Some(words.number()?),
                "rate" => {
                    netem.rate = Some(words.rate()?);
                    netem.framing = Framing {
                        packet_overhead: words.signed_or_zero()?,
                        cell_size: words.number_or(0)?,
                        cell_overhead: words.signed_or_zero()?,
                    };
                }
                "slot" => netem.slot = Some(Slot::read(&mut words)?),
                "limit" => netem.limit = Some(words.number()?),
                "seed" => netem.seed = Some(words.number()?),
                // Everything behind its name belongs to the discipline.
                name => match Discipline::read(name, &mut words)? {
                    Some(discipline) => netem.discipline = Some(discipline),
                    None => return Err(NetemError::new(name, KEYWORDS)),
                },
            }
        }
        match (&mut netem.latency.reorder, gap) {
            (Some(reorder), Some(gap)) => reorder.gap = u32::max(gap, 1),
            (None, Some(1..)) => {
                return Err(NetemError::new(
                    "gap",
                    "a reorder, whose distance the gap is",
                ));
            }
            _ => {}
        }
        netem.check()?;
        Ok(netem)
    }
}

impl Netem {
    /// What `tc` refuses, for the same reasons, and a queue that nothing waits in.
    fn check(&self) -> Result<(), NetemError> {
        let latency = &self.latency;
        if latency.reorder.is_some() && latency.delay.is_zero() {
            let expected = "a delay, without which nothing can overtake";
            return Err(NetemError::new("reorder", expected));
        }
        let is_spread = latency.distribution != Distribution::Uniform;
        if is_spread && (latency.delay.is_zero() || latency.jitter.is_zero()) {
            let expected = "a delay with jitter, which alone has a distribution";
            return Err(NetemError::new("distribution", expected));
        }
        if self.ecn && self.loss == LossModel::NONE {
            let expected = "a loss, in whose place frames are marked";
            return Err(NetemError::new("ecn", expected));
        }
        if let (Some(discipline), None) = (self.discipline, self.rate) {
            let expected = "a rate, without which no frame has to wait";
            return Err(NetemError::new(discipline.name(), expected));
        }
        Ok(())
    }
}

fn loss(words: &mut Words<'_>) -> Result<LossModel, NetemError> {
    if words.next_is("state") {
        let p13 = words.percentage()?;
        Ok(LossModel::FourStates {
            p13,
            p31: words.percentage_or(p13.complement())?,
            p32: words.percentage_or(Probability::NEVER)?,
            p23: words.percentage_or(Probability::ALWAYS)?,
            p14: words.percentage_or(Probability::NEVER)?,
        })
    } else if words.next_is("gemodel") {
        let worsens = words.percentage()?;
        Ok(LossModel::GilbertElliott {
            worsens,
            recovers: words.percentage_or(worsens.complement())?,
            loss_if_bad: words.percentage_or(Probability::ALWAYS)?,
            loss_if_good: words.percentage_or(Probability::NEVER)?,
        })
    } else {
        words.next_is("random");
        let (loss, correlation) = words.chance()?;
        Ok(LossModel::Random { loss, correlation })
    }
}

impl fmt::Display for Netem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        let latency = &self.latency;
        if !latency.delay.is_zero() || !latency.jitter.is_zero() {
            words.push(format!("delay {}", precise(latency.delay)));
            if !latency.jitter.is_zero() {
                words.push(format!(
                    "{}{}",
                    precise(latency.jitter),
                    more(latency.correlation)
                ));
            }
            if latency.distribution != Distribution::Uniform {
                words.push(format!("distribution {}", latency.distribution));
            }
        }
        if self.loss != LossModel::NONE {
            words.push(self.loss.to_string());
        }
        if self.ecn {
            words.push("ecn".to_owned());
        }
        for (name, (probability, correlation)) in
            [("duplicate", self.duplicate), ("corrupt", self.corrupt)]
        {
            if probability != Probability::NEVER {
                words.push(format!("{name} {probability}{}", more(correlation)));
            }
        }
        if let Some(reorder) = latency.reorder {
            let correlation = more(reorder.correlation);
            words.push(format!(
                "reorder {}{correlation} gap {}",
                reorder.probability, reorder.gap
            ));
        }
        if let Some(rate) = self.rate {
            words.push(format!("rate {rate}"));
            if self.framing != Framing::default() {
                let Framing {
                    packet_overhead,
                    cell_size,
                    cell_overhead,
                } = self.framing;
                words.push(format!("{packet_overhead} {cell_size} {cell_overhead}"));
            }
        }
        if let Some(slot) = self.slot {
            words.push(slot.to_string());
        }
        if let Some(limit) = self.limit {
            words.push(format!("limit {limit}"));
        }
        if let Some(seed) = self.seed {
            words.push(format!("seed {seed}"));
        }
        if let Some(discipline) = self.discipline {
            words.push(discipline.to_string());
        }
        f.write_str(&words.join(" "))
    }
}

impl fmt::Display for LossModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LossModel::Random { loss, correlation } => {
                write!(f, "loss {loss}{}", more(*correlation))
            }
            LossModel::GilbertElliott {
                worsens,
                recovers,
                loss_if_bad,
                loss_if_good,
            } => write!(
                f,
                "loss gemodel {worsens} {recovers} {loss_if_bad} {loss_if_good}"
            ),
            LossModel::FourStates {
                p13,
                p31,
                p32,
                p23,
                p14,
            } => write!(f, "loss state {p13} {p31} {p32} {p23} {p14}"),
        }
    }
}

fn more(correlation: Probability) -> String {
    if correlation == Probability::NEVER {
        String::new()
    } else {
        format!(" {correlation}")
    }
}

/// A time without rounding.
fn precise(time: Duration) -> String {
    format!("{time:?}")
}
