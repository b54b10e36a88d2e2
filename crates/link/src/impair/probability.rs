//! Percentages.
use core::fmt;
use core::str::FromStr;

use super::NetemError;
use super::random::Correlated;

/// How likely something is, from 0 to 100 %, in steps finer than a millionth of a percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Probability(u32);

/// A whole, in the parts that text is read in: a percentage with six digits behind the point.
const WHOLE: u64 = 100_000_000;

impl Probability {
    /// It never happens.
    pub const NEVER: Probability = Probability(0);
    /// It always happens.
    pub const ALWAYS: Probability = Probability(u32::MAX);

    /// So many percent; more than 100 count as 100.
    pub fn percent(percent: u32) -> Self {
        Probability::from_parts(u64::from(percent) * (WHOLE / 100))
    }

    /// So many in a million; more than a million count as a million.
    pub fn per_million(parts: u32) -> Self {
        Probability::from_parts(u64::from(parts) * (WHOLE / 1_000_000))
    }

    fn from_parts(parts: u64) -> Self {
        let scaled = parts.min(WHOLE) * u64::from(u32::MAX) / WHOLE;
        Probability(u32::try_from(scaled).unwrap_or(u32::MAX))
    }

    /// In parts of `u32::MAX`.
    pub(crate) fn scaled(self) -> u32 {
        self.0
    }

    /// Whether it happens this time.
    pub(crate) fn happens(self, random: &mut Correlated) -> bool {
        self.0 != 0 && self.covers(random.next_u32())
    }

    /// Whether it happens if this number was drawn.
    pub(crate) fn covers(self, number: u32) -> bool {
        self.0 != 0 && self.0 >= number
    }

    /// That this or that happens, which exclude each other.
    pub(crate) fn and(self, other: Probability) -> Probability {
        Probability(self.0.saturating_add(other.0))
    }

    /// That it does not happen.
    #[must_use]
    pub fn complement(self) -> Probability {
        Probability(u32::MAX - self.0)
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded to what was read: a step is smaller than the last digit.
        let parts = (u64::from(self.0) * WHOLE).div_ceil(u64::from(u32::MAX));
        let (whole, rest) = (parts / 1_000_000, parts % 1_000_000);
        if rest == 0 {
            write!(f, "{whole}%")
        } else {
            let digits = format!("{rest:06}");
            write!(f, "{whole}.{}%", digits.trim_end_matches('0'))
        }
    }
}

impl FromStr for Probability {
    type Err = NetemError;

    /// `12%` or `0.3%`; `tc` takes the sign as said.
    fn from_str(text: &str) -> Result<Self, NetemError> {
        let bad = || NetemError::new(text, "a percentage such as 0.3%");
        let number = text.strip_suffix('%').unwrap_or(text);
        let parts = decimal(number, 6).ok_or_else(bad)?;
        if parts > WHOLE {
            return Err(NetemError::new(text, "at most 100%"));
        }
        Ok(Probability::from_parts(parts))
    }
}

/// A decimal number times 10 to the power of `digits`; further digits are dropped.
pub(crate) fn decimal(text: &str, digits: u32) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for digit in whole.chars() {
        value = value
            .checked_mul(10)?
            .checked_add(u64::from(digit.to_digit(10)?))?;
    }
    let mut left = digits;
    for digit in fraction.chars() {
        let digit = digit.to_digit(10)?;
        if left > 0 {
            left -= 1;
            value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
        }
    }
    value.checked_mul(10u64.checked_pow(left)?)
}
