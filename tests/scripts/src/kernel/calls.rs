//! The calls, made.

use std::io;

use libc::{c_int, c_void, socklen_t};
use sockeye_drill::{Answer, Call, FASTEST, PACING};

mod pipes;

fn value(result: isize) -> i64 {
    if result < 0 {
        let errno = io::Error::last_os_error().raw_os_error();
        -i64::from(errno.unwrap_or(libc::EIO))
    } else {
        i64::try_from(result).unwrap_or(i64::MAX)
    }
}

fn plain(result: c_int) -> Answer {
    Answer {
        value: value(isize::try_from(result).unwrap_or(-1)),
        ..Answer::default()
    }
}

fn size(length: usize) -> socklen_t {
    socklen_t::try_from(length).unwrap_or(socklen_t::MAX)
}

/// An address as the kernel fills it in.
struct Name {
    bytes: [u8; 128],
    length: socklen_t,
}

impl Name {
    fn new() -> Self {
        Self {
            bytes: [0; 128],
            length: 128,
        }
    }

    fn take(&self) -> Vec<u8> {
        let length = usize::try_from(self.length).unwrap_or(0).min(128);
        self.bytes[..length].to_vec()
    }
}

/// Makes a call.
pub(super) fn make(call: &Call) -> Answer {
    // SAFETY: every pointer below is to memory that lives until the call returns, with its true length beside it.
    unsafe {
        match call {
            Call::Socket {
                domain,
                kind,
                protocol,
            } => plain(libc::socket(*domain, *kind | libc::SOCK_CLOEXEC, *protocol)),
            Call::Bind { fd, address } => plain(libc::bind(
                *fd,
                address.as_ptr().cast(),
                size(address.len()),
            )),
            Call::Listen { fd, backlog } => plain(libc::listen(*fd, *backlog)),
            Call::Accept { fd, flags } => {
                let mut name = Name::new();
                let bytes = name.bytes.as_mut_ptr().cast();
                let accepted = libc::accept4(
                    *fd,
                    bytes,
                    &raw mut name.length,
                    *flags | libc::SOCK_CLOEXEC,
                );
                Answer {
                    address: name.take(),
                    ..plain(accepted)
                }
            }
            Call::Connect { fd, address } => plain(libc::connect(
                *fd,
                address.as_ptr().cast(),
                size(address.len()),
            )),
            Call::Send { .. } => send(call),
            Call::Receive { .. } => receive(call),
            Call::Shutdown { fd, how } => plain(libc::shutdown(*fd, *how)),
            Call::Close { fd } => plain(libc::close(*fd)),
            Call::SetOption {
                fd,
                level,
                name,
                value,
            } => plain(libc::setsockopt(
                *fd,
                *level,
                *name,
                value.as_ptr().cast(),
                size(value.len()),
            )),
            Call::GetOption {
                fd,
                level,
                name,
                length,
            } => {
                let mut option = vec![0u8; *length];
                let mut filled = size(*length);
                let place = option.as_mut_ptr().cast();
                let result = libc::getsockopt(*fd, *level, *name, place, &raw mut filled);
                option.truncate(usize::try_from(filled).unwrap_or(0));
                Answer {
                    option,
                    ..plain(result)
                }
            }
            Call::LocalName { fd } => {
                let mut name = Name::new();
                let bytes = name.bytes.as_mut_ptr().cast();
                let result = libc::getsockname(*fd, bytes, &raw mut name.length);
                Answer {
                    address: name.take(),
                    ..plain(result)
                }
            }
            Call::PeerName { fd } => {
                let mut name = Name::new();
                let bytes = name.bytes.as_mut_ptr().cast();
                let result = libc::getpeername(*fd, bytes, &raw mut name.length);
                Answer {
                    address: name.take(),
                    ..plain(result)
                }
            }
            Call::Fcntl { fd, command, value } => plain(libc::fcntl(*fd, *command, *value)),
            Call::Ioctl { fd, request } => {
                let mut number: c_int = 0;
                let request = libc::Ioctl::from(*request);
                let result = libc::ioctl(*fd, request, &raw mut number);
                Answer {
                    number,
                    ..plain(result)
                }
            }
            Call::Poll { list, timeout } => {
                let poll = |(fd, events): &(i32, i16)| libc::pollfd {
                    fd: *fd,
                    events: *events,
                    revents: 0,
                };
                let mut list: Vec<libc::pollfd> = list.iter().map(poll).collect();
                let count = libc::nfds_t::try_from(list.len()).unwrap_or(0);
                let result = libc::poll(list.as_mut_ptr(), count, *timeout);
                let told = |entry: &libc::pollfd| (u32::from(entry.revents.cast_unsigned()), 0);
                Answer {
                    events: list.iter().map(told).collect(),
                    ..plain(result)
                }
            }
            Call::EpollCreate { flags } => plain(libc::epoll_create1(*flags | libc::EPOLL_CLOEXEC)),
            Call::EpollControl {
                epoll,
                operation,
                fd,
                events,
                data,
            } => {
                let mut event = libc::epoll_event {
                    events: *events,
                    u64: *data,
                };
                plain(libc::epoll_ctl(*epoll, *operation, *fd, &raw mut event))
            }
            Call::EpollWait {
                epoll,
                room,
                timeout,
            } => {
                let empty = libc::epoll_event { events: 0, u64: 0 };
                let mut list = vec![empty; usize::try_from(*room).unwrap_or(0).max(1)];
                let result = libc::epoll_wait(*epoll, list.as_mut_ptr(), *room, *timeout);
                let filled = usize::try_from(result).unwrap_or(0);
                let told = |event: &libc::epoll_event| (event.events, event.u64);
                Answer {
                    events: list.iter().take(filled).map(told).collect(),
                    ..plain(result)
                }
            }
            Call::Open { .. }
            | Call::Pipe { .. }
            | Call::SendFile { .. }
            | Call::Splice { .. }
            | Call::Tee { .. }
            | Call::VmSplice { .. } => pipes::make(call),
        }
    }
}

