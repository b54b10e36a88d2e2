//! `socket(2)`.

use std::os::fd::{AsFd, OwnedFd};

use sockeye_core::{Credentials, Domain, Errno, SocketAddress, SocketType};
use sockeye_linux::address;
use sockeye_linux::number::{
    AF_INET, AF_INET6, AF_NETLINK, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOCK_TYPE_MASK,
};

use super::errno;
use crate::conduit::{Conduit, Datagram, Owner, State};
use crate::netlink::Netlink;
use crate::notify::{Call, Outcome, Undo};
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys;

pub(super) fn carry_out(supervisor: &mut Supervisor, call: &Call) -> Result<Outcome, Errno> {
    let (domain, kind, protocol) = (call.int(0), call.int(1), call.int(2));
    let flags = kind & !SOCK_TYPE_MASK;
    if flags & !(SOCK_CLOEXEC | SOCK_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let family = match domain {
        libc::AF_INET => AF_INET,
        libc::AF_INET6 => AF_INET6,
        libc::AF_NETLINK => AF_NETLINK,
        // The machine's own links are not of this network.
        _ => return Err(Errno::EAFNOSUPPORT),
    };
    let kind = kind & SOCK_TYPE_MASK;
    let mut credentials = credentials_of(call.tid());
    // An undumpable process's files belong to root, whoever runs it: look closer where it matters.
    if family == AF_NETLINK {
        let (uid, gid) = sys::ids_of(call.tid()).ok_or(Errno::EPERM)?;
        // Its port is the process's number, whichever thread made it.
        let pid = sys::process_of(call.tid()).unwrap_or(call.tid());
        credentials = Credentials { pid, uid, gid };
    } else if kind == libc::SOCK_RAW && sys::ids_of(call.tid()).is_none_or(|(uid, _)| uid != 0) {
        return Err(Errno::EPERM);
    }
    let kind_of = SocketType::from_number(kind).ok_or(Errno::EINVAL)?;
    let domain_of = Domain::from_number(i32::from(family)).ok_or(Errno::EAFNOSUPPORT)?;
    let socket = match supervisor
        .host
        .socket(domain_of, kind_of, protocol, credentials)
    {
        // Closed sockets may be known only after a census.
        Err(Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => {
            supervisor.take_census();
            supervisor
                .host
                .socket(domain_of, kind_of, protocol, credentials)?
        }
        answer => answer?,
    };
    let stream = kind == SOCK_STREAM;
    let made = make_file(supervisor, stream, flags & SOCK_NONBLOCK != 0);
    let (file, cookie, name) = match made {
        Ok(made) => made,
        Err(error) => {
            let _closed = supervisor.host.close(socket, supervisor.now);
            return Err(errno(&error));
        }
    };
    let owner = Owner {
        pid: call.tid(),
        fd: -1,
    };
    let state = if stream {
        State::Fresh
    } else {
        let netlink = (family == AF_NETLINK).then(|| Box::new(Netlink::new(protocol)));
        State::Datagram(Box::new(Datagram {
            netlink,
            ..Datagram::default()
        }))
    };
    let id = supervisor.conduits.insert(Conduit {
        cookie,
        name,
        ..Conduit::new(socket, family, owner, state)
    });
    if family == AF_NETLINK
        && let Err(error) = pair_with_kernel(supervisor, id, &file)
    {
        supervisor.retire(id);
        return Err(errno(&error));
    }
    if supervisor.census.enter(file.as_fd(), id, false).is_err() {
        supervisor.retire(id);
        return Err(Errno::ENFILE);
    }
    supervisor.count_up();
    Ok(Outcome::File {
        file,
        close_on_exec: flags & SOCK_CLOEXEC != 0,
        undo: Undo::Socket(id),
    })
}

/// A netlink socket's peer is the kernel from the start: the file is one half of a pair, so that `send` and `write` need
/// no address, and the other half answers.
fn pair_with_kernel(supervisor: &mut Supervisor, id: Id, file: &OwnedFd) -> std::io::Result<()> {
    let kernel = SocketAddress::Netlink { port: 0, groups: 0 };
    supervisor.pair_up(id, file.as_fd(), &address::encode(&kernel))
}

/// The program's file: a stream is bound when its name is needed, a datagram socket has one from the start.
fn make_file(
    supervisor: &mut Supervisor,
    stream: bool,
    nonblocking: bool,
) -> std::io::Result<(std::os::fd::OwnedFd, u64, Option<crate::names::Serial>)> {
    let kind = if stream {
        libc::SOCK_STREAM
    } else {
        libc::SOCK_DGRAM
    };
    let file = sys::socket(libc::AF_UNIX, kind, nonblocking)?;
    let cookie = sys::socket_cookie(file.as_fd())?;
    let mut name = None;
    if stream {
        sys::set_send_buffer(file.as_fd(), supervisor.send_buffer);
    } else {
        let serial = supervisor.names.serial();
        sys::bind(file.as_fd(), &supervisor.names.name(serial))?;
        sys::set_send_buffer(file.as_fd(), supervisor.send_buffer);
        name = Some(serial);
    }
    Ok((file, cookie, name))
}

/// Who calls, as `/proc` says.
pub(super) fn credentials_of(tid: i32) -> Credentials {
    let mut credentials = Credentials {
        pid: tid,
        uid: 0,
        gid: 0,
    };
    let (uid, gid) = sys::owner_of(tid).unwrap_or((u32::MAX, u32::MAX));
    credentials.uid = uid;
    credentials.gid = gid;
    credentials
}
