//! Blocking as a value: a call that cannot finish yet, resumed when readiness changes.
//!
//! A socket call of [`Host`] never blocks. A program that wants to block makes one of the values here, and *resumes* it:
//! at once, and whenever [`Host::next_event`] names the socket, or the value's deadline has come. What the value decides is
//! the same for a parked thread, a waker, a parked system call and a virtual clock:
//!
//! - whether to wait at all: `O_NONBLOCK` (handed in), `MSG_DONTWAIT`, a timeout of the socket that is over at once;
//! - how long: `SO_RCVTIMEO` for receiving and accepting, `SO_SNDTIMEO` for sending and connecting;
//! - for how much: `MSG_WAITALL` and `SO_RCVLOWAT` on a stream, all of the data when sending;
//! - what a call answers that got a part of its way when time ran out, an error came, or a signal ended the wait
//!   ([`Pending::interrupt`]): the part, if there is one.
//!
//! The caller's buffers are handed in with each resumption: they may be in another process's memory. A stream's data can
//! go without a copy in the host, too: [`Pending::send_bytes`] and [`Pending::receive_payload`].

use alloc::vec::Vec;

use smallvec::SmallVec;

use crate::{
    Accepted, Ancillary, Errno, Host, Incoming, Instant, MessageFlags, Outgoing, Readiness,
    Received, SocketAddress, SocketId, SocketType,
};

mod zero_copy;

/// What came of resuming.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Step<T> {
    /// The call returns this.
    Done(Result<T, Errno>),
    /// Not yet: to be resumed when the socket's readiness changes, or at [`Pending::deadline`].
    Blocked,
}

/// How a wait ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// It does not wait.
    None,
    Until(Instant),
    Forever,
}

/// Which timeout of the socket holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Receive,
    Send,
}

/// A call in progress: its socket, how far it got, and until when it waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    socket: SocketId,
    direction: Direction,
    patience: Patience,
    /// Bytes sent or received so far.
    progress: usize,
    /// A connection attempt is under way.
    is_connecting: bool,
    /// There was no room for more: it goes on when the socket is writable again.
    waits_for_room: bool,
}

impl Pending {
    /// A `recv`, `recvmsg` or `accept` that begins now.
    pub fn receiving(host: &Host, socket: SocketId, is_nonblocking: bool, now: Instant) -> Self {
        Self::new(host, socket, Direction::Receive, is_nonblocking, now)
    }

    /// A `send`, `sendmsg` or `connect` that begins now.
    pub fn sending(host: &Host, socket: SocketId, is_nonblocking: bool, now: Instant) -> Self {
        Self::new(host, socket, Direction::Send, is_nonblocking, now)
    }

    fn new(
        host: &Host,
        socket: SocketId,
        direction: Direction,
        is_nonblocking: bool,
        now: Instant,
    ) -> Self {
        let timeout = host.get(socket).ok().and_then(|socket| match direction {
            Direction::Receive => socket.options.receive_timeout(),
            Direction::Send => socket.options.send_timeout(),
        });
        let patience = match timeout {
            _ if is_nonblocking => Patience::None,
            None => Patience::Forever,
            Some(timeout) if timeout.is_zero() => Patience::None,
            Some(timeout) => Patience::Until(now + timeout),
        };
        Self {
            socket,
            direction,
            patience,
            progress: 0,
            is_connecting: false,
            waits_for_room: false,
        }
    }

    /// The same call with a deadline of the caller's own instead of the socket's timeout, as a `poll` before it has.
    pub fn until(mut self, deadline: Instant) -> Self {
        self.patience = Patience::Until(deadline);
        self
    }

    /// The next part of a call whose data does not come in one piece: nothing of it is done yet, and it waits no longer
    /// than the call as a whole does.
    pub fn next_part(&self) -> Self {
        Self {
            progress: 0,
            ..self.clone()
        }
    }

    /// The socket whose readiness it waits for.
    pub fn socket(&self) -> SocketId {
        self.socket
    }

    /// What it waits for. Errors and hang-ups, which `poll(2)` tells whether asked for or not, end every wait.
    pub fn interest(&self) -> Readiness {
        match self.direction {
            Direction::Receive => Readiness::IN,
            Direction::Send => Readiness::OUT,
        }
    }

