//! Pipes and plain files beside the sockets, and the calls that move data between them.
//!
//! Data takes the way that it takes in the kernel: out of one socket's receive queue, through a pipe's ring, into another's
//! send queue. Nothing of it is known but the bytes.

use std::collections::{BTreeMap, VecDeque};

use sockeye_core::pending::{Pending, Step};
use sockeye_core::{Errno, Host, Incoming, Instant, MessageFlags, Outgoing};

use super::files::{File, FileKind, Files, Result, count};
use crate::system::{Answer, Call};

/// `PIPE_DEF_BUFFERS` pages.
const CAPACITY: usize = 65_536;

const O_ACCMODE: i32 = 3;
const O_NONBLOCK: i32 = 0o4000;
const SPLICE_F_NONBLOCK: i32 = 2;
const SPLICE_F_MORE: i32 = 4;

/// What is in a pipe, and who still has an end of it.
#[derive(Debug)]
pub(super) struct Pipe {
    bytes: VecDeque<u8>,
    has_reader: bool,
    has_writer: bool,
}

impl Pipe {
    fn room(&self) -> usize {
        CAPACITY - self.bytes.len()
    }

    fn front(&self, length: usize) -> Vec<u8> {
        self.bytes.iter().take(length).copied().collect()
    }
}

/// Pipes by a number of their own, and files by their names.
#[derive(Debug, Default)]
pub(super) struct Store {
    pipes: BTreeMap<usize, Pipe>,
    pub(super) disk: BTreeMap<String, Vec<u8>>,
}

/// How a descriptor is one of a store.
#[derive(Clone, Debug)]
pub(super) enum Stored {
    Pipe { pipe: usize, is_writer: bool },
    Plain { content: Vec<u8>, position: usize },
}

impl Store {
    /// A descriptor of it was closed.
    pub(super) fn forget(&mut self, stored: &Stored) {
        if let Stored::Pipe { pipe, is_writer } = stored
            && let Some(found) = self.pipes.get_mut(pipe)
        {
            if *is_writer {
                found.has_writer = false;
            } else {
                found.has_reader = false;
            }
            if !found.has_writer && !found.has_reader {
                self.pipes.remove(pipe);
            }
        }
    }
}

fn done(length: usize) -> Result<Option<Answer>> {
    Ok(Some(Answer::of(Ok(count(length)))))
}

impl Files {
    /// The socket that a call on descriptors moves data out of or into.
    pub(super) fn socket_to_move(&self, call: &Call) -> Option<(i32, bool, bool)> {
        let is_socket = |fd: i32| self.socket(fd).is_ok();
        match *call {
            Call::SendFile { to, .. } => Some((to, true, false)),
            Call::Splice {
                from, to, flags, ..
            } => {
                let is_impatient = flags & SPLICE_F_NONBLOCK != 0;
                if is_socket(to) {
                    Some((to, true, is_impatient))
                } else {
                    // What is spliced out of a socket waits as the socket does.
                    is_socket(from).then_some((from, false, false))
                }
            }
            _ => None,
        }
    }

    fn stored(&self, fd: i32) -> Result<Option<&Stored>> {
        match &self.file_of(fd)?.kind {
            FileKind::Stored(stored) => Ok(Some(stored)),
            _ => Ok(None),
        }
    }

    /// A pipe's end of this kind.
    fn pipe_end(&self, fd: i32, wants_writer: bool, otherwise: Errno) -> Result<usize> {
        match self.stored(fd)? {
            Some(Stored::Pipe { pipe, is_writer }) if *is_writer == wants_writer => Ok(*pipe),
            Some(Stored::Pipe { .. }) => Err(Errno::EBADF),
            _ => Err(otherwise),
        }
    }

    fn pipe(&mut self, pipe: usize) -> Result<&mut Pipe> {
        self.store.pipes.get_mut(&pipe).ok_or(Errno::EPIPE)
    }

    fn is_nonblocking(&self, fd: i32) -> bool {
        self.file_of(fd).is_ok_and(|file| file.is_nonblocking)
    }

