//! System calls and their arguments.

use super::{DEEPEST, LONGEST, Parser};
use crate::ast::{Expression, Field, SystemCall, Value};
use crate::failure::{Failure, Outcome};
use crate::lex::Kind;

impl Parser {
    pub(super) fn call(&mut self) -> Outcome<SystemCall> {
        let end = if *self.peek() == Kind::Ellipsis {
            self.next();
            self.skip('+');
            Some(self.micros()?)
        } else {
            None
        };
        let Kind::Word(name) = self.peek().clone() else {
            return Err(self.unexpected("the name of a call"));
        };
        self.next();
        self.expect('(')?;
        let arguments = self.list(')')?;
        self.expect('=')?;
        let result = self.expression()?;
        let errno = match self.peek().clone() {
            Kind::Word(name) => {
                let place = self.place();
                self.next();
                Some((place, name))
            }
            _ => None,
        };
        // Words for people: the text of an error, or the names of flags.
        if self.skip('(') {
            while !self.skip(')') {
                if *self.peek() == Kind::End {
                    return Err(self.unexpected("`)`"));
                }
                self.next();
            }
        }
        Ok(SystemCall {
            end,
            name,
            arguments,
            result,
            errno,
        })
    }

    /// Expressions with commas, up to the closing symbol.
    fn list(&mut self, close: char) -> Outcome<Vec<Expression>> {
        let mut list = Vec::new();
        if self.skip(close) {
            return Ok(list);
        }
        loop {
            list.push(self.expression()?);
            if self.skip(close) {
                return Ok(list);
            }
            if !self.skip(',') {
                return Err(self.unexpected(&format!("`,` or `{close}`")));
            }
        }
    }

    fn expression(&mut self) -> Outcome<Expression> {
        if self.depth == DEEPEST {
            return Err(Failure::new(self.place(), "this is nested too deeply"));
        }
        self.depth += 1;
        let result = self.alternatives();
        self.depth -= 1;
        result
    }

    fn alternatives(&mut self) -> Outcome<Expression> {
        let mut left = self.term()?;
        let mut length = 0;
        while self.skip('|') {
            length += 1;
            if length == LONGEST {
                return Err(Failure::new(self.place(), "this goes on for too long"));
            }
            let right = self.term()?;
            left = Expression {
                place: left.place,
                value: Value::Or(Box::new(left), Box::new(right)),
            };
        }
        Ok(left)
    }

    fn term(&mut self) -> Outcome<Expression> {
        let place = self.place();
        let value = match self.peek().clone() {
            Kind::Ellipsis => {
                self.next();
                Value::Any
            }
            Kind::Integer(number) => {
                self.next();
                Value::Number(number)
            }
            Kind::Text(text) => {
                self.next();
                // `"abc"...`: what follows is left open.
                if *self.peek() == Kind::Ellipsis {
                    self.next();
                }
                Value::Text(text)
            }
            Kind::Word(name) => {
                self.next();
                if self.skip('(') {
                    Value::Function(name, self.list(')')?)
                } else {
                    Value::Name(name)
                }
            }
            Kind::Symbol('[') => {
                self.next();
                Value::Array(self.list(']')?)
            }
            Kind::Symbol('{') => {
                self.next();
                Value::Structure(self.fields()?)
            }
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Expression { place, value })
    }

    fn fields(&mut self) -> Outcome<Vec<Field>> {
        let mut fields = Vec::new();
        if self.skip('}') {
            return Ok(fields);
        }
        loop {
            fields.push(self.field()?);
            if self.skip('}') {
                return Ok(fields);
            }
            if !self.skip(',') {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
    }

    /// `name=value`, `name(length)=value` or a value alone.
    fn field(&mut self) -> Outcome<Field> {
        let value = self.expression()?;
        if !self.skip('=') {
            return Ok(Field { name: None, value });
        }
        let name = match value.value {
            // The length in parentheses says nothing that the value does not.
            Value::Name(name) | Value::Function(name, _) => Some(name),
            _ => return Err(self.unexpected("`,` or `}`")),
        };
        let value = self.expression()?;
        Ok(Field { name, value })
    }
}
