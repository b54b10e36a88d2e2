//! A line of a shell, cut into words and commands.

use super::unknown;
use crate::failure::{Outcome, Place};

/// The words of a line, without their quotes, and with what `$((...))` comes to.
pub(super) fn words(line: &str, place: Place) -> Outcome<Vec<String>> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some(inner) = rest.strip_prefix("$((") {
            let Some((sum, behind)) = inner.split_once("))") else {
                return Err(unknown(place, rest));
            };
            let factors: Result<Vec<u64>, _> = sum.split('*').map(|n| n.trim().parse()).collect();
            let product = factors
                .ok()
                .and_then(|f| f.into_iter().try_fold(1u64, u64::checked_mul));
            let product = product.ok_or_else(|| unknown(place, sum))?;
            word.push_str(&product.to_string());
            rest = behind;
            continue;
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (c, Some(_)) => word.push(c),
            ('"' | '\'', None) => quote = Some(c),
            (c, None) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (c, None) => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

/// The parts of a line that stand between `separator`s outside quotes, each with how far in it begins.
pub(super) fn parts<'a>(line: &'a str, separator: &str) -> Vec<(usize, &'a str)> {
    let mut parts = Vec::new();
    let (mut begin, mut quote, mut passed) = (0, None, 0);
    for (at, c) in line.char_indices() {
        if at < passed {
            continue;
        }
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            (_, None)
                if line
                    .get(at..)
                    .is_some_and(|rest| rest.starts_with(separator)) =>
            {
                parts.push((begin, line.get(begin..at).unwrap_or_default()));
                passed = at + separator.len();
                begin = passed;
            }
            _ => {}
        }
    }
    parts.push((begin, line.get(begin..).unwrap_or_default()));
    parts
}

/// Whether a word says where the output goes: it, or the file behind it, is no argument.
pub(super) fn is_redirection(word: &str) -> bool {
    ["&>", ">", "1>", "2>"]
        .iter()
        .any(|mark| word.starts_with(mark))
}
