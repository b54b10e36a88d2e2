//! The kernel sockets the supervisor uses: AF_UNIX ends of conduits, and the published listeners.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use sockeye_linux::number;

use super::{check, check_size, socklen};

/// `struct sockaddr_storage` with its length: a name as the kernel wants it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    pub(super) storage: [u8; 128],
    pub(super) length: usize,
}

impl Name {
    /// Raw bytes of a `sockaddr`; longer ones than the kernel knows are cut.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Name {
        let mut name = Name {
            storage: [0; 128],
            length: bytes.len().min(128),
        };
        name.storage[..name.length].copy_from_slice(&bytes[..name.length]);
        name
    }

    /// An abstract AF_UNIX name.
    pub(crate) fn abstract_name(name: &[u8]) -> Name {
        let mut bytes = Vec::with_capacity(3 + name.len());
        bytes.extend_from_slice(&number::AF_UNIX.to_ne_bytes());
        bytes.push(0);
        bytes.extend_from_slice(name);
        bytes.truncate(110);
        Name::from_bytes(&bytes)
    }

    /// The bytes of an abstract AF_UNIX name, without the leading zero.
    pub(crate) fn as_abstract(&self) -> Option<&[u8]> {
        let bytes = self.bytes();
        (bytes.len() >= 3 && bytes[..2] == number::AF_UNIX.to_ne_bytes() && bytes[2] == 0)
            .then(|| &bytes[3..])
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.storage[..self.length.min(128)]
    }

    /// An internet address.
    pub(crate) fn internet(address: SocketAddr) -> Name {
        let mut bytes = Vec::with_capacity(28);
        match address {
            SocketAddr::V4(address) => {
                bytes.extend_from_slice(&number::AF_INET.to_ne_bytes());
                bytes.extend_from_slice(&address.port().to_be_bytes());
                bytes.extend_from_slice(&address.ip().octets());
                bytes.extend_from_slice(&[0; 8]);
            }
            SocketAddr::V6(address) => {
                bytes.extend_from_slice(&number::AF_INET6.to_ne_bytes());
                bytes.extend_from_slice(&address.port().to_be_bytes());
                bytes.extend_from_slice(&[0; 4]);
                bytes.extend_from_slice(&address.ip().octets());
                bytes.extend_from_slice(&address.scope_id().to_ne_bytes());
            }
        }
        Name::from_bytes(&bytes)
    }

    /// `sin6_scope_id`: the interface at which a link-local address is; 0 of others.
    pub(crate) fn scope(&self) -> u32 {
        match (self.as_internet(), self.bytes().get(24..28)) {
            (Some(SocketAddr::V6(_)), Some(&[a, b, c, d])) => u32::from_ne_bytes([a, b, c, d]),
            _ => 0,
        }
    }

    /// The internet address, if it is one, without its scope.
    pub(crate) fn as_internet(&self) -> Option<SocketAddr> {
        let bytes = self.bytes();
        let family = i32::from(u16::from_ne_bytes([*bytes.first()?, *bytes.get(1)?]));
        let port = u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]);
        match family {
            libc::AF_INET => {
                let octets: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
                Some(SocketAddr::from((octets, port)))
            }
            libc::AF_INET6 => {
                let octets: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
                Some(SocketAddr::from((octets, port)))
            }
            _ => None,
        }
    }
}

/// `socket(2)`, close-on-exec.
pub(crate) fn socket(domain: i32, kind: i32, nonblocking: bool) -> io::Result<OwnedFd> {
    let flags = if nonblocking { libc::SOCK_NONBLOCK } else { 0 };
    raw_socket(domain, kind | flags, 0)
}

/// `socket(2)` of a protocol, close-on-exec.
pub(super) fn raw_socket(domain: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let fd = check(unsafe { libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol) })?;
    // SAFETY: just created.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `socketpair(2)` of AF_UNIX streams, close-on-exec.
pub(crate) fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    // SAFETY: two descriptors are written to `ends`.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) })?;
    // SAFETY: just created.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

pub(crate) fn bind(fd: BorrowedFd<'_>, name: &Name) -> io::Result<()> {
    // SAFETY: the name lives across the call and is as long as said.
    check(unsafe {
        libc::bind(
            fd.as_raw_fd(),
            name.storage.as_ptr().cast(),
            socklen(name.length),
        )
    })?;
    Ok(())
}

