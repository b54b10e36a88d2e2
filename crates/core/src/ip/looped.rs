//! Packets that this host sends to itself.

use alloc::collections::VecDeque;

use sockeye_wire::Frame;

use crate::ids::InterfaceId;

/// They wait here, in order. Packets and interfaces lie apart, so that a packet is moved only once each way.
#[derive(Debug, Default)]
pub(crate) struct Looped {
    frames: VecDeque<Frame>,
    /// By which interface each comes in.
    interfaces: VecDeque<InterfaceId>,
}

impl Looped {
    #[inline]
    pub(crate) fn push(&mut self, interface: InterfaceId, frame: Frame) {
        self.frames.push_back(frame);
        self.interfaces.push_back(interface);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// By which interface the next one comes in; none if there is none.
    #[inline]
    pub(crate) fn next_interface(&mut self) -> Option<InterfaceId> {
        self.interfaces.pop_front()
    }

    /// The packet that [`Looped::next_interface`] was told of.
    #[inline]
    pub(crate) fn take(&mut self) -> Frame {
        self.frames.pop_front().unwrap_or_default()
    }
}
