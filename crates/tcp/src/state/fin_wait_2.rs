//! FIN-WAIT-2: "represents waiting for a connection termination request from the remote TCP peer".
use core::time::Duration;

use super::screen::Screen;
use super::{Machine, Next, TimeWait};
use crate::block::{Block, BlockFlags};
use crate::segment::reset_for;
use crate::send::ack::Verdict;
use crate::settings::Linger2;
use crate::timers::Timer;
use crate::{Error, Instant, Segment, State};

#[derive(Debug)]
pub(crate) struct FinWait2;

impl FinWait2 {
    pub(crate) fn enter(block: &mut Block, now: Instant) -> Next {
        if block.flags.contains(BlockFlags::ORPHAN) {
            return FinWait2.abandon(block, now).into();
        }
        FinWait2.into()
    }

    /// The application is gone: the wait is limited (`tcp_fin_timeout`, `TCP_LINGER2`), which the RFC does not know.
    pub(crate) fn abandon(self, block: &mut Block, now: Instant) -> Machine {
        let wait = match block.options.linger2 {
            Linger2::None => {
                block.flags.set(BlockFlags::RESET_DUE, true);
                return Next::closed(block, None).state;
            }
            Linger2::Default => Duration::from_millis(u64::from(block.limits.fin_timeout)),
            Linger2::Seconds(seconds) => Duration::from_secs(u64::from(seconds)),
        };
        let rto = block.send.rtt.rto();
        block
            .timers
            .set(Timer::Keepalive, now + wait.max(rto * 7 / 2));
        self.into()
    }

    /// RFC 9293 3.10.7.4
    pub(crate) fn receive(self, block: &mut Block, segment: Segment, now: Instant) -> Next {
        match block.screen(&segment, State::FinWait2, now) {
            Screen::Drop => return self.into(),
            Screen::Reset => {
                let error = block.reset_error(State::FinWait2);
                return Next::closed(block, error);
            }
            Screen::Pass => {}
        }
        if block.take_acknowledgment(&segment, now) == Verdict::Dropped {
            return self.into();
        }
        if block.refuses_data(&segment) {
            let reset = reset_for(&segment);
            return Next {
                reset,
                ..Next::closed(block, Some(Error::Reset))
            };
        }
        if block.take_data(segment, now) {
            return TimeWait::enter(block, now);
        }
        self.into()
    }
}
