//! Joining segments on the way up.
use std::collections::VecDeque;

use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use crate::Link;

/// How many packets are looked at before the first goes up.
const BATCH: usize = 64;
/// How many flows are joined side by side (Linux has eight lists).
const FLOWS: usize = 8;

/// Joins segments that came one after the other into super-segments (Linux "GRO"), so that the host above works once for
/// many. Nothing waits for more to come: what is there at one call is joined.
#[derive(Debug, Default)]
pub struct Gro<L> {
    inner: L,
    joined: VecDeque<Frame>,
}

impl<L: Link> Gro<L> {
    /// Joins what comes out of `inner`.
    pub fn new(inner: L) -> Self {
        Gro {
            inner,
            joined: VecDeque::new(),
        }
    }

    /// The link inside.
    pub fn inner(&self) -> &L {
        &self.inner
    }

    /// The link inside.
    pub fn inner_mut(&mut self) -> &mut L {
        &mut self.inner
    }

    fn fill(&mut self, now: Instant) {
        for _ in 0..BATCH {
            let Some(frame) = self.inner.receive(now) else {
                return;
            };
            self.join(frame);
        }
    }

    fn join(&mut self, frame: Frame) {
        let mut frame = frame;
        // The last packet of its flow is the only one that it can continue: an earlier one would come out before.
        for held in self.joined.iter_mut().rev().take(FLOWS) {
            if held.append_segment(&mut frame) {
                return;
            }
            if is_same_flow(held, &frame) {
                break;
            }
        }
        self.joined.push_back(frame);
    }
}

/// Whether addresses and ports are the same; of what can't be read, yes.
fn is_same_flow(one: &Frame, other: &Frame) -> bool {
    let of = |frame: &Frame| {
        let layout = frame.layout().ok()?;
        let ip = frame.ip().ok()?;
        let ports = frame.headers.get(layout.transport..)?.first_chunk::<4>()?;
        Some((ip.source(), ip.destination(), *ports))
    };
    match (of(one), of(other)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

impl<L: Link> Link for Gro<L> {
    fn send(&mut self, frame: Frame, now: Instant) {
        self.inner.send(frame, now);
    }

    fn receive(&mut self, now: Instant) -> Option<Frame> {
        if self.joined.is_empty() {
            self.fill(now);
        }
        self.joined.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        if self.joined.is_empty() {
            self.inner.next_deadline()
        } else {
            Some(Instant::ZERO)
        }
    }

    fn queued(&self) -> usize {
        self.joined.len() + self.inner.queued()
    }
}

#[cfg(test)]
mod tests;
