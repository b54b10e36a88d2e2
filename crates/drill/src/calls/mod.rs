//! The script's system calls: what they ask of the stack, and whether it answered as the script says.

mod pipes;
mod prepare;
mod stamps;
mod structures;
mod verify;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ast::{Expression, Value};
use crate::failure::{Failure, Outcome};
use crate::numbers;
use crate::setup::Setup;

/// The port that `bind(3, ..., ...)` and `connect(3, ..., ...)` mean unless the script says otherwise.
pub(crate) const PORT: u16 = 8080;

/// What the script has to know of a descriptor.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    /// The stack's number.
    pub(crate) live: i32,
    /// The port of `bind`.
    pub(crate) bound: Option<u16>,
    /// The port of `connect`.
    pub(crate) peer: Option<u16>,
    /// All that was written into the stream.
    pub(crate) written: Vec<u8>,
    /// Some of it came from elsewhere: what it is isn't known here.
    pub(crate) is_foreign: bool,
    /// How much of the stream was read.
    pub(crate) read: usize,
}

/// What a script's calls refer to.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) setup: &'a Setup,
    /// By the script's numbers.
    pub(crate) files: BTreeMap<i32, File>,
    /// What time it was when the script began, by the clock that stamps packets.
    pub(crate) epoch: Duration,
}

fn not_understood(expression: &Expression, wanted: &str) -> Failure {
    Failure::new(
        expression.place,
        format!("{wanted} can't be read from this"),
    )
}

impl Context<'_> {
    /// The value of an expression that is a number.
    pub(crate) fn number(&self, expression: &Expression) -> Outcome<i64> {
        match &expression.value {
            Value::Number(number) => Ok(*number),
            Value::Name(name) => numbers::number(name)
                .ok_or_else(|| Failure::new(expression.place, format!("`{name}` is not known"))),
            Value::Or(left, right) => Ok(self.number(left)? | self.number(right)?),
            // `[1]`: what a pointer points to.
            Value::Array(list) if list.len() == 1 => {
                list.first().map_or(Ok(0), |inner| self.number(inner))
            }
            Value::Function(name, arguments) => match (name.as_str(), arguments.as_slice()) {
                ("htons" | "htonl" | "ntohs" | "ntohl", [one]) => self.number(one),
                _ => Err(Failure::new(
                    expression.place,
                    format!("`{name}` is not known"),
                )),
            },
            _ => Err(not_understood(expression, "a number")),
        }
    }

    /// A number of the width of a C `int`; what C wraps, wraps.
    pub(crate) fn int(&self, expression: &Expression) -> Outcome<i32> {
        let number = self.number(expression)?;
        i32::try_from(number)
            .or_else(|_| u32::try_from(number).map(u32::cast_signed))
            .map_err(|_| Failure::new(expression.place, format!("{number} does not fit an int")))
    }

    /// A length; `...` is the one given.
    fn length(&self, expression: &Expression, default: usize) -> Outcome<usize> {
        if matches!(expression.value, Value::Any) {
            return Ok(default);
        }
        let number = self.number(expression)?;
        usize::try_from(number)
            .ok()
            .filter(|length| *length <= 1 << 26)
            .ok_or_else(|| Failure::new(expression.place, format!("{number} is no length")))
    }

    /// The stack's number for the script's descriptor; one that the script never opened is passed on as it is.
    pub(crate) fn fd(&self, expression: &Expression) -> Outcome<i32> {
        let fd = self.int(expression)?;
        Ok(self.files.get(&fd).map_or(fd, |file| file.live))
    }
}
