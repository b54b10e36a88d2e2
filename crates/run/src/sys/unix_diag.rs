//! What the kernel tells about `AF_UNIX` sockets: `sock_diag(7)`.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use sockeye_core::netlink::message::{Attributes, Messages, Writer, number_u32};

use super::{raw_socket, receive, send};

/// `NETLINK_SOCK_DIAG`.
const SOCK_DIAG: i32 = 4;
/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST`.
const ONE: u16 = 0x1;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// `UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN | UDIAG_SHOW_MEMINFO | UDIAG_SHOW_UID`.
const SHOW_ALL: u32 = 0x1 | 0x4 | 0x10 | 0x20 | 0x40;
/// `UDIAG_SHOW_PEER`.
const SHOW_PEER: u32 = 0x4;
/// `UDIAG_SHOW_RQLEN`.
const SHOW_QUEUES: u32 = 0x10;
/// `UNIX_DIAG_NAME`.
const NAME: u16 = 0;
/// `UNIX_DIAG_PEER`.
const PEER: u16 = 2;
/// `UNIX_DIAG_RQLEN`.
const QUEUES: u16 = 4;
/// `UNIX_DIAG_MEMINFO`.
const MEMORY: u16 = 5;
/// `UNIX_DIAG_UID`.
const UID: u16 = 7;
/// `sizeof(struct unix_diag_msg)`.
const MESSAGE_SIZE: usize = 16;

/// The queues of one socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queues {
    /// The number in `socket:[...]`.
    pub(crate) inode: u32,
    /// Bytes of a stream, or of the first datagram, to be read; of a listener the connections that wait.
    pub(crate) unread: usize,
    /// Bytes that the peer has not read, with the kernel's bookkeeping; of a listener its backlog.
    pub(crate) unsent: usize,
}

/// One `AF_UNIX` socket of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnixFile {
    /// `SO_COOKIE`.
    pub(crate) cookie: u64,
    /// The number in `socket:[...]`.
    pub(crate) inode: u32,
    /// `SOCK_*`.
    pub(crate) kind: u8,
    /// `TCP_ESTABLISHED`, `TCP_LISTEN` or `TCP_CLOSE`.
    pub(crate) state: u8,
    pub(crate) queues: Queues,
    /// As in `sockaddr_un`, without the family.
    pub(crate) name: Vec<u8>,
    /// The peer's inode.
    pub(crate) peer: u32,
    /// `SO_MEMINFO`.
    pub(crate) memory: Vec<u32>,
    pub(crate) uid: u32,
}

/// The queues of every `AF_UNIX` file of this network namespace, by `SO_COOKIE`. Sockets that nobody has accepted are not
/// among them.
pub(crate) fn unix_queues() -> io::Result<BTreeMap<u64, Queues>> {
    let files = dump(SHOW_QUEUES)?;
    Ok(files
        .into_iter()
        .map(|file| (file.cookie, file.queues))
        .collect())
}

/// Every `AF_UNIX` file of this network namespace.
pub(crate) fn unix_files() -> io::Result<Vec<UnixFile>> {
    dump(SHOW_ALL)
}

/// The inode number of the socket that the AF_UNIX socket with this one is connected to.
pub(crate) fn unix_peer(inode: u64) -> Option<u64> {
    let inode = u32::try_from(inode).ok()?;
    let found = ask(ONE, inode, SHOW_PEER).ok()?;
    let peer = found.first()?.peer;
    (peer != 0).then_some(peer.into())
}

/// A socket that asks the kernel about sockets.
pub(crate) fn diag_socket() -> io::Result<OwnedFd> {
    raw_socket(libc::AF_NETLINK, libc::SOCK_RAW, SOCK_DIAG)
}

fn dump(show: u32) -> io::Result<Vec<UnixFile>> {
    ask(DUMP, 0, show)
}

fn ask(flags: u16, inode: u32, show: u32) -> io::Result<Vec<UnixFile>> {
    let mut answers = UnixDump::new(flags, inode, show)?;
    let mut found = Vec::new();
    while answers.next(|file| found.push(file))? {}
    Ok(found)
}

/// The kernel's answers to a question, piece by piece.
#[derive(Debug)]
pub(crate) struct UnixDump {
    diag: OwnedFd,
    buffer: Vec<u8>,
    is_single: bool,
}

/// The queues of every `AF_UNIX` file of this network namespace.
pub(crate) fn unix_dump() -> io::Result<UnixDump> {
    UnixDump::new(DUMP, 0, SHOW_QUEUES)
}

impl UnixDump {
    fn new(flags: u16, inode: u32, show: u32) -> io::Result<UnixDump> {
        let mut request = Writer::new(BY_FAMILY, flags, 1, 0);
        request.fixed(&[u8::try_from(libc::AF_UNIX).unwrap_or(0), 0, 0, 0]);
        // Every state, any cookie.
        for word in [u32::MAX, inode, show, u32::MAX, u32::MAX] {
            request.fixed(&word.to_ne_bytes());
        }
        let diag = diag_socket()?;
        send(diag.as_fd(), &request.finish(), libc::MSG_DONTWAIT)?;
        Ok(UnixDump {
            diag,
            buffer: vec![0; 64 * 1024],
            is_single: flags == ONE,
        })
    }

    /// Reads the next piece; false if it was the last.
    pub(crate) fn next(&mut self, mut tell: impl FnMut(UnixFile)) -> io::Result<bool> {
        // The kernel answers while it is asked: what is not there now will not come.
        let read = receive(self.diag.as_fd(), &mut self.buffer, libc::MSG_DONTWAIT)?;
        for message in Messages::new(self.buffer.get(..read).unwrap_or_default()) {
            match message.kind {
                NLMSG_DONE => return Ok(false),
                NLMSG_ERROR => {
                    let errno = number_u32(message.payload, 0).unwrap_or(0).cast_signed();
                    return Err(io::Error::from_raw_os_error(errno.saturating_neg()));
                }
                BY_FAMILY => parse(message.payload).into_iter().for_each(&mut tell),
                _ => {}
            }
        }
        Ok(!self.is_single)
    }
}

fn parse(payload: &[u8]) -> Option<UnixFile> {
    let cookie = u64::from(number_u32(payload, 8)?) | u64::from(number_u32(payload, 12)?) << 32;
    let mut file = UnixFile {
        cookie,
        inode: number_u32(payload, 4)?,
        kind: *payload.get(1)?,
        state: *payload.get(2)?,
        ..UnixFile::default()
    };
    for attribute in Attributes::after(payload, MESSAGE_SIZE) {
        let number = |at| number_u32(attribute.value, at).unwrap_or(0);
        match attribute.kind {
            NAME => file.name = attribute.value.to_vec(),
            PEER => file.peer = number(0),
            QUEUES => {
                file.queues = Queues {
                    inode: file.inode,
                    unread: usize::try_from(number(0)).unwrap_or(usize::MAX),
                    unsent: usize::try_from(number(4)).unwrap_or(usize::MAX),
                }
            }
            MEMORY => {
                file.memory = (0..attribute.value.len() / 4)
                    .map(|index| number(index * 4))
                    .collect();
            }
            UID => file.uid = number(0),
            _ => {}
        }
    }
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_is_not_read_yet_is_seen_from_outside() {
        let (mut writer, reader) = UnixStream::pair().unwrap();
        writer.write_all(b"unread").unwrap();
        let queues = unix_queues().unwrap();
        let of = |file: &UnixStream| queues[&sys::socket_cookie(file.as_fd()).unwrap()];
        assert_eq!(of(&reader).unread, 6);
        assert_eq!(of(&writer).unread, 0);
        assert!(of(&writer).unsent >= 6);
    }

    #[test]
    fn a_listeners_queue_counts_connections() {
        let name = sys::Name::abstract_name(b"sockeye-test-of-unix-diag");
        let stream = || sys::socket(libc::AF_UNIX, libc::SOCK_STREAM, false).unwrap();
        let listener = stream();
        sys::bind(listener.as_fd(), &name).unwrap();
        sys::listen(listener.as_fd(), 8).unwrap();
        let waiting = [stream(), stream()];
        for client in &waiting {
            sys::connect(client.as_fd(), &name).unwrap();
        }
        let cookie = sys::socket_cookie(listener.as_fd()).unwrap();
        assert_eq!(unix_queues().unwrap()[&cookie].unread, 2);
    }

    #[test]
    fn the_peer_of_a_pair_is_its_other_half() {
        let (near, far) = sys::socket_pair().unwrap();
        let peer = unix_peer(sys::inode(near.as_fd()).unwrap());
        // A kernel without unix_diag knows of no peer.
        assert!(peer.is_none() || peer == sys::inode(far.as_fd()));
        drop(far);
        let lone = sys::socket(libc::AF_UNIX, libc::SOCK_STREAM, true).unwrap();
        assert_eq!(unix_peer(sys::inode(lone.as_fd()).unwrap()), None);
    }
}
