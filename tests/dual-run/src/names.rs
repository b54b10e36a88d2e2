//! Numbers as the names that `<sys/socket.h>` and `<errno.h>` give them.

/// The name of an error number.
#[must_use]
pub fn errno(number: i32) -> String {
    let known = [
        (libc::EPERM, "EPERM"),
        (libc::ENOENT, "ENOENT"),
        (libc::ESRCH, "ESRCH"),
        (libc::EINTR, "EINTR"),
        (libc::EIO, "EIO"),
        (libc::ENXIO, "ENXIO"),
        (libc::EBADF, "EBADF"),
        (libc::EAGAIN, "EAGAIN"),
        (libc::ENOMEM, "ENOMEM"),
        (libc::EACCES, "EACCES"),
        (libc::EFAULT, "EFAULT"),
        (libc::EBUSY, "EBUSY"),
        (libc::EEXIST, "EEXIST"),
        (libc::ENODEV, "ENODEV"),
        (libc::ENOTDIR, "ENOTDIR"),
        (libc::EINVAL, "EINVAL"),
        (libc::EMFILE, "EMFILE"),
        (libc::ENOTTY, "ENOTTY"),
        (libc::EPIPE, "EPIPE"),
        (libc::EDOM, "EDOM"),
        (libc::ERANGE, "ERANGE"),
        (libc::ENAMETOOLONG, "ENAMETOOLONG"),
        (libc::ENOTSOCK, "ENOTSOCK"),
        (libc::EDESTADDRREQ, "EDESTADDRREQ"),
        (libc::EMSGSIZE, "EMSGSIZE"),
        (libc::EPROTOTYPE, "EPROTOTYPE"),
        (libc::ENOPROTOOPT, "ENOPROTOOPT"),
        (libc::EPROTONOSUPPORT, "EPROTONOSUPPORT"),
        (libc::ESOCKTNOSUPPORT, "ESOCKTNOSUPPORT"),
        (libc::EOPNOTSUPP, "EOPNOTSUPP"),
        (libc::EAFNOSUPPORT, "EAFNOSUPPORT"),
        (libc::EADDRINUSE, "EADDRINUSE"),
        (libc::EADDRNOTAVAIL, "EADDRNOTAVAIL"),
        (libc::ENETUNREACH, "ENETUNREACH"),
        (libc::ECONNABORTED, "ECONNABORTED"),
        (libc::ECONNRESET, "ECONNRESET"),
        (libc::ENOBUFS, "ENOBUFS"),
        (libc::EISCONN, "EISCONN"),
        (libc::ENOTCONN, "ENOTCONN"),
        (libc::ESHUTDOWN, "ESHUTDOWN"),
        (libc::ETOOMANYREFS, "ETOOMANYREFS"),
        (libc::ETIMEDOUT, "ETIMEDOUT"),
        (libc::ECONNREFUSED, "ECONNREFUSED"),
        (libc::EHOSTUNREACH, "EHOSTUNREACH"),
        (libc::EALREADY, "EALREADY"),
        (libc::EINPROGRESS, "EINPROGRESS"),
        (libc::EPROTO, "EPROTO"),
        (libc::ENODATA, "ENODATA"),
        (libc::EOVERFLOW, "EOVERFLOW"),
    ];
    known
        .iter()
        .find(|(n, _)| *n == number)
        .map_or_else(|| format!("errno {number}"), |(_, name)| (*name).to_owned())
}

/// The name of a domain.
#[must_use]
pub fn domain(number: i32) -> String {
    named(
        number,
        &[
            (libc::AF_UNIX, "unix"),
            (libc::AF_INET, "inet"),
            (libc::AF_INET6, "inet6"),
            (libc::AF_NETLINK, "netlink"),
        ],
    )
}

/// The name of a socket type.
#[must_use]
pub fn kind(number: i32) -> String {
    let known = [
        (libc::SOCK_STREAM, "stream"),
        (libc::SOCK_DGRAM, "dgram"),
        (libc::SOCK_RAW, "raw"),
        (libc::SOCK_SEQPACKET, "seqpacket"),
    ];
    named(number, &known)
}

/// `MSG_*` bits.
#[must_use]
pub fn message_flags(bits: i32) -> String {
    let known = [
        (libc::MSG_OOB, "OOB"),
        (libc::MSG_PEEK, "PEEK"),
        (libc::MSG_DONTROUTE, "DONTROUTE"),
        (libc::MSG_CTRUNC, "CTRUNC"),
        (libc::MSG_TRUNC, "TRUNC"),
        (libc::MSG_DONTWAIT, "DONTWAIT"),
        (libc::MSG_EOR, "EOR"),
        (libc::MSG_WAITALL, "WAITALL"),
        (libc::MSG_ERRQUEUE, "ERRQUEUE"),
        (libc::MSG_MORE, "MORE"),
        (libc::MSG_CMSG_CLOEXEC, "CMSG_CLOEXEC"),
    ];
    bit_names(bits & !libc::MSG_NOSIGNAL, &known)
}

/// `POLL*` bits.
#[must_use]
pub fn readiness(bits: i16) -> String {
    let known = [
        (i32::from(libc::POLLIN), "IN"),
        (i32::from(libc::POLLPRI), "PRI"),
        (i32::from(libc::POLLOUT), "OUT"),
        (i32::from(libc::POLLERR), "ERR"),
        (i32::from(libc::POLLHUP), "HUP"),
        (i32::from(libc::POLLRDHUP), "RDHUP"),
        (i32::from(libc::POLLNVAL), "NVAL"),
    ];
    bit_names(i32::from(bits), &known)
}

fn named(number: i32, known: &[(i32, &str)]) -> String {
    known
        .iter()
        .find(|(n, _)| *n == number)
        .map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

fn bit_names(bits: i32, known: &[(i32, &str)]) -> String {
    let mut left = bits;
    let mut words = Vec::new();
    for (bit, name) in known {
        if bits & bit != 0 {
            words.push((*name).to_owned());
            left &= !bit;
        }
    }
    if left != 0 {
        words.push(format!("{left:#x}"));
    }
    if words.is_empty() {
        "0".to_owned()
    } else {
        words.join("|")
    }
}
