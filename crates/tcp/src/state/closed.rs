//! CLOSED: "represents no connection state at all". What was received before may still be read.
use super::Next;
use crate::Segment;
use crate::segment::reset_for;

#[derive(Debug)]
pub(crate) struct Closed;

impl Closed {
    /// RFC 9293 3.10.7.1
    pub(crate) fn receive(self, segment: &Segment) -> Next {
        Next {
            reset: reset_for(segment),
            ..self.into()
        }
    }
}
