//! Datagrams between the host and the program's files.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use sockeye_core::{Errno, Host, Incoming, Instant, MessageFlags, Outgoing, SocketId};
use sockeye_linux::address;
use sockeye_linux::control;

use crate::conduit::{PendingDatagram, State};
use crate::event_loop::Source;
use crate::names::Names;
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys::{self, Name};

/// The largest datagram, and room to see that one is larger.
pub(crate) const LARGEST: usize = 65_536;

/// How many ends are kept for addresses.
const MOST_SOURCES: usize = 256;
/// How many pieces of ancillary data may wait to be read.
const MOST_CONTROLS: usize = 4096;

/// Ends that stand for the addresses that datagrams come from.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    ends: BTreeMap<Vec<u8>, OwnedFd>,
    order: VecDeque<Vec<u8>>,
    controls: BTreeMap<u64, Vec<u8>>,
    next: u64,
}

impl Sources {
    /// Sends `data` to the file named `target` from an end that stands for `source`.
    fn send(&mut self, names: &Names, datagram: &PendingDatagram, target: &Name) -> io::Result<()> {
        if !datagram.control.is_empty() {
            // What comes along can't travel in the file: it is kept under a number in the sender's name.
            self.next += 1;
            let salt = self.next;
            let end = sys::socket(libc::AF_UNIX, libc::SOCK_DGRAM, true)?;
            sys::bind(end.as_fd(), &names.address_name(salt, &datagram.source))?;
            sys::send_to(end.as_fd(), &datagram.data, target)?;
            if self.controls.len() >= MOST_CONTROLS {
                self.controls.pop_first();
            }
            self.controls.insert(salt, datagram.control.clone());
            return Ok(());
        }
        if !self.ends.contains_key(&datagram.source) {
            if self.ends.len() >= MOST_SOURCES
                && let Some(oldest) = self.order.pop_front()
            {
                self.ends.remove(&oldest);
            }
            let end = sys::socket(libc::AF_UNIX, libc::SOCK_DGRAM, true)?;
            sys::bind(end.as_fd(), &names.address_name(0, &datagram.source))?;
            sys::set_send_buffer(end.as_fd(), 4 << 20);
            self.ends.insert(datagram.source.clone(), end);
            self.order.push_back(datagram.source.clone());
        }
        match self.ends.get(&datagram.source) {
            Some(end) => sys::send_to(end.as_fd(), &datagram.data, target).map(|_| ()),
            None => Err(io::Error::from_raw_os_error(libc::ENOBUFS)),
        }
    }

    /// The ancillary data kept under a number.
    pub(crate) fn control(&mut self, salt: u64, keep: bool) -> Vec<u8> {
        if keep {
            self.controls.get(&salt).cloned()
        } else {
            self.controls.remove(&salt)
        }
        .unwrap_or_default()
    }

