//! FIN-WAIT-1: "represents waiting for a connection termination request from the remote TCP peer, or an acknowledgment of
//! the connection termination request previously sent".
use super::screen::Screen;
use super::{Closing, FinWait2, Next, TimeWait};
use crate::block::{Block, BlockFlags};
use crate::segment::reset_for;
use crate::send::ack::Verdict;
use crate::settings::Linger2;
use crate::{Error, Instant, Segment, State};

#[derive(Debug)]
pub(crate) struct FinWait1;

impl FinWait1 {
    /// RFC 9293 3.10.7.4
    pub(crate) fn receive(self, block: &mut Block, segment: Segment, now: Instant) -> Next {
        match block.screen(&segment, State::FinWait1, now) {
            Screen::Drop => return self.into(),
            Screen::Reset => {
                let error = block.reset_error(State::FinWait1);
                return Next::closed(block, error);
            }
            Screen::Pass => {}
        }
        let Verdict::Accepted { fin: acknowledged } = block.take_acknowledgment(&segment, now)
        else {
            return self.into();
        };
        if block.refuses_data(&segment) {
            let reset = reset_for(&segment);
            return Next {
                reset,
                ..Next::closed(block, Some(Error::Reset))
            };
        }
        if acknowledged
            && block.flags.contains(BlockFlags::ORPHAN)
            && block.options.linger2 == Linger2::None
        {
            // TCP_LINGER2 below zero: who acknowledges the FIN learns that nobody waits for its own.
            let reset = reset_for(&segment);
            return Next {
                reset,
                ..Next::closed(block, None)
            };
        }
        match (acknowledged, block.take_data(segment, now)) {
            (false, false) => self.into(),
            (true, false) => FinWait2::enter(block, now),
            (false, true) => Closing.into(),
            (true, true) => TimeWait::enter(block, now),
        }
    }
}
