//! What comes in: packets and time.

use sockeye_wire::Frame;

use super::Host;
use crate::ids::InterfaceId;
use crate::{Instant, tcp};

/// Packets and sockets that one call deals with before it leaves the rest to the next `advance`: no flow starves the
/// embedder.
const BATCH: usize = 4096;

impl Host {
    /// Takes a packet that came in by an interface.
    pub fn receive(&mut self, interface: InterfaceId, mut frame: Frame, now: Instant) {
        self.stack.now = now;
        self.ip_receive(interface, &mut frame, false, now);
        self.settle(now);
        self.check_readiness();
    }

    /// Takes packets that came in together, in their order. Consecutive segments of a connection are put together first
    /// (GRO), so that the cost of a segment is paid once for many.
    pub fn receive_burst(
        &mut self,
        interface: InterfaceId,
        frames: impl IntoIterator<Item = Frame>,
        now: Instant,
    ) {
        self.stack.now = now;
        let mut held: Option<Frame> = None;
        let mut frames = frames.into_iter();
        loop {
            // Looked at where it is: to move a packet costs as much as to join it.
            let mut next = frames.next();
            let Some(frame) = &mut next else { break };
            if let Some(held) = &mut held
                && held.append_segment(frame)
            {
                continue;
            }
            if let Some(mut whole) = core::mem::replace(&mut held, next) {
                self.ip_receive(interface, &mut whole, false, now);
            }
        }
        if let Some(mut whole) = held {
            self.ip_receive(interface, &mut whole, false, now);
        }
        self.settle(now);
        self.check_readiness();
    }

    /// Lets time pass: timers that are due, and what earlier calls left to do.
    pub fn advance(&mut self, now: Instant) {
        self.stack.now = now;
        for _ in 0..BATCH {
            let Some(slot) = self.stack.timers.expire(now) else {
                break;
            };
            if let Some(id) = self.sockets.id_at(slot) {
                tcp::advance(self, id, now);
            }
        }
        tcp::expire_time_wait(self, now);
        self.expire_fragments(now);
        self.settle(now);
        self.check_readiness();
    }

    /// Delivers what this host sent to itself and sends what sockets have to send, until nothing is left or the batch
    /// is full.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.stack.now = now;
        for _ in 0..BATCH {
            if let Some(interface) = self.stack.loopback.next_interface() {
                let mut frame = self.stack.loopback.take();
                self.ip_receive(interface, &mut frame, true, now);
            } else if let Some(id) = self.stack.ready.pop_front() {
                tcp::transmit(self, id, now);
            } else {
                break;
            }
        }
    }
}
