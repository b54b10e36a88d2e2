//! What is wrong, where, and what was seen instead.

use std::fmt;

/// A place in a script, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

/// Why a script did not pass: it can't be read, or something else happened than it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where in the script.
    pub place: Place,
    /// What is wrong, in one line.
    pub what: String,
    /// Lines that say more, each with its title.
    pub notes: Vec<(&'static str, String)>,
}

impl Failure {
    /// A failure without notes.
    pub fn new(place: Place, what: impl Into<String>) -> Self {
        Self {
            place,
            what: what.into(),
            notes: Vec::new(),
        }
    }

    /// The same with one more note.
    #[must_use]
    pub fn note(mut self, title: &'static str, text: impl Into<String>) -> Self {
        self.notes.push((title, text.into()));
        self
    }

    /// The failure as a compiler would print it, with the line of the script.
    pub fn show(&self, file: &str, script: &str) -> String {
        let Place { line, column } = self.place;
        // Line 0 is what the script was given along.
        let Some(index) = usize::try_from(line).unwrap_or(0).checked_sub(1) else {
            return format!("{file}: {}", self.what);
        };
        let mut text = format!("{file}:{line}:{column}: {}", self.what);
        if let Some(source) = script.lines().nth(index) {
            text.push_str(&format!("\n    {:<9} {}", "script", source.trim()));
        }
        for (title, note) in &self.notes {
            for (at, part) in note.lines().enumerate() {
                let title = if at == 0 { title } else { "" };
                text.push_str(&format!("\n    {title:<9} {part}"));
            }
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show("script", ""))
    }
}

impl std::error::Error for Failure {}

/// What may fail with a place.
pub(crate) type Outcome<T> = Result<T, Failure>;
