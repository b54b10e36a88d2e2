//! Descriptors over a host's sockets, and the calls on them.

use std::collections::BTreeMap;
use std::time::Duration;

use sockeye_core::pending::{Pending, Step};
use sockeye_core::{
    Accepted, Credentials, Domain, Errno, Host, Incoming, Instant, MessageFlags, Outgoing, Queued,
    Readiness, Shutdown, SocketId, SocketType,
};
use sockeye_linux::address::{self, Purpose};
use sockeye_linux::{control, ioctl, number};

use super::epoll::Epoll;
use super::holes;
use super::pipes::{Store, Stored};
use crate::system::{self, Answer, Call};

const O_RDWR: i32 = 2;
const O_NONBLOCK: i32 = 0o4000;
const F_GETFD: i32 = 1;
const F_SETFD: i32 = 2;
const F_GETFL: i32 = 3;
const F_SETFL: i32 = 4;

#[derive(Debug)]
pub(super) struct File {
    pub(super) kind: FileKind,
    pub(super) is_nonblocking: bool,
}

#[derive(Debug)]
pub(super) enum FileKind {
    Socket {
        id: SocketId,
        domain: Domain,
        kind: SocketType,
    },
    Epoll(Epoll),
    /// A pipe's end, or a file.
    Stored(Stored),
}

/// The open files of a script.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) files: BTreeMap<i32, File>,
    pub(super) store: Store,
    /// New sockets keep to their pacing rate.
    pub(super) paces: bool,
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Running {
    call: Call,
    /// How a socket call waits; `poll` and `epoll_wait` wait by `until` alone.
    pending: Option<Pending>,
    until: Option<Instant>,
    /// Room for data, which keeps what came so far.
    buffers: Vec<Vec<u8>>,
}

impl Running {
    /// When it returns by itself.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let own = self.pending.as_ref().and_then(Pending::deadline);
        own.into_iter().chain(self.until).min()
    }
}

pub(super) type Result<T> = std::result::Result<T, Errno>;

pub(super) fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// A `poll` or `epoll_wait` that waits `millis`: until when.
fn end_of(millis: i32, now: Instant) -> Option<Instant> {
    let millis = u64::try_from(millis).ok()?;
    Some(now + Duration::from_millis(millis))
}

impl Files {
    /// A call that begins.
    pub(super) fn begin(&self, host: &Host, call: Call, now: Instant) -> Running {
        let socket = |fd: i32| {
            let file = self.files.get(&fd)?;
            match file.kind {
                FileKind::Socket { id, .. } => Some((id, file.is_nonblocking)),
                FileKind::Epoll(_) | FileKind::Stored(_) => None,
            }
        };
        let pending = match &call {
            Call::Accept { fd, .. } | Call::Receive { fd, .. } => {
                socket(*fd).map(|(id, nb)| Pending::receiving(host, id, nb, now))
            }
            Call::Connect { fd, .. } | Call::Send { fd, .. } => {
                socket(*fd).map(|(id, nb)| Pending::sending(host, id, nb, now))
            }
            _ => self
                .socket_to_move(&call)
                .and_then(|(fd, sends, is_impatient)| {
                    let (id, is_nonblocking) = socket(fd)?;
                    let is_nonblocking = is_nonblocking || is_impatient;
                    Some(if sends {
                        Pending::sending(host, id, is_nonblocking, now)
                    } else {
                        Pending::receiving(host, id, is_nonblocking, now)
                    })
                }),
        };
        let until = match &call {
            Call::Poll { timeout, .. } | Call::EpollWait { timeout, .. } => end_of(*timeout, now),
            _ => None,
        };
        let buffers = match &call {
            Call::Receive { lengths, .. } => lengths.iter().map(|l| vec![0; *l]).collect(),
            _ => Vec::new(),
        };
        Running {
            call,
            pending,
            until,
            buffers,
        }
    }

    /// Goes on with a call. `None` while it waits.
    pub(super) fn attempt(
        &mut self,
        host: &mut Host,
        running: &mut Running,
        now: Instant,
    ) -> Option<Answer> {
        match self.step(host, running, now) {
            Ok(Some(answer)) => Some(answer),
            Ok(None) => None,
            Err(errno) => Some(Answer::of(Err(errno.number()))),
        }
    }

