//! A link that takes nothing.

use super::Connection;
use crate::Instant;
use crate::block::BlockFlags;
use crate::send::plan::Plan;
use crate::state::Machine;

impl Connection {
    /// The link takes nothing now: in the place of [`Connection::poll_transmit`]. What is sent but once is lost.
    pub fn refuse(&mut self, now: Instant) {
        loop {
            let block = &mut self.block;
            let is_due = block
                .flags
                .intersects(BlockFlags::RESET_DUE | BlockFlags::SYN_DUE);
            let has_stream = !is_due
                && !matches!(
                    self.machine,
                    Machine::Closed(_)
                        | Machine::SynSent(_)
                        | Machine::SynReceived(_)
                        | Machine::TimeWait(_)
                );
            match block.plan(now) {
                plan @ (Plan::Again { .. }
                | Plan::Tail
                | Plan::New { .. }
                | Plan::PathProbe { .. }
                | Plan::Probe)
                    if has_stream =>
                {
                    return block.refused(plan, now);
                }
                _ if self.poll_transmit(now).is_none() => return,
                _ => {}
            }
        }
    }
}
