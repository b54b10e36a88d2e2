//! Calls that move data between descriptors.

use super::structures::bytes_of;
use super::{Context, not_understood};
use crate::ast::{Expression, SystemCall, Value};
use crate::failure::{Failure, Outcome};
use crate::system::Call;

impl Context<'_> {
    /// The call that the script's line means, if it is one of these.
    pub(super) fn prepare_move(&self, call: &SystemCall) -> Outcome<Option<Call>> {
        let arguments = call.arguments.as_slice();
        Ok(Some(match (call.name.as_str(), arguments) {
            ("open", [path, flags, ..]) => {
                let Value::Text(path) = &path.value else {
                    return Err(not_understood(path, "the name of a file"));
                };
                Call::Open {
                    path: String::from_utf8_lossy(&bytes_of(path)).into_owned(),
                    flags: self.int(flags)?,
                }
            }
            ("pipe", [_]) => Call::Pipe { flags: 0 },
            ("pipe2", [_, flags]) => Call::Pipe {
                flags: self.int(flags)?,
            },
            ("sendfile", [to, from, offset, length]) => Call::SendFile {
                to: self.fd(to)?,
                from: self.fd(from)?,
                offset: if is_null(offset) {
                    None
                } else {
                    Some(self.number(offset)?)
                },
                length: self.length(length, 0)?,
            },
            ("splice", [from, from_offset, to, to_offset, length, flags]) => {
                for offset in [from_offset, to_offset] {
                    if !is_null(offset) {
                        let what = "a place in the middle of what has none can't be told";
                        return Err(Failure::new(offset.place, what));
                    }
                }
                Call::Splice {
                    from: self.fd(from)?,
                    to: self.fd(to)?,
                    length: self.length(length, 0)?,
                    flags: self.int(flags)?,
                }
            }
            ("tee", [from, to, length, flags]) => Call::Tee {
                from: self.fd(from)?,
                to: self.fd(to)?,
                length: self.length(length, 0)?,
                flags: self.int(flags)?,
            },
            ("vmsplice", [fd, vectors, _, flags]) => Call::VmSplice {
                fd: self.fd(fd)?,
                data: self.data_of(fd, vectors)?.0,
                flags: self.int(flags)?,
            },
            _ => return Ok(None),
        }))
    }
}

/// Whether an argument is the pointer that points nowhere.
pub(super) fn is_null(expression: &Expression) -> bool {
    match &expression.value {
        Value::Name(name) => name == "NULL",
        // Where no buffer of a script lies.
        Value::Number(_) => true,
        _ => false,
    }
}
