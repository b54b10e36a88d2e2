//! What code comes to.

use std::collections::BTreeMap;
use std::fmt;

use super::{Form, Node, Program, Statement};
use crate::failure::{Failure, Outcome};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Integer(i128),
    Decimal(f64),
    Truth(bool),
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Integer(value) => value.fmt(f),
            Value::Decimal(value) => write!(f, "{value:?}"),
            Value::Truth(true) => f.write_str("True"),
            Value::Truth(false) => f.write_str("False"),
            Value::Text(text) => f.write_str(text),
        }
    }
}

/// What a script has named so far.
pub(crate) type Variables = BTreeMap<String, Value>;

/// What a name outside the script's own means.
pub(super) type Names<'a> = dyn Fn(&str) -> Option<i128> + 'a;

struct Scope<'a> {
    names: &'a Names<'a>,
    variables: &'a Variables,
    /// The names that were looked up, for the report.
    used: std::cell::RefCell<BTreeMap<String, String>>,
}

/// Runs a program. The answer is what it printed.
pub(crate) fn run(
    program: &Program,
    names: &Names<'_>,
    variables: &mut Variables,
) -> Outcome<Vec<String>> {
    let mut printed = Vec::new();
    for statement in &program.statements {
        let scope = Scope {
            names,
            variables,
            used: Default::default(),
        };
        match statement {
            Statement::Assert {
                place,
                written,
                condition,
                message,
            } => {
                if scope.value(condition)?.is_true() {
                    continue;
                }
                let used = scope.used.borrow().clone();
                let seen: Vec<String> = used
                    .iter()
                    .map(|(name, value)| format!("{name} = {value}"))
                    .collect();
                let mut failure = Failure::new(*place, "the assertion does not hold")
                    .note("expected", written.clone())
                    .note("seen", seen.join(", "));
                if let Some(message) = message {
                    failure = failure.note("message", scope.value(message)?.to_string());
                }
                return Err(failure);
            }
            Statement::Print(list) => {
                let values: Outcome<Vec<String>> = list
                    .iter()
                    .map(|node| Ok(scope.value(node)?.to_string()))
                    .collect();
                printed.push(values?.join(" "));
            }
            Statement::Set(name, node) => {
                let value = scope.value(node)?;
                variables.insert(name.clone(), value);
            }
        }
    }
    Ok(printed)
}

impl Value {
    fn is_true(&self) -> bool {
        match self {
            Value::Integer(value) => *value != 0,
            Value::Decimal(value) => *value != 0.0,
            Value::Truth(value) => *value,
            Value::Text(text) => !text.is_empty(),
        }
    }

    fn integer(&self) -> Option<i128> {
        match self {
            Value::Integer(value) => Some(*value),
            Value::Truth(value) => Some((*value).into()),
            Value::Decimal(_) | Value::Text(_) => None,
        }
    }

    #[allow(clippy::cast_precision_loss)] // As Python's `float` of a large number.
    fn decimal(&self) -> Option<f64> {
        match self {
            Value::Decimal(value) => Some(*value),
            other => other.integer().map(|value| value as f64),
        }
    }
}