    /// Opens a file, a pipe, or moves data. `None` while it waits.
    pub(super) fn move_data(
        &mut self,
        host: &mut Host,
        call: &Call,
        pending: &mut Option<Pending>,
        now: Instant,
    ) -> Result<Option<Answer>> {
        match call {
            Call::Open { path, flags } => {
                let content = self.store.disk.get(path).ok_or(Errno::ENOENT)?.clone();
                if flags & O_ACCMODE != 0 {
                    return Err(Errno::EROFS);
                }
                let fd = self.insert(File {
                    kind: FileKind::Stored(Stored::Plain {
                        content,
                        position: 0,
                    }),
                    is_nonblocking: flags & O_NONBLOCK != 0,
                });
                Ok(Some(Answer::of(Ok(fd))))
            }
            Call::Pipe { flags } => Ok(Some(self.make_pipe(flags & O_NONBLOCK != 0))),
            Call::SendFile {
                to,
                from,
                offset,
                length,
            } => {
                let Some(Stored::Plain { content, position }) = self.stored(*from)? else {
                    return Err(Errno::EINVAL);
                };
                let begin = match offset {
                    Some(offset) => usize::try_from(*offset).map_err(|_| Errno::EINVAL)?,
                    None => *position,
                };
                let rest = content.get(begin..).unwrap_or_default();
                let data = rest.get(..*length).unwrap_or(rest).to_vec();
                let sent = self.put(host, *to, &data, 0, pending, now)?;
                if let (Some(length), None) = (sent, offset) {
                    self.advance(*from, length);
                }
                sent.map_or(Ok(None), done)
            }
            Call::Splice {
                from,
                to,
                length,
                flags,
            } => self.splice(host, (*from, *to), *length, *flags, pending, now),
            Call::Tee {
                from,
                to,
                length,
                flags,
            } => {
                let source = self.pipe_end(*from, false, Errno::EINVAL)?;
                let target = self.pipe_end(*to, true, Errno::EINVAL)?;
                if source == target {
                    return Err(Errno::EINVAL);
                }
                let Some(room) = self.room(target, *flags)? else {
                    return Ok(None);
                };
                let Some(data) = self.at_front(source, room.min(*length), *flags)? else {
                    return Ok(None);
                };
                self.pipe(target)?.bytes.extend(&data);
                done(data.len())
            }
            Call::VmSplice { fd, data, flags } => {
                let target = self.pipe_end(*fd, true, Errno::EBADF)?;
                let Some(room) = self.room(target, *flags)? else {
                    return Ok(None);
                };
                let data = data.concat();
                let data = data.get(..room).unwrap_or(&data);
                self.pipe(target)?.bytes.extend(data);
                done(data.len())
            }
            _ => Err(Errno::ENOSYS),
        }
    }

    fn make_pipe(&mut self, is_nonblocking: bool) -> Answer {
        let last = self.store.pipes.last_key_value();
        let number = last.map_or(0, |(number, _)| number + 1);
        let pipe = Pipe {
            bytes: VecDeque::new(),
            has_reader: true,
            has_writer: true,
        };
        self.store.pipes.insert(number, pipe);
        let ends = [false, true].map(|is_writer| {
            let kind = FileKind::Stored(Stored::Pipe {
                pipe: number,
                is_writer,
            });
            let fd = self.insert(File {
                kind,
                is_nonblocking,
            });
            i32::try_from(fd).unwrap_or(-1)
        });
        Answer {
            ends,
            ..Answer::default()
        }
    }

