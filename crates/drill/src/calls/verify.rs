//! Whether a call answered as the script says.

use std::time::Duration;

use super::prepare::{message_header, structures};
use super::structures::{bytes_of, field};
use super::{Context, stamps};
use crate::ast::{Expression, SystemCall, Value};
use crate::failure::{Failure, Outcome, Place};
use crate::numbers::{errno, errno_name, poll_names};
use crate::system::Answer;

/// What a call returned, as `strace` would print it.
fn returned(value: i64) -> String {
    match i32::try_from(-value) {
        Ok(number) if number > 0 => format!("-1 {}", errno_name(number)),
        _ => value.to_string(),
    }
}

fn differs(
    place: Place,
    call: &SystemCall,
    what: &str,
    expected: impl ToString,
    seen: impl ToString,
) -> Failure {
    Failure::new(place, format!("`{}` {what}", call.name))
        .note("expected", expected.to_string())
        .note("seen", seen.to_string())
}

impl Context<'_> {
    /// Compares an answer with what the script expects.
    pub(crate) fn verify(&self, call: &SystemCall, answer: &Answer, place: Place) -> Outcome<()> {
        self.value(call, answer, place)?;
        if answer.value < 0 {
            return Ok(());
        }
        let arguments = call.arguments.as_slice();
        match (call.name.as_str(), arguments) {
            ("getsockopt", [_, _, _, value, length]) => self.option(call, answer, value, length),
            ("accept" | "accept4", [_, address, ..]) => self.name(call, answer, address),
            ("getsockname" | "getpeername", [_, address, _]) => self.name(call, answer, address),
            ("recvfrom", [_, _, _, _, address, _]) => self.name(call, answer, address),
            ("read" | "recv" | "recvfrom", [_, buffer, ..]) => self.text(call, answer, buffer),
            ("ioctl", [_, _, number]) if !matches!(number.value, Value::Any) => {
                let expected = self.int(number)?;
                if expected == answer.number {
                    return Ok(());
                }
                Err(differs(
                    number.place,
                    call,
                    "gave another number",
                    expected,
                    answer.number,
                ))
            }
            ("recvmsg", [_, message, _]) => self.message(call, answer, message),
            ("poll", [list, ..]) => {
                for ((whole, fields), (bits, _)) in structures(list)?.iter().zip(&answer.events) {
                    let Some(revents) = field(fields, "revents") else {
                        continue;
                    };
                    let expected = self.int(revents)?.cast_unsigned();
                    if expected != *bits {
                        let (e, s) = (poll_names(expected, "POLL"), poll_names(*bits, "POLL"));
                        return Err(differs(whole.place, call, "told other events", e, s));
                    }
                }
                Ok(())
            }
            ("epoll_wait", [_, list, ..]) => {
                if matches!(list.value, Value::Any) {
                    return Ok(());
                }
                for ((whole, fields), (bits, data)) in structures(list)?.iter().zip(&answer.events)
                {
                    let (expected, expected_data) = self.epoll_event(fields)?;
                    if (expected, expected_data) != (*bits, *data) {
                        let show = |bits, data| format!("{} {data}", poll_names(bits, "EPOLL"));
                        let (e, s) = (show(expected, expected_data), show(*bits, *data));
                        return Err(differs(whole.place, call, "told other events", e, s));
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The value that the call returns, or its error.
    fn value(&self, call: &SystemCall, answer: &Answer, place: Place) -> Outcome<()> {
        if matches!(call.result.value, Value::Any) {
            return Ok(());
        }
        let expected = self.number(&call.result)?;
        let failed = answer.value < 0;
        let is_descriptor = matches!(
            call.name.as_str(),
            "socket" | "accept" | "accept4" | "epoll_create" | "epoll_create1" | "open"
        );
        match &call.errno {
            Some((at, name)) => {
                let number = errno(name);
                let number = number
                    .ok_or_else(|| Failure::new(*at, format!("`{name}` is no error known here")))?;
                if answer.value == -i64::from(number) {
                    return Ok(());
                }
                let seen = returned(answer.value);
                Err(differs(
                    place,
                    call,
                    "answered something else",
                    format!("-1 {name}"),
                    seen,
                ))
            }
            // The stack chooses its own numbers; the script's are names for them.
            None if is_descriptor && expected >= 0 && !failed => Ok(()),
            None if expected == answer.value || (expected == -1 && failed) => Ok(()),
            None => {
                let seen = returned(answer.value);
                Err(differs(
                    place,
                    call,
                    "answered something else",
                    expected,
                    seen,
                ))
            }
        }
    }

    fn option(
        &self,
        call: &SystemCall,
        answer: &Answer,
        value: &Expression,
        length: &Expression,
    ) -> Outcome<()> {
        let seen = answer.option.as_slice();
        if let Value::Any = value.value {
            return Ok(());
        }
        let expected = match &value.value {
            Value::Text(text) => {
                let end = seen
                    .iter()
                    .position(|byte| *byte == 0)
                    .unwrap_or(seen.len());
                let seen = String::from_utf8_lossy(seen.get(..end).unwrap_or_default());
                if seen == text.as_str() {
                    return Ok(());
                }
                return Err(differs(value.place, call, "gave another value", text, seen));
            }
            Value::Array(list) if list.first().is_some_and(|e| matches!(e.value, Value::Any)) => {
                return Ok(());
            }
            _ => {
                let length = match length.value {
                    Value::Any => seen.len(),
                    _ => usize::try_from(self.number(length)?).unwrap_or(0),
                };
                if length != seen.len() {
                    let what = "gave a value of another length";
                    return Err(differs(value.place, call, what, length, seen.len()));
                }
                self.option_value(value, length)?
            }
        };
        if expected == seen {
            return Ok(());
        }
        let show = |bytes: &[u8]| match *bytes {
            [a, b, c, d] => i32::from_ne_bytes([a, b, c, d]).to_string(),
            _ => format!("{bytes:02x?}"),
        };
        Err(differs(
            value.place,
            call,
            "gave another value",
            show(&expected),
            show(seen),
        ))
    }

    fn name(&self, call: &SystemCall, answer: &Answer, address: &Expression) -> Outcome<()> {
        let Value::Structure(fields) = &address.value else {
            return Ok(());
        };
        let expected = self.sockaddr(fields, address)?;
        if expected == answer.address {
            return Ok(());
        }
        let (e, s) = (
            format!("{expected:02x?}"),
            format!("{:02x?}", answer.address),
        );
        Err(differs(address.place, call, "gave another address", e, s))
    }

    /// Data that the script spells out.
    fn text(&self, call: &SystemCall, answer: &Answer, buffer: &Expression) -> Outcome<()> {
        let Value::Text(text) = &buffer.value else {
            return Ok(());
        };
        if answer.data.starts_with(&bytes_of(text)) || text.is_empty() {
            return Ok(());
        }
        let seen = answer.data.escape_ascii().to_string();
        Err(differs(buffer.place, call, "gave other data", text, seen))
    }

    fn message(&self, call: &SystemCall, answer: &Answer, message: &Expression) -> Outcome<()> {
        const CLOEXEC: i32 = 0x4000_0000;
        let header = message_header(message)?;
        if let Some(flags) = header.flags
            && !matches!(flags.value, Value::Any)
        {
            let (expected, seen) = (self.int(flags)?, answer.flags & !CLOEXEC);
            if expected != seen {
                let (e, s) = (format!("{expected:#x}"), format!("{seen:#x}"));
                return Err(differs(flags.place, call, "gave other msg_flags", e, s));
            }
        }
        if let Some(name) = header.name {
            self.name(call, answer, name)?;
        }
        let Some(control) = header.control else {
            return Ok(());
        };
        let expected = self.control(control)?;
        // The offender's address follows an extended error: the script does not speak of it.
        let tolerance = self.setup.tolerance;
        if same_messages(&expected, &answer.control, self.epoch, tolerance) {
            return Ok(());
        }
        let (e, s) = (
            show_messages(&expected, Duration::ZERO),
            show_messages(&answer.control, self.epoch),
        );
        Err(differs(
            control.place,
            call,
            "gave other control messages",
            e,
            s,
        ))
    }
}

/// Control messages one by one: level, type and as much of the data as is expected.
fn same_messages(expected: &[u8], seen: &[u8], epoch: Duration, tolerance: i64) -> bool {
    let (mut expected, mut seen) = (expected, seen);
    loop {
        let (Some(e), Some(s)) = (first_message(expected), first_message(seen)) else {
            return expected.is_empty() && seen.is_empty();
        };
        let is_same = if stamps::has_time(e.0) {
            stamps::is_near(e.1, s.1, epoch, tolerance)
        } else {
            s.1.starts_with(e.1)
        };
        if e.0 != s.0 || !is_same {
            return false;
        }
        expected = e.2;
        seen = s.2;
    }
}

/// Control messages for people to read.
fn show_messages(bytes: &[u8], epoch: Duration) -> String {
    let mut shown = Vec::new();
    let mut rest = bytes;
    while let Some((kind, data, next)) = first_message(rest) {
        shown.push(if stamps::has_time(kind) {
            format!("{kind:02x?} {}", stamps::counted(data, epoch))
        } else {
            format!("{kind:02x?} {data:02x?}")
        });
        rest = next;
    }
    format!("[{}]", shown.join(", "))
}

type Message<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// Level and type, data, and what follows.
fn first_message(bytes: &[u8]) -> Option<Message<'_>> {
    let length = u64::from_ne_bytes(bytes.get(..8)?.try_into().ok()?);
    let length = usize::try_from(length).ok()?;
    let next = length.next_multiple_of(8).min(bytes.len());
    Some((
        bytes.get(8..16)?,
        bytes.get(16..length)?,
        bytes.get(next..)?,
    ))
}