pub(crate) fn connect(fd: BorrowedFd<'_>, name: &Name) -> io::Result<()> {
    // SAFETY: the name lives across the call and is as long as said.
    check(unsafe {
        libc::connect(
            fd.as_raw_fd(),
            name.storage.as_ptr().cast(),
            socklen(name.length),
        )
    })?;
    Ok(())
}

pub(crate) fn listen(fd: BorrowedFd<'_>, backlog: i32) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::listen(fd.as_raw_fd(), backlog) })?;
    Ok(())
}

/// `accept4(2)`, close-on-exec, with the peer's name.
pub(crate) fn accept(fd: BorrowedFd<'_>, nonblocking: bool) -> io::Result<(OwnedFd, Name)> {
    let mut name = Name {
        storage: [0; 128],
        length: 0,
    };
    let mut length = socklen(128);
    let flags = libc::SOCK_CLOEXEC | if nonblocking { libc::SOCK_NONBLOCK } else { 0 };
    // SAFETY: the name has room for `length` bytes.
    let fd = check(unsafe {
        libc::accept4(
            fd.as_raw_fd(),
            name.storage.as_mut_ptr().cast(),
            &mut length,
            flags,
        )
    })?;
    name.length = length as usize;
    // SAFETY: just created.
    Ok((unsafe { OwnedFd::from_raw_fd(fd) }, name))
}

/// `getsockname(2)`.
pub(crate) fn own_name(fd: BorrowedFd<'_>) -> io::Result<Name> {
    let mut name = Name {
        storage: [0; 128],
        length: 0,
    };
    let mut length = socklen(128);
    // SAFETY: the name has room for `length` bytes.
    check(unsafe {
        libc::getsockname(
            fd.as_raw_fd(),
            name.storage.as_mut_ptr().cast(),
            &mut length,
        )
    })?;
    name.length = length as usize;
    Ok(name)
}

/// `getpeername(2)`.
pub(crate) fn peer_name(fd: BorrowedFd<'_>) -> io::Result<Name> {
    let mut name = Name {
        storage: [0; 128],
        length: 0,
    };
    let mut length = socklen(128);
    // SAFETY: the name has room for `length` bytes.
    check(unsafe {
        libc::getpeername(
            fd.as_raw_fd(),
            name.storage.as_mut_ptr().cast(),
            &mut length,
        )
    })?;
    name.length = length as usize;
    Ok(name)
}

pub(crate) fn shutdown(fd: BorrowedFd<'_>, how: i32) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::shutdown(fd.as_raw_fd(), how) })?;
    Ok(())
}

pub(crate) fn set_option(
    fd: BorrowedFd<'_>,
    level: i32,
    name: i32,
    value: &[u8],
) -> io::Result<()> {
    // SAFETY: the value is as long as said.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            value.as_ptr().cast(),
            socklen(value.len()),
        )
    })?;
    Ok(())
}

/// Reads an option into `value`; answers its length.
pub(crate) fn option(
    fd: BorrowedFd<'_>,
    level: i32,
    name: i32,
    value: &mut [u8],
) -> io::Result<usize> {
    let mut length = socklen(value.len());
    // SAFETY: the value has room for `length` bytes.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast(),
            &mut length,
        )
    })?;
    Ok(length as usize)
}

/// An option of `SOL_SOCKET` that is an `int`.
pub(crate) fn int_option(fd: BorrowedFd<'_>, name: i32) -> io::Result<i32> {
    let mut value = [0; 4];
    option(fd, libc::SOL_SOCKET, name, &mut value)?;
    Ok(i32::from_ne_bytes(value))
}

pub(crate) fn set_int_option(
    fd: BorrowedFd<'_>,
    level: i32,
    name: i32,
    value: i32,
) -> io::Result<()> {
    set_option(fd, level, name, &value.to_ne_bytes())
}

/// `SO_COOKIE`: a number that no other socket of this boot has or will have.
pub(crate) fn socket_cookie(fd: BorrowedFd<'_>) -> io::Result<u64> {
    let mut value = [0; 8];
    option(fd, libc::SOL_SOCKET, libc::SO_COOKIE, &mut value)?;
    Ok(u64::from_ne_bytes(value))
}

/// The process that made the other end of a connected AF_UNIX socket.
pub(crate) fn peer_pid(fd: BorrowedFd<'_>) -> io::Result<i32> {
    let mut value = [0; 12];
    option(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, &mut value)?;
    Ok(i32::from_ne_bytes([value[0], value[1], value[2], value[3]]))
}

