//! The differences that are known and have a reason: `known-differences.toml`.

use serde::Deserialize;
use sockeye_core::options::Standing;

/// One entry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The test's full name, or a part of it between `*`.
    pub case: String,
    /// The line that differs starts with this in the kernel's trace; `*` stands for any text.
    pub call: String,
    /// What Sockeye's line ends with; any end if it is missing.
    #[serde(default)]
    pub ours: String,
    /// Why it may differ.
    pub reason: String,
}

/// The file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Its entries.
    #[serde(default)]
    pub difference: Vec<Difference>,
}

impl Known {
    /// The project's list.
    ///
    /// # Errors
    /// What is wrong with the file, or an entry without a reason.
    pub fn load() -> Result<Self, String> {
        let known: Self = toml::from_str(include_str!("../known-differences.toml"))
            .map_err(|error| error.to_string())?;
        match known
            .difference
            .iter()
            .find(|entry| entry.reason.trim().len() < 10)
        {
            Some(entry) => Err(format!(
                "known-differences.toml: {} / {} has no reason",
                entry.case, entry.call
            )),
            None => Ok(known),
        }
    }

    /// Whether a line of a case may differ.
    #[must_use]
    pub fn allows(&self, case: &str, kernel_line: &str, our_line: &str) -> bool {
        let listed = self.difference.iter().any(|entry| {
            matches(&entry.case, case)
                && starts_with(&entry.call, kernel_line)
                && our_line.ends_with(&entry.ours)
        });
        listed || is_refused_by_table(our_line)
    }

    /// The entries that are for exactly this case but that no line needed: the list must not go stale.
    #[must_use]
    pub fn stale(&self, case: &str, differing: &[String]) -> Vec<&Difference> {
        let exact = self.difference.iter().filter(|entry| entry.case == case);
        exact
            .filter(|entry| !differing.iter().any(|line| starts_with(&entry.call, line)))
            .collect()
    }
}

/// Whether a line is the refusal of an option that Sockeye's option table refuses with this errno, and a reason.
fn is_refused_by_table(our_line: &str) -> bool {
    let arguments = ["getsockopt(", "setsockopt("]
        .iter()
        .find_map(|call| our_line.strip_prefix(call));
    let option = arguments
        .and_then(|text| text.split([',', ')']).nth(1))
        .map(str::trim);
    let answer = our_line.rsplit_once(" = ").map(|(_, answer)| answer);
    sockeye_core::options::entries().any(|entry| match entry.standing {
        Standing::Refused(errno, _) => {
            Some(entry.label) == option
                && answer == Some(crate::names::errno(errno.number()).as_str())
        }
        _ => false,
    })
}

fn starts_with(pattern: &str, text: &str) -> bool {
    matches(&format!("{pattern}*"), text)
}

/// `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches(tail, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(matches("inet::*::x", "inet::stream::x"));
        assert!(matches("*::x", "x::x"));
        assert!(!matches("inet::*::x", "inet::stream::y"));
        assert!(!matches("a", "ab"));
    }
}
