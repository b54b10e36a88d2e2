//! Datagrams between the host and the program's files.

mod errors;
mod pairs;
mod sources;

use std::os::fd::{AsFd, BorrowedFd};

use sockeye_core::{Errno, Host, Incoming, Instant, MessageFlags, Outgoing, SocketId};
use sockeye_linux::address;
use sockeye_linux::control;

pub(crate) use errors::Told;
pub(crate) use sources::{Sources, control_of};

use crate::conduit::{PendingDatagram, State};
use crate::event_loop::Source;
use crate::notify::Received;
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys::{self, Name};

/// The largest datagram, and room to see that one is larger.
pub(crate) const LARGEST: usize = 65_536;
/// The most connected sockets that are asked for what they have sent before a read says that there is nothing.
const MOST_FLUSHED: usize = 32;

/// Takes the next datagram from the host.
fn receive(
    host: &mut Host,
    socket: SocketId,
    buffer: &mut Vec<u8>,
    now: Instant,
) -> Result<PendingDatagram, Errno> {
    buffer.resize(LARGEST, 0);
    let incoming = Incoming {
        buffers: &mut [buffer.as_mut_slice()],
        flags: MessageFlags::empty(),
        ancillary_room: 4096,
    };
    let received = host.receive_message(socket, incoming, now)?;
    Ok(PendingDatagram {
        data: buffer.get(..received.length).unwrap_or_default().to_vec(),
        source: received
            .address
            .as_ref()
            .map(address::encode)
            .unwrap_or_default(),
        control: control::encode(&received.ancillary),
    })
}

impl Supervisor {
    /// Puts a datagram from outside into the program's file; one that doesn't fit is lost.
    pub(crate) fn put_datagram(&mut self, id: Id, next: PendingDatagram) {
        let Some(name) = self.conduits.get(id).and_then(|conduit| conduit.name) else {
            return;
        };
        let target = self.names.name(name);
        if self.sources.send(&self.names, &next, &target).is_ok() {
            self.resume(id);
        }
    }

    /// Puts datagrams that were received in vain back before what the program has not read yet.
    pub(crate) fn put_back(&mut self, id: Id, taken: Received) {
        if taken.is_empty() {
            return;
        }
        let Some(file) = self.program_file(id) else {
            return;
        };
        let kept = self.take_queue(file.as_fd());
        for datagram in taken.into_iter().chain(kept.datagrams) {
            self.requeue(id, datagram);
        }
        self.mark_again(id, file.as_fd(), kept.marked);
        self.resume(id);
    }

    /// Puts a datagram that was in the program's file there again.
    fn requeue(&mut self, id: Id, datagram: PendingDatagram) {
        if let Some(State::Datagram(socket)) = self.conduits.get(id).map(|conduit| &conduit.state)
            && let Some(end) = &socket.end
        {
            let _sent = sources::send_from(end.as_fd(), &datagram, None);
        } else {
            self.put_datagram(id, datagram);
        }
    }

    /// What is next for a datagram socket; nothing if it is none.
    fn next_datagram(&mut self, id: Id) -> Result<Option<PendingDatagram>, Errno> {
        let Some(conduit) = self.conduits.get_mut(id) else {
            return Ok(None);
        };
        let socket = conduit.socket;
        let State::Datagram(datagram) = &mut conduit.state else {
            return Ok(None);
        };
        if let Some(pending) = datagram.pending.take() {
            return Ok(Some(pending));
        }
        if datagram.netlink.is_some() {
            return self.next_answer(id, socket).map(Some);
        }
        receive(&mut self.host, socket, &mut self.buffers.datagram, self.now).map(Some)
    }

