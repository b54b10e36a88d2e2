//! From words to a script.

mod call;
pub(crate) mod define;
mod packet;

use crate::ast::{Action, Event, Script, Setting, Time};
use crate::code;
use crate::failure::{Failure, Outcome, Place};
use crate::lex::{Kind, Token};
use crate::shell;
use define::Defines;

pub(crate) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    end: Token,
    /// How deep in arrays, structures and arguments.
    depth: usize,
}

/// No script nests deeper; one that does would only exhaust the stack.
const DEEPEST: usize = 32;
/// Nor has an expression so many terms.
const LONGEST: usize = 1000;

/// The settings at a script's beginning.
pub(crate) fn settings(tokens: &[Token]) -> Vec<Setting> {
    let settings = tokens.iter().filter_map(|token| match &token.kind {
        Kind::Setting(name, value) => Some(Setting {
            place: token.place,
            name: name.clone(),
            value: value.clone(),
        }),
        _ => None,
    });
    settings.collect()
}

/// Reads a script's words, in which some names have meanings.
pub(crate) fn script(mut tokens: Vec<Token>, defines: &Defines) -> Outcome<Script> {
    define::substitute(&mut tokens, defines)?;
    let end = Token {
        kind: Kind::End,
        place: tokens.last().map_or(Place::default(), |token| token.place),
        written: String::new(),
    };
    let mut parser = Parser {
        tokens,
        at: 0,
        end,
        depth: 0,
    };
    parser.script()
}

impl Parser {
    fn script(&mut self) -> Outcome<Script> {
        let mut script = Script {
            settings: Vec::new(),
            preparation: Vec::new(),
            events: Vec::new(),
        };
        loop {
            let place = self.place();
            match self.peek().clone() {
                Kind::Setting(name, value) => {
                    self.next();
                    script.settings.push(Setting { place, name, value });
                }
                Kind::Shell(command) => {
                    self.next();
                    script.preparation.push((place, command));
                }
                _ => break,
            }
        }
        while *self.peek() != Kind::End {
            // A command without a time at the end puts back what was set.
            if let (Kind::Shell(command), Kind::End) = (self.peek().clone(), self.ahead(1)) {
                shell::commands(&command, self.place())?;
                self.next();
                break;
            }
            script.events.push(self.event()?);
        }
        Ok(script)
    }

    fn event(&mut self) -> Outcome<Event> {
        let place = self.place();
        let time = self.time()?;
        let action = match self.peek().clone() {
            Kind::Symbol('<' | '>') => Action::Packet(self.packet()?),
            Kind::Shell(command) => {
                self.next();
                Action::Shell(command)
            }
            Kind::Code(text) => {
                let inside = self.place();
                self.next();
                Action::Code(code::parse(&text, inside)?)
            }
            Kind::Word(_) | Kind::Ellipsis => Action::Call(self.call()?),
            _ => return Err(self.unexpected("a packet, a call, a command or code")),
        };
        Ok(Event {
            place,
            time,
            action,
        })
    }

    fn time(&mut self) -> Outcome<Time> {
        if self.skip('*') {
            return Ok(Time::Any);
        }
        let is_relative = self.skip('+');
        let first = self.micros()?;
        if !self.skip('~') {
            return Ok(if is_relative {
                Time::After(first)
            } else {
                Time::At(first)
            });
        }
        let second = match (is_relative, self.skip('+')) {
            (true, false) => return Err(self.unexpected("`+`")),
            // `0~+.1` is a range behind the event before.
            (false, true) => {
                return Ok(Time::AfterBetween(first, self.micros()?));
            }
            _ => self.micros()?,
        };
        Ok(if is_relative {
            Time::AfterBetween(first, second)
        } else {
            Time::Between(first, second)
        })
    }

    /// A time in seconds.
    fn micros(&mut self) -> Outcome<i64> {
        let micros = match *self.peek() {
            Kind::Decimal(millionths) => Some(millionths),
            Kind::Integer(seconds) => seconds.checked_mul(1_000_000),
            _ => None,
        };
        match micros {
            Some(micros) => {
                self.next();
                Ok(micros)
            }
            None => Err(self.unexpected("a time")),
        }
    }

    fn peek(&self) -> &Kind {
        &self.token().kind
    }

    fn ahead(&self, count: usize) -> &Kind {
        self.tokens
            .get(self.at + count)
            .map_or(&Kind::End, |token| &token.kind)
    }

    fn token(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&self.end)
    }

    fn place(&self) -> Place {
        self.token().place
    }

    fn next(&mut self) {
        self.at += 1;
    }

    fn unexpected(&self, wanted: &str) -> Failure {
        let token = self.token();
        let what = format!("expected {wanted}, found {}", token.name());
        Failure::new(token.place, what)
    }

    /// Takes a symbol if it is there.
    fn skip(&mut self, symbol: char) -> bool {
        let is_there = *self.peek() == Kind::Symbol(symbol);
        if is_there {
            self.next();
        }
        is_there
    }

    fn expect(&mut self, symbol: char) -> Outcome<()> {
        if self.skip(symbol) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("`{symbol}`")))
        }
    }

    /// Takes a word if it is there.
    fn skip_word(&mut self, word: &str) -> bool {
        let is_there = matches!(self.peek(), Kind::Word(found) if found == word);
        if is_there {
            self.next();
        }
        is_there
    }

    fn expect_word(&mut self, word: &str) -> Outcome<()> {
        if self.skip_word(word) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("`{word}`")))
        }
    }

    /// A number that fits.
    fn number<T: TryFrom<i64>>(&mut self, what: &str) -> Outcome<T> {
        let Kind::Integer(number) = *self.peek() else {
            return Err(self.unexpected(what));
        };
        let Ok(number) = T::try_from(number) else {
            return Err(Failure::new(
                self.place(),
                format!("{} is out of range for {what}", self.token().name()),
            ));
        };
        self.next();
        Ok(number)
    }
}
