//! What goes out: packets, and when to come back. (Events are in `events`.)

use sockeye_wire::Frame;

use super::Host;
use crate::Instant;
use crate::ids::InterfaceId;

impl Host {
    /// A packet to send by the interface. For `lo` only with `Loopback::External`.
    pub fn transmit(&mut self, interface: InterfaceId) -> Option<Frame> {
        self.stack.interfaces.get_mut(interface)?.pop()
    }

    /// How many packets may wait on an interface (`tc qdisc ... pfifo limit`). Where there is no room connections send nothing, as
    /// if they had been refused by a full queue of Linux; other packets are dropped. Whether there is such an interface.
    pub fn set_queue_limit(&mut self, interface: InterfaceId, packets: usize) -> bool {
        let found = self.stack.interfaces.get_mut(interface);
        found.is_some_and(|interface| {
            interface.limit = packets;
            true
        })
    }

    /// Whether packets wait for `transmit`.
    pub fn has_output(&self, interface: InterfaceId) -> bool {
        self.stack
            .interface(interface)
            .is_some_and(|interface| interface.has_output())
    }

    /// When to call `advance`: the earliest timer, or a little before it; the time of the last call if that one left
    /// work.
    pub fn next_deadline(&self) -> Option<Instant> {
        let stack = &self.stack;
        if !stack.loopback.is_empty() || !stack.ready.is_empty() {
            return Some(stack.now);
        }
        [
            stack.timers.next_deadline(),
            stack.time_wait.next_deadline(),
            stack.reassembly_v4.next_deadline(),
            stack.reassembly_v6.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
