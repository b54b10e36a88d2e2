//! CLOSE-WAIT: "represents waiting for a connection termination request from the local user".
use super::Next;
use super::screen::Screen;
use crate::block::Block;
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
                let _ = block.take_acknowledgment(&segment, now);
                block.acknowledge_again(&segment);
            }
        }
        self.into()
    }
}
