//! CLOSING: "represents waiting for a connection termination request acknowledgment from the remote TCP peer".
use super::screen::Screen;
use super::{Next, TimeWait};
use crate::block::Block;
use crate::send::ack::Verdict;
use crate::{Instant, Segment, State};

#[derive(Debug)]
pub(crate) struct Closing;

impl Closing {
    /// RFC 9293 3.10.7.4
    pub(crate) fn receive(self, block: &mut Block, segment: Segment, now: Instant) -> Next {
        match block.screen(&segment, State::Closing, now) {
            Screen::Drop => return self.into(),
            Screen::Reset => {
                let error = block.reset_error(State::Closing);
                return Next::closed(block, error);
            }
            Screen::Pass => {}
        }
        match block.take_acknowledgment(&segment, now) {
            Verdict::Accepted { fin: true } => TimeWait::enter(block, now),
            Verdict::Accepted { .. } if block.refuses_late(&segment) => {
                block.abort_on_data(&segment, State::Closing)
            }
            _ => self.into(),
        }
    }
}