    /// When to resume it at the latest; `None` if it waits without end.
    pub fn deadline(&self) -> Option<Instant> {
        match self.patience {
            Patience::Until(deadline) => Some(deadline),
            Patience::None | Patience::Forever => None,
        }
    }

    /// Bytes sent or received so far.
    pub fn progress(&self) -> usize {
        self.progress
    }

    /// A signal ended the wait: how much was done, which the call returns; `EINTR` (or a restart) if it is nothing.
    ///
    /// # Errors
    /// `EINTR` if nothing was done.
    pub fn interrupt(self) -> Result<usize, Errno> {
        self.partly(Errno::EINTR)
    }

    fn partly(&self, errno: Errno) -> Result<usize, Errno> {
        if self.progress > 0 {
            Ok(self.progress)
        } else {
            Err(errno)
        }
    }

    fn may_wait(&self, flags: MessageFlags, now: Instant) -> bool {
        !flags.contains(MessageFlags::DONTWAIT)
            && match self.patience {
                Patience::None => false,
                Patience::Until(deadline) => now < deadline,
                Patience::Forever => true,
            }
    }

    /// Goes on sending `message`, which is the same whole message each time: what was sent already is skipped. A stream
    /// sends all of it before it returns.
    pub fn send(&mut self, host: &mut Host, message: Outgoing<'_>, now: Instant) -> Step<usize> {
        let data = message.data;
        let has_waited = self.waits_for_room || self.is_connecting;
        let step = self.try_send(host, message, now);
        if has_waited || step == Step::Blocked {
            let length = data.iter().map(|piece| piece.len()).sum();
            self.tell_of_writer(host, step == Step::Blocked, length);
        }
        step
    }

    /// Data that waits for a connection will carry the acknowledgment of the SYN-ACK (`sk_stream_wait_connect`,
    /// `inet_wait_for_connect`).
    fn tell_of_writer(&self, host: &mut Host, is_blocked: bool, length: usize) {
        crate::tcp::set_writer(host, self.socket, is_blocked && self.progress < length);
    }

    fn try_send(&mut self, host: &mut Host, message: Outgoing<'_>, now: Instant) -> Step<usize> {
        let mut flags = message.flags;
        let total = message.length();
        let (is_stream, waits_to_connect) = match host.get(self.socket) {
            Ok(socket) => (socket.kind == SocketType::Stream, socket.waits_to_connect()),
            Err(_) => (false, false),
        };
        let mut ancillary = message.ancillary;
        let of_every_part: Vec<Ancillary> = (ancillary.iter())
            .filter(|message| matches!(message, Ancillary::StampRequest(_)))
            .cloned()
            .collect();
        if let Some(step) = self.waits(host, flags, now) {
            return step;
        }
        // Data that goes with the SYN: the call waits until the connection stands, as `connect` does.
        let opens = is_stream && (flags.contains(MessageFlags::FASTOPEN) || waits_to_connect);
        loop {
            if self.is_connecting {
                flags.remove(MessageFlags::FASTOPEN);
                match self.attempt(host, now) {
                    None if self.may_wait(flags, now) => return Step::Blocked,
                    None => return Step::Done(self.partly(Errno::EINPROGRESS)),
                    Some(Err(errno)) => return Step::Done(Err(errno)),
                    Some(Ok(())) if self.progress >= total => {
                        return Step::Done(Ok(self.progress));
                    }
                    Some(Ok(())) => self.is_connecting = false,
                }
            }
            let rest = behind(message.data, self.progress);
            let mut part_flags = flags;
            part_flags.set(MessageFlags::WAITS, self.may_wait(flags, now));
            part_flags.set(MessageFlags::CONTINUES, self.progress > 0);
            let part = Outgoing {
                data: &rest,
                address: message.address,
                // What goes with a message goes with its first part.
                ancillary: if self.progress == 0 {
                    core::mem::take(&mut ancillary)
                } else {
                    of_every_part.clone()
                },
                flags: part_flags,
            };
            match host.send_message(self.socket, part, now) {
                Ok(sent) => {
                    self.progress += sent;
                    if opens && host.is_opening(self.socket) {
                        self.is_connecting = true;
                        continue;
                    }
                    if !is_stream || self.progress >= total || sent == 0 {
                        return Step::Done(Ok(self.progress));
                    }
                }
                Err(Errno::EINPROGRESS | Errno::EALREADY) if opens && self.may_wait(flags, now) => {
                    self.is_connecting = true;
                }
                Err(Errno::EAGAIN) if self.may_wait(flags, now) => {
                    self.waits_for_room = true;
                    return Step::Blocked;
                }
                Err(errno) => return Step::Done(self.partly(errno)),
            }
        }
    }

