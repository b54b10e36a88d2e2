//! The words of a script, each with its place.

use crate::failure::{Failure, Outcome, Place};

/// What kind of word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Letters, digits and `_`, with a letter among them.
    Word(String),
    /// Digits, perhaps with a sign; or `0x` and hexadecimal digits.
    Integer(i64),
    /// Digits with a point: millionths.
    Decimal(i64),
    /// Between double quotes, each byte as the character of its number.
    Text(String),
    /// Between back quotes.
    Shell(String),
    /// Between `%{` and `}%`.
    Code(String),
    /// `--name` or `--name=value`.
    Setting(String, Option<String>),
    /// `...`
    Ellipsis,
    /// Anything else is one character.
    Symbol(char),
    /// Behind the last word.
    End,
}

/// A word and where it begins.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    /// As it is written.
    pub(crate) written: String,
}

impl Token {
    /// What an error message calls it.
    pub(crate) fn name(&self) -> String {
        match self.kind {
            Kind::End => "the end of the script".to_owned(),
            _ => format!("`{}`", self.written),
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    place: Place,
}

/// All words of a script, the last one [`Kind::End`].
pub(crate) fn words(script: &str) -> Outcome<Vec<Token>> {
    let mut lexer = Lexer {
        rest: script,
        place: Place { line: 1, column: 1 },
    };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let (place, before) = (lexer.place, lexer.rest);
        let kind = lexer.word()?;
        let is_end = kind == Kind::End;
        let length = before.len() - lexer.rest.len();
        tokens.push(Token {
            kind,
            place,
            written: before.get(..length).unwrap_or_default().to_owned(),
        });
        if is_end {
            return Ok(tokens);
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The length of the digits at the start.
fn digits(text: &str) -> usize {
    text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len()
}

/// A decimal fraction in millionths; what is finer is cut.
fn millionths(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let fraction: i64 = fraction.parse().ok()?;
    Some(sign * whole.checked_mul(1_000_000)?.checked_add(fraction)?)
}

impl Lexer<'_> {
    fn take(&mut self, length: usize) -> String {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .unwrap_or((self.rest, ""));
        for c in taken.chars() {
            if c == '\n' {
                self.place.line += 1;
                self.place.column = 1;
            } else {
                self.place.column += 1;
            }
        }
        self.rest = rest;
        taken.to_owned()
    }

    fn skip_blanks(&mut self) -> Outcome<()> {
        loop {
            let blanks = self.rest.len() - self.rest.trim_start().len();
            self.take(blanks);
            if self.rest.starts_with("//") {
                let length = self.rest.find('\n').unwrap_or(self.rest.len());
                self.take(length);
            } else if self.rest.starts_with("/*") {
                let Some(length) = self.rest.find("*/") else {
                    return Err(Failure::new(self.place, "this comment has no end"));
                };
                self.take(length + 2);
            } else {
                return Ok(());
            }
        }
    }

    /// What stands between two marks.
    fn between(&mut self, open: &str, close: &str, what: &str) -> Outcome<String> {
        let place = self.place;
        let body = self.rest.get(open.len()..).unwrap_or_default();
        let Some(length) = body.find(close) else {
            return Err(Failure::new(place, format!("this {what} has no end")));
        };
        let whole = self.take(open.len() + length + close.len());
        let inner = whole.get(open.len()..open.len() + length);
        Ok(inner.unwrap_or_default().to_owned())
    }

    fn word(&mut self) -> Outcome<Kind> {
        let place = self.place;
        let Some(first) = self.rest.chars().next() else {
            return Ok(Kind::End);
        };
        if self.rest.starts_with("%{") {
            return self.between("%{", "}%", "code").map(Kind::Code);
        }
        if first == '`' {
            return self.between("`", "`", "command").map(Kind::Shell);
        }
        if first == '"' {
            return self.text();
        }
        if self.rest.starts_with("...") {
            self.take(3);
            return Ok(Kind::Ellipsis);
        }
        if self.rest.starts_with("--") {
            return Ok(self.setting());
        }
        let sign = usize::from(first == '-');
        let number = self.rest.get(sign..).unwrap_or_default();
        let whole = digits(number);
        let behind = number.get(whole..).unwrap_or_default();
        let fraction = behind.strip_prefix('.').map_or(0, digits);
        if fraction > 0 {
            let written = self.take(sign + whole + 1 + fraction);
            let value = millionths(&written);
            return value
                .map(Kind::Decimal)
                .ok_or_else(|| Failure::new(place, format!("`{written}` is out of range")));
        }
        if sign == 1 && whole > 0 {
            let written = self.take(1 + whole);
            return number_of(&written, place);
        }
        if is_word(first) {
            let length = self.rest.len() - self.rest.trim_start_matches(is_word).len();
            let written = self.take(length);
            if written.chars().all(|c| c.is_ascii_digit()) || written.starts_with("0x") {
                // A cookie such as 0123abcd is a word, though it begins with a digit.
                return number_of(&written, place);
            }
            return Ok(Kind::Word(written));
        }
        self.take(first.len_utf8());
        Ok(Kind::Symbol(first))
    }

    fn text(&mut self) -> Outcome<Kind> {
        let place = self.place;
        let mut text = String::new();
        let mut is_escaped = false;
        // How many hexadecimal digits of `\xa1` are still to come.
        let mut digits = 0;
        for (at, c) in self.rest.char_indices().skip(1) {
            if digits > 0 {
                let what = "two hexadecimal digits are expected behind `\\x`";
                let nibble = c.to_digit(16).and_then(|nibble| u8::try_from(nibble).ok());
                let nibble = nibble.ok_or_else(|| Failure::new(place, what))?;
                let high = if digits == 1 { text.pop() } else { None };
                let high = high
                    .and_then(|high| u8::try_from(u32::from(high)).ok())
                    .unwrap_or(0);
                text.push(char::from(high << 4 | nibble));
                digits -= 1;
                continue;
            }
            match c {
                '"' if !is_escaped => {
                    self.take(at + 1);
                    return Ok(Kind::Text(text));
                }
                '\\' if !is_escaped => {
                    is_escaped = true;
                    continue;
                }
                'n' if is_escaped => text.push('\n'),
                't' if is_escaped => text.push('\t'),
                '0' if is_escaped => text.push('\0'),
                'x' if is_escaped => digits = 2,
                c => text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(char::from)),
            }
            is_escaped = false;
        }
        Err(Failure::new(place, "this string has no end"))
    }

    fn setting(&mut self) -> Kind {
        let line = self.rest.split(char::is_whitespace).next();
        let mut length = line.unwrap_or_default().len();
        // A value between quotes may have blanks.
        if let Some(open) = self.rest.get(..length).and_then(|word| word.find("=\"")) {
            let value = self.rest.get(open + 2..).unwrap_or_default();
            length = value.find('"').map_or(length, |close| open + 3 + close);
        }
        let written = self.take(length);
        let written = written.trim_start_matches('-');
        match written.split_once('=') {
            Some((name, value)) => {
                Kind::Setting(name.to_owned(), Some(value.trim_matches('"').to_owned()))
            }
            None => Kind::Setting(written.to_owned(), None),
        }
    }
}

fn number_of(written: &str, place: Place) -> Outcome<Kind> {
    let value = match written.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok().map(u64::cast_signed),
        None => written.parse().ok(),
    };
    match value {
        Some(value) => Ok(Kind::Integer(value)),
        None if written.starts_with("0x") => {
            Err(Failure::new(place, format!("`{written}` is no number")))
        }
        // A cookie of many digits.
        None => Ok(Kind::Word(written.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(script: &str) -> Vec<Kind> {
        let tokens = words(script).expect("it can be read");
        tokens.into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn times_ranges_and_flags_are_told_apart() {
        let (int, dec, sym) = (Kind::Integer, Kind::Decimal, Kind::Symbol);
        assert_eq!(
            kinds("0...0.1 +.01~+.02 S. . -1 -"),
            [
                int(0),
                Kind::Ellipsis,
                dec(100_000),
                sym('+'),
                dec(10_000),
                sym('~'),
                sym('+'),
                dec(20_000),
                Kind::Word("S".into()),
                sym('.'),
                sym('.'),
                int(-1),
                sym('-'),
                Kind::End
            ]
        );
    }

    #[test]
    fn comments_strings_and_settings_are_single_words() {
        assert_eq!(
            kinds("--ip_version=ipv6 // no\n/* no\n */ \"a\\\"b\" `x y` %{ z }% 0xff"),
            [
                Kind::Setting("ip_version".into(), Some("ipv6".into())),
                Kind::Text("a\"b".into()),
                Kind::Shell("x y".into()),
                Kind::Code(" z ".into()),
                Kind::Integer(255),
                Kind::End
            ]
        );
    }

    #[test]
    fn what_has_no_end_is_told_with_its_place() {
        let failure = words("0 socket\n  \"abc").expect_err("no end");
        assert_eq!(failure.place, Place { line: 2, column: 3 });
    }
}
