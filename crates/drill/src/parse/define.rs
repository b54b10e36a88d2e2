//! Names that the script or its caller gave meanings: `--define=NAME=VALUE`.

use std::collections::BTreeMap;

use crate::failure::{Failure, Outcome};
use crate::lex::{self, Kind, Token};

/// What each name stands for: one word.
pub(crate) type Defines = BTreeMap<String, String>;

/// `NAME=VALUE`
pub(crate) fn definition(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    let is_one = matches!(
        lex::words(value).as_deref(),
        Ok([one, end]) if end.kind == Kind::End && matches!(one.kind, Kind::Word(_) | Kind::Integer(_) | Kind::Text(_))
    );
    is_one.then(|| (name.to_owned(), value.to_owned()))
}

/// Puts what a name stands for in its place.
pub(super) fn substitute(tokens: &mut [Token], defines: &Defines) -> Outcome<()> {
    for token in tokens {
        let Kind::Word(word) = &token.kind else {
            continue;
        };
        let Some(value) = defines.get(word) else {
            continue;
        };
        let words =
            lex::words(value).map_err(|failure| Failure::new(token.place, failure.what.clone()))?;
        if let Some(meant) = words.into_iter().next() {
            token.kind = meant.kind;
            token.written = meant.written;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_one_word() {
        let defines: Defines = definition("COOKIE=0a1b").into_iter().collect();
        let mut tokens = lex::words("FO COOKIE, COOKIES").expect("it can be read");
        substitute(&mut tokens, &defines).expect("it can be read");
        let kinds: Vec<_> = tokens.into_iter().map(|token| token.kind).collect();
        let word = |text: &str| Kind::Word(text.to_owned());
        assert_eq!(
            kinds,
            [
                word("FO"),
                word("0a1b"),
                Kind::Symbol(','),
                word("COOKIES"),
                Kind::End
            ]
        );
        assert_eq!(definition("COOKIE"), None);
        assert_eq!(definition("COOKIE=a b"), None);
        assert_eq!(definition("COOKIE=<"), None);
    }
}
