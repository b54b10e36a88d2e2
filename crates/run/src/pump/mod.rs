//! The pump: bytes between the program's files and the far sides of their connections.
//!
//! Our ends are edge-triggered and non-blocking. Each event moves what can be moved in both directions; what the other
//! side doesn't take is kept (at most one buffer a direction) and nothing more is read until it does, so a slow reader
//! is felt by the writer as TCP would let it feel it.

mod buffers;
mod urgent;

use std::io;
use std::os::fd::AsFd;

use bytes::{Buf, Bytes};
use sockeye_core::{Errno, MessageFlags, Outgoing, Readiness, Shutdown};
use sockeye_linux::number::{SO_LINGER, SOL_SOCKET};
use sockeye_wire::Payload;

pub(crate) use buffers::{Buffers, MOST_READ};

use crate::conduit::{Far, Relay, State};
use crate::event_loop::Source;
use crate::resets::{LINGER_NONE, reset_when_closed};
use crate::slab::Id;
use crate::supervisor::{Progress, Supervisor};
use crate::sys::{self, Events};

/// The most one turn moves for one connection in one direction, so that none starves another.
const TURN: usize = 128 * 1024;

/// What is watched at an end that bytes go through: not that there is room, which each read of the program would tell, but
/// for as long as bytes wait for it.
const RELAYED: Events = sys::IN | sys::PRI | sys::RDHUP | sys::EDGE;
/// What is watched while bytes wait for room, and at the machine's side of a published connection.
pub(crate) const WITH_ROOM: Events = RELAYED | sys::OUT;

/// How a direction came out of its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Nothing more can be moved now.
    Idle,
    /// Both directions have ended in good order; the program still has its file.
    Finished,
    /// The program has closed its file.
    ProgramClosed,
    /// The program has closed its file with unread data.
    ProgramReset,
    /// The far side was reset.
    FarReset,
    /// There is more to do, in another turn.
    More,
}

impl Supervisor {
    /// Watches our end of a connection that bytes go through.
    pub(crate) fn watch_relay(&mut self, id: Id) {
        if let Some(State::Relay(relay)) = self.conduits.get(id).map(|conduit| &conduit.state) {
            let events = RELAYED;
            if self
                .watch(relay.end.as_fd(), events, Source::End(id))
                .is_err()
            {
                self.retire(id);
                return;
            }
        }
        self.pump(id);
    }

    /// Watches our end of a connection that does not stand yet: the program may close it.
    pub(crate) fn watch_connecting(&mut self, id: Id) {
        if let Some(State::Connecting(connecting)) =
            self.conduits.get(id).map(|conduit| &conduit.state)
            && self
                .watch(
                    connecting.end.as_fd(),
                    sys::RDHUP | sys::EDGE,
                    Source::End(id),
                )
                .is_err()
        {
            self.retire(id);
        }
    }

    /// Something happened at our end of a conduit.
    pub(crate) fn end_event(&mut self, id: Id, events: Events) {
        let Some(conduit) = self.conduits.get_mut(id) else {
            return;
        };
        match &mut conduit.state {
            State::Relay(relay) => {
                relay.end_readable |= events & (sys::IN | sys::RDHUP | sys::HUP | sys::ERR) != 0;
                relay.end_marked |= events & sys::PRI != 0;
                relay.hung_up |= events & sys::HUP != 0;
                relay.ending |= events & (sys::RDHUP | sys::HUP | sys::ERR) != 0;
                let has_room = events & (sys::OUT | sys::HUP | sys::ERR) != 0;
                if has_room && relay.end_writable && relay.watches_room {
                    // Nothing waited.
                    let token = Source::End(id).token();
                    let told = self.epoll.modify(relay.end.as_fd(), RELAYED, token);
                    relay.watches_room = told.is_err();
                }
                relay.end_writable |= has_room;
                self.pump(id);
            }
            State::Connecting(_) if events & (sys::HUP | sys::ERR) != 0 => self.retire(id),
            State::Datagram(_) => self.datagram_end_event(id),
            _ => {}
        }
    }

    /// The program has shut down a direction, and its call is to have an effect before it returns.
    pub(crate) fn program_ended(&mut self, id: Id) {
        if let Some(State::Relay(relay)) =
            self.conduits.get_mut(id).map(|conduit| &mut conduit.state)
        {
            relay.look_again();
            relay.ending = true;
            self.pump(id);
        }
    }