    /// A number for a name of its own.
    pub(crate) fn salt(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

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

    /// Puts what has arrived for a datagram socket into the program's file, as far as it takes it.
    pub(crate) fn deliver_datagrams(&mut self, id: Id) {
        let mut delivered = false;
        let mut failed = None;
        // A bound for one turn; the host tells again of what is left.
        for _ in 0..4096 {
            let Some(conduit) = self.conduits.get_mut(id) else {
                return;
            };
            let (socket, name) = (conduit.socket, conduit.name);
            let State::Datagram(datagram) = &mut conduit.state else {
                return;
            };
            let next = match datagram.pending.take() {
                Some(pending) => pending,
                None => match receive(&mut self.host, socket, &mut self.buffers.datagram, self.now)
                {
                    Ok(datagram) => datagram,
                    Err(Errno::EAGAIN) => break,
                    Err(errno) => {
                        // An error, not a datagram: those who wait here are told.
                        delivered = true;
                        failed = Some(errno);
                        break;
                    }
                },
            };
            let Some(name) = name else { return };
            let target = self.names.name(name);
            let sent = match &datagram.end {
                Some(end) => sys::send(end.as_fd(), &next.data, libc::MSG_DONTWAIT).map(|_| ()),
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
                // The program reads no more (shutdown), or has closed the file.
                Err(_) => self.note_close(),
            }
        }
        if let Some(errno) = failed {
            self.tell_error(id, errno);
        }
        if delivered {
            self.resume(id);
        }
    }

    /// A connected socket has an error pending (nobody listens at its peer). A native read or poll of the program can only
    /// be told by the kernel, and the kernel has one way: our half of the pair goes elsewhere with a datagram unread,
    /// which gives ECONNRESET where UDP gives ECONNREFUSED. `SO_ERROR` and the trapped calls give the true errno.
    fn tell_error(&mut self, id: Id, errno: Errno) {
        let Some(conduit) = self.conduits.get_mut(id) else {
            return;
        };
        let State::Datagram(datagram) = &mut conduit.state else {
            return;
        };
        let Some(peer) = datagram.peer else { return };
        if datagram.end.is_none() {
            return;
        }
        datagram.error = Some(errno);
        let Some(file) = self.program_file(id) else {
            return;
        };
        // The unread datagram, through the program's own file.
        let _sent = sys::send(file.as_fd(), &[], libc::MSG_DONTWAIT);
        if let Some(State::Datagram(datagram)) =
            self.conduits.get_mut(id).map(|conduit| &mut conduit.state)
        {
            if let Some(end) = &datagram.end {
                // Dissolving our side makes the kernel mark the program's.
                let _told = sys::connect(end.as_fd(), &Name::from_bytes(&0_u16.to_ne_bytes()));
            }
            datagram.end = None;
        }
        if self.pair_up(id, file.as_fd(), peer.bytes()).is_err() {
            tracing::debug!("a connected datagram socket lost its pair");
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
        let paired = match self.conduits.get(id).map(|conduit| &conduit.state) {
            Some(State::Datagram(datagram)) => datagram.end.is_some(),
            _ => return,
        };
        let mut buffer = vec![0; if paired { LARGEST } else { 0 }];
        for _ in 0..4096 {
            let Some(conduit) = self.conduits.get(id) else {
                return;
            };
            let socket = conduit.socket;
            let State::Datagram(datagram) = &conduit.state else {
                return;
            };
            let Some(end) = &datagram.end else { break };
            match sys::receive(end.as_fd(), &mut buffer, libc::MSG_DONTWAIT) {
                Ok(read) => {
                    // A datagram that can't be sent is lost, as on the wire.
                    let data: &[u8] = &buffer[..read];
                    let outgoing = Outgoing {
                        data: &[data],
                        ..Outgoing::default()
                    };
                    let _sent = self.host.send_message(socket, outgoing, self.now);
                }
                Err(_) => break,
            }
        }
        self.deliver_datagrams(id);
    }

    /// Makes the program's file one half of a pair whose other half stands for `peer`.
    pub(crate) fn pair_up(&mut self, id: Id, file: BorrowedFd<'_>, peer: &[u8]) -> io::Result<()> {
        // What was sent to the last peer goes there.
        self.datagram_end_event(id);
        let Some(name) = self.conduits.get(id).and_then(|conduit| conduit.name) else {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        };
        let target = self.names.name(name);
        let end = sys::socket(libc::AF_UNIX, libc::SOCK_DGRAM, true)?;
        let end_name = self.names.address_name(self.sources.salt(), peer);
        sys::bind(end.as_fd(), &end_name)?;
        sys::set_send_buffer(end.as_fd(), 4 << 20);
        sys::connect(file, &end_name)?;
        sys::connect(end.as_fd(), &target)?;
        self.epoll.add(
            end.as_fd(),
            sys::IN | sys::OUT | sys::EDGE,
            Source::End(id).token(),
        )?;
        if let Some(State::Datagram(datagram)) =
            self.conduits.get_mut(id).map(|conduit| &mut conduit.state)
        {
            datagram.end = Some(end);
            datagram.peer = Some(Name::from_bytes(peer));
        }
        Ok(())
    }

    /// Dissolves the pair.
    pub(crate) fn unpair(&mut self, id: Id, file: BorrowedFd<'_>) -> io::Result<()> {
        self.datagram_end_event(id);
        sys::connect(file, &Name::from_bytes(&0_u16.to_ne_bytes()))?;
        if let Some(State::Datagram(datagram)) =
            self.conduits.get_mut(id).map(|conduit| &mut conduit.state)
        {
            datagram.end = None;
            datagram.peer = None;
        }
        Ok(())
    }
}
