//! Netlink sockets: the host answers, and what only the kernel knows of the program's files is put into its answers.
//!
//! - `files`: inode numbers and queues in what `NETLINK_SOCK_DIAG` tells of the host's sockets;
//! - `preparation`: what of that takes time;
//! - `native`: the program's `AF_UNIX` sockets, which are the kernel's own, so that the kernel is asked for them.

mod files;
mod native;
mod preparation;

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use sockeye_core::netlink::message::{Message, Messages, Writer};
use sockeye_core::{Errno, Host, Incoming, Instant, MessageFlags, Outgoing, Readiness, SocketId};
use sockeye_linux::address;

use crate::conduit::{PendingDatagram, State};
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys;
use files::Files;
use native::Native;
use preparation::Preparation;

/// `NETLINK_SOCK_DIAG`
const SOCK_DIAG: i32 = 4;
const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// `SOCK_DIAG_BY_FAMILY`
const BY_FAMILY: u16 = 20;

/// What a netlink socket has beside a datagram socket.
#[derive(Debug, Default)]
pub(crate) struct Netlink {
    /// The protocol is `NETLINK_SOCK_DIAG`.
    is_diag: bool,
    /// The most room that a read of the program's has offered. How much a dump puts into one datagram is chosen by it; of
    /// reads that are not trapped nobody knows.
    offered: usize,
    /// The program's files as they were when it asked.
    files: Option<Files>,
    /// What is gathered for the next question.
    preparation: Option<Box<Preparation>>,
    /// Questions about `AF_UNIX`, once there was one.
    native: Option<Box<Native>>,
}

/// Sockets with more to be asked and answered.
#[derive(Debug, Default)]
pub(crate) struct Later {
    sockets: BTreeSet<Id>,
    at: Option<Instant>,
    /// When a census was taken for a question.
    counted: Option<Instant>,
}

/// How long others are served in between.
const PAUSE: Duration = Duration::from_micros(200);

impl Later {
    /// When to go on.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.at
    }
}

impl Netlink {
    pub(crate) fn new(protocol: i32) -> Netlink {
        Netlink {
            is_diag: protocol == SOCK_DIAG,
            ..Netlink::default()
        }
    }
}

/// Takes the next datagram from the host. Dumps fill what was offered before, so nothing is cut that the program has room for.
fn receive(
    host: &mut Host,
    socket: SocketId,
    offered: usize,
    now: Instant,
) -> Result<PendingDatagram, Errno> {
    let mut take = |room: usize, flags| {
        let mut data = vec![0; room];
        let incoming = Incoming {
            buffers: &mut [data.as_mut_slice()],
            flags,
            ancillary_room: 0,
        };
        let received = host.receive_message(socket, incoming, now)?;
        Ok((received, data))
    };
    let (next, _) = take(0, MessageFlags::PEEK | MessageFlags::TRUNC)?;
    let (received, mut data) = take(next.length.max(offered), MessageFlags::empty())?;
    data.truncate(received.length);
    let source = received.address.as_ref().map(address::encode);
    Ok(PendingDatagram {
        data,
        source: source.unwrap_or_default(),
        control: Vec::new(),
    })
}

impl Supervisor {
    fn netlink_mut(&mut self, id: Id) -> Option<&mut Netlink> {
        match &mut self.conduits.get_mut(id)?.state {
            State::Datagram(datagram) => datagram.netlink.as_deref_mut(),
            _ => None,
        }
    }

    /// Hands over what the program has sent natively; answers how many datagrams it was.
    pub(crate) fn forward_questions(&mut self, id: Id) -> usize {
        let mut buffer = vec![0; crate::datagrams::LARGEST];
        for count in 0..4096 {
            let Some(read) = self.read_question(id, &mut buffer, libc::MSG_PEEK) else {
                return count;
            };
            let question = buffer.get(..read).unwrap_or_default();
            if !self.prepare_question(id, question) {
                self.return_to(id);
                return count;
            }
            let Some(socket) = self.conduits.get(id).map(|conduit| conduit.socket) else {
                return count;
            };
            // Taken before it is answered, which may lead here once more.
            let Some(read) = self.read_question(id, &mut buffer, 0) else {
                return count;
            };
            let outgoing = Outgoing {
                data: &[buffer.get(..read).unwrap_or_default()],
                ..Outgoing::default()
            };
            // What can't be sent is lost: the call is over.
            let _sent = self.send_datagram(id, socket, outgoing);
        }
        4096
    }

