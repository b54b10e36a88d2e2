//! Connected datagram sockets: the program's file is one half of a pair, so that sending is native.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::LARGEST;
use super::sources::{control_of, send_from};
use crate::conduit::{PendingDatagram, State};
use crate::event_loop::Source;
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys::{self, Name};

/// `connect` to it dissolves an association.
pub(super) fn nobody() -> Name {
    Name::from_bytes(&0_u16.to_ne_bytes())
}

/// What was in the program's queue.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) datagrams: Vec<PendingDatagram>,
    /// An error's stand-in was taken on the way.
    pub(super) marked: bool,
}

impl Supervisor {
    /// Makes the program's file one half of a pair whose other half stands for `peer`.
    pub(crate) fn pair_up(&mut self, id: Id, file: BorrowedFd<'_>, peer: &[u8]) -> io::Result<()> {
        let Some(name) = self.conduits.get(id).and_then(|conduit| conduit.name) else {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        };
        let target = self.names.name(name);
        let end = sys::socket(libc::AF_UNIX, libc::SOCK_DGRAM, true)?;
        let end_name = self.names.address_name(self.sources.salt(), peer);
        sys::bind(end.as_fd(), &end_name)?;
        sys::set_send_buffer(end.as_fd(), 4 << 20);
        let kept = self.take_from_pair(id, file);
        sys::connect(file, &end_name)?;
        sys::connect(end.as_fd(), &target)?;
        self.epoll.add(
            end.as_fd(),
            sys::IN | sys::OUT | sys::EDGE,
            Source::End(id).token(),
        )?;
        for datagram in &kept.datagrams {
            let _sent = send_from(end.as_fd(), datagram, None);
        }
        if let Some(State::Datagram(datagram)) =
            self.conduits.get_mut(id).map(|conduit| &mut conduit.state)
        {
            datagram.end = Some(end);
            self.paired.insert(id);
        }
        self.mark_again(id, file, kept.marked);
        Ok(())
    }

    /// Dissolves the pair.
    pub(crate) fn unpair(&mut self, id: Id, file: BorrowedFd<'_>) -> io::Result<()> {
        let kept = self.take_from_pair(id, file);
        sys::connect(file, &nobody())?;
        if let Some(State::Datagram(datagram)) =
            self.conduits.get_mut(id).map(|conduit| &mut conduit.state)
        {
            datagram.end = None;
            self.paired.remove(&id);
        }
        for datagram in kept.datagrams {
            self.put_datagram(id, datagram);
        }
        self.mark_again(id, file, kept.marked);
        Ok(())
    }

    fn take_from_pair(&self, id: Id, file: BorrowedFd<'_>) -> Kept {
        match self.conduits.get(id).map(|conduit| &conduit.state) {
            Some(State::Datagram(datagram)) if datagram.end.is_some() => self.take_queue(file),
            _ => Kept::default(),
        }
    }

    /// Takes what the program has not read yet: the kernel purges the queue when a connected file changes its peer, and
    /// UDP does not.
    pub(super) fn take_queue(&self, file: BorrowedFd<'_>) -> Kept {
        let mut kept = Kept::default();
        let mut buffer = vec![0; LARGEST];
        loop {
            match sys::receive_message(file, &mut buffer, libc::MSG_DONTWAIT) {
                Ok(received) => kept.datagrams.push(PendingDatagram {
                    data: buffer.get(..received.length).unwrap_or_default().to_vec(),
                    source: self.names.address_of(&received.name).unwrap_or_default(),
                    control: received
                        .file
                        .map(|file| control_of(file.as_fd()))
                        .unwrap_or_default(),
                }),
                // A read tells an error before it looks at the queue.
                Err(error) if error.raw_os_error() == Some(libc::ECONNRESET) && !kept.marked => {
                    kept.marked = true;
                }
                Err(_) => return kept,
            }
        }
    }
}
