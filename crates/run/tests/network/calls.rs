//! System calls that the standard library has not.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A control message: level, type and first word.
pub(crate) type Control = (i32, i32, i32);

fn check(answer: libc::c_int) -> io::Result<libc::c_int> {
    if answer < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(answer)
    }
}

fn size(answer: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(answer).map_err(|_| io::Error::last_os_error())
}

/// The errno of a call that has to fail.
pub(crate) fn errno<T: std::fmt::Debug>(answer: io::Result<T>) -> i32 {
    answer.unwrap_err().raw_os_error().unwrap()
}

static INTERRUPTIONS: AtomicU32 = AtomicU32::new(0);

/// How often the handler of [`interrupt`] has run.
pub(crate) fn interruptions() -> u32 {
    INTERRUPTIONS.load(Ordering::Relaxed)
}

/// Sends this process `SIGUSR1` all the time, each so long after the last.
pub(crate) fn interrupt(every: Duration, flags: i32) {
    extern "C" fn count(_: libc::c_int) {
        INTERRUPTIONS.fetch_add(1, Ordering::Relaxed);
    }
    let handler: extern "C" fn(libc::c_int) = count;
    // SAFETY: all zero is a valid sigaction, sigevent and itimerspec; what is passed lives across the calls.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as libc::sighandler_t;
        action.sa_flags = flags;
        check(libc::sigaction(
            libc::SIGUSR1,
            &action,
            std::ptr::null_mut(),
        ))
        .unwrap();
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = libc::SIGUSR1;
        let mut timer = std::mem::zeroed();
        check(libc::timer_create(
            libc::CLOCK_MONOTONIC,
            &mut event,
            &mut timer,
        ))
        .unwrap();
        let mut times: libc::itimerspec = std::mem::zeroed();
        times.it_value.tv_nsec = every.subsec_nanos().into();
        times.it_interval = times.it_value;
        check(libc::timer_settime(timer, 0, &times, std::ptr::null_mut())).unwrap();
    }
}

pub(crate) fn alarm(seconds: u32) {
    // SAFETY: no pointers.
    unsafe { libc::alarm(seconds) };
}

/// Runs `body` in a child and answers its process; a panic there ends it with a code.
pub(crate) fn fork(body: impl FnOnce()) -> i32 {
    // SAFETY: the programs that fork have one thread.
    let pid = check(unsafe { libc::fork() }).unwrap();
    if pid == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        // SAFETY: ends the child without the parent's exit handlers.
        unsafe { libc::_exit(i32::from(outcome.is_err())) }
    }
    pid
}

/// Waits for a child: its code, or the negated signal that killed it.
pub(crate) fn wait_for(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: `status` lives across the call.
    while let Err(error) = check(unsafe { libc::waitpid(pid, &mut status, 0) }) {
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    }
    if libc::WIFEXITED(status) {
        libc::WEXITSTATUS(status)
    } else {
        -libc::WTERMSIG(status)
    }
}

pub(crate) fn kill(pid: i32) {
    // SAFETY: no pointers; the process is a child of ours.
    check(unsafe { libc::kill(pid, libc::SIGKILL) }).unwrap();
}

pub(crate) fn socket(domain: i32, kind: i32) -> OwnedFd {
    try_socket(domain, kind).unwrap()
}

pub(crate) fn try_socket(domain: i32, kind: i32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let fd = check(unsafe { libc::socket(domain, kind, 0) })?;
    // SAFETY: just created.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `connect` to `AF_UNSPEC`: the end of what the socket was.
pub(crate) fn dissolve(fd: BorrowedFd<'_>) -> io::Result<()> {
    let address = [0_u8; 16];
    // SAFETY: the address lives across the call and is as long as said.
    check(unsafe { libc::connect(fd.as_raw_fd(), address.as_ptr().cast(), 16) })?;
    Ok(())
}

pub(crate) fn connect_v4(fd: BorrowedFd<'_>, port: u16) -> io::Result<()> {
    let (address, length) = v4_loopback(port);
    // SAFETY: the address lives across the call and is as long as said.
    check(unsafe { libc::connect(fd.as_raw_fd(), (&raw const address).cast(), length) })?;
    Ok(())
}

/// `bind(2)` to the IPv4 loopback.
pub(crate) fn bind_v4(fd: BorrowedFd<'_>, port: u16) -> io::Result<()> {
    let (address, length) = v4_loopback(port);
    // SAFETY: the address lives across the call and is as long as said.
    check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) })?;
    Ok(())
}