/// Raises the send queue as far as this process may.
pub(crate) fn set_send_buffer(fd: BorrowedFd<'_>, bytes: i32) {
    if set_int_option(fd, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, bytes).is_err() {
        // Without CAP_NET_ADMIN the kernel cuts it at wmem_max, which is as far as we can go.
        let _cut = set_int_option(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, bytes);
    }
}

/// `send(2)` with `MSG_NOSIGNAL` and the given flags.
pub(crate) fn send(fd: BorrowedFd<'_>, data: &[u8], flags: i32) -> io::Result<usize> {
    // SAFETY: the data is as long as said.
    check_size(unsafe {
        libc::send(
            fd.as_raw_fd(),
            data.as_ptr().cast(),
            data.len(),
            flags | libc::MSG_NOSIGNAL,
        )
    })
}

/// `sendmsg(2)` of several slices, never blocking; the cheaper `send(2)` of one.
pub(crate) fn send_slices(
    fd: BorrowedFd<'_>,
    slices: &[io::IoSlice<'_>],
    flags: i32,
) -> io::Result<usize> {
    if let [slice] = slices {
        return send(fd, slice, flags | libc::MSG_DONTWAIT);
    }
    // SAFETY: all zero is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // `IoSlice` is laid out as an iovec, by its documentation.
    message.msg_iov = slices.as_ptr().cast_mut().cast();
    message.msg_iovlen = slices.len() as _;
    // SAFETY: the slices live across the call, which only reads them.
    check_size(unsafe {
        libc::sendmsg(
            fd.as_raw_fd(),
            &message,
            flags | libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT,
        )
    })
}

/// `sendto(2)`, never blocking.
pub(crate) fn send_to(fd: BorrowedFd<'_>, data: &[u8], name: &Name) -> io::Result<usize> {
    // SAFETY: the data and the name are as long as said.
    check_size(unsafe {
        libc::sendto(
            fd.as_raw_fd(),
            data.as_ptr().cast(),
            data.len(),
            libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT,
            name.storage.as_ptr().cast(),
            socklen(name.length),
        )
    })
}

/// `recv(2)`.
pub(crate) fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8], flags: i32) -> io::Result<usize> {
    // SAFETY: the buffer is as long as said.
    check_size(unsafe {
        libc::recv(
            fd.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            flags,
        )
    })
}

const SIOCATMARK: libc::c_ulong = 0x8905;

/// `FIONREAD`.
pub(crate) fn unread(fd: BorrowedFd<'_>) -> io::Result<i32> {
    let mut value: libc::c_int = 0;
    // SAFETY: one int that lives across the call.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &mut value) })?;
    Ok(value)
}

/// `SIOCATMARK`.
pub(crate) fn at_mark(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut value: libc::c_int = 0;
    // SAFETY: one int that lives across the call.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), SIOCATMARK, &mut value) })?;
    Ok(value != 0)
}

/// `SIOCOUTQ`.
pub(crate) fn unsent(fd: BorrowedFd<'_>) -> io::Result<i32> {
    let mut value: libc::c_int = 0;
    // SAFETY: one int that lives across the call.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &mut value) })?;
    Ok(value)
}

/// `recv(2)` into the spare capacity of an empty buffer, which then holds what was read. Never blocks.
pub(crate) fn receive_spare(
    fd: BorrowedFd<'_>,
    buffer: &mut bytes::BytesMut,
    most: usize,
) -> io::Result<usize> {
    buffer.clear();
    let spare = buffer.spare_capacity_mut();
    let room = spare.len().min(most);
    // SAFETY: the spare capacity has at least `room` bytes, which the kernel writes and nobody reads before.
    let read = check_size(unsafe {
        libc::recv(
            fd.as_raw_fd(),
            spare.as_mut_ptr().cast(),
            room,
            libc::MSG_DONTWAIT,
        )
    })?;
    // SAFETY: the kernel has written `read` bytes.
    unsafe { buffer.set_len(read.min(room)) };
    Ok(read)
}

/// `SO_SNDTIMEO`; `None` is for ever.
pub(crate) fn set_send_timeout(
    fd: BorrowedFd<'_>,
    timeout: Option<std::time::Duration>,
) -> io::Result<()> {
    let timeout = timeout.unwrap_or_default();
    let mut value = [0; 16];
    value[..8].copy_from_slice(&timeout.as_secs().to_ne_bytes());
    value[8..].copy_from_slice(&u64::from(timeout.subsec_micros()).to_ne_bytes());
    set_option(fd, libc::SOL_SOCKET, libc::SO_SNDTIMEO, &value)
}