impl Scope<'_> {
    fn value(&self, node: &Node) -> Outcome<Value> {
        Ok(match &node.form {
            Form::Integer(value) => Value::Integer(*value),
            Form::Decimal(value) => Value::Decimal(*value),
            Form::Text(text) => Value::Text(text.clone()),
            Form::Tuple(elements) => {
                let values: Outcome<Vec<String>> = elements
                    .iter()
                    .map(|element| Ok(self.value(element)?.to_string()))
                    .collect();
                Value::Text(values?.join(", "))
            }
            Form::Name(name) => self.name(node, name)?,
            Form::Not(inner) => Value::Truth(!self.value(inner)?.is_true()),
            Form::Negative(inner) => match self.value(inner)? {
                Value::Decimal(value) => Value::Decimal(-value),
                other => {
                    let value = other.integer().and_then(i128::checked_neg);
                    Value::Integer(value.ok_or_else(|| no_number(inner))?)
                }
            },
            Form::Inverse(inner) => {
                let value = self.value(inner)?.integer();
                Value::Integer(!value.ok_or_else(|| no_number(inner))?)
            }
            Form::Binary(operator, left, right) => self.binary(node, operator, left, right)?,
            Form::Comparison(first, rest) => {
                let mut left = self.value(first)?;
                for (operator, right) in rest {
                    let right = self.value(right)?;
                    if !compare(node, operator, &left, &right)? {
                        return Ok(Value::Truth(false));
                    }
                    left = right;
                }
                Value::Truth(true)
            }
            Form::Function(name, arguments) => self.function(node, name, arguments)?,
        })
    }

    fn name(&self, node: &Node, name: &str) -> Outcome<Value> {
        let value = match name {
            "True" => Value::Truth(true),
            "False" => Value::Truth(false),
            _ => match self.variables.get(name) {
                Some(value) => value.clone(),
                None => match (self.names)(name) {
                    Some(value) => Value::Integer(value),
                    None => {
                        return Err(Failure::new(node.place, format!("`{name}` is not known")));
                    }
                },
            },
        };
        let is_constant = name.chars().all(|c| !c.is_ascii_lowercase());
        if !is_constant {
            self.used
                .borrow_mut()
                .insert(name.to_owned(), value.to_string());
        }
        Ok(value)
    }

    fn binary(&self, node: &Node, operator: &str, left: &Node, right: &Node) -> Outcome<Value> {
        let first = self.value(left)?;
        match operator {
            "and" if !first.is_true() => return Ok(first),
            "or" if first.is_true() => return Ok(first),
            "and" | "or" => return self.value(right),
            _ => {}
        }
        let second = self.value(right)?;
        if let (Some(a), Some(b)) = (first.integer(), second.integer())
            && operator != "/"
        {
            return integers(operator, a, b).map(Value::Integer).ok_or_else(|| {
                Failure::new(node.place, format!("`{operator}` has no value here"))
            });
        }
        if let (Value::Text(a), "+") = (&first, operator) {
            return Ok(Value::Text(format!("{a}{second}")));
        }
        if let (Value::Text(a), "%") = (&first, operator) {
            // `"cwnd %d" % tcpi_snd_cwnd`: the value behind the text says the same.
            return Ok(Value::Text(format!("{a}: {second}")));
        }
        let a = first.decimal().ok_or_else(|| no_number(left))?;
        let b = second.decimal().ok_or_else(|| no_number(right))?;
        Ok(Value::Decimal(match operator {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "/" if b != 0.0 => a / b,
            "//" if b != 0.0 => (a / b).floor(),
            "%" if b != 0.0 => a.rem_euclid(b),
            _ => {
                return Err(Failure::new(
                    node.place,
                    format!("`{operator}` has no value here"),
                ));
            }
        }))
    }

    fn function(&self, node: &Node, name: &str, arguments: &[Node]) -> Outcome<Value> {
        let values: Outcome<Vec<Value>> = arguments.iter().map(|a| self.value(a)).collect();
        let values = values?;
        let number = |at: usize| -> Outcome<f64> {
            let value = values.get(at).and_then(Value::decimal);
            value.ok_or_else(|| Failure::new(node.place, format!("`{name}` needs a number")))
        };
        let larger = |is_max: bool| -> Outcome<Value> {
            let mut best = 0;
            for at in 1..values.len() {
                if (number(at)? > number(best)?) == is_max {
                    best = at;
                }
            }
            number(best)?;
            Ok(values.get(best).cloned().unwrap_or(Value::Integer(0)))
        };
        match (name, values.as_slice()) {
            ("abs", [Value::Decimal(value)]) => Some(Value::Decimal(value.abs())),
            ("abs", [value]) => value
                .integer()
                .and_then(i128::checked_abs)
                .map(Value::Integer),
            ("float", [value]) => value.decimal().map(Value::Decimal),
            #[allow(clippy::cast_possible_truncation)] // As Python's `int`: towards zero.
            ("int", [value]) => value
                .integer()
                .or_else(|| value.decimal().map(|v| v as i128))
                .map(Value::Integer),
            ("str", [value]) => Some(Value::Text(value.to_string())),
            ("max", [_, ..]) => return larger(true),
            ("min", [_, ..]) => return larger(false),
            _ => {
                return Err(Failure::new(
                    node.place,
                    format!("`{name}` is no function known here"),
                ));
            }
        }
        .ok_or_else(|| no_number(node))
    }
}

fn no_number(node: &Node) -> Failure {
    Failure::new(node.place, "this is no number")
}

/// As Python counts: `//` and `%` round down.
fn integers(operator: &str, a: i128, b: i128) -> Option<i128> {
    match operator {
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "//" => {
            let quotient = a.checked_div(b)?;
            let is_between = a % b != 0 && (a < 0) != (b < 0);
            Some(if is_between { quotient - 1 } else { quotient })
        }
        "%" => {
            let rest = a.checked_rem(b)?;
            Some(if rest != 0 && (rest < 0) != (b < 0) {
                rest + b
            } else {
                rest
            })
        }
        "&" => Some(a & b),
        "|" => Some(a | b),
        "^" => Some(a ^ b),
        "<<" => a.checked_shl(u32::try_from(b).ok()?),
        ">>" => a.checked_shr(u32::try_from(b).ok()?),
        _ => None,
    }
}

fn compare(node: &Node, operator: &str, left: &Value, right: &Value) -> Outcome<bool> {
    use std::cmp::Ordering;
    let order = match (left, right) {
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => match (left.integer(), right.integer()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => match (left.decimal(), right.decimal()) {
                (Some(a), Some(b)) => a.partial_cmp(&b),
                _ => return Err(Failure::new(node.place, "these can't be compared")),
            },
        },
    };
    let Some(order) = order else {
        return Ok(operator == "!=");
    };
    Ok(match operator {
        "==" => order == Ordering::Equal,
        "!=" => order != Ordering::Equal,
        "<" => order == Ordering::Less,
        ">" => order == Ordering::Greater,
        "<=" => order != Ordering::Greater,
        _ => order != Ordering::Less,
    })
}