fn v4_loopback(port: u16) -> (libc::sockaddr_in, libc::socklen_t) {
    let address = libc::sockaddr_in {
        sin_family: libc::sa_family_t::try_from(libc::AF_INET).unwrap(),
        sin_port: port.to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes([127, 0, 0, 1]),
        },
        sin_zero: [0; 8],
    };
    let length = libc::socklen_t::try_from(size_of_val(&address)).unwrap();
    (address, length)
}

pub(crate) fn listen(fd: BorrowedFd<'_>, backlog: i32) {
    // SAFETY: no pointers.
    check(unsafe { libc::listen(fd.as_raw_fd(), backlog) }).unwrap();
}

/// What `poll(2)` says within ten seconds.
pub(crate) fn poll(fd: BorrowedFd<'_>, events: i16) -> i16 {
    let mut entry = libc::pollfd {
        fd: fd.as_raw_fd(),
        events,
        revents: 0,
    };
    // SAFETY: one entry that lives across the call.
    check(unsafe { libc::poll(&mut entry, 1, 10_000) }).unwrap();
    entry.revents
}

pub(crate) fn send(fd: BorrowedFd<'_>, data: &[u8], flags: i32) -> io::Result<usize> {
    // SAFETY: the data is as long as said.
    size(unsafe { libc::send(fd.as_raw_fd(), data.as_ptr().cast(), data.len(), flags) })
}

/// `sendfile(2)`.
pub(crate) fn send_file(
    fd: BorrowedFd<'_>,
    file: &impl AsRawFd,
    from: usize,
    count: usize,
) -> io::Result<usize> {
    let mut offset = libc::off_t::try_from(from).unwrap();
    // SAFETY: the offset lives across the call.
    size(unsafe { libc::sendfile(fd.as_raw_fd(), file.as_raw_fd(), &mut offset, count) })
}

/// A file in memory with this in it.
pub(crate) fn memory_file(data: &[u8]) -> OwnedFd {
    // SAFETY: the name is a string that lives across the call.
    let fd = check(unsafe { libc::memfd_create(c"data".as_ptr(), 0) }).unwrap();
    // SAFETY: just created.
    let file = unsafe { OwnedFd::from_raw_fd(fd) };
    std::io::Write::write_all(&mut std::fs::File::from(file.try_clone().unwrap()), data).unwrap();
    file
}

pub(crate) fn receive(fd: BorrowedFd<'_>, length: usize, flags: i32) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; length];
    // SAFETY: the buffer is as long as said.
    let read =
        size(unsafe { libc::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), length, flags) })?;
    buffer.truncate(read);
    Ok(buffer)
}

/// `recvfrom(2)` that asks for an address, and does not look at it.
pub(crate) fn receive_from(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let mut address = [0_u64; 16];
    let mut length = libc::socklen_t::try_from(size_of_val(&address)).unwrap();
    // SAFETY: the buffer and the address have room for what is said.
    size(unsafe {
        libc::recvfrom(
            fd.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            0,
            address.as_mut_ptr().cast(),
            &mut length,
        )
    })
}

pub(crate) fn set_option(fd: BorrowedFd<'_>, level: i32, name: i32, value: &[i32]) {
    let length = libc::socklen_t::try_from(size_of_val(value)).unwrap();
    // SAFETY: the value is as long as said.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), length) })
        .unwrap();
}

