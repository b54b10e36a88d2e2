//! LAST-ACK: "represents waiting for an acknowledgment of the connection termination request previously sent to the remote
//! TCP peer".
use super::Next;
use super::screen::Screen;
use crate::block::Block;
use crate::send::ack::Verdict;
use crate::{Instant, Segment, State};

#[derive(Debug)]
pub(crate) struct LastAck;

impl LastAck {
    /// RFC 9293 3.10.7.4
    pub(crate) fn receive(self, block: &mut Block, segment: Segment, now: Instant) -> Next {
        match block.screen(&segment, State::LastAck, now) {
            Screen::Drop => return self.into(),
            Screen::Reset => {
                let error = block.reset_error(State::LastAck);
                return Next::closed(block, error);
            }
            Screen::Pass => {}
        }
        match block.take_acknowledgment(&segment, now) {
            Verdict::Accepted { fin: true } => Next::closed(block, None),
            Verdict::Accepted { .. } if block.refuses_late(&segment) => {
                block.abort_on_data(&segment, State::LastAck)
            }
            _ => self.into(),
        }
    }
}
