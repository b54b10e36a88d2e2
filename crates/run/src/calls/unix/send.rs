//! Messages to abstract names, with what comes along: descriptors are sent on as duplicates of the caller's.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use sockeye_core::Errno;
use sockeye_linux::message::{MESSAGE_LENGTH_OFFSET, MMSGHDR_SIZE};

use super::credentials::Identity;
use super::{RETRY, abstract_name, errno, is_unix, name_sender};
use crate::calls::message::CallersMessage;
use crate::memory;
use crate::notify::{Call, Outcome};
use crate::supervisor::Supervisor;
use crate::sys::{self, Name};

/// `SCM_MAX_FD`
const MOST_FILES: usize = 253;

/// `sendto` with an address.
pub(super) fn to(
    supervisor: &mut Supervisor,
    call: &Call,
    file: &OwnedFd,
) -> Result<Outcome, Errno> {
    let name = abstract_name(supervisor, call, call.argument(4), call.int(5))?;
    if !is_unix(file) {
        return Ok(Outcome::Proceed);
    }
    name_sender(supervisor, file.as_fd())?;
    let Some(name) = name else {
        return Ok(Outcome::Proceed);
    };
    let length = usize::try_from(call.argument(2)).unwrap_or(usize::MAX);
    let data = call.read(call.argument(1), length)?;
    let sent = send(supervisor, call, call.int(3), file, &data, &name, &[]);
    value_or_wait(sent, call.int(3), file)
}

/// `sendmsg`.
pub(super) fn message(
    supervisor: &mut Supervisor,
    call: &Call,
    file: &OwnedFd,
) -> Result<Outcome, Errno> {
    // What can't be read the kernel refuses with the right error.
    let Ok(message) = CallersMessage::read(call, call.argument(1)) else {
        return Ok(Outcome::Proceed);
    };
    if message.header.name == 0 || !is_unix(file) {
        return Ok(Outcome::Proceed);
    }
    name_sender(supervisor, file.as_fd())?;
    match one(supervisor, call, file, call.int(2), &message)? {
        Some(sent) => value_or_wait(sent, call.int(2), file),
        None => Ok(Outcome::Proceed),
    }
}

/// `sendmmsg`: those to abstract names as far as they come first; the rest is another call's.
pub(super) fn messages(
    supervisor: &mut Supervisor,
    call: &Call,
    file: &OwnedFd,
) -> Result<Outcome, Errno> {
    let (flags, count) = (call.int(3), call.int(2).cast_unsigned().min(1024));
    if !is_unix(file) {
        return Ok(Outcome::Proceed);
    }
    name_sender(supervisor, file.as_fd())?;
    let header = |at: u32| {
        call.argument(1)
            .wrapping_add(u64::from(at) * MMSGHDR_SIZE as u64)
    };
    for at in 0..count {
        let Ok(message) = CallersMessage::read(call, header(at)) else {
            break;
        };
        match one(supervisor, call, file, flags, &message) {
            Ok(Some(Ok(sent))) => {
                let sent = u32::try_from(sent).unwrap_or(u32::MAX);
                memory::write(
                    call.tid(),
                    header(at).wrapping_add(MESSAGE_LENGTH_OFFSET),
                    &sent.to_ne_bytes(),
                )?;
            }
            // An error counts only if it is the first's.
            Ok(_) | Err(_) if at > 0 => return Ok(Outcome::Value(at.into())),
            Ok(Some(failed)) => return value_or_wait(failed, flags, file),
            Err(errno) => return Err(errno),
            // The kernel sends them all, so none of them may be to an abstract name.
            Ok(None) if names_follow(supervisor, call, (1..count).map(header))? => {
                return Err(Errno::EOPNOTSUPP);
            }
            Ok(None) => return Ok(Outcome::Proceed),
        }
    }
    match count {
        0 => Ok(Outcome::Proceed),
        count => Ok(Outcome::Value(count.into())),
    }
}

