//! The code between `%{` and `}%`: assertions about `TCP_INFO`, in the little of Python that such assertions need.
//!
//! A program is `assert CONDITION, MESSAGE`, `print(...)` and `NAME = VALUE`, one a line or with `;` between. Values are
//! numbers, strings and truth; a name is a member of `struct tcp_info`, a constant, a counter of the host or a variable of the
//! script.

mod evaluate;
mod words;

use crate::failure::{Failure, Outcome, Place};
pub(crate) use evaluate::{Variables, run};
use words::{Kind, Word, split};

/// Code of a script.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    statements: Vec<Statement>,
}

#[derive(Clone, Debug)]
enum Statement {
    Assert {
        place: Place,
        written: String,
        condition: Node,
        message: Option<Node>,
    },
    Print(Vec<Node>),
    Set(String, Node),
}

/// An expression.
#[derive(Clone, Debug)]
struct Node {
    place: Place,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    Integer(i128),
    Decimal(f64),
    Text(String),
    Name(String),
    Not(Box<Node>),
    Negative(Box<Node>),
    Inverse(Box<Node>),
    Binary(&'static str, Box<Node>, Box<Node>),
    /// `a < b <= c`: the first, and each that follows with what stands before it.
    Comparison(Box<Node>, Vec<(&'static str, Node)>),
    Function(String, Vec<Node>),
    /// `(a, b)`: what a message tells.
    Tuple(Vec<Node>),
}

/// The operators with two sides, the loosest first.
const LEVELS: [&[&str]; 8] = [
    &["or"],
    &["and"],
    &["|"],
    &["^"],
    &["&"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "//", "%"],
];
/// Below this level stand `not` and the comparisons.
const BITS: usize = 2;
const COMPARISONS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];

struct Parser {
    words: Vec<Word>,
    at: usize,
    /// How deep in signs, negations and parentheses.
    depth: usize,
}

/// No assertion nests deeper; one that does would only exhaust the stack.
const DEEPEST: usize = 32;
/// Nor has one so many terms.
const LONGEST: usize = 1000;

/// Reads code that begins at a place of the script.
pub(crate) fn parse(text: &str, place: Place) -> Outcome<Program> {
    let mut parser = Parser {
        words: split(text, place)?,
        at: 0,
        depth: 0,
    };
    let mut statements = Vec::new();
    loop {
        while parser.skip(";") || parser.skip("\n") {}
        if parser.peek().kind == Kind::End {
            return Ok(Program { statements });
        }
        statements.push(parser.statement()?);
        if !matches!(parser.peek().kind, Kind::End) && !parser.is(";") && !parser.is("\n") {
            return Err(parser.unexpected("the end of the statement"));
        }
    }
}

impl Parser {
    fn peek(&self) -> &Word {
        // The last word is always `End`.
        &self.words[self.at.min(self.words.len() - 1)]
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(&self.peek().kind, Kind::Symbol(found) if *found == symbol)
    }

    fn skip(&mut self, symbol: &str) -> bool {
        let is_there = self.is(symbol);
        if is_there {
            self.at += 1;
        }
        is_there
    }

    fn unexpected(&self, wanted: &str) -> Failure {
        let word = self.peek();
        let found = match &word.kind {
            Kind::End => "the end of the code".to_owned(),
            Kind::Symbol("\n") => "the end of the line".to_owned(),
            _ => format!("`{}`", word.written),
        };
        Failure::new(word.place, format!("expected {wanted}, found {found}"))
    }

    fn statement(&mut self) -> Outcome<Statement> {
        let place = self.peek().place;
        let first = self.at;
        if let Kind::Name(name) = self.peek().kind.clone() {
            match name.as_str() {
                "assert" => {
                    self.at += 1;
                    let condition = self.level(0)?;
                    let words = self.words.get(first + 1..self.at).unwrap_or_default();
                    let written: Vec<&str> =
                        words.iter().map(|word| word.written.as_str()).collect();
                    let written = written.join(" ");
                    let message = if self.skip(",") {
                        Some(self.level(0)?)
                    } else {
                        None
                    };
                    return Ok(Statement::Assert {
                        place,
                        written,
                        condition,
                        message,
                    });
                }
                "print" => {
                    self.at += 1;
                    return self.print();
                }
                _ if self
                    .words
                    .get(first + 2)
                    .is_some_and(|word| word.kind == Kind::Symbol("="))
                    && self.words.get(first + 1).is_some_and(|word| {
                        matches!(
                            word.kind,
                            Kind::Symbol("+" | "-" | "*" | "/" | "//" | "%" | "|" | "&")
                        )
                    }) =>
                {
                    let Some(Kind::Symbol(operator)) =
                        self.words.get(first + 1).map(|word| word.kind.clone())
                    else {
                        return Err(self.unexpected("an operator"));
                    };
                    self.at += 3;
                    let right = self.level(0)?;
                    let old = Node {
                        place,
                        form: Form::Name(name.clone()),
                    };
                    let form = Form::Binary(operator, Box::new(old), Box::new(right));
                    return Ok(Statement::Set(name, Node { place, form }));
                }
                _ if self
                    .words
                    .get(first + 1)
                    .is_some_and(|word| word.kind == Kind::Symbol("=")) =>
                {
                    self.at += 2;
                    return Ok(Statement::Set(name, self.level(0)?));
                }
                _ => {}
            }
        }
        Err(self.unexpected("`assert`, `print` or an assignment"))
    }

    fn print(&mut self) -> Outcome<Statement> {
        if self.skip("(") {
            return self.list(")").map(Statement::Print);
        }
        let mut list = vec![self.level(0)?];
        while self.skip(",") {
            list.push(self.level(0)?);
        }
        Ok(Statement::Print(list))
    }

    fn list(&mut self, close: &str) -> Outcome<Vec<Node>> {
        let mut list = Vec::new();
        while !self.skip(close) {
            list.push(self.level(0)?);
            if !self.is(close) && !self.skip(",") {
                return Err(self.unexpected(&format!("`,` or `{close}`")));
            }
        }
        Ok(list)
    }

    fn level(&mut self, level: usize) -> Outcome<Node> {
        let Some(operators) = LEVELS.get(level) else {
            return self.sign();
        };
        let mut left = self.below(level)?;
        let mut length = 0;
        'next: loop {
            for operator in *operators {
                if self.skip(operator) {
                    length += 1;
                    if length == LONGEST {
                        return Err(Failure::new(self.peek().place, "this goes on for too long"));
                    }
                    let place = left.place;
                    let right = self.below(level)?;
                    let form = Form::Binary(operator, Box::new(left), Box::new(right));
                    left = Node { place, form };
                    continue 'next;
                }
            }
            return Ok(left);
        }
    }

    fn below(&mut self, level: usize) -> Outcome<Node> {
        if level + 1 == BITS {
            self.negation()
        } else {
            self.level(level + 1)
        }
    }

    fn deeper(&mut self, parse: fn(&mut Self) -> Outcome<Node>) -> Outcome<Node> {
        if self.depth == DEEPEST {
            return Err(Failure::new(self.peek().place, "this is nested too deeply"));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn negation(&mut self) -> Outcome<Node> {
        self.deeper(Self::comparison)
    }

    fn comparison(&mut self) -> Outcome<Node> {
        let place = self.peek().place;
        if self.skip("not") {
            let form = Form::Not(Box::new(self.negation()?));
            return Ok(Node { place, form });
        }
        let first = self.level(BITS)?;
        let mut rest = Vec::new();
        'next: loop {
            for operator in COMPARISONS {
                if self.skip(operator) {
                    rest.push((operator, self.level(BITS)?));
                    continue 'next;
                }
            }
            break;
        }
        if rest.is_empty() {
            return Ok(first);
        }
        let form = Form::Comparison(Box::new(first), rest);
        Ok(Node { place, form })
    }

    fn sign(&mut self) -> Outcome<Node> {
        self.deeper(Self::signed)
    }

    fn signed(&mut self) -> Outcome<Node> {
        let place = self.peek().place;
        let form = if self.skip("-") {
            Form::Negative(Box::new(self.sign()?))
        } else if self.skip("~") {
            Form::Inverse(Box::new(self.sign()?))
        } else if self.skip("+") {
            return self.sign();
        } else {
            return self.atom();
        };
        Ok(Node { place, form })
    }

    fn atom(&mut self) -> Outcome<Node> {
        let place = self.peek().place;
        let form = match self.peek().kind.clone() {
            Kind::Integer(value) => Form::Integer(value),
            Kind::Decimal(value) => Form::Decimal(value),
            Kind::Text(text) => Form::Text(text),
            Kind::Name(name) => {
                self.at += 1;
                let form = if self.skip("(") {
                    Form::Function(name, self.list(")")?)
                } else {
                    Form::Name(name)
                };
                return Ok(Node { place, form });
            }
            Kind::Symbol("(") => {
                self.at += 1;
                let inner = self.level(0)?;
                if self.skip(",") {
                    let mut rest = self.list(")")?;
                    rest.insert(0, inner);
                    let form = Form::Tuple(rest);
                    return Ok(Node { place, form });
                }
                if !self.skip(")") {
                    return Err(self.unexpected("`)`"));
                }
                return Ok(inner);
            }
            _ => return Err(self.unexpected("a value")),
        };
        self.at += 1;
        Ok(Node { place, form })
    }
}

#[cfg(test)]
mod tests;