    /// A socket of the host has news.
    pub(crate) fn socket_event(&mut self, id: Id, readiness: Readiness) {
        let Some(conduit) = self.conduits.get_mut(id) else {
            return;
        };
        match &mut conduit.state {
            State::Relay(relay) if matches!(relay.far, Far::Host) => {
                if relay.inbound_ended && readiness.contains(Readiness::ERR | Readiness::HUP) {
                    // Reset behind its end of file: nothing that is read will tell.
                    self.reset_program(id);
                    return;
                }
                relay.far_readable |= readiness.intersects(
                    Readiness::IN
                        | Readiness::HUP
                        | Readiness::ERR
                        | Readiness::RDHUP
                        | Readiness::PRI,
                );
                relay.far_writable |=
                    readiness.intersects(Readiness::OUT | Readiness::ERR | Readiness::HUP);
                self.pump(id);
            }
            State::Connecting(_) => self.connecting_event(id),
            // A listener of the host never hangs up: this one is none any more.
            State::Listening(_) if readiness.contains(Readiness::HUP) => self.end_listening(id),
            State::Listening(_) => self.deliver_connections(id),
            State::Datagram(_) => self.deliver_datagrams(id),
            _ => {}
        }
    }

    /// A connect that was under way has come to an end, or not yet.
    fn connecting_event(&mut self, id: Id) {
        let progress = self.progress(id);
        if progress == Progress::Pending {
            return;
        }
        let file = self.program_file(id);
        let (queue, bound) = match self.conduits.get(id).map(|conduit| conduit.socket) {
            Some(socket) => (self.outbound_queue(socket), self.read_bound(socket)),
            None => return,
        };
        let Some(conduit) = self.conduits.get_mut(id) else {
            return;
        };
        let State::Connecting(connecting) = std::mem::replace(&mut conduit.state, State::Failed)
        else {
            return;
        };
        if progress == Progress::Established {
            conduit.untold = true;
            let end = connecting.end.as_fd().try_clone_to_owned();
            let end = match (connecting.drain(file.as_ref().map(AsFd::as_fd), queue), end) {
                (Ok(end), _) => end,
                // The program is closing it: the relay sees the same and ends the connection.
                (Err(_), Ok(end)) => end,
                (Err(_), Err(_)) => {
                    self.retire(id);
                    return;
                }
            };
            conduit.state = State::Relay(Box::new(Relay::new(end, Far::Host, bound)));
            let events = RELAYED;
            if let Some(State::Relay(relay)) = self.conduits.get(id).map(|conduit| &conduit.state) {
                // The same open file may be registered under the number it had before.
                let token = Source::End(id).token();
                let changed = self.epoll.modify(relay.end.as_fd(), events, token);
                if changed.is_err() && self.epoll.add(relay.end.as_fd(), events, token).is_err() {
                    self.retire(id);
                    return;
                }
            }
            self.pump(id);
        }
        // Otherwise our end is closed with the filler unread, which is what a failed connect looks like.
        self.resume(id);
    }

    /// Moves what can be moved, both ways.
    pub(crate) fn pump(&mut self, id: Id) {
        let Some(conduit) = self.conduits.get_mut(id) else {
            return;
        };
        let (socket, program_shut) = (conduit.socket, conduit.program_shut);
        let State::Relay(relay) = &mut conduit.state else {
            return;
        };
        let mut far = FarSide {
            host: &mut self.host,
            socket,
            now: self.now,
        };
        let mut turn = move_out(relay, &mut far, &mut self.buffers, program_shut);
        if matches!(turn, Turn::Idle | Turn::More) {
            let inward = move_in(relay, &mut far);
            if inward != Turn::Idle {
                turn = inward;
            }
        }
        if !relay.end_writable && !relay.watches_room {
            // If it has come by now, epoll tells at once.
            let token = Source::End(id).token();
            match self.epoll.modify(relay.end.as_fd(), WITH_ROOM, token) {
                Ok(()) => relay.watches_room = true,
                // It is not watched yet: `watch_relay` will.
                Err(_) => relay.end_writable = true,
            }
        }
        let stands_in = relay.stands_in;
        match turn {
            Turn::Idle => {}
            Turn::Finished if stands_in => self.retire(id),
            Turn::More => self.buffers.again.push(id),
            // From here on only a census tells when the program closes it.
            Turn::Finished => conduit.state = State::Failed,
            Turn::ProgramClosed => self.retire(id),
            Turn::ProgramReset => {
                // Unread data at close means reset. RFC 2525 2.17
                let _told =
                    self.host
                        .set_option(socket, SOL_SOCKET, SO_LINGER, &LINGER_NONE, self.now);
                self.retire(id);
            }
            Turn::FarReset => self.reset_program(id),
        }
    }