pub(crate) fn option<const WORDS: usize>(
    fd: BorrowedFd<'_>,
    level: i32,
    name: i32,
) -> [i32; WORDS] {
    let mut value = [0; WORDS];
    let mut length = libc::socklen_t::try_from(size_of_val(&value)).unwrap();
    // SAFETY: the value has room for `length` bytes.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast(),
            &mut length,
        )
    })
    .unwrap();
    value
}

/// `SO_LINGER` with no time.
pub(crate) fn abort_at_close(fd: BorrowedFd<'_>) {
    set_option(fd, libc::SOL_SOCKET, libc::SO_LINGER, &[1, 0]);
}

/// A message with one control message of four bytes, to a name or the peer.
pub(crate) fn send_message(
    fd: BorrowedFd<'_>,
    data: &[u8],
    name: &[u8],
    control: Option<Control>,
) -> io::Result<usize> {
    let mut span = libc::iovec {
        iov_base: data.as_ptr().cast_mut().cast(),
        iov_len: data.len(),
    };
    let mut bytes = Vec::new();
    if let Some((level, kind, value)) = control {
        bytes.extend_from_slice(&20_u64.to_ne_bytes());
        for word in [level, kind, value, 0] {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
    }
    // SAFETY: all zero is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut span;
    message.msg_iovlen = 1;
    if !name.is_empty() {
        message.msg_name = name.as_ptr().cast_mut().cast();
        message.msg_namelen = libc::socklen_t::try_from(name.len()).unwrap();
    }
    if !bytes.is_empty() {
        message.msg_control = bytes.as_mut_ptr().cast();
        message.msg_controllen = bytes.len();
    }
    // SAFETY: everything that the message points to lives across the call.
    size(unsafe { libc::sendmsg(fd.as_raw_fd(), &message, 0) })
}

/// A message and its first control message.
pub(crate) fn receive_message(fd: BorrowedFd<'_>) -> io::Result<(Vec<u8>, Option<Control>)> {
    let mut data = vec![0; 256];
    let mut control = [0_u64; 16];
    let mut span = libc::iovec {
        iov_base: data.as_mut_ptr().cast(),
        iov_len: data.len(),
    };
    // SAFETY: all zero is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut span;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: the buffers have room for what is said.
    let read = size(unsafe { libc::recvmsg(fd.as_raw_fd(), &mut message, 0) })?;
    data.truncate(read);
    let word = |at: usize| {
        let bytes = control[at / 8].to_ne_bytes();
        i32::from_ne_bytes(bytes[at % 8..at % 8 + 4].try_into().unwrap())
    };
    let first = (message.msg_controllen >= 20).then(|| (word(8), word(12), word(16)));
    Ok((data, first))
}

pub(crate) fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// `bind(2)` of an AF_UNIX socket with no name: the kernel chooses one.
pub(crate) fn bind_family(fd: BorrowedFd<'_>) {
    let family = libc::sa_family_t::try_from(libc::AF_UNIX).unwrap();
    // SAFETY: two bytes that live across the call.
    check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const family).cast(), 2) }).unwrap();
}

/// A duplicate that an executed program inherits.
pub(crate) fn inheritable_duplicate(file: &impl AsRawFd) -> OwnedFd {
    // SAFETY: no pointers.
    let fd = check(unsafe { libc::dup(file.as_raw_fd()) }).unwrap();
    // SAFETY: just created.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// The next entry of the error queue: its errno, origin, code, info and data.
pub(crate) fn error_queue(fd: BorrowedFd<'_>) -> io::Result<(i32, u8, u8, u32, u32)> {
    let mut control = [0_u8; 128];
    // SAFETY: all zeros is a message with nothing in it.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = control.len();
    // SAFETY: the message's only buffer is writable for its length until the call returns.
    size(unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_ERRQUEUE) })?;
    assert_eq!(message.msg_flags, libc::MSG_ERRQUEUE);
    let word = |at: usize| {
        control[at..at + 4]
            .try_into()
            .map(u32::from_ne_bytes)
            .unwrap()
    };
    // Behind the header: `struct sock_extended_err`.
    Ok((
        word(16).cast_signed(),
        control[20],
        control[22],
        word(24),
        word(28),
    ))
}
