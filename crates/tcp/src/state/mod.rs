//! The eleven states of RFC 9293 3.3.2, one struct and one file each.
//!
//! A transition consumes the state and returns a [`Next`]: the state that follows and what should happen. What all
//! synchronized states share is in the control block, which stays where it is.
mod close_wait;
mod closed;
mod closing;
mod established;
mod fin_wait_1;
mod fin_wait_2;
mod last_ack;
mod listen;
mod request;
mod screen;
mod syn_received;
mod syn_sent;
mod time_wait;

pub(crate) use close_wait::CloseWait;
pub(crate) use closed::Closed;
pub(crate) use closing::Closing;
pub(crate) use established::Established;
pub(crate) use fin_wait_1::FinWait1;
pub(crate) use fin_wait_2::FinWait2;
pub(crate) use last_ack::LastAck;
pub use listen::{Listen, ListenAction};
pub(crate) use syn_received::{Offer, SynReceived};
pub(crate) use syn_sent::{FirstSent, SynSent};
pub(crate) use time_wait::TimeWait;
pub use time_wait::{TimeWaitAction, TimeWaitRecord};

use crate::block::Block;
use crate::{Error, Instant, OutgoingSegment, Segment, State};

/// An idle connection pays for the largest.
const _: () = assert!(size_of::<Machine>() <= 16);

/// A connection is in one of these.
#[derive(Debug)]
pub(crate) enum Machine {
    Closed(Closed),
    SynSent(SynSent),
    SynReceived(SynReceived),
    Established(Established),
    FinWait1(FinWait1),
    FinWait2(FinWait2),
    CloseWait(CloseWait),
    Closing(Closing),
    LastAck(LastAck),
    TimeWait(TimeWait),
}

/// What follows, and what should happen.
#[must_use]
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) state: Machine,
    /// A reset to answer with.
    pub(crate) reset: Option<OutgoingSegment>,
}

impl Next {
    /// The connection ends here.
    pub(crate) fn closed(block: &mut Block, error: Option<Error>) -> Next {
        block.finish(error);
        Closed.into()
    }
}

impl<S: Into<Machine>> From<S> for Next {
    fn from(state: S) -> Next {
        Next {
            state: state.into(),
            reset: None,
        }
    }
}

macro_rules! machine_from {
    ($($state:ident),*) => {$(
        impl From<$state> for Machine {
            fn from(state: $state) -> Machine {
                Machine::$state(state)
            }
        }
    )*};
}
machine_from!(
    Closed,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait
);

impl Machine {
    pub(crate) fn name(&self) -> State {
        match self {
            Machine::Closed(_) => State::Closed,
            Machine::SynSent(_) => State::SynSent,
            Machine::SynReceived(_) => State::SynReceived,
            Machine::Established(_) => State::Established,
            Machine::FinWait1(_) => State::FinWait1,
            Machine::FinWait2(_) => State::FinWait2,
            Machine::CloseWait(_) => State::CloseWait,
            Machine::Closing(_) => State::Closing,
            Machine::LastAck(_) => State::LastAck,
            Machine::TimeWait(_) => State::TimeWait,
        }
    }

    /// A segment has come.
    pub(crate) fn receive(self, block: &mut Block, segment: Segment, now: Instant) -> Next {
        match self {
            Machine::Closed(state) => state.receive(&segment),
            Machine::SynSent(state) => state.receive(block, segment, now),
            Machine::SynReceived(state) => state.receive(block, segment, now),
            Machine::Established(state) => state.receive(block, segment, now),
            Machine::FinWait1(state) => state.receive(block, segment, now),
            Machine::FinWait2(state) => state.receive(block, segment, now),
            Machine::CloseWait(state) => state.receive(block, segment, now),
            Machine::Closing(state) => state.receive(block, segment, now),
            Machine::LastAck(state) => state.receive(block, segment, now),
            Machine::TimeWait(state) => state.receive(block, &segment, now),
        }
    }

    /// The application sends no more (RFC 9293 3.10.4): the FIN is queued where there is one to send.
    pub(crate) fn finish_sending(self, block: &mut Block) -> Machine {
        match self {
            // RFC 9293 3.10.4: nothing has been sent that would need a FIN.
            Machine::SynSent(_) => Next::closed(block, None).state,
            Machine::SynReceived(_) | Machine::Established(_) => {
                block.queue_fin();
                FinWait1.into()
            }
            Machine::CloseWait(_) => {
                block.queue_fin();
                LastAck.into()
            }
            other => other,
        }
    }

    /// True in the states in which data may go out.
    pub(crate) fn transmits(&self) -> bool {
        matches!(
            self,
            Machine::Established(_)
                | Machine::FinWait1(_)
                | Machine::FinWait2(_)
                | Machine::CloseWait(_)
                | Machine::Closing(_)
                | Machine::LastAck(_)
        )
    }
}
