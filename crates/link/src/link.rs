//! The one trait of this crate.
use sockeye_tcp::Instant;
use sockeye_wire::Frame;

/// Something that frames are sent into and received from.
///
/// For a wire this is one direction: what is sent at one end is received at the other. For a loopback both ends are the same
/// host. For a device, what is sent leaves and what is received came from outside; wrappers then act on what leaves, as
/// `tc netem` does.
///
/// Times handed in must not run backwards. Whoever drives a link calls [`receive`](Link::receive) until it answers `None`,
/// again whenever something was sent, and again at [`next_deadline`](Link::next_deadline).
pub trait Link {
    /// Sends a frame. A link may lose it, but never blocks.
    fn send(&mut self, frame: Frame, now: Instant);

    /// The next frame that has arrived by `now`.
    fn receive(&mut self, now: Instant) -> Option<Frame>;

    /// When [`receive`](Link::receive) has something to do next; a time in the past means now. `None` if nothing is under way.
    fn next_deadline(&self) -> Option<Instant>;

    /// How many frames are under way.
    fn queued(&self) -> usize;
}

impl<L: Link + ?Sized> Link for Box<L> {
    fn send(&mut self, frame: Frame, now: Instant) {
        (**self).send(frame, now);
    }

    fn receive(&mut self, now: Instant) -> Option<Frame> {
        (**self).receive(now)
    }

    fn next_deadline(&self) -> Option<Instant> {
        (**self).next_deadline()
    }

    fn queued(&self) -> usize {
        (**self).queued()
    }
}

/// The earlier of two deadlines.
pub(crate) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