    fn file(&mut self, fd: i32) -> Result<&mut File> {
        self.files.get_mut(&fd).ok_or(Errno::EBADF)
    }

    pub(super) fn file_of(&self, fd: i32) -> Result<&File> {
        self.files.get(&fd).ok_or(Errno::EBADF)
    }

    pub(super) fn socket(&self, fd: i32) -> Result<(SocketId, Domain, SocketType)> {
        match self.file_of(fd)?.kind {
            FileKind::Socket { id, domain, kind } => Ok((id, domain, kind)),
            FileKind::Epoll(_) | FileKind::Stored(_) => Err(Errno::ENOTSOCK),
        }
    }

    /// The lowest free number, as the kernel gives them out.
    pub(super) fn insert(&mut self, file: File) -> i64 {
        let fd = (3..).find(|fd| !self.files.contains_key(fd)).unwrap_or(3);
        self.files.insert(fd, file);
        fd.into()
    }

    fn step(
        &mut self,
        host: &mut Host,
        running: &mut Running,
        now: Instant,
    ) -> Result<Option<Answer>> {
        let Running {
            call,
            pending,
            until,
            buffers,
        } = running;
        let done = |value: i64| Answer::of(Ok(value));
        if let Some(answer) = self.plain(call) {
            return answer;
        }
        Ok(Some(match call {
            Call::Socket {
                domain,
                kind,
                protocol,
            } => {
                let is_nonblocking = *kind & O_NONBLOCK != 0;
                let domain = Domain::from_number(*domain).ok_or(Errno::EAFNOSUPPORT)?;
                let plain = *kind & number::SOCK_TYPE_MASK;
                let kind = SocketType::from_number(plain).ok_or(Errno::EINVAL)?;
                let id = host.socket(domain, kind, *protocol, Credentials::ROOT)?;
                if self.paces {
                    let (level, name) = system::PACING;
                    host.set_option(id, level, name, &system::FASTEST, now)?;
                }
                let kind = FileKind::Socket { id, domain, kind };
                done(self.insert(File {
                    kind,
                    is_nonblocking,
                }))
            }
            Call::Bind { fd, address } => {
                let (id, domain, kind) = self.socket(*fd)?;
                let address = decode(domain, kind, address, Purpose::Bind)?;
                host.bind(id, &address, now)?;
                done(0)
            }
            Call::Listen { fd, backlog } => {
                host.listen(self.socket(*fd)?.0, *backlog, now)?;
                done(0)
            }
            Call::Accept { fd, flags } => {
                let (_, domain, kind) = self.socket(*fd)?;
                let pending = pending.as_mut().ok_or(Errno::EBADF)?;
                let Step::Done(result) = pending.accept(host, now) else {
                    return Ok(None);
                };
                let Accepted { socket: id, peer } = result?;
                let is_nonblocking = *flags & O_NONBLOCK != 0;
                let kind = FileKind::Socket { id, domain, kind };
                let fd = self.insert(File {
                    kind,
                    is_nonblocking,
                });
                Answer {
                    address: address::encode(&peer),
                    ..done(fd)
                }
            }
            Call::Connect { fd, address } => {
                let (_, domain, kind) = self.socket(*fd)?;
                let address = decode(domain, kind, address, Purpose::Connect)?;
                let pending = pending.as_mut().ok_or(Errno::EBADF)?;
                let Step::Done(result) = pending.connect(host, &address, now) else {
                    return Ok(None);
                };
                result?;
                done(0)
            }
            Call::Send {
                fd,
                data,
                address,
                control: bytes,
                flags,
                hole,
            } => {
                let (id, domain, kind) = self.socket(*fd)?;
                let address = address.as_ref();
                let address = address.map(|bytes| decode(domain, kind, bytes, Purpose::Send));
                let address = address.transpose()?;
                let is_impatient = self.file_of(*fd)?.is_nonblocking;
                let pending = pending.as_mut().ok_or(Errno::EBADF)?;
                let pieces = data.iter().map(Vec::as_slice);
                let pieces: Vec<&[u8]> = pieces.take(hole.unwrap_or(usize::MAX)).collect();
                let message = Outgoing {
                    data: &pieces,
                    address: address.as_ref(),
                    ancillary: control::decode(bytes),
                    flags: MessageFlags::from_bits_retain(flags.cast_unsigned()),
                };
                if hole.is_some() {
                    return holes::send(host, (id, kind), message, pending, is_impatient, now);
                }
                let Step::Done(result) = pending.send(host, message, now) else {
                    return Ok(None);
                };
                done(count(result?))
            }
            Call::Receive {
                fd,
                control_room,
                flags,
                hole,
                lengths,
            } => {
                let (.., kind) = self.socket(*fd)?;
                let pending = pending.as_mut().ok_or(Errno::EBADF)?;
                if let Some(hole) = *hole {
                    let before = lengths.iter().take(hole).sum();
                    let flags = MessageFlags::from_bits_retain(flags.cast_unsigned());
                    return holes::receive(host, kind, before, flags, pending, now);
                }
                let mut pieces: Vec<&mut [u8]> =
                    buffers.iter_mut().map(Vec::as_mut_slice).collect();
                let message = Incoming {
                    buffers: &mut pieces,
                    flags: MessageFlags::from_bits_retain(flags.cast_unsigned()),
                    ancillary_room: *control_room,
                };
                let Step::Done(result) = pending.receive(host, message, now) else {
                    return Ok(None);
                };
                let received = result?;
                let mut bytes = control::encode(&received.ancillary);
                let mut flags = received.flags;
                flags.set(
                    MessageFlags::CTRUNC,
                    control::fit(&mut bytes, *control_room) || flags.contains(MessageFlags::CTRUNC),
                );
                let mut data = buffers.concat();
                data.truncate(received.length);
                Answer {
                    address: received
                        .address
                        .as_ref()
                        .map(address::encode)
                        .unwrap_or_default(),
                    data,
                    control: bytes,
                    flags: flags.bits().cast_signed(),
                    ..done(count(received.length))
                }
            }
            Call::Shutdown { fd, how } => {
                let (id, ..) = self.socket(*fd)?;
                let how = Shutdown::from_number(*how).ok_or(Errno::EINVAL)?;
                host.shutdown(id, how, now)?;
                done(0)
            }
            Call::Close { fd } => {
                let file = self.files.remove(fd).ok_or(Errno::EBADF)?;
                for other in self.files.values_mut() {
                    if let FileKind::Epoll(epoll) = &mut other.kind {
                        epoll.forget(*fd);
                    }
                }
                match file.kind {
                    FileKind::Socket { id, .. } => host.close(id, now)?,
                    FileKind::Stored(stored) => self.store.forget(&stored),
                    FileKind::Epoll(_) => {}
                }
                done(0)
            }
            Call::SetOption {
                fd,
                level,
                name,
                value,
            } => {
                host.set_option(self.socket(*fd)?.0, *level, *name, value, now)?;
                done(0)
            }
            Call::GetOption {
                fd,
                level,
                name,
                length,
            } => {
                let (id, ..) = self.socket(*fd)?;
                let value = host.get_option(id, *level, *name, *length, now)?;
                Answer {
                    option: value.to_vec(),
                    ..done(0)
                }
            }
            Call::LocalName { fd } => Answer {
                address: address::encode(&host.local_address(self.socket(*fd)?.0)?),
                ..done(0)
            },
            Call::PeerName { fd } => Answer {
                address: address::encode(&host.peer_address(self.socket(*fd)?.0)?),
                ..done(0)
            },
            Call::Fcntl { fd, command, value } => {
                let file = self.file(*fd)?;
                match *command {
                    F_GETFL if file.is_nonblocking => done((O_RDWR | O_NONBLOCK).into()),
                    F_GETFL => done(O_RDWR.into()),
                    F_SETFL => {
                        file.is_nonblocking = *value & O_NONBLOCK != 0;
                        done(0)
                    }
                    F_GETFD | F_SETFD => done(0),
                    _ => return Err(Errno::EINVAL),
                }
            }
            Call::Ioctl { fd, request } => {
                let (id, ..) = self.socket(*fd)?;
                let number = match *request {
                    ioctl::FIONREAD => host.queued(id, Queued::Unread)?,
                    ioctl::SIOCOUTQ => host.queued(id, Queued::Unsent)?,
                    ioctl::SIOCOUTQNSD => host.queued(id, Queued::NeverSent)?,
                    ioctl::SIOCATMARK => usize::from(host.at_mark(id)?),
                    _ => return Err(Errno::ENOTTY),
                };
                Answer {
                    number: i32::try_from(number).unwrap_or(i32::MAX),
                    ..done(0)
                }
            }
            Call::Poll { list, .. } => {
                let events: Vec<(u32, u64)> = list
                    .iter()
                    .map(|(fd, wanted)| (u32::from(self.poll(host, *fd, *wanted)), 0))
                    .collect();
                let ready = events.iter().filter(|(bits, _)| *bits != 0).count();
                if ready == 0 && until.is_none_or(|until| now < until) {
                    return Ok(None);
                }
                Answer {
                    events,
                    ..done(count(ready))
                }
            }
            Call::EpollCreate { .. } => done(self.insert(File {
                kind: FileKind::Epoll(Epoll::default()),
                is_nonblocking: false,
            })),
            Call::EpollControl {
                epoll,
                operation,
                fd,
                events,
                data,
            } => {
                let (id, ..) = self.socket(*fd).map_err(|errno| match errno {
                    Errno::ENOTSOCK => Errno::EINVAL,
                    errno => errno,
                })?;
                let epoll = self.epoll(*epoll)?;
                epoll.control(*operation, *fd, id, *events, *data)?;
                done(0)
            }
            Call::EpollWait { epoll, room, .. } => {
                let epoll = self.epoll(*epoll)?;
                let room = usize::try_from(*room).ok().filter(|room| *room > 0);
                let events = epoll.wait(host, room.ok_or(Errno::EINVAL)?);
                if events.is_empty() && until.is_none_or(|until| now < until) {
                    return Ok(None);
                }
                Answer {
                    value: count(events.len()),
                    events,
                    ..Answer::default()
                }
            }
            Call::Open { .. }
            | Call::Pipe { .. }
            | Call::SendFile { .. }
            | Call::Splice { .. }
            | Call::Tee { .. }
            | Call::VmSplice { .. } => return self.move_data(host, call, pending, now),
        }))
    }