    /// A write that found no room is woken only when a third of the buffer is free, as `poll` is
    /// (`sk_stream_write_space`): to go on with each acknowledgment would make small segments.
    fn waits(&mut self, host: &Host, flags: MessageFlags, now: Instant) -> Option<Step<usize>> {
        let is_over = || {
            let ends = Readiness::OUT | Readiness::ERR | Readiness::HUP;
            host.readiness(self.socket).intersects(ends)
        };
        if !self.waits_for_room || is_over() {
            self.waits_for_room = false;
            return None;
        }
        Some(if self.may_wait(flags, now) {
            Step::Blocked
        } else {
            Step::Done(self.partly(Errno::EAGAIN))
        })
    }

    /// Goes on receiving into `message`'s buffers, which are the same each time. On a stream it returns when there is as
    /// much as `MSG_WAITALL` or `SO_RCVLOWAT` asks for, at the end, at the urgent mark, and with control messages.
    pub fn receive(
        &mut self,
        host: &mut Host,
        message: Incoming<'_, '_>,
        now: Instant,
    ) -> Step<Received> {
        // The error queue is never waited for.
        if message.flags.contains(MessageFlags::ERRQUEUE) {
            return Step::Done(host.receive_message(self.socket, message, now));
        }
        let Incoming {
            buffers,
            flags,
            ancillary_room,
        } = message;
        let room: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        let is_stream = self.is_stream(host);
        let is_peek = flags.contains(MessageFlags::PEEK);
        let target = if is_stream {
            self.target(host, flags, room)
        } else {
            1
        };
        loop {
            let mut rest = behind_mut(buffers, self.progress);
            let part = Incoming {
                buffers: &mut rest,
                flags,
                ancillary_room,
            };
            let received = match host.receive_message(self.socket, part, now) {
                Ok(received) => received,
                // Urgent data is never waited for (`tcp_recv_urg`).
                Err(Errno::EAGAIN)
                    if self.may_wait(flags, now) && !flags.contains(MessageFlags::OOB) =>
                {
                    return if self.is_over(host, is_stream) {
                        Step::Done(Ok(Received::default()))
                    } else {
                        Step::Blocked
                    };
                }
                Err(errno) => {
                    let length = self.partly(errno);
                    return Step::Done(length.map(|length| Received {
                        length,
                        ..Received::default()
                    }));
                }
            };
            if is_peek && is_stream {
                // Nothing was taken: the next try looks at the same bytes.
                let moves_on = host
                    .get(self.socket)
                    .is_ok_and(|socket| socket.options.peek_offset().is_some());
                let is_enough = received.length >= target
                    || received.length == 0
                    || moves_on
                    || self.ends_here(host, &received);
                if is_enough || !self.may_wait(flags, now) {
                    return Step::Done(Ok(received));
                }
                return Step::Blocked;
            }
            let is_end = received.length == 0;
            self.progress += received.length;
            if !is_stream || is_end || self.progress >= target || self.ends_here(host, &received) {
                let length = if is_stream {
                    self.progress
                } else {
                    received.length
                };
                return Step::Done(Ok(Received { length, ..received }));
            }
        }
    }

    /// `sock_rcvlowat`
    fn target(&self, host: &Host, flags: MessageFlags, room: usize) -> usize {
        if flags.contains(MessageFlags::WAITALL) {
            return room.max(1);
        }
        let low_water = host
            .get(self.socket)
            .map_or(1, |socket| socket.options.receive_low_water);
        usize::try_from(low_water)
            .unwrap_or(usize::MAX)
            .min(room)
            .max(1)
    }

    /// Boundaries that a stream's read does not cross once it has something: control messages, the urgent byte.
    fn ends_here(&self, host: &Host, received: &Received) -> bool {
        let has_boundary = received
            .ancillary
            .iter()
            .any(|item| matches!(item, Ancillary::Rights(_) | Ancillary::Credentials(_)));
        let flags = MessageFlags::CTRUNC | MessageFlags::OOB;
        has_boundary
            || received.flags.intersects(flags)
            || host.at_mark(self.socket).unwrap_or(false)
    }