    /// The far side was reset: the program sees what was sent before, then ECONNRESET. Behind an end of file it reads
    /// only that, and its writes are EPIPE (`tcp_reset`).
    fn reset_program(&mut self, id: Id) {
        let file = self.program_file(id);
        let Some(conduit) = self.conduits.get_mut(id) else {
            return;
        };
        if let State::Relay(relay) = &conduit.state
            && relay.stands_in
        {
            reset_when_closed(relay.end.as_fd());
            self.retire(id);
            return;
        }
        let ended = matches!(&conduit.state, State::Relay(relay) if relay.inbound_ended);
        // A byte that we leave unread makes the kernel tell a reset rather than an end.
        if let Some(file) = file.filter(|_| !ended) {
            let _sent = sys::send(file.as_fd(), &[0], libc::MSG_DONTWAIT);
        }
        // A connection that nobody has accepted yet has no file to be reached: accept hands over one that is reset.
        conduit.state = State::Failed;
        self.resume(id);
    }

    /// Connections that had more to move than one turn allows.
    pub(crate) fn pump_again(&mut self) {
        for id in std::mem::take(&mut self.buffers.again) {
            self.pump(id);
        }
    }
}

/// A relay's far side, whichever it is.
struct FarSide<'a> {
    host: &'a mut sockeye_core::Host,
    socket: sockeye_core::SocketId,
    now: sockeye_core::Instant,
}

impl FarSide<'_> {
    fn send(&mut self, far: &Far, data: Bytes, urgent: bool) -> Result<usize, Errno> {
        match far {
            Far::Host if urgent => {
                let outgoing = Outgoing {
                    data: &[&data],
                    flags: MessageFlags::OOB,
                    ..Outgoing::default()
                };
                self.host.send_message(self.socket, outgoing, self.now)
            }
            Far::Host => self.host.send_bytes(self.socket, data, self.now),
            Far::Published(file) => sys::send(
                file.as_fd(),
                &data,
                libc::MSG_DONTWAIT | out_of_band(urgent),
            )
            .map_err(|error| crate::calls::errno(&error)),
        }
    }

    /// The urgent byte, if it is the next one.
    fn take_urgent(&mut self, far: &Far) -> Option<u8> {
        match far {
            Far::Host => urgent::take_from_host(self.host, self.socket, self.now),
            Far::Published(file) => urgent::take_from_file(file.as_fd()),
        }
    }

    fn end_sending(&mut self, far: &Far) {
        match far {
            Far::Host => {
                let _told = self.host.shutdown(self.socket, Shutdown::Write, self.now);
            }
            Far::Published(file) => {
                let _told = sys::shutdown(file.as_fd(), libc::SHUT_WR);
                let _noted = self.host.shutdown(self.socket, Shutdown::Write, self.now);
            }
        }
    }
}

fn out_of_band(urgent: bool) -> i32 {
    if urgent { libc::MSG_OOB } else { 0 }
}

