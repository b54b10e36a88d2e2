//! The words of code.

use crate::failure::{Failure, Outcome, Place};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Name(String),
    Integer(i128),
    Decimal(f64),
    Text(String),
    Symbol(&'static str),
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) kind: Kind,
    pub(super) place: Place,
    pub(super) written: String,
}

/// The longer ones first.
const SYMBOLS: [&str; 25] = [
    "==", "!=", "<=", ">=", "<<", ">>", "//", "<", ">", "=", "+", "-", "*", "/", "%", "&", "|",
    "^", "~", "(", ")", ",", ";", "\n", ":",
];
const OPERATORS: [&str; 3] = ["and", "or", "not"];

/// All words, the last one [`Kind::End`].
pub(super) fn split(text: &str, start: Place) -> Outcome<Vec<Word>> {
    let mut words: Vec<Word> = Vec::new();
    let mut rest = text;
    let mut depth = 0usize;
    // The code begins behind `%{`.
    let mut place = Place {
        line: start.line,
        column: start.column + 2,
    };
    loop {
        let Some(first) = rest.chars().next() else {
            let written = String::new();
            words.push(Word {
                kind: Kind::End,
                place,
                written,
            });
            return Ok(words);
        };
        let (kind, length) = if first == '#' {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if first.is_ascii_digit() || first == '.' {
            number(rest, place)?
        } else if first.is_alphabetic() || first == '_' {
            let is_part = |c: char| c.is_alphanumeric() || c == '_';
            let length = rest.len() - rest.trim_start_matches(is_part).len();
            let name = rest.get(..length).unwrap_or_default();
            let operator = OPERATORS.iter().find(|operator| **operator == name);
            let kind = operator.map_or_else(|| Kind::Name(name.to_owned()), |o| Kind::Symbol(o));
            (Some(kind), length)
        } else if first == '"' || first == '\'' {
            let inner = rest.get(1..).unwrap_or_default();
            let Some(length) = inner.find(first) else {
                return Err(Failure::new(place, "this string has no end"));
            };
            let inner = inner.get(..length).unwrap_or_default().to_owned();
            (Some(Kind::Text(inner)), length + 2)
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            depth = match *symbol {
                "(" => depth + 1,
                ")" => depth.saturating_sub(1),
                _ => depth,
            };
            // Within parentheses lines go on.
            let kind = (*symbol != "\n" || depth == 0).then_some(Kind::Symbol(symbol));
            (kind, symbol.len())
        } else if rest.starts_with("\\\n") {
            // The line goes on.
            (None, 2)
        } else if first.is_whitespace() {
            (None, first.len_utf8())
        } else {
            return Err(Failure::new(place, format!("`{first}` is not understood")));
        };
        let (written, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        if let Some(kind) = kind {
            words.push(Word {
                kind,
                place,
                written: written.to_owned(),
            });
        }
        for c in written.chars() {
            if c == '\n' {
                place.line += 1;
                place.column = 1;
            } else {
                place.column += 1;
            }
        }
        rest = behind;
    }
}

fn number(rest: &str, place: Place) -> Outcome<(Option<Kind>, usize)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
    let length = rest.len() - rest.trim_start_matches(is_part).len();
    let written = rest.get(..length).unwrap_or_default();
    let plain = written.replace('_', "");
    let integer = match plain.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => plain.parse().ok(),
    };
    let kind = match integer {
        Some(value) => Some(Kind::Integer(value)),
        None => plain.parse().ok().map(Kind::Decimal),
    };
    match kind {
        Some(kind) => Ok((Some(kind), length)),
        None => Err(Failure::new(place, format!("`{written}` is no number"))),
    }
}
