//! CLOSE-WAIT: "represents waiting for a connection termination request from the local user".
use super::Next;
use super::screen::Screen;
use crate::block::Block;
use crate::send::ack::Verdict;
use crate::{Instant, Segment, State};

#[derive(Debug)]
pub(crate) struct CloseWait;

impl CloseWait {
    /// RFC 9293 3.10.7.4: only acknowledgments are of interest, after the FIN there is no data.
    pub(crate) fn receive(self, block: &mut Block, segment: Segment, now: Instant) -> Next {
        match block.screen(&segment, State::CloseWait, now) {
            Screen::Drop => {}
            Screen::Reset => {
                let error = block.reset_error(State::CloseWait);
                return Next::closed(block, error);
            }
            Screen::Pass => {
                let is_taken = block.take_acknowledgment(&segment, now) != Verdict::Dropped;
                if is_taken && block.refuses_late(&segment) {
                    return block.abort_on_data(&segment, State::CloseWait);
                }
            }
        }
        self.into()
    }
}
