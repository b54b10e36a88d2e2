//! Calls on the kernel's sockets, none of which waits.

use std::io;
use std::mem::{size_of, size_of_val, zeroed};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd};

/// What went wrong, by its number.
type Answer<T> = Result<T, i32>;

fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn done(answer: libc::c_int) -> Answer<()> {
    if answer == 0 { Ok(()) } else { Err(errno()) }
}

fn length_of<T: ?Sized>(value: &T) -> libc::socklen_t {
    libc::socklen_t::try_from(size_of_val(value)).unwrap_or(0)
}

/// Calls with an address as the kernel has it.
fn named<T>(
    address: SocketAddr,
    call: impl FnOnce(*const libc::sockaddr, libc::socklen_t) -> T,
) -> T {
    match address {
        SocketAddr::V4(address) => {
            // SAFETY: all zeroes is a valid address.
            let mut name: libc::sockaddr_in = unsafe { zeroed() };
            name.sin_family = u16::try_from(libc::AF_INET).unwrap_or(0);
            name.sin_port = address.port().to_be();
            name.sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
            call((&raw const name).cast(), length_of(&name))
        }
        SocketAddr::V6(address) => {
            // SAFETY: all zeroes is a valid address.
            let mut name: libc::sockaddr_in6 = unsafe { zeroed() };
            name.sin6_family = u16::try_from(libc::AF_INET6).unwrap_or(0);
            name.sin6_port = address.port().to_be();
            name.sin6_addr.s6_addr = address.ip().octets();
            call((&raw const name).cast(), length_of(&name))
        }
    }
}

/// A socket for addresses of this family.
pub(crate) fn socket(address: SocketAddr) -> Answer<OwnedFd> {
    let family = if address.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no pointers.
    let socket = unsafe { libc::socket(family, kind, 0) };
    if socket < 0 {
        return Err(errno());
    }
    // SAFETY: a descriptor that was just made and that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(socket) })
}

pub(crate) fn bind(socket: &OwnedFd, address: SocketAddr) -> Answer<()> {
    // SAFETY: the name is as long as is said and outlives the call.
    done(named(address, |name, length| unsafe {
        libc::bind(socket.as_raw_fd(), name, length)
    }))
}

pub(crate) fn listen(socket: &OwnedFd, backlog: i32) -> Answer<()> {
    // SAFETY: no pointers.
    done(unsafe { libc::listen(socket.as_raw_fd(), backlog) })
}

pub(crate) fn connect(socket: &impl AsRawFd, address: SocketAddr) -> Answer<()> {
    // SAFETY: the name is as long as is said and outlives the call.
    done(named(address, |name, length| unsafe {
        libc::connect(socket.as_raw_fd(), name, length)
    }))
}

pub(crate) fn accept(socket: &OwnedFd) -> Answer<OwnedFd> {
    let (none, flags) = (
        std::ptr::null_mut(),
        libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
    );
    // SAFETY: no address is asked for.
    let answer = unsafe { libc::accept4(socket.as_raw_fd(), none, std::ptr::null_mut(), flags) };
    if answer < 0 {
        return Err(errno());
    }
    // SAFETY: a descriptor that was just made and that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(answer) })
}

/// An option of any length.
pub(crate) fn set(socket: &OwnedFd, level: i32, name: i32, value: &[u8]) -> Answer<()> {
    // SAFETY: the value is as long as is said, and is only read.
    done(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            value.as_ptr().cast(),
            length_of(value),
        )
    })
}

/// Fills the value as far as there is an answer.
pub(crate) fn get(socket: &OwnedFd, level: i32, name: i32, value: &mut [u8]) -> Answer<()> {
    let mut length = length_of(value);
    // SAFETY: the buffer is as long as is said, and both pointers outlive the call.
    done(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast(),
            &raw mut length,
        )
    })
}

pub(crate) fn receive(socket: &OwnedFd, most: usize, flags: i32) -> Answer<Vec<u8>> {
    let mut buffer = vec![0; most];
    // SAFETY: the buffer is as long as is said.
    let length = unsafe {
        libc::recv(
            socket.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            flags,
        )
    };
    buffer.truncate(usize::try_from(length).map_err(|_| errno())?);
    Ok(buffer)
}

/// To an address if there is one.
pub(crate) fn send(
    socket: &OwnedFd,
    data: &[u8],
    flags: i32,
    address: Option<SocketAddr>,
) -> Answer<usize> {
    let (file, flags) = (socket.as_raw_fd(), flags | libc::MSG_NOSIGNAL);
    let (bytes, count) = (data.as_ptr().cast(), data.len());
    let length = match address {
        // SAFETY: the data is as long as is said, and is only read.
        None => unsafe { libc::send(file, bytes, count, flags) },
        // SAFETY: so is the name.
        Some(address) => named(address, |name, length| unsafe {
            libc::sendto(file, bytes, count, flags, name, length)
        }),
    };
    usize::try_from(length).map_err(|_| errno())
}

pub(crate) fn shutdown(socket: &OwnedFd, how: i32) -> Answer<()> {
    // SAFETY: no pointers.
    done(unsafe { libc::shutdown(socket.as_raw_fd(), how) })
}

/// A number that `ioctl` tells.
pub(crate) fn number(socket: &OwnedFd, request: libc::Ioctl) -> Answer<i32> {
    let mut value: libc::c_int = 0;
    // SAFETY: the answer is an `int` that outlives the call.
    done(unsafe { libc::ioctl(socket.as_raw_fd(), request, &raw mut value) })?;
    Ok(value)
}

/// `poll`, with all there is to ask for.
pub(crate) fn poll(socket: &OwnedFd) -> i16 {
    let mut file = libc::pollfd {
        fd: socket.as_raw_fd(),
        events: libc::POLLIN | libc::POLLPRI | libc::POLLOUT | libc::POLLRDHUP,
        revents: 0,
    };
    // SAFETY: one file, which outlives the call.
    unsafe { libc::poll(&raw mut file, 1, 0) };
    file.revents
}

const _: () = assert!(size_of::<libc::c_int>() == size_of::<i32>());
