//! AF_UNIX sockets of the program: native, but for their abstract names, which are private to the run.
//!
//! Calls with an abstract name are made in the caller's stead, on the caller's own file, with the name behind the run's
//! prefix. All others the kernel carries out: paths obey the file system, and credentials stay the caller's own.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use sockeye_core::Errno;

use super::{address_bytes, errno, write_address};
use crate::memory;
use crate::names::LONGEST;
use crate::notify::{Call, Outcome};
use crate::supervisor::Supervisor;
use crate::sys::{self, Name};

/// How long a blocking call waits before it tries a full queue again.
const RETRY: Duration = Duration::from_millis(2);

pub(super) fn carry_out(
    supervisor: &mut Supervisor,
    call: &Call,
    file: &OwnedFd,
) -> Result<Outcome, Errno> {
    match call.number() {
        libc::SYS_bind => match given_name(call, call.argument(1), call.int(2)) {
            Some(name) if is_unix(file) => {
                let name = name_to_bind(supervisor, name)?;
                sys::bind(file.as_fd(), &name).map_err(|error| errno(&error))?;
                Ok(Outcome::Value(0))
            }
            _ => Ok(Outcome::Proceed),
        },
        libc::SYS_connect => {
            match abstract_name(supervisor, call, call.argument(1), call.int(2))? {
                Some(name) if is_unix(file) => connect(file, &name),
                _ => Ok(Outcome::Proceed),
            }
        }
        libc::SYS_getsockname => own_name(supervisor, call, sys::own_name(file.as_fd())),
        libc::SYS_getpeername => own_name(supervisor, call, sys::peer_name(file.as_fd())),
        libc::SYS_sendto if call.argument(4) != 0 => {
            match abstract_name(supervisor, call, call.argument(4), call.int(5))? {
                Some(name) if is_unix(file) => {
                    let length = usize::try_from(call.argument(2)).unwrap_or(usize::MAX);
                    let data = memory::read(call.tid(), call.argument(1), length)?;
                    send(call.int(3), file, &data, &name)
                }
                _ => Ok(Outcome::Proceed),
            }
        }
        libc::SYS_sendmsg => {
            let message = super::message::CallersMessage::read(call.tid(), call.argument(1));
            let Ok(message) = message else {
                return Ok(Outcome::Proceed);
            };
            // With descriptors the message has to come from the caller itself.
            if message.header.name == 0 || message.header.control_length != 0 {
                return Ok(Outcome::Proceed);
            }
            match abstract_name(
                supervisor,
                call,
                message.header.name,
                message.header.name_length,
            )? {
                Some(name) if is_unix(file) => {
                    let data = memory::gather(call.tid(), &message.spans)?;
                    send(call.int(2), file, &data, &name)
                }
                _ => Ok(Outcome::Proceed),
            }
        }
        _ => Ok(Outcome::Proceed),
    }
}

fn is_unix(file: &OwnedFd) -> bool {
    sys::int_option(file.as_fd(), libc::SO_DOMAIN).is_ok_and(|domain| domain == libc::AF_UNIX)
}

/// The private form of an abstract name argument; `None` if it is anything else.
fn abstract_name(
    supervisor: &Supervisor,
    call: &Call,
    address: u64,
    length: i32,
) -> Result<Option<Name>, Errno> {
    let Some(name) = given_name(call, address, length) else {
        return Ok(None);
    };
    if supervisor.names.public(&name).is_some() {
        // A name as the kernel gave it out.
        return Ok(Some(name));
    }
    let private = name
        .as_abstract()
        .and_then(|bytes| supervisor.names.private(bytes));
    private.map(Some).ok_or(Errno::EINVAL)
}

/// An abstract name argument; `None` if it is anything else.
fn given_name(call: &Call, address: u64, length: i32) -> Option<Name> {
    // What can't be read the kernel refuses with the right error.
    let name = Name::from_bytes(&address_bytes(call, address, length).ok()?);
    name.as_abstract().is_some().then_some(name)
}

/// The private form of a name that is to be bound.
fn name_to_bind(supervisor: &mut Supervisor, name: Name) -> Result<Name, Errno> {
    if supervisor.names.public(&name).is_some() {
        return Ok(name);
    }
    let bytes = name.as_abstract().unwrap_or_default();
    if bytes.len() > LONGEST {
        return Err(Errno::EINVAL);
    }
    supervisor
        .names
        .private_to_bind(bytes, is_free)
        .ok_or(Errno::ENOMEM)
}

/// Whether no socket of any type is bound to a name: their name spaces differ.
fn is_free(name: &Name) -> bool {
    [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET]
        .into_iter()
        .all(|kind| {
            sys::socket(libc::AF_UNIX, kind, true)
                .and_then(|probe| sys::bind(probe.as_fd(), name))
                .is_ok()
        })
}

fn connect(file: &OwnedFd, name: &Name) -> Result<Outcome, Errno> {
    let nonblocking = sys::is_nonblocking(file.as_fd());
    let mut before = [0; 16];
    if !nonblocking {
        sys::option(
            file.as_fd(),
            libc::SOL_SOCKET,
            libc::SO_SNDTIMEO,
            &mut before,
        )
        .map_err(|error| errno(&error))?;
        sys::set_send_timeout(file.as_fd(), Some(Duration::from_micros(1)))
            .map_err(|error| errno(&error))?;
    }
    let answer = sys::connect(file.as_fd(), name);
    if !nonblocking {
        sys::set_option(file.as_fd(), libc::SOL_SOCKET, libc::SO_SNDTIMEO, &before)
            .map_err(|error| errno(&error))?;
    }
    match answer {
        Ok(()) => Ok(Outcome::Value(0)),
        Err(error) if error.raw_os_error() == Some(libc::EAGAIN) && !nonblocking => {
            Ok(Outcome::Again(RETRY))
        }
        Err(error) => Err(errno(&error)),
    }
}

fn send(flags: i32, file: &OwnedFd, data: &[u8], name: &Name) -> Result<Outcome, Errno> {
    match sys::send_to(file.as_fd(), data, name) {
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

/// Hands a name out without the run's prefix.
fn own_name(
    supervisor: &Supervisor,
    call: &Call,
    name: std::io::Result<Name>,
) -> Result<Outcome, Errno> {
    let Ok(name) = name else {
        return Ok(Outcome::Proceed);
    };
    let Some(public) = supervisor.names.public(&name) else {
        return Ok(Outcome::Proceed);
    };
    let public = Name::abstract_name(public);
    write_address(call, public.bytes(), call.argument(1), call.argument(2))?;
    Ok(Outcome::Value(0))
}
