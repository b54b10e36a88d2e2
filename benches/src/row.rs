//! A row of the table: what is compared, by which rule, and what came of it.

use std::time::Duration;

use anyhow::Result;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Bursts of each side.
    pub(crate) bursts: usize,
    /// How long one burst lasts, where the burst is a time.
    pub(crate) burst: Duration,
    /// By how much a burst is smaller where it is a count.
    pub(crate) divisor: u32,
}

impl Plan {
    /// What a figure needs to be quoted.
    pub(crate) fn full() -> Self {
        Self {
            bursts: 9,
            burst: Duration::from_millis(1000),
            divisor: 1,
        }
    }

    /// A glance.
    pub(crate) fn quick() -> Self {
        Self {
            bursts: 3,
            burst: Duration::from_millis(300),
            divisor: 4,
        }
    }
}

/// How the two sides become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Ours divided by theirs.
    Ratio,
    /// Ours less theirs, in the row's unit.
    Difference,
    /// Ours alone: there is no other side to it.
    Ours,
}

/// What the number should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Goal {
    /// The number itself.
    pub(crate) fn value(self) -> f64 {
        match self {
            Self::AtLeast(value) | Self::AtMost(value) => value,
        }
    }

    /// Whether `value` satisfies it.
    pub(crate) fn met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(goal) => value >= goal,
            Self::AtMost(goal) => value <= goal,
        }
    }
}

/// A row.
pub(crate) struct Row {
    /// The name on the command line and in the JSON.
    pub(crate) name: &'static str,
    /// What is measured, one line.
    pub(crate) about: &'static str,
    /// What our side and the other side count.
    pub(crate) unit: &'static str,
    /// How the two become one number.
    pub(crate) rule: Rule,
    /// What the number should be.
    pub(crate) goal: Goal,
    /// Measures it.
    pub(crate) measure: fn(&Plan) -> Result<Outcome>,
}

/// What came of a row.
pub(crate) enum Outcome {
    /// It was measured.
    Measured(Samples),
    /// It could not be, and why: something is missing on this machine.
    Skipped(String),
    /// It should have been, and broke.
    Failed(String),
}

/// The bursts of a row, ours and theirs in the order in which they ran.
#[derive(Default)]
pub(crate) struct Samples {
    /// Our side.
    pub(crate) ours: Vec<f64>,
    /// The other side; empty if there is none.
    pub(crate) theirs: Vec<f64>,
    /// What the reader should know about the other side.
    pub(crate) note: String,
}

/// The numbers of a row that was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figures {
    /// The median of our bursts.
    pub(crate) ours: f64,
    /// The median of theirs.
    pub(crate) theirs: Option<f64>,
    /// The median of what the rule gives for neighbouring bursts.
    pub(crate) ratio: f64,
    /// The middle half of it: first and third quartile.
    pub(crate) spread: (f64, f64),
}

impl Samples {
    /// Runs `ours` and `theirs` in turn, once each to warm up and then as often as the plan says.
    ///
    /// Which side begins changes from pair to pair, so that a drift of the machine favours neither.
    pub(crate) fn interleaved(
        plan: &Plan,
        mut ours: impl FnMut() -> Result<f64>,
        mut theirs: impl FnMut() -> Result<f64>,
    ) -> Result<Self> {
        let mut samples = Self::default();
        ours()?;
        theirs()?;
        for pair in 0..plan.bursts {
            if pair % 2 == 0 {
                samples.ours.push(ours()?);
                samples.theirs.push(theirs()?);
            } else {
                samples.theirs.push(theirs()?);
                samples.ours.push(ours()?);
            }
        }
        Ok(samples)
    }

    /// Adds what the reader should know.
    pub(crate) fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// The numbers of the row.
    pub(crate) fn figures(&self, rule: Rule) -> Option<Figures> {
        let combined: Vec<f64> = match rule {
            Rule::Ratio => self
                .ours
                .iter()
                .zip(&self.theirs)
                .map(|(a, b)| a / b)
                .collect(),
            Rule::Difference => self
                .ours
                .iter()
                .zip(&self.theirs)
                .map(|(a, b)| a - b)
                .collect(),
            Rule::Ours => self.ours.clone(),
        };
        Some(Figures {
            ours: quantile(&self.ours, 0.5)?,
            theirs: quantile(&self.theirs, 0.5),
            ratio: quantile(&combined, 0.5)?,
            spread: (quantile(&combined, 0.25)?, quantile(&combined, 0.75)?),
        })
    }
}

/// The value below which the part `at` of the values lies, between the two nearest where it falls between.
fn quantile(values: &[f64], at: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    #[allow(clippy::cast_precision_loss)] // a handful of bursts
    let place = last as f64 * at;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and `last`
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    let part = place - place.floor();
    Some(sorted[below] * (1.0 - part) + sorted[above] * part)
}

#[cfg(test)]
mod tests {
    use super::{Figures, Goal, Plan, Rule, Samples, quantile};

    #[test]
    fn the_median_is_the_middle_or_between_the_two_middles() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), Some(2.0));
        assert_eq!(quantile(&[4.0, 1.0, 2.0, 3.0], 0.5), Some(2.5));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn the_ratio_is_of_neighbours_not_of_medians() {
        let samples = Samples {
            ours: vec![10.0, 2.0, 30.0],
            theirs: vec![5.0, 1.0, 10.0],
            note: String::new(),
        };
        assert_eq!(
            samples.figures(Rule::Ratio),
            Some(Figures {
                ours: 10.0,
                theirs: Some(5.0),
                ratio: 2.0,
                spread: (2.0, 2.5),
            })
        );
    }

    #[test]
    fn each_side_begins_as_often_as_the_other() {
        let order = std::cell::RefCell::new(String::new());
        let plan = Plan {
            bursts: 4,
            ..Plan::quick()
        };
        let samples = Samples::interleaved(
            &plan,
            || {
                order.borrow_mut().push('o');
                Ok(1.0)
            },
            || {
                order.borrow_mut().push('t');
                Ok(2.0)
            },
        )
        .unwrap();
        // the warm-up pair, then pairs that take turns
        assert_eq!(
            order.into_inner(),
            "ot".to_owned() + "ot" + "to" + "ot" + "to"
        );
        assert_eq!(samples.ours.len(), 4);
        assert_eq!(samples.theirs.len(), 4);
    }

    #[test]
    fn a_goal_is_met_at_its_own_value() {
        assert!(Goal::AtLeast(1.2).met(1.2));
        assert!(!Goal::AtLeast(1.2).met(1.1));
        assert!(Goal::AtMost(0.2).met(0.2));
        assert!(!Goal::AtMost(0.2).met(0.3));
    }
}
