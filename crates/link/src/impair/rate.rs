//! A wire of finite speed, and the queue in front of it.
use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use super::{Bandwidth, Discipline, Framing, Queue};
use crate::Link;
use crate::link::earlier;

/// `rate RATE`: one frame after the other, each taking as long as its bytes need. What has to wait does so in a queue, whose
/// [`Discipline`] decides what comes next and what is dropped or marked.
#[derive(Debug)]
pub struct Rate<L> {
    inner: L,
    /// Without one, every frame goes at once.
    bandwidth: Option<Bandwidth>,
    framing: Framing,
    discipline: Discipline,
    queue: Box<dyn Queue>,
    seed: u64,
    /// The frame that is being sent, with the time at which its last bit has been.
    sending: Option<(Instant, Frame)>,
}

impl<L: Link> Rate<L> {
    /// Slows frames down on the way into `inner`, queued by `discipline`.
    pub fn new(inner: L, bandwidth: Option<Bandwidth>, discipline: Discipline, seed: u64) -> Self {
        Rate {
            inner,
            bandwidth,
            framing: Framing::default(),
            discipline,
            queue: discipline.queue(seed),
            seed,
            sending: None,
        }
    }

    /// Changes the speed for frames whose sending has not begun.
    pub fn set_bandwidth(&mut self, bandwidth: Option<Bandwidth>, framing: Framing) {
        self.bandwidth = bandwidth;
        self.framing = framing;
    }

    /// Changes the queue's discipline. What waits goes on waiting in the new one, as far as it has room.
    pub fn set_discipline(&mut self, discipline: Discipline, now: Instant) {
        if discipline == self.discipline {
            return;
        }
        let mut old = core::mem::replace(&mut self.queue, discipline.queue(self.seed));
        self.discipline = discipline;
        while let Some(frame) = old.take() {
            self.queue.enqueue(frame, now);
        }
        let (dropped, marked) = (old.dropped(), old.marked());
        self.queue.count(dropped, marked);
    }

    /// The frames that wait.
    pub fn waiting(&self) -> &dyn Queue {
        &*self.queue
    }

    pub(super) fn inner_mut(&mut self) -> &mut L {
        &mut self.inner
    }

    /// Sends the next frame that waits, from `at` on.
    fn begin(&mut self, at: Instant) {
        while self.sending.is_none() {
            let Some(frame) = self.queue.dequeue(at) else {
                return;
            };
            match self.bandwidth {
                Some(bandwidth) => {
                    let time = bandwidth.time_for(self.framing.length(frame.len()));
                    self.sending = Some((at + time, frame));
                }
                None => self.inner.send(frame, at),
            }
        }
    }

    /// Does what has happened by `now`, in the order in which it did.
    fn flush(&mut self, now: Instant) {
        while let Some((due, frame)) = self.sending.take_if(|(due, _)| *due <= now) {
            self.inner.send(frame, due);
            // Whatever waits was there before: at each call everything due by then was done first.
            self.begin(due);
        }
    }
}

impl<L: Link> Link for Rate<L> {
    fn send(&mut self, frame: Frame, now: Instant) {
        self.flush(now);
        if self.bandwidth.is_none() && self.sending.is_none() {
            self.inner.send(frame, now);
            return;
        }
        self.queue.enqueue(frame, now);
        self.begin(now);
    }

    fn receive(&mut self, now: Instant) -> Option<Frame> {
        self.flush(now);
        self.inner.receive(now)
    }

    fn next_deadline(&self) -> Option<Instant> {
        let own = self.sending.as_ref().map(|(due, _)| *due);
        earlier(own, self.inner.next_deadline())
    }

    fn queued(&self) -> usize {
        self.queue.len() + usize::from(self.sending.is_some()) + self.inner.queued()
    }
}