    /// A datagram socket that is shut for reading ends a wait with nothing (`__skb_wait_for_more_packets`); without a
    /// wait it answers EAGAIN.
    fn is_over(&self, host: &Host, is_stream: bool) -> bool {
        !is_stream && host.readiness(self.socket).contains(Readiness::RDHUP)
    }

    fn is_stream(&self, host: &Host) -> bool {
        host.get(self.socket)
            .is_ok_and(|socket| socket.kind == SocketType::Stream)
    }

    /// Goes on accepting.
    pub fn accept(&mut self, host: &mut Host, now: Instant) -> Step<Accepted> {
        match host.accept(self.socket, now) {
            Err(Errno::EAGAIN) if self.may_wait(MessageFlags::empty(), now) => {
                // A listener that is shut down gives what is queued, then this instead of waiting for ever.
                if host.readiness(self.socket).contains(Readiness::RDHUP) {
                    Step::Done(Err(Errno::EINVAL))
                } else {
                    Step::Blocked
                }
            }
            result => Step::Done(result),
        }
    }

    /// Goes on connecting. If time runs out, the attempt goes on in the background: `EINPROGRESS`.
    pub fn connect(&mut self, host: &mut Host, address: &SocketAddress, now: Instant) -> Step<()> {
        let may_wait = self.may_wait(MessageFlags::empty(), now);
        if self.is_connecting {
            return match self.attempt(host, now) {
                Some(result) => Step::Done(result),
                None if may_wait => Step::Blocked,
                None => Step::Done(Err(Errno::EINPROGRESS)),
            };
        }
        match host.connect(self.socket, address, now) {
            // A blocking call joins an attempt that a non-blocking one began.
            Err(Errno::EINPROGRESS | Errno::EALREADY) if may_wait => {
                self.is_connecting = true;
                self.attempt(host, now).map_or(Step::Blocked, Step::Done)
            }
            // AF_UNIX: the listener's queue is full.
            Err(Errno::EAGAIN) if may_wait => Step::Blocked,
            result => Step::Done(result),
        }
    }

    /// How the attempt ended, if it did: what `SO_ERROR` tells, and whether the socket is connected.
    fn attempt(&self, host: &mut Host, now: Instant) -> Option<Result<(), Errno>> {
        let ready = host.readiness(self.socket);
        if !ready.intersects(Readiness::OUT | Readiness::ERR | Readiness::HUP) {
            return None;
        }
        const SOL_SOCKET: i32 = 1;
        const SO_ERROR: i32 = 4;
        let is_connected = host.peer_address(self.socket).is_ok();
        let error = match host.get_option(self.socket, SOL_SOCKET, SO_ERROR, 4, now) {
            Ok(value) => value
                .first_chunk()
                .map_or(0, |four| i32::from_ne_bytes(*four)),
            Err(errno) => return Some(Err(errno)),
        };
        Some(match Errno::from_number(error) {
            Some(errno) => Err(errno),
            None if is_connected => Ok(()),
            // What is ready is the error queue.
            None if host.is_opening(self.socket) => return None,
            None => Err(Errno::ECONNABORTED),
        })
    }
}

/// The pieces without their first `skip` bytes.
fn behind<'a>(pieces: &[&'a [u8]], skip: usize) -> SmallVec<[&'a [u8]; 4]> {
    let mut skip = skip;
    let mut rest = SmallVec::new();
    for piece in pieces {
        let skipped = skip.min(piece.len());
        skip -= skipped;
        if let Some(piece) = piece.get(skipped..) {
            rest.push(piece);
        }
    }
    rest
}

/// The room without its first `skip` bytes.
fn behind_mut<'a>(pieces: &'a mut [&mut [u8]], skip: usize) -> SmallVec<[&'a mut [u8]; 4]> {
    let mut skip = skip;
    let mut rest = SmallVec::new();
    for piece in pieces {
        let skipped = skip.min(piece.len());
        skip -= skipped;
        if let Some(piece) = piece.get_mut(skipped..) {
            rest.push(piece);
        }
    }
    rest
}

#[cfg(test)]
mod tests;
