//! Who waits for which socket.
//!
//! Each blocked thread has a condition variable of its own, so that an event wakes a thread that waits for that socket and
//! that readiness, and nobody else. One event wakes one reader and one writer; a thread that leaves hands on what is
//! still ready to the next (see [`Waiters::leave`]), so that no wake-up is lost however the woken one ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar};

use sockeye_core::{Readiness, SocketId};

/// What concerns everyone who waits for a socket, whatever for.
const ALL: Readiness = Readiness::ERR.union(Readiness::HUP).union(Readiness::RDHUP);

/// The blocked threads of one host. Guarded by the host's lock.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    sockets: BTreeMap<SocketId, Vec<Waiter>>,
    next_ticket: u64,
    /// Whom to wake once the lock is free: a thread that is woken earlier only runs into it.
    woken: Vec<Arc<Condvar>>,
}

/// A blocked thread's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    socket: SocketId,
    number: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    interest: Readiness,
    is_woken: bool,
    wake: Arc<Condvar>,
}

impl Waiters {
    /// Takes a place for a thread that waits until `socket` is ready for `interest`.
    pub(crate) fn enter(
        &mut self,
        socket: SocketId,
        interest: Readiness,
    ) -> (Ticket, Arc<Condvar>) {
        let number = self.next_ticket;
        self.next_ticket += 1;
        let wake = Arc::new(Condvar::new());
        self.sockets.entry(socket).or_default().push(Waiter {
            number,
            interest,
            is_woken: false,
            wake: Arc::clone(&wake),
        });
        (Ticket { socket, number }, wake)
    }

    /// Whether the thread was woken; if so, it may be woken again from now on.
    pub(crate) fn take_woken(&mut self, ticket: Ticket) -> bool {
        self.find(ticket)
            .is_some_and(|waiter| std::mem::take(&mut waiter.is_woken))
    }

    /// Gives the place back. `readiness` is what the socket is ready for now: the next thread is woken for it.
    pub(crate) fn leave(&mut self, ticket: Ticket, readiness: Readiness) {
        let Some(waiters) = self.sockets.get_mut(&ticket.socket) else {
            return;
        };
        waiters.retain(|waiter| waiter.number != ticket.number);
        if waiters.is_empty() {
            self.sockets.remove(&ticket.socket);
        } else {
            self.wake(ticket.socket, readiness);
        }
    }

    /// The socket is ready for this: wakes one thread for each direction, or all of them if it concerns all.
    pub(crate) fn wake(&mut self, socket: SocketId, readiness: Readiness) {
        // Almost always nobody is blocked.
        if self.sockets.is_empty() {
            return;
        }
        let Some(waiters) = self.sockets.get_mut(&socket) else {
            return;
        };
        let woken = &mut self.woken;
        if readiness.intersects(ALL) {
            waiters.iter_mut().for_each(|waiter| waiter.wake(woken));
            return;
        }
        for direction in [Readiness::IN, Readiness::OUT] {
            if !readiness.contains(direction) {
                continue;
            }
            let first = waiters
                .iter_mut()
                .find(|waiter| waiter.interest.contains(direction) && !waiter.is_woken);
            if let Some(first) = first {
                first.wake(woken);
            }
        }
    }

    /// Those who were woken since this was last asked, to be notified without the lock.
    pub(crate) fn take_notified(&mut self) -> Vec<Arc<Condvar>> {
        std::mem::take(&mut self.woken)
    }

    fn find(&mut self, ticket: Ticket) -> Option<&mut Waiter> {
        self.sockets
            .get_mut(&ticket.socket)?
            .iter_mut()
            .find(|waiter| waiter.number == ticket.number)
    }
}

impl Waiter {
    fn wake(&mut self, woken: &mut Vec<Arc<Condvar>>) {
        if !self.is_woken {
            self.is_woken = true;
            woken.push(Arc::clone(&self.wake));
        }
    }
}

#[cfg(test)]
mod tests {
    use sockeye_core::{Config, Credentials, Domain, Host, Readiness, SocketId, SocketType};

    use super::{Ticket, Waiters};

    fn ids() -> (SocketId, SocketId) {
        let mut host = Host::new(Config::default());
        host.socket_pair(Domain::Unix, SocketType::Stream, 0, Credentials::ROOT)
            .unwrap()
    }

    fn woken(waiters: &mut Waiters, tickets: &[Ticket]) -> Vec<bool> {
        tickets
            .iter()
            .map(|&ticket| waiters.take_woken(ticket))
            .collect()
    }

    #[test]
    fn one_event_wakes_one_reader_and_one_writer_of_that_socket_only() {
        let (socket, other) = ids();
        let mut waiters = Waiters::default();
        let tickets = [
            waiters.enter(socket, Readiness::IN).0,
            waiters.enter(socket, Readiness::IN).0,
            waiters.enter(socket, Readiness::OUT).0,
            waiters.enter(other, Readiness::IN).0,
        ];
        waiters.wake(socket, Readiness::IN);
        assert_eq!(woken(&mut waiters, &tickets), [true, false, false, false]);
        waiters.wake(socket, Readiness::IN | Readiness::OUT);
        assert_eq!(woken(&mut waiters, &tickets), [true, false, true, false]);
    }

    #[test]
    fn a_thread_that_leaves_hands_on_what_is_still_ready() {
        let (socket, _) = ids();
        let mut waiters = Waiters::default();
        let first = waiters.enter(socket, Readiness::IN).0;
        let second = waiters.enter(socket, Readiness::IN).0;
        waiters.wake(socket, Readiness::IN);
        waiters.leave(first, Readiness::IN);
        assert!(waiters.take_woken(second));
        waiters.leave(second, Readiness::empty());
        assert!(waiters.sockets.is_empty());
    }

    #[test]
    fn an_error_concerns_everyone() {
        let (socket, _) = ids();
        let mut waiters = Waiters::default();
        let tickets = [
            waiters.enter(socket, Readiness::IN).0,
            waiters.enter(socket, Readiness::OUT).0,
        ];
        waiters.wake(socket, Readiness::ERR);
        assert_eq!(woken(&mut waiters, &tickets), [true, true]);
    }
}