    fn end_of(&self, id: Id) -> Option<BorrowedFd<'_>> {
        match &self.conduits.get(id)?.state {
            State::Datagram(datagram) => datagram.end.as_ref().map(AsFd::as_fd),
            _ => None,
        }
    }

    /// What the program has sent natively.
    fn read_question(&self, id: Id, buffer: &mut [u8], flags: i32) -> Option<usize> {
        let end = self.end_of(id)?;
        sys::receive(end, buffer, flags | libc::MSG_DONTWAIT).ok()
    }

    /// Has the event loop come back to what the program has sent and to what it is answered, after all others.
    pub(crate) fn return_to(&mut self, id: Id) {
        let Later { sockets, at, .. } = &mut self.questions;
        sockets.insert(id);
        at.get_or_insert(self.now + PAUSE);
    }

    /// Goes on where that is due.
    pub(crate) fn take_due_questions(&mut self) {
        if self.questions.at.is_none_or(|at| at > self.now) {
            return;
        }
        self.questions.at = None;
        for id in std::mem::take(&mut self.questions.sockets) {
            self.datagram_end_event(id);
        }
    }

    /// Hands the host what the program sends by a datagram socket.
    pub(crate) fn send_datagram(
        &mut self,
        id: Id,
        socket: SocketId,
        outgoing: Outgoing<'_>,
    ) -> Result<usize, Errno> {
        match self.netlink_mut(id) {
            Some(netlink) if netlink.is_diag => self.ask(id, socket, outgoing),
            _ => self.host.send_message(socket, outgoing, self.now),
        }
    }

    /// Questions about sockets: the host answers them, but for those about `AF_UNIX`.
    fn ask(&mut self, id: Id, socket: SocketId, outgoing: Outgoing<'_>) -> Result<usize, Errno> {
        let mut own = None;
        if let Some(netlink) = self.netlink_mut(id) {
            let prepared = netlink.preparation.take();
            if let Some(prepared) = prepared.filter(|prepared| prepared.is_over()) {
                (netlink.files, own) = (prepared.files, prepared.own);
            } else {
                netlink.files = None;
            }
        }
        let datagram = outgoing.data.concat();
        let is_native = |message: &Message<'_>| native::is_for(message);
        if !Messages::new(&datagram).any(|message| is_native(&message)) {
            return self.host.send_message(socket, outgoing, self.now);
        }
        let mut rest: Vec<u8> = Messages::new(&datagram)
            .filter(|message| !is_native(message))
            .flat_map(|message| message.whole.to_vec())
            .collect();
        if rest.is_empty() {
            // The host has to hear that something was sent: the socket gets a port by it, or may not send there.
            rest = Writer::new(NLMSG_NOOP, 0, 0, 0).finish();
        }
        let to_host = Outgoing {
            data: &[&rest],
            ..outgoing
        };
        self.host.send_message(socket, to_host, self.now)?;
        for message in Messages::new(&datagram).filter(is_native) {
            self.ask_kernel(id, &message, own.take())?;
        }
        self.deliver_datagrams(id);
        Ok(datagram.len())
    }

    /// Whether an answer has been given enough of one turn of the event loop.
    pub(crate) fn has_had_its_turn(&mut self, id: Id, datagrams: usize) -> bool {
        /// Of at most 32 KiB each.
        const MOST: usize = 4;
        datagrams >= MOST && self.netlink_mut(id).is_some()
    }

    /// The program reads with this much room.
    pub(crate) fn note_room(&mut self, id: Id, room: usize) {
        if let Some(netlink) = self.netlink_mut(id) {
            netlink.offered = netlink.offered.max(room.min(crate::datagrams::LARGEST));
        }
    }

    /// The next datagram for a netlink socket: what the host says, made whole, else what the kernel does.
    pub(crate) fn next_answer(
        &mut self,
        id: Id,
        socket: SocketId,
    ) -> Result<PendingDatagram, Errno> {
        let netlink = self.netlink_mut(id).ok_or(Errno::EAGAIN)?;
        let (is_diag, offered) = (netlink.is_diag, netlink.offered);
        match receive(&mut self.host, socket, offered, self.now) {
            Ok(mut answer) if is_diag => {
                self.complete(id, &mut answer.data);
                Ok(answer)
            }
            Err(Errno::EAGAIN) if is_diag => {
                if self.host.readiness(socket).contains(Readiness::IN) {
                    // There is more, which takes its time.
                    self.return_to(id);
                }
                self.next_native(id).ok_or(Errno::EAGAIN)
            }
            answer => answer,
        }
    }
}

/// Where each message of a datagram lies.
fn places(datagram: &[u8]) -> Vec<(u16, std::ops::Range<usize>)> {
    let mut at = 0;
    let messages = Messages::new(datagram);
    messages
        .map(|message| {
            let place = at..at + message.whole.len();
            at += message.whole.len().next_multiple_of(4);
            (message.kind, place)
        })
        .collect()
}
