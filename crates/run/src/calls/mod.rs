//! The trapped calls, one file each.
//!
//! A call on a file that is not ours goes to the kernel as it is, but for the abstract names of AF_UNIX sockets, which
//! are private to the run ([`unix`]).

pub(crate) mod accept;
mod bind;
mod connect;
mod interfaces;
mod ioctl;
mod listen;
mod message;
mod names;
mod options;
mod receive;
mod send;
mod shutdown;
mod socket;
pub(crate) mod unix;

use std::os::fd::{AsFd, OwnedFd};

use sockeye_core::{Errno, SocketAddress};
use sockeye_linux::address::{self, Purpose, STORAGE_SIZE};
use sockeye_linux::number::AF_UNIX;

use crate::memory;
use crate::notify::{Call, Outcome};
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys;

/// An errno as the kernel's number.
pub(crate) fn number(errno: Errno) -> i32 {
    errno.number()
}

/// A kernel error as the host's errno.
pub(crate) fn errno(error: &std::io::Error) -> Errno {
    Errno::from_number(sys::errno_of(error)).unwrap_or(Errno::EIO)
}

/// A descriptor of the caller.
pub(crate) enum Found {
    /// A socket of ours, with a duplicate of the program's file.
    Ours(Id, OwnedFd),
    /// Any other socket.
    Other(OwnedFd),
    /// No socket, or nothing at all.
    Nothing,
}

/// Carries a call out.
pub(crate) fn dispatch(supervisor: &mut Supervisor, call: &Call) -> Result<Outcome, Errno> {
    if call.number() == libc::SYS_socket {
        return socket::carry_out(supervisor, call);
    }
    let (id, file) = match find(supervisor, call)? {
        Found::Ours(id, file) => (id, file),
        Found::Other(_) if call.number() == libc::SYS_ioctl && interfaces::is_meant(call) => {
            return interfaces::carry_out(supervisor, call, AF_UNIX);
        }
        Found::Other(file) => return unix::carry_out(supervisor, call, &file),
        Found::Nothing => return Ok(Outcome::Proceed),
    };
    let file = file.as_fd();
    if let Some(conduit) = supervisor.conduits.get_mut(id) {
        conduit.owner = crate::conduit::Owner {
            pid: call.tid(),
            fd: call.int(0),
        };
    }
    supervisor.flush_sent(id);
    match call.number() {
        libc::SYS_bind => bind::carry_out(supervisor, call, id),
        libc::SYS_listen => listen::carry_out(supervisor, call, id, file),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_accept => accept::carry_out(supervisor, call, id, file, 0),
        libc::SYS_accept4 => accept::carry_out(supervisor, call, id, file, call.int(3)),
        libc::SYS_connect => connect::carry_out(supervisor, call, id, file),
        libc::SYS_getsockname => names::own(supervisor, call, id),
        libc::SYS_getpeername => names::peer(supervisor, call, id, file),
        libc::SYS_getsockopt => options::get(supervisor, call, id, file),
        libc::SYS_setsockopt => options::set(supervisor, call, id, file),
        libc::SYS_shutdown => shutdown::carry_out(supervisor, call, id, file),
        libc::SYS_sendto => send::to(supervisor, call, id, file),
        libc::SYS_sendmsg => send::message(supervisor, call, id, file),
        libc::SYS_sendmmsg => send::messages(supervisor, call, id, file),
        libc::SYS_recvfrom => receive::from(supervisor, call, id, file),
        libc::SYS_recvmsg => receive::message(supervisor, call, id, file),
        libc::SYS_recvmmsg => receive::messages(supervisor, call, id, file),
        libc::SYS_ioctl => ioctl::carry_out(supervisor, call, id, file),
        _ => Ok(Outcome::Proceed),
    }
}

/// Finds the socket that a call is about.
fn find(supervisor: &mut Supervisor, call: &Call) -> Result<Found, Errno> {
    let file = match supervisor.callers.file(call.tid(), call.int(0)) {
        Ok(file) => file,
        // No such descriptor, or the caller is gone: the kernel says it best.
        Err(_) => return Ok(Found::Nothing),
    };
    // The number of a thread that has died may be another's by now.
    if !supervisor.listener.is_waiting(call.notification.id) {
        return Err(Errno::EINTR);
    }
    match sys::socket_cookie(file.as_fd()) {
        Ok(cookie) => Ok(match supervisor.conduits.by_cookie(cookie) {
            Some(id) => Found::Ours(id, file),
            None => Found::Other(file),
        }),
        Err(_) => Ok(Found::Nothing),
    }
}

/// Reads the bytes of an address argument.
fn address_bytes(call: &Call, address: u64, length: i32) -> Result<Vec<u8>, Errno> {
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= STORAGE_SIZE)
        .ok_or(Errno::EINVAL)?;
    call.read(address, length)
}

/// Reads an address argument of a call on this socket.
fn read_address(
    supervisor: &Supervisor,
    call: &Call,
    id: Id,
    (address, length): (u64, i32),
    purpose: Purpose,
) -> Result<SocketAddress, Errno> {
    let conduit = supervisor.conduits.get(id).ok_or(Errno::EBADF)?;
    let kind = supervisor.host.socket_type(conduit.socket)?;
    let bytes = address_bytes(call, address, length)?;
    address::decode(conduit.domain, kind, &bytes, purpose)
}

/// Hands an address out the way `getsockname` does: cut to the room there is, with the whole length.
fn write_address(call: &Call, bytes: &[u8], address: u64, length: u64) -> Result<(), Errno> {
    let room = memory::read_u32(call.tid(), length)?.cast_signed();
    let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
    memory::write(call.tid(), address, &bytes[..room.min(bytes.len())])?;
    let whole = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    memory::write(call.tid(), length, &whole.to_ne_bytes())
}
