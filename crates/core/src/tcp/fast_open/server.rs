//! A listener's part: which SYNs make connections at once (`tcp_try_fastopen`), and how many at a time.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;

use sockeye_tcp::Segment;
use sockeye_wire::FastOpenCookie;

use super::keys::Age;
use super::{FastOpenChoices, FastOpenKeys, SERVER, SERVER_WITHOUT_COOKIE};
use crate::Instant;
use crate::host::{Host, Stack};
use crate::ids::SocketId;
use crate::inet::demux::FourTuple;
use crate::socket::Endpoint;

/// How long a connection that was reset before its handshake was over keeps its place: against SYNs from forged addresses,
/// whose SYN-ACKs are answered by resets (RFC 7413 5.1).
const HELD: Duration = Duration::from_secs(60);

/// The connections of one listener that are open before their handshake is over.
#[derive(Debug, Default)]
pub(crate) struct FastQueue {
    /// How many there are.
    open: u32,
    /// Until when the places of reset ones are taken: no more than there may be.
    resets: VecDeque<Instant>,
}

impl FastQueue {
    /// `tcp_fastopen_queue_check`
    fn has_room(&mut self, most: u32, now: Instant) -> bool {
        let taken = u64::from(self.open) + self.resets.len() as u64;
        if taken < u64::from(most) {
            return true;
        }
        match self.resets.front() {
            Some(until) if *until <= now => {
                self.resets.pop_front();
                true
            }
            _ => false,
        }
    }

    pub(in crate::tcp) fn enter(&mut self) {
        self.open += 1;
    }
}

/// What becomes of a SYN, and the option of the SYN-ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tcp) enum Decision {
    /// A request.
    Ordinary(Option<FastOpenCookie>),
    /// A connection, at once.
    Fast(Option<FastOpenCookie>),
}

/// `tcp_try_fastopen`
pub(in crate::tcp) fn judge(
    stack: &mut Stack,
    queue: &mut Option<Box<FastQueue>>,
    choices: &FastOpenChoices,
    tuple: &FourTuple,
    syn: &Segment,
    now: Instant,
) -> Decision {
    let offered = syn.options.fast_open;
    let is_request = offered.is_some_and(|cookie| cookie.is_request());
    stack.counters.tcp_ext_tcp_fast_open_cookie_reqd += u64::from(is_request);
    let sysctl = &stack.config.sysctl;
    let setting = sysctl.tcp_fastopen;
    if setting & SERVER == 0 || (syn.payload.is_empty() && offered.is_none()) {
        return Decision::Ordinary(None);
    }
    if choices.queue == 0 {
        return Decision::Ordinary(None);
    }
    if !queue.get_or_insert_default().has_room(choices.queue, now) {
        stack.counters.tcp_ext_tcp_fast_open_listen_overflow += 1;
        return Decision::Ordinary(None);
    }
    if setting & SERVER_WITHOUT_COOKIE != 0 || choices.no_cookie {
        stack.counters.tcp_ext_tcp_fast_open_passive += 1;
        return Decision::Fast(None);
    }
    let Some(offered) = offered else {
        return Decision::Ordinary(None);
    };
    let keys = choices.keys.as_ref();
    let keys = keys.unwrap_or_else(|| stack.fast_open_keys());
    let ours = keys
        .cookie(tuple)
        .map(|cookie| cookie.experimental(offered.is_experimental()));
    if offered.is_request() {
        return Decision::Ordinary(ours);
    }
    match keys.check(tuple, &offered) {
        None => {
            stack.counters.tcp_ext_tcp_fast_open_passive_fail += 1;
            Decision::Ordinary(ours)
        }
        Some(age) => {
            stack.counters.tcp_ext_tcp_fast_open_passive += 1;
            if age == Age::Present {
                return Decision::Fast(None);
            }
            stack.counters.tcp_ext_tcp_fast_open_passive_alt_key += 1;
            Decision::Fast(ours)
        }
    }
}

impl Stack {
    /// `tcp_fastopen_key`
    pub(crate) fn fast_open_keys(&self) -> &FastOpenKeys {
        let set = self.config.sysctl.tcp_fastopen_key.as_ref();
        set.unwrap_or(&self.fast_open.keys)
    }
}

impl super::FastOpen {
    pub(in crate::tcp) fn note_child(&mut self, child: SocketId, listener: SocketId) {
        self.children.insert(child, listener);
    }

    /// Whether there is any, so that most connections ask no more.
    pub(in crate::tcp) fn has_children(&self) -> bool {
        !self.children.is_empty()
    }
}

/// A connection that was open early is confirmed, or over; if `is_held`, its place in the queue stays taken for a while.
pub(in crate::tcp) fn release(host: &mut Host, child: SocketId, is_held: bool, now: Instant) {
    let Some(listener) = host.stack.fast_open.children.remove(&child) else {
        return;
    };
    let endpoint = host.sockets.get_mut(listener);
    if let Some(Endpoint::Listener(listener)) = endpoint.map(|socket| &mut socket.endpoint)
        && let Some(queue) = &mut listener.fast
    {
        queue.open = queue.open.saturating_sub(1);
        if is_held {
            queue.resets.push_back(now + HELD);
        }
    }
}