/// Sets the algorithm of a socket that was just made; of no TCP socket there is any.
pub(super) fn choose_congestion(made: &Answer, name: &str) {
    let _chosen = make(&Call::SetOption {
        fd: i32::try_from(made.value).unwrap_or(-1),
        level: libc::SOL_TCP,
        name: libc::TCP_CONGESTION,
        value: name.as_bytes().to_vec(),
    });
}

/// Has a socket that was just made keep to its pacing rate.
pub(super) fn pace(made: &Answer) {
    let (level, name) = PACING;
    let _paced = make(&Call::SetOption {
        fd: i32::try_from(made.value).unwrap_or(-1),
        level,
        name,
        value: FASTEST.to_vec(),
    });
}

/// The pieces as the kernel wants them; the one at the hole is nowhere.
fn vectors(pieces: &mut [Vec<u8>], hole: Option<usize>) -> Vec<libc::iovec> {
    let vector = |piece: &mut Vec<u8>| libc::iovec {
        iov_base: piece.as_mut_ptr().cast::<c_void>(),
        iov_len: piece.len(),
    };
    let mut vectors: Vec<libc::iovec> = pieces.iter_mut().map(vector).collect();
    if let Some(nowhere) = hole.and_then(|hole| vectors.get_mut(hole)) {
        nowhere.iov_base = std::ptr::null_mut();
    }
    vectors
}

fn send(call: &Call) -> Answer {
    let Call::Send {
        fd,
        data,
        hole,
        address,
        control,
        flags,
    } = call
    else {
        return Answer::default();
    };
    let mut data = data.clone();
    let mut vectors = vectors(&mut data, *hole);
    let mut name = address.clone().unwrap_or_default();
    // Aligned as `cmsghdr` wants it.
    let mut room = vec![0u64; control.len().div_ceil(8)];
    // SAFETY: all zeroes is a valid message; every pointer is to memory that lives until the call returns, with its
    // length; the control messages were copied into room that is large enough.
    let sent = unsafe {
        std::ptr::copy_nonoverlapping(control.as_ptr(), room.as_mut_ptr().cast(), control.len());
        let mut message: libc::msghdr = std::mem::zeroed();
        if address.is_some() {
            message.msg_name = name.as_mut_ptr().cast();
            message.msg_namelen = size(name.len());
        }
        message.msg_iov = vectors.as_mut_ptr();
        message.msg_iovlen = vectors.len();
        if !control.is_empty() {
            message.msg_control = room.as_mut_ptr().cast();
            message.msg_controllen = control.len();
        }
        libc::sendmsg(*fd, &raw const message, *flags | libc::MSG_NOSIGNAL)
    };
    if *flags & libc::MSG_ZEROCOPY != 0 {
        // The kernel goes on looking at them.
        std::mem::forget(data);
    }
    let is_plain = address.is_none() && control.is_empty() && *flags == 0;
    if is_plain && value(sent) == -i64::from(libc::ENOTSOCK) {
        return pipes::write(*fd, &vectors);
    }
    Answer {
        value: value(sent),
        ..Answer::default()
    }
}

fn receive(call: &Call) -> Answer {
    let Call::Receive {
        fd,
        lengths,
        hole,
        control_room,
        flags,
    } = call
    else {
        return Answer::default();
    };
    let mut data: Vec<Vec<u8>> = lengths.iter().map(|length| vec![0; *length]).collect();
    let mut vectors = vectors(&mut data, *hole);
    let mut name = Name::new();
    let mut room = vec![0u64; control_room.div_ceil(8)];
    // SAFETY: all zeroes is a valid message; every pointer is to memory that lives until the call returns, with its
    // length.
    let (received, message) = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_name = name.bytes.as_mut_ptr().cast();
        message.msg_namelen = name.length;
        message.msg_iov = vectors.as_mut_ptr();
        message.msg_iovlen = vectors.len();
        if *control_room > 0 {
            message.msg_control = room.as_mut_ptr().cast();
            message.msg_controllen = *control_room;
        }
        (libc::recvmsg(*fd, &raw mut message, *flags), message)
    };
    name.length = message.msg_namelen;
    let mut value = value(received);
    if *flags == 0 && value == -i64::from(libc::ENOTSOCK) {
        value = pipes::read(*fd, &vectors);
    }
    let mut data = data.concat();
    data.truncate(usize::try_from(value).unwrap_or(0));
    let mut control: Vec<u8> = room.iter().flat_map(|word| word.to_ne_bytes()).collect();
    control.truncate(message.msg_controllen);
    Answer {
        value,
        address: name.take(),
        data,
        control,
        flags: message.msg_flags,
        ..Answer::default()
    }
}
