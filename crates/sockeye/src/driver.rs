//! What keeps a host going: draining its outputs after each call, carrying packets to other hosts, and a thread that
//! sleeps until the next deadline.
//!
//! Packets are carried by the thread that made them, which is the shortest way; no thread ever holds the locks of two
//! hosts.

use std::sync::{Arc, Condvar, PoisonError};

use sockeye_core::Instant;

use crate::clock;
use crate::net::{Shared, State};

/// Packets that one look at an interface receives at most; the rest is left for the next, so that callers get the lock.
const BATCH: usize = 256;
/// Hosts that one caller carries packets to at most; what is left then is the drivers'.
const HOPS: usize = 64;

/// What follows from a turn at a host once its lock is free.
#[must_use]
pub(crate) struct Aftermath {
    /// Threads to wake.
    woken: Vec<Arc<Condvar>>,
    /// Hosts that packets were sent to.
    reached: Vec<Arc<Shared>>,
}

impl Aftermath {
    pub(crate) fn is_empty(&self) -> bool {
        self.woken.is_empty() && self.reached.is_empty()
    }

    /// Wakes the threads, and lets hosts take in what was sent to them, and those that they answer, until all is quiet.
    pub(crate) fn follow(self) {
        let Self {
            woken,
            reached: mut hosts,
        } = self;
        notify(woken);
        let mut hops = 0;
        while let Some(shared) = hosts.pop() {
            if hops >= HOPS {
                shared.kick();
                continue;
            }
            hops += 1;
            let mut state = shared.lock();
            let now = clock::now();
            state.pull(now);
            let next = shared.settle(&mut state, now);
            drop(state);
            notify(next.woken);
            hosts.extend(next.reached);
        }
    }
}

fn notify(woken: Vec<Arc<Condvar>>) {
    for thread in woken {
        thread.notify_one();
    }
}

impl Shared {
    /// Drains the outputs in the order that the host's contract says.
    pub(crate) fn settle(&self, state: &mut State, now: Instant) -> Aftermath {
        let mut reached = Vec::new();
        for index in 0..state.ports.len() {
            let State { host, ports, .. } = state;
            let port = &mut ports[index];
            let mut has_sent = false;
            while let Some(frame) = host.transmit(port.interface) {
                port.send(frame, now);
                has_sent = true;
            }
            if has_sent {
                reached.extend(port.peer());
            }
        }
        while let Some((socket, readiness)) = state.host.next_event() {
            state.waiters.wake(socket, readiness);
        }
        let deadline = state.next_deadline();
        if is_earlier(deadline, state.driver_sleeps_until) {
            state.driver_sleeps_until = deadline;
            self.driver.notify_one();
        }
        Aftermath {
            woken: state.waiters.take_notified(),
            reached,
        }
    }

    /// Wakes the driver to look at everything.
    fn kick(&self) {
        let mut state = self.lock();
        state.driver_sleeps_until = Some(Instant::ZERO);
        self.driver.notify_one();
    }
}

impl State {
    /// Takes in what has arrived, and does what is due.
    fn pull(&mut self, now: Instant) {
        let Self { host, ports, .. } = self;
        for port in ports {
            let interface = port.interface;
            let frames = std::iter::from_fn(|| port.receive(now)).take(BATCH);
            host.receive_burst(interface, frames, now);
        }
        if host.next_deadline().is_some_and(|deadline| deadline <= now) {
            host.advance(now);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.ports
            .iter()
            .filter_map(|port| port.next_deadline())
            .chain(self.host.next_deadline())
            .min()
    }
}

/// Whether the first deadline comes before the second; `None` is never.
fn is_earlier(deadline: Option<Instant>, than: Option<Instant>) -> bool {
    match (deadline, than) {
        (Some(deadline), Some(than)) => deadline < than,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// The driver's thread: serves what is due and sleeps until something is.
pub(crate) fn run(shared: &Shared) {
    let mut state = shared.lock();
    while !state.is_closing {
        let now = clock::now();
        state.pull(now);
        let aftermath = shared.settle(&mut state, now);
        if !aftermath.is_empty() {
            drop(state);
            aftermath.follow();
            state = shared.lock();
            continue;
        }
        let deadline = state.next_deadline();
        state.driver_sleeps_until = deadline;
        state = match deadline {
            None => shared
                .driver
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner),
            // More than one batch arrived: let callers have the lock in between.
            Some(deadline) if deadline <= now => {
                drop(state);
                std::thread::yield_now();
                shared.lock()
            }
            Some(deadline) => {
                shared
                    .driver
                    .wait_timeout(state, deadline - now)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
    }
}
