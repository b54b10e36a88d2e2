//! Disciplines as text.
use core::fmt;
use std::time::Duration;

use super::{CodelSettings, Discipline, FqCodelSettings, RedSettings};
use crate::impair::NetemError;
use crate::impair::words::Words;

impl Discipline {
    /// What `tc` calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Discipline::Pfifo { .. } => "pfifo",
            Discipline::Bfifo { .. } => "bfifo",
            Discipline::Codel(_) => "codel",
            Discipline::FqCodel(_) => "fq_codel",
            Discipline::Red(_) => "red",
        }
    }

    /// The discipline of this name with the words that follow it, to the end; `None` if none has the name.
    pub(in crate::impair) fn read(
        name: &str,
        words: &mut Words<'_>,
    ) -> Result<Option<Self>, NetemError> {
        Ok(Some(match name {
            // The defaults are those of an interface whose `txqueuelen` is 1000.
            "pfifo" => Discipline::Pfifo {
                limit: fifo(words, 1000, |words| words.number())?,
            },
            "bfifo" => Discipline::Bfifo {
                limit: fifo(words, 1000 * 1514, |words| words.size())?,
            },
            "codel" => {
                let mut settings = CodelSettings::default();
                while let Some(word) = words.word() {
                    if !codel(word, words, &mut settings)? {
                        let known = "limit, target, interval, ecn, noecn or ce_threshold";
                        return Err(NetemError::new(word, known));
                    }
                }
                Discipline::Codel(settings)
            }
            "fq_codel" => Discipline::FqCodel(fq_codel(words)?),
            "red" => Discipline::Red(red(words)?),
            _ => return Ok(None),
        }))
    }
}

fn fifo(
    words: &mut Words<'_>,
    default: usize,
    read: fn(&mut Words<'_>) -> Result<usize, NetemError>,
) -> Result<usize, NetemError> {
    let mut limit = default;
    while let Some(word) = words.word() {
        match word {
            "limit" => limit = read(words)?,
            other => return Err(NetemError::new(other, "limit")),
        }
    }
    Ok(limit)
}

/// Reads what belongs to one of CoDel's words; false if it is none.
fn codel(
    word: &str,
    words: &mut Words<'_>,
    settings: &mut CodelSettings,
) -> Result<bool, NetemError> {
    match word {
        "limit" => settings.limit = words.number()?,
        "target" => settings.target = words.time()?,
        "interval" => settings.interval = words.time()?,
        "ce_threshold" => settings.ce_threshold = Some(words.time()?),
        "ecn" => settings.ecn = true,
        "noecn" => settings.ecn = false,
        _ => return Ok(false),
    }
    Ok(true)
}

fn fq_codel(words: &mut Words<'_>) -> Result<FqCodelSettings, NetemError> {
    let mut settings = FqCodelSettings::default();
    while let Some(word) = words.word() {
        match word {
            "flows" => {
                settings.flows = words.number()?;
                if !(1..=FqCodelSettings::MOST_FLOWS).contains(&settings.flows) {
                    let found = settings.flows.to_string();
                    return Err(NetemError::new(&found, "1 to 65536 flows"));
                }
            }
            "quantum" => settings.quantum = words.size()?,
            "memory_limit" => settings.memory_limit = words.size()?,
            "drop_batch" => settings.drop_batch = words.number()?,
            _ if codel(word, words, &mut settings.codel)? => {}
            other => {
                let known = "limit, flows, target, interval, quantum, ecn, noecn, ce_threshold, memory_limit or drop_batch";
                return Err(NetemError::new(other, known));
            }
        }
    }
    Ok(settings)
}

fn red(words: &mut Words<'_>) -> Result<RedSettings, NetemError> {
    let mut limit = None;
    let (mut min, mut max, mut burst) = (None, None, None);
    let mut settings = RedSettings::with_limit(0);
    while let Some(word) = words.word() {
        match word {
            "limit" => limit = Some(words.size()?),
            "min" => min = Some(words.size()?),
            "max" => max = Some(words.size()?),
            "avpkt" => settings.avpkt = words.size()?,
            "burst" => burst = Some(words.number()?),
            "ecn" => settings.ecn = true,
            "harddrop" => settings.harddrop = true,
            "bandwidth" => settings.bandwidth = words.rate()?,
            "probability" => settings.probability = words.fraction()?,
            other => {
                let known =
                    "limit, min, max, avpkt, burst, ecn, harddrop, bandwidth or probability";
                return Err(NetemError::new(other, known));
            }
        }
    }
    let Some(limit) = limit else {
        return Err(NetemError::new("red", "a limit behind it: red limit BYTES"));
    };
    let defaults = RedSettings::with_limit(limit);
    settings.limit = limit;
    settings.max = max.unwrap_or(defaults.max);
    settings.min = min.unwrap_or(settings.max / 3);
    if settings.min >= settings.max {
        let found = settings.min.to_string();
        return Err(NetemError::new(&found, "a min below the max"));
    }
    settings.burst = burst.unwrap_or_else(|| settings.default_burst());
    if settings.weight().is_none() {
        let found = settings.burst.to_string();
        return Err(NetemError::new(
            &found,
            "a longer burst for this min and avpkt",
        ));
    }
    Ok(settings)
}

impl fmt::Display for Discipline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Discipline::Pfifo { limit } | Discipline::Bfifo { limit } => {
                write!(f, " limit {limit}")
            }
            Discipline::Codel(settings) => write!(f, "{settings}"),
            Discipline::FqCodel(settings) => write!(
                f,
                "{} flows {} quantum {} memory_limit {} drop_batch {}",
                settings.codel,
                settings.flows,
                settings.quantum,
                settings.memory_limit,
                settings.drop_batch
            ),
            Discipline::Red(settings) => {
                let RedSettings {
                    limit,
                    min,
                    max,
                    avpkt,
                    burst,
                    bandwidth,
                    probability,
                    ..
                } = settings;
                write!(
                    f,
                    " limit {limit} min {min} max {max} avpkt {avpkt} burst {burst}"
                )?;
                write!(f, " bandwidth {bandwidth} probability {probability}")?;
                for (is_set, word) in [(settings.ecn, " ecn"), (settings.harddrop, " harddrop")] {
                    f.write_str(if is_set { word } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for CodelSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let precise = |time: Duration| format!("{time:?}");
        let (target, interval) = (precise(self.target), precise(self.interval));
        write!(
            f,
            " limit {} target {target} interval {interval}",
            self.limit
        )?;
        f.write_str(if self.ecn { " ecn" } else { " noecn" })?;
        match self.ce_threshold {
            Some(threshold) => write!(f, " ce_threshold {}", precise(threshold)),
            None => Ok(()),
        }
    }
}