    fn epoll(&mut self, fd: i32) -> Result<&mut Epoll> {
        match &mut self.file(fd)?.kind {
            FileKind::Epoll(epoll) => Ok(epoll),
            FileKind::Socket { .. } | FileKind::Stored(_) => Err(Errno::EINVAL),
        }
    }

    fn poll(&self, host: &Host, fd: i32, wanted: i16) -> u16 {
        const POLLNVAL: u16 = 0x20;
        match self.files.get(&fd).map(|file| &file.kind) {
            Some(FileKind::Socket { id, .. }) => {
                let always = Readiness::ERR | Readiness::HUP;
                bits(host.readiness(*id)) & (wanted.cast_unsigned() | always.bits())
            }
            _ if fd < 0 => 0,
            _ => POLLNVAL,
        }
    }
}

/// With the bits that go along with others.
pub(super) fn bits(readiness: Readiness) -> u16 {
    const RDNORM: u16 = 0x40;
    const WRNORM: u16 = 0x100;
    let mut bits = readiness.bits();
    if readiness.contains(Readiness::IN) {
        bits |= RDNORM;
    }
    if readiness.contains(Readiness::OUT) {
        bits |= WRNORM;
    }
    bits
}

fn decode(
    domain: Domain,
    kind: SocketType,
    bytes: &[u8],
    purpose: Purpose,
) -> Result<sockeye_core::SocketAddress> {
    let domain = u16::try_from(domain.number()).unwrap_or(0);
    address::decode(domain, kind, bytes, purpose)
}
