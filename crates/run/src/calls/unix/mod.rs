//! AF_UNIX sockets of the program: native, but for their abstract names, which are private to the run.
//!
//! Calls with an abstract name are made in the caller's stead, on the caller's own file, with the name behind the run's
//! prefix; so are those for which the kernel would choose one. All others the kernel carries out: paths obey the file
//! system, and credentials stay the caller's own.

mod credentials;
mod send;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use sockeye_core::Errno;

pub(crate) use credentials::Identities;

use super::{address_bytes, errno, write_address};
use crate::memory;
use crate::names::LONGEST;
use crate::notify::{Call, Outcome};
use crate::supervisor::Supervisor;
use crate::sys::{self, Name};

/// How long a blocking call waits before it tries a full queue again.
const RETRY: Duration = Duration::from_millis(2);

/// `SO_PASSPIDFD`: as `SO_PASSCRED` it gives an unnamed sender a name.
const SO_PASSPIDFD: i32 = 76;
/// Names that the kernel chooses have five hexadecimal digits (`unix_autobind`).
const CHOSEN: u32 = 1 << 20;

pub(super) fn carry_out(
    supervisor: &mut Supervisor,
    call: &Call,
    file: &OwnedFd,
) -> Result<Outcome, Errno> {
    match call.number() {
        libc::SYS_bind => bind(supervisor, call, file),
        libc::SYS_connect => {
            let name = abstract_name(supervisor, call, call.argument(1), call.int(2))?;
            if !is_unix(file) {
                return Ok(Outcome::Proceed);
            }
            name_sender(supervisor, file.as_fd())?;
            match name {
                Some(name) => connect(supervisor, call, file, &name),
                None => Ok(Outcome::Proceed),
            }
        }
        libc::SYS_getsockname => own_name(supervisor, call, sys::own_name(file.as_fd())),
        libc::SYS_getpeername => own_name(supervisor, call, sys::peer_name(file.as_fd())),
        libc::SYS_sendto if call.argument(4) != 0 => send::to(supervisor, call, file),
        libc::SYS_sendmsg => send::message(supervisor, call, file),
        libc::SYS_sendmmsg => send::messages(supervisor, call, file),
        libc::SYS_setsockopt if call.int(1) == libc::SOL_SOCKET && is_unix(file) => {
            // Its next message would give a connected socket a name.
            if matches!(call.int(2), libc::SO_PASSCRED | SO_PASSPIDFD)
                && sys::peer_name(file.as_fd()).is_ok()
                && memory::read_u32(call.tid(), call.argument(3)).is_ok_and(|value| value != 0)
            {
                choose_name(supervisor, file.as_fd())?;
            }
            Ok(Outcome::Proceed)
        }
        libc::SYS_getsockopt if call.int(1) == libc::SOL_SOCKET && is_unix(file) => {
            credentials::of_peer(supervisor, call, file)
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

fn bind(supervisor: &mut Supervisor, call: &Call, file: &OwnedFd) -> Result<Outcome, Errno> {
    let (address, length) = (call.argument(1), call.int(2));
    // Only the family: the kernel chooses. unix(7)
    if length == 2
        && address_bytes(call, address, length)
            .is_ok_and(|family| family == sockeye_linux::number::AF_UNIX.to_ne_bytes())
        && is_unix(file)
    {
        choose_name(supervisor, file.as_fd())?;
        return Ok(Outcome::Value(0));
    }
    match given_name(call, address, length) {
        Some(name) if is_unix(file) => {
            let name = name_to_bind(supervisor, name)?;
            sys::bind(file.as_fd(), &name).map_err(|error| errno(&error))?;
            Ok(Outcome::Value(0))
        }
        _ => Ok(Outcome::Proceed),
    }
}

/// Gives an unnamed socket a name as the kernel would, but of the run.
fn choose_name(supervisor: &mut Supervisor, file: BorrowedFd<'_>) -> Result<(), Errno> {
    let is_named = |name: &Name| name.bytes().len() > 2;
    if sys::own_name(file).is_ok_and(|name| is_named(&name)) {
        return Ok(());
    }
    for _ in 0..CHOSEN {
        let number = supervisor.names.choose() % CHOSEN;
        let chosen = format!("{number:05x}");
        let Some(name) = supervisor.names.private(chosen.as_bytes()) else {
            break;
        };
        match sys::bind(file, &name) {
            Err(error) if error.raw_os_error() == Some(libc::EADDRINUSE) => {}
            answer => return answer.map_err(|error| errno(&error)),
        }
    }
    Err(Errno::ENOSPC)
}

/// A socket that asks for credentials names itself before it connects or sends, so that it can be answered.
fn name_sender(supervisor: &mut Supervisor, file: BorrowedFd<'_>) -> Result<(), Errno> {
    let asks = |option| sys::int_option(file, option).is_ok_and(|value| value != 0);
    if asks(libc::SO_PASSCRED) || asks(SO_PASSPIDFD) {
        choose_name(supervisor, file)?;
    }
    Ok(())
}

fn connect(
    supervisor: &mut Supervisor,
    call: &Call,
    file: &OwnedFd,
    name: &Name,
) -> Result<Outcome, Errno> {
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
        Ok(()) => {
            supervisor.identities.connected(file.as_fd(), call.tid());
            Ok(Outcome::Value(0))
        }
        Err(error) if error.raw_os_error() == Some(libc::EAGAIN) && !nonblocking => {
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