/// From the program to the far side.
fn move_out(
    relay: &mut Relay,
    far: &mut FarSide<'_>,
    buffers: &mut Buffers,
    program_shut: bool,
) -> Turn {
    let mut moved = 0;
    loop {
        while !relay.outbound.is_empty() {
            if !relay.far_writable {
                // The program may go away while the far side doesn't read: nothing to see until it does.
                return Turn::Idle;
            }
            match far.send(&relay.far, relay.outbound.clone(), relay.outbound_urgent) {
                Ok(sent) => {
                    moved += sent;
                    relay.outbound.advance(sent.min(relay.outbound.len()));
                }
                Err(Errno::EAGAIN) => relay.far_writable = false,
                Err(_) if relay.inbound_ended => return Turn::FarReset,
                // The far side is gone: what the program still sends is lost, as TCP loses it. But first the program is told,
                // if what came before lets it: its next write is to fail.
                Err(_) => {
                    relay.outbound = Bytes::new();
                    return Turn::More;
                }
            }
        }
        if relay.outbound_ended && relay.hung_up && !relay.inbound_ended {
            return Turn::ProgramClosed;
        }
        let waits_to_connect = relay.stands_in && !relay.far_writable;
        if !relay.end_readable || relay.outbound_ended || waits_to_connect {
            return Turn::Idle;
        }
        if moved >= TURN {
            return Turn::More;
        }
        relay.outbound_urgent = false;
        if relay.end_marked
            && let Some(byte) = urgent::take_from_file(relay.end.as_fd())
        {
            relay.outbound = Bytes::copy_from_slice(&[byte]);
            relay.outbound_urgent = true;
            continue;
        }
        match buffers.read(relay.end.as_fd(), relay.read_bound) {
            Ok((data, more)) if !data.is_empty() => {
                relay.outbound = data;
                // Behind a short read there may still be the end of file.
                relay.end_readable = more || relay.ending || relay.end_marked;
                // What has come since epoll looked may be urgent.
                relay.end_marked = relay.end_readable;
            }
            Ok(_) => {
                // End of file: closed, or only the sending side. Once the other direction has ended too, the kernel
                // shows the two alike, and only the trapped shutdown tells.
                let hung_up = sys::poll_now(relay.end.as_fd(), 0) & libc::POLLHUP != 0;
                if hung_up && !(relay.inbound_ended && program_shut) {
                    return Turn::ProgramClosed;
                }
                relay.outbound_ended = true;
                relay.end_readable = false;
                far.end_sending(&relay.far);
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    relay.end_readable = false;
                    relay.end_marked = false;
                }
                _ => return Turn::ProgramReset,
            },
        }
    }
}

/// From the far side to the program.
fn move_in(relay: &mut Relay, far: &mut FarSide<'_>) -> Turn {
    let mut moved = 0;
    loop {
        while !relay.inbound.is_empty() {
            if !relay.end_writable {
                return Turn::Idle;
            }
            let slices: smallvec::SmallVec<[io::IoSlice<'_>; 16]> = relay
                .inbound
                .chunks()
                .take(64)
                .map(|chunk| io::IoSlice::new(chunk))
                .collect();
            let flags = out_of_band(relay.inbound_urgent);
            match sys::send_slices(relay.end.as_fd(), &slices, flags) {
                Ok(sent) => {
                    drop(slices);
                    moved += sent;
                    relay.inbound.advance(sent);
                    relay.written += sent as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    relay.end_writable = false
                }
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {
                    // The program reads no more. If it is gone altogether, our read side has said so or will.
                    drop(slices);
                    relay.inbound = Payload::new();
                    relay.look_again();
                    return Turn::More;
                }
                Err(_) => return Turn::ProgramReset,
            }
        }
        if !relay.far_readable || relay.inbound_ended {
            return if relay.inbound_ended && relay.outbound_ended {
                Turn::Finished
            } else {
                Turn::Idle
            };
        }
        if moved >= TURN {
            return Turn::More;
        }
        relay.inbound_urgent = false;
        if let Some(byte) = far.take_urgent(&relay.far) {
            relay.inbound = Bytes::copy_from_slice(&[byte]).into();
            relay.inbound_urgent = true;
            continue;
        }
        let received = match &relay.far {
            Far::Host => far.host.receive_payload(far.socket, READ, far.now),
            Far::Published(file) => read_published(file.as_fd()),
        };
        match received {
            Ok(payload) if payload.is_empty() => {
                relay.inbound_ended = true;
                if matches!(relay.far, Far::Published(_)) {
                    far.host.joined_peer_ended(far.socket);
                }
                let _told = sys::shutdown(relay.end.as_fd(), libc::SHUT_WR);
            }
            Ok(payload) => relay.inbound = payload,
            Err(Errno::EAGAIN) => relay.far_readable = false,
            Err(_) => return Turn::FarReset,
        }
    }
}

/// The most that is taken from the far side at once.
const READ: usize = 256 * 1024;

fn read_published(file: std::os::fd::BorrowedFd<'_>) -> Result<Payload, Errno> {
    let mut buffer = vec![0; 64 * 1024];
    match sys::receive(file, &mut buffer, libc::MSG_DONTWAIT) {
        Ok(read) => {
            buffer.truncate(read);
            Ok(Bytes::from(buffer).into())
        }
        Err(error) => Err(crate::calls::errno(&error)),
    }
}
