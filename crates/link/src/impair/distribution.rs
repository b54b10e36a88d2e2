//! How jitter is spread: the distributions of netem.
//!
//! netem reads a table of quantiles, in units of a standard deviation, that `tc` sends it. The tables here are made from the
//! formulas that iproute2 makes its own from. Only operations that IEEE 754 rounds the same everywhere are used, so that a seed
//! gives the same delays on every machine.
use core::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use super::NetemError;

/// How delays are spread around their mean. `normal`, `pareto` and `paretonormal` take the jitter as one standard deviation and
/// reach up to four of them; `uniform` as the most that a delay differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Each delay within the jitter is as likely.
    #[default]
    Uniform,
    /// The bell curve.
    Normal,
    /// A steep rise and a long tail.
    Pareto,
    /// A quarter of `Normal` and three quarters of `Pareto`.
    ParetoNormal,
}

/// Quantiles in a table; iproute2's have as many.
const SIZE: usize = 4096;
/// One standard deviation, netem's `NETEM_DIST_SCALE`.
const SCALE: f64 = 8192.0;

type Table = [i16; SIZE];

impl Distribution {
    const NAMES: [(&'static str, Distribution); 4] = [
        ("uniform", Distribution::Uniform),
        ("normal", Distribution::Normal),
        ("pareto", Distribution::Pareto),
        ("paretonormal", Distribution::ParetoNormal),
    ];

    pub(crate) fn named(word: &str) -> Result<Self, NetemError> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == word);
        found
            .map(|(_, distribution)| *distribution)
            .ok_or_else(|| NetemError::new(word, "uniform, normal, pareto or paretonormal"))
    }

    /// `delay` changed by `jitter` as far as `position` says, of which each value is as likely; never below zero.
    pub(crate) fn place(self, delay: Duration, jitter: Duration, position: u32) -> Duration {
        let table = match self {
            Distribution::Uniform => {
                let offset = (jitter.as_nanos() * 2 * u128::from(position)) >> 32;
                return (delay + nanos(offset)).saturating_sub(jitter);
            }
            Distribution::Normal => tables(|tables| &tables.normal),
            Distribution::Pareto => tables(|tables| &tables.pareto),
            Distribution::ParetoNormal => tables(|tables| &tables.pareto_normal),
        };
        // The upper twelve bits choose one of the 4096 quantiles.
        let at = usize::try_from(position >> 20).unwrap_or(0);
        let quantile = table.get(at).copied().unwrap_or(0);
        let offset = nanos(jitter.as_nanos() * u128::from(quantile.unsigned_abs()) / 8192);
        if quantile < 0 {
            delay.saturating_sub(offset)
        } else {
            delay.saturating_add(offset)
        }
    }

    /// The quantiles, for tests.
    #[cfg(test)]
    pub(crate) fn table(self) -> Option<&'static [i16]> {
        Some(match self {
            Distribution::Uniform => return None,
            Distribution::Normal => tables(|tables| &tables.normal),
            Distribution::Pareto => tables(|tables| &tables.pareto),
            Distribution::ParetoNormal => tables(|tables| &tables.pareto_normal),
        })
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, known)| known == self);
        f.write_str(name.map_or("uniform", |(name, _)| name))
    }
}

fn nanos(count: u128) -> Duration {
    Duration::from_nanos(u64::try_from(count).unwrap_or(u64::MAX))
}

struct Tables {
    normal: Table,
    pareto: Table,
    pareto_normal: Table,
}

fn tables(which: impl Fn(&'static Tables) -> &'static Table) -> &'static Table {
    static TABLES: OnceLock<Box<Tables>> = OnceLock::new();
    which(TABLES.get_or_init(|| Box::new(make())))
}

fn make() -> Tables {
    let mut made = Tables {
        normal: [0; SIZE],
        pareto: [0; SIZE],
        pareto_normal: [0; SIZE],
    };
    let mut guess = -4.0;
    for (index, ((normal, pareto), both)) in made
        .normal
        .iter_mut()
        .zip(made.pareto.iter_mut())
        .zip(made.pareto_normal.iter_mut())
        .enumerate()
    {
        let fraction = quantile(index);
        guess = normal_quantile(fraction, guess);
        let long = pareto_quantile(fraction);
        *normal = entry(guess);
        *pareto = entry(long);
        // The tail is cut before it is mixed in, as in iproute2.
        *both = entry((guess + 3.0 * long.min(32767.0 / SCALE)) / 4.0);
    }
    made
}

/// The fraction that a table's entry stands for. The lowest one stands for "hardly ever", not for "never".
fn quantile(index: usize) -> f64 {
    let index = u32::try_from(index).unwrap_or(0);
    f64::from(index).max(0.13) / 4096.0
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "between -32768 and 32767, by the clamp"
)]
fn entry(deviations: f64) -> i16 {
    (deviations * SCALE).round().clamp(-32768.0, 32767.0) as i16
}

/// Where the distribution function of the normal distribution reaches `fraction`, by Newton's method from below.
fn normal_quantile(fraction: f64, guess: f64) -> f64 {
    let mut x: f64 = guess;
    for _ in 0..60 {
        let density = 0.398_942_280_401_432_7 * exponential(-x * x / 2.0);
        // Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/15 + ...)
        let (mut term, mut sum, mut odd) = (x, x, 1.0);
        for _ in 0..80 {
            odd += 2.0;
            term = term * x * x / odd;
            sum += term;
        }
        let step = (0.5 + density * sum - fraction) / density;
        x -= step.clamp(-0.5, 0.5);
        if step.abs() < 1e-9 {
            break;
        }
    }
    x
}

/// e^x for x of at most 0, from its series; library functions may differ in the last digit between machines.
fn exponential(x: f64) -> f64 {
    let small = x / 64.0;
    let (mut term, mut sum) = (1.0, 1.0);
    for index in 1..20_u32 {
        term = term * small / f64::from(index);
        sum += term;
    }
    for _ in 0..6 {
        sum = sum * sum;
    }
    sum
}

/// The Pareto distribution of shape 3, shifted to a mean of zero and stretched by 4/3, as iproute2 has it.
fn pareto_quantile(fraction: f64) -> f64 {
    // (1 - fraction)^(-1/3), by Newton's method for the cube root, from above.
    let rest = 1.0 - fraction;
    let mut root = 1.0_f64;
    for _ in 0..60 {
        root -= (root * root * root - rest) / (3.0 * root * root);
    }
    (1.0 / root - 1.5) * 4.0 / 3.0
}

#[cfg(test)]
mod tests;