    /// Puts what has arrived for a datagram socket into the program's file, as far as it takes it.
    pub(crate) fn deliver_datagrams(&mut self, id: Id) {
        let mut delivered = false;
        let mut failed = None;
        // A bound for one turn; the host tells again of what is left.
        for count in 0..4096 {
            if self.has_had_its_turn(id, count) {
                self.return_to(id);
                break;
            }
            let next = match self.next_datagram(id) {
                Ok(Some(datagram)) => datagram,
                Ok(None) => return,
                Err(Errno::EAGAIN) => break,
                Err(errno) => {
                    // An error, not a datagram: those who wait here are told.
                    delivered = true;
                    failed = Some(errno);
                    break;
                }
            };
            let Some(conduit) = self.conduits.get_mut(id) else {
                return;
            };
            let (State::Datagram(datagram), Some(name)) = (&mut conduit.state, conduit.name) else {
                return;
            };
            let target = self.names.name(name);
            let sent = match &datagram.end {
                Some(end) => sources::send_from(end.as_fd(), &next, None),
                None => self.sources.send(&self.names, &next, &target),
            };
            match sent {
                Ok(()) => delivered = true,
                Err(error)
                    if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::ENOBUFS)) =>
                {
                    datagram.pending = Some(next);
                    self.hang_bell(id, &target);
                    break;
                }
                Err(error) if error.raw_os_error() == Some(libc::ECONNREFUSED) => {
                    self.refuse(id, &next);
                    return;
                }
                // The program reads no more: shut down.
                Err(_) => {}
            }
        }
        if let Some(errno) = failed {
            self.tell_error(id, errno);
        }
        if delivered {
            self.resume(id);
        }
    }

    /// The program has closed the file that a datagram was for, and nobody knew: its port is free, and a connected sender
    /// of this host hears of that by asking the port again.
    fn refuse(&mut self, id: Id, datagram: &PendingDatagram) {
        self.retire(id);
        let sender = self.conduits.iter().find_map(|(_, conduit)| {
            let is_connected =
                matches!(&conduit.state, State::Datagram(datagram) if datagram.end.is_some());
            let local = self.host.local_address(conduit.socket).ok()?;
            (is_connected && address::encode(&local) == datagram.source).then_some(conduit.socket)
        });
        if let Some(sender) = sender {
            let outgoing = Outgoing {
                data: &[&datagram.data],
                ..Outgoing::default()
            };
            let _refused = self.host.send_message(sender, outgoing, self.now);
        }
    }

    /// Asks to be told when the file's queue has room.
    fn hang_bell(&mut self, id: Id, target: &Name) {
        let Some(State::Datagram(datagram)) =
            self.conduits.get_mut(id).map(|conduit| &mut conduit.state)
        else {
            return;
        };
        // Our half of a pair is watched already.
        if datagram.end.is_some() {
            return;
        }
        let token = Source::Bell(id).token();
        let events = sys::OUT | sys::ONESHOT;
        if let Some(bell) = &datagram.bell {
            let _armed = self.epoll.modify(bell.as_fd(), events, token);
            return;
        }
        let bell = sys::socket(libc::AF_UNIX, libc::SOCK_DGRAM, true).and_then(|bell| {
            sys::connect(bell.as_fd(), target)?;
            self.epoll.add(bell.as_fd(), events, token)?;
            Ok(bell)
        });
        match bell {
            Ok(bell) => datagram.bell = Some(bell),
            Err(error) => tracing::debug!(%error, "no bell for a full queue"),
        }
    }

    /// There is room again.
    pub(crate) fn bell_event(&mut self, id: Id) {
        self.deliver_datagrams(id);
    }

    /// A connected program has sent, or there is room for what it receives.
    pub(crate) fn datagram_end_event(&mut self, id: Id) {
        self.forward_sent(id);
        self.deliver_datagrams(id);
    }

    /// What a connected socket has sent natively takes effect before its next trapped call.
    pub(crate) fn flush_sent(&mut self, id: Id) {
        if self.forward_sent(id) > 0 {
            self.settle();
        }
    }

    /// Before a read says that there is nothing: what connected sockets have sent natively, perhaps to this one. Answers
    /// whether there was anything. Of very many sockets none is asked: their datagrams come a moment later.
    pub(crate) fn flush_all_sent(&mut self) -> bool {
        if self.paired.len() > MOST_FLUSHED {
            return false;
        }
        let ids: smallvec::SmallVec<[Id; MOST_FLUSHED]> = self.paired.iter().copied().collect();
        let sent: usize = ids.into_iter().map(|id| self.forward_sent(id)).sum();
        if sent > 0 {
            self.settle();
        }
        sent > 0
    }

    /// Our half of a connected socket's pair.
    fn datagram_end(&self, id: Id) -> Option<BorrowedFd<'_>> {
        match &self.conduits.get(id)?.state {
            State::Datagram(datagram) => datagram.end.as_ref().map(AsFd::as_fd),
            _ => None,
        }
    }

    /// Hands the host what a connected program has sent; answers how many datagrams it was.
    pub(crate) fn forward_sent(&mut self, id: Id) -> usize {
        let Some(conduit) = self.conduits.get(id) else {
            return 0;
        };
        let State::Datagram(datagram) = &conduit.state else {
            return 0;
        };
        if datagram.end.is_none() {
            return 0;
        }
        if datagram.netlink.is_some() {
            return self.forward_questions(id);
        }
        let socket = conduit.socket;
        let mut buffer = std::mem::take(&mut self.buffers.datagram);
        buffer.resize(LARGEST, 0);
        let mut count = 0;
        while count < 4096 {
            let Some(end) = self.datagram_end(id) else {
                break;
            };
            let Ok(read) = sys::receive(end, &mut buffer, libc::MSG_DONTWAIT) else {
                break;
            };
            if count == 0 {
                self.recall_peer(id);
            }
            count += 1;
            let outgoing = Outgoing {
                data: &[buffer.get(..read).unwrap_or_default()],
                ..Outgoing::default()
            };
            // A datagram that can't be sent is lost, as on the wire.
            let _sent = self.host.send_message(socket, outgoing, self.now);
        }
        self.buffers.datagram = buffer;
        count
    }
}