    fn splice(
        &mut self,
        host: &mut Host,
        (from, to): (i32, i32),
        length: usize,
        flags: i32,
        pending: &mut Option<Pending>,
        now: Instant,
    ) -> Result<Option<Answer>> {
        let (is_from, is_to) = (self.stored(from)?.cloned(), self.stored(to)?.cloned());
        match (is_from, is_to) {
            (
                Some(Stored::Pipe {
                    is_writer: true, ..
                }),
                _,
            )
            | (
                _,
                Some(Stored::Pipe {
                    is_writer: false, ..
                }),
            ) => Err(Errno::EBADF),
            (Some(Stored::Pipe { pipe: source, .. }), Some(Stored::Pipe { pipe: target, .. })) => {
                if source == target {
                    return Err(Errno::EINVAL);
                }
                let Some(room) = self.room(target, flags)? else {
                    return Ok(None);
                };
                let Some(data) = self.at_front(source, room.min(length), flags)? else {
                    return Ok(None);
                };
                self.pipe(target)?.bytes.extend(&data);
                self.pipe(source)?.bytes.drain(..data.len());
                done(data.len())
            }
            (Some(Stored::Pipe { pipe: source, .. }), None) => {
                let Some(data) = self.at_front(source, length, flags)? else {
                    return Ok(None);
                };
                let sent = self.put(host, to, &data, flags & SPLICE_F_MORE, pending, now)?;
                if let Some(sent) = sent {
                    self.pipe(source)?.bytes.drain(..sent);
                }
                sent.map_or(Ok(None), done)
            }
            (Some(Stored::Plain { content, position }), Some(Stored::Pipe { pipe, .. })) => {
                let Some(room) = self.room(pipe, flags)? else {
                    return Ok(None);
                };
                let rest = content.get(position..).unwrap_or_default();
                let data = rest.get(..length.min(room)).unwrap_or(rest);
                self.pipe(pipe)?.bytes.extend(data);
                self.advance(from, data.len());
                done(data.len())
            }
            (None, Some(Stored::Pipe { pipe, .. })) => {
                let Some(room) = self.room(pipe, flags)? else {
                    return Ok(None);
                };
                let taken = self.take(host, from, room.min(length), pending, now)?;
                let Some(data) = taken else { return Ok(None) };
                self.pipe(pipe)?.bytes.extend(&data);
                done(data.len())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn advance(&mut self, fd: i32, length: usize) {
        if let Some(File {
            kind: FileKind::Stored(Stored::Plain { position, .. }),
            ..
        }) = self.files.get_mut(&fd)
        {
            *position += length;
        }
    }

    /// How much may go into a pipe; `None`: it is to be waited for.
    fn room(&mut self, pipe: usize, flags: i32) -> Result<Option<usize>> {
        let pipe = self.pipe(pipe)?;
        if !pipe.has_reader {
            return Err(Errno::EPIPE);
        }
        match pipe.room() {
            0 if flags & SPLICE_F_NONBLOCK != 0 => Err(Errno::EAGAIN),
            0 => Ok(None),
            room => Ok(Some(room)),
        }
    }

    /// What is at a pipe's front: nothing at its end; `None`: it is to be waited for.
    fn at_front(&mut self, pipe: usize, length: usize, flags: i32) -> Result<Option<Vec<u8>>> {
        let pipe = self.pipe(pipe)?;
        let data = pipe.front(length);
        if !data.is_empty() || length == 0 || !pipe.has_writer {
            return Ok(Some(data));
        }
        if flags & SPLICE_F_NONBLOCK != 0 {
            return Err(Errno::EAGAIN);
        }
        Ok(None)
    }

    /// Sends data that another descriptor had.
    fn put(
        &mut self,
        host: &mut Host,
        to: i32,
        data: &[u8],
        more: i32,
        pending: &mut Option<Pending>,
        now: Instant,
    ) -> Result<Option<usize>> {
        let stored = self.stored(to)?.cloned();
        if let Some(stored) = stored {
            // A file is open for reading only.
            let Stored::Pipe {
                pipe,
                is_writer: true,
            } = stored
            else {
                return Err(Errno::EBADF);
            };
            let Some(room) = self.room(pipe, 0)? else {
                return Ok(None);
            };
            let data = data.get(..room).unwrap_or(data);
            self.pipe(pipe)?.bytes.extend(data);
            return Ok(Some(data.len()));
        }
        self.socket(to)?;
        if data.is_empty() {
            return Ok(Some(0));
        }
        let pending = pending.as_mut().ok_or(Errno::EINVAL)?;
        let message = Outgoing {
            data: &[data],
            address: None,
            ancillary: Vec::new(),
            flags: if more == 0 {
                MessageFlags::empty()
            } else {
                MessageFlags::MORE
            },
        };
        match pending.send(host, message, now) {
            Step::Done(sent) => sent.map(Some),
            Step::Blocked => Ok(None),
        }
    }

    /// Takes what there is to read of a socket's stream: never across the urgent mark, where it ends for good
    /// (`tcp_read_sock`).
    fn take(
        &mut self,
        host: &mut Host,
        from: i32,
        length: usize,
        pending: &mut Option<Pending>,
        now: Instant,
    ) -> Result<Option<Vec<u8>>> {
        let (id, ..) = self.socket(from)?;
        if host.at_mark(id).unwrap_or(false) {
            return Ok(Some(Vec::new()));
        }
        let mut data = vec![0; length];
        let mut pieces = [data.as_mut_slice()];
        let message = Incoming {
            buffers: &mut pieces,
            flags: MessageFlags::empty(),
            ancillary_room: 0,
        };
        let pending = pending.as_mut().ok_or(Errno::EINVAL)?;
        let Step::Done(received) = pending.receive(host, message, now) else {
            return Ok(None);
        };
        data.truncate(received?.length);
        Ok(Some(data))
    }

    /// `write` to a pipe, `read` from a pipe or a file; `None` in the result while it waits.
    pub(super) fn plain(&mut self, call: &Call) -> Option<Result<Option<Answer>>> {
        let (fd, hole) = match call {
            Call::Send { fd, hole, .. } | Call::Receive { fd, hole, .. } => (*fd, *hole),
            _ => return None,
        };
        let stored = self.stored(fd).ok()??.clone();
        if hole == Some(0) {
            return Some(Err(Errno::EFAULT));
        }
        let flags = if self.is_nonblocking(fd) {
            SPLICE_F_NONBLOCK
        } else {
            0
        };
        Some(match (call, stored) {
            (
                Call::Send { data, .. },
                Stored::Pipe {
                    pipe,
                    is_writer: true,
                },
            ) => self.room(pipe, flags).and_then(|room| {
                let Some(room) = room else { return Ok(None) };
                let data = data.concat();
                let data = data.get(..room).unwrap_or(&data);
                self.pipe(pipe)?.bytes.extend(data);
                done(data.len())
            }),
            (
                Call::Receive { lengths, .. },
                Stored::Pipe {
                    pipe,
                    is_writer: false,
                },
            ) => {
                let front = self.at_front(pipe, lengths.iter().sum(), flags);
                front.and_then(|front| {
                    let Some(data) = front else { return Ok(None) };
                    self.pipe(pipe)?.bytes.drain(..data.len());
                    Ok(Some(read(data)))
                })
            }
            (Call::Receive { lengths, .. }, Stored::Plain { content, position }) => {
                let rest = content.get(position..).unwrap_or_default();
                let data = rest.get(..lengths.iter().sum()).unwrap_or(rest).to_vec();
                self.advance(fd, data.len());
                Ok(Some(read(data)))
            }
            _ => Err(Errno::EBADF),
        })
    }
}

fn read(data: Vec<u8>) -> Answer {
    Answer {
        value: count(data.len()),
        data,
        ..Answer::default()
    }
}