/// Whether one of these messages is to an abstract name.
fn names_follow(
    supervisor: &mut Supervisor,
    call: &Call,
    headers: impl Iterator<Item = u64>,
) -> Result<bool, Errno> {
    for header in headers {
        let Ok(message) = CallersMessage::read(call, header) else {
            return Ok(false);
        };
        let (name, length) = (message.header.name, message.header.name_length);
        if name != 0 && abstract_name(supervisor, call, name, length)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Sends one message; `None` if it is not to an abstract name.
#[allow(
    clippy::type_complexity,
    reason = "the kernel's error is told apart from one of ours"
)]
fn one(
    supervisor: &mut Supervisor,
    call: &Call,
    file: &OwnedFd,
    flags: i32,
    message: &CallersMessage,
) -> Result<Option<std::io::Result<usize>>, Errno> {
    if message.header.name == 0 {
        return Ok(None);
    }
    let (name, length) = (message.header.name, message.header.name_length);
    let Some(name) = abstract_name(supervisor, call, name, length)? else {
        return Ok(None);
    };
    let control = message.control(call)?;
    let data = call.gather(&message.spans)?;
    Ok(Some(send(
        supervisor, call, flags, file, &data, &name, &control,
    )))
}

fn value_or_wait(
    sent: std::io::Result<usize>,
    flags: i32,
    file: &OwnedFd,
) -> Result<Outcome, Errno> {
    match sent {
        Ok(sent) => Ok(Outcome::Value(i64::try_from(sent).unwrap_or(i64::MAX))),
        Err(error)
            if error.raw_os_error() == Some(libc::EAGAIN)
                && flags & libc::MSG_DONTWAIT == 0
                && !sys::is_nonblocking(file.as_fd()) =>
        {
            Ok(Outcome::Again(RETRY))
        }
        Err(error) => Err(errno(&error)),
    }
}

/// Sends in the caller's stead, with the caller's files and, as far as we may, its credentials.
fn send(
    supervisor: &mut Supervisor,
    call: &Call,
    flags: i32,
    file: &OwnedFd,
    data: &[u8],
    name: &Name,
    control: &[u8],
) -> std::io::Result<usize> {
    let invalid = || std::io::Error::from_raw_os_error(libc::EINVAL);
    let denied = || std::io::Error::from_raw_os_error(libc::EPERM);
    let (root, _) = sys::own_ids();
    let mut files: Vec<OwnedFd> = Vec::new();
    let mut out = Vec::new();
    // Root may claim to be anybody, so what the caller may claim is for us to say.
    let own = match root {
        0 => Some(Identity::of(call.tid()).ok_or_else(denied)?),
        _ => None,
    };
    let mut has_claimed = false;
    for (level, kind, data) in sys::control_messages(control).ok_or_else(invalid)? {
        match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                let mut numbers = Vec::new();
                for number in data.chunks_exact(4) {
                    if files.len() >= MOST_FILES {
                        return Err(invalid());
                    }
                    let number = number.try_into().map_or(-1, i32::from_ne_bytes);
                    let file = supervisor.callers.file(call.tid(), number)?;
                    numbers.extend_from_slice(&file.as_raw_fd().to_ne_bytes());
                    files.push(file);
                }
                sys::push_control_message(&mut out, level, kind, &numbers);
            }
            (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => {
                let claimed = data.try_into().map_err(|_| invalid())?;
                if own.as_ref().is_some_and(|own| !own.may_claim(claimed)) {
                    return Err(denied());
                }
                has_claimed = true;
                sys::push_control_message(&mut out, level, kind, claimed);
            }
            _ => sys::push_control_message(&mut out, level, kind, data),
        }
    }
    if let Some(own) = own.filter(|_| !has_claimed) {
        sys::push_control_message(
            &mut out,
            libc::SOL_SOCKET,
            libc::SCM_CREDENTIALS,
            &own.ucred(),
        );
    }
    sys::send_message(file.as_fd(), data, Some(name), &out, flags)
}
