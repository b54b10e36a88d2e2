//! `MSG_ZEROCOPY` of streams: which sends are done with (`msg_zerocopy_realloc`, `__msg_zerocopy_callback`).
//!
//! What is sent is copied here as it is on the way into Linux's loopback or TUN, so that a program may use its memory again at
//! once; but it hears so when Linux would say it, once the data is acknowledged, and that it was copied.

use alloc::collections::VecDeque;

use sockeye_tcp::{Connection, Seq, State};

use super::Phase;
use super::stamps::end_of_data;
use crate::host::Host;
use crate::ids::SocketId;
use crate::message::{MessageFlags, Outgoing};
use crate::options::Switches;
use crate::socket::datagrams::{Completion, DatagramQueues};
use crate::{Domain, Errno, Instant};

/// Sends that wait in one buffer are told of together, up to so many bytes and sends.
const MOST_BYTES: usize = 1 << 19;
const MOST_SENDS: u32 = 65_534;

/// Sends that are told of together.
#[derive(Debug)]
struct Range {
    first: u32,
    count: u32,
    bytes: usize,
    start: Option<Seq>,
    /// Behind the last byte.
    end: Option<Seq>,
    /// A call is not over that sends of it.
    is_open: bool,
}

/// The sends of a socket that are under way.
#[derive(Debug, Default)]
pub(super) struct ZeroCopies {
    /// The number of the next one (`sk_zckey`).
    next: u32,
    ranges: VecDeque<Range>,
}

impl ZeroCopies {
    pub(super) fn is_idle(&self) -> bool {
        self.next == 0
    }

    /// A send begins. `told` entries of the error queue are held against the socket, too.
    fn begin(
        &mut self,
        connection: Option<&Connection>,
        size: usize,
        told: usize,
        optmem_max: usize,
    ) -> Result<(), Errno> {
        let next = self.next;
        let unsent = connection.filter(|connection| connection.unacknowledged().1 > 0);
        let joined = self.ranges.back_mut().filter(|last| {
            let waits = unsent.is_some_and(|connection| {
                let (_, nxt, _) = connection.numbers();
                last.end.is_some_and(|end| end.after(nxt))
            });
            waits
                && last.first.wrapping_add(last.count) == next
                && last.count < MOST_SENDS
                && last.bytes.saturating_add(size) <= MOST_BYTES
        });
        if let Some(last) = joined {
            last.count += 1;
            last.bytes += size;
            last.is_open = true;
        } else {
            if !Completion::has_room(self.ranges.len() + told, optmem_max) {
                return Err(Errno::ENOBUFS);
            }
            self.ranges.push_back(Range {
                first: next,
                count: 1,
                bytes: size,
                start: connection.map(end_of_data),
                end: None,
                is_open: true,
            });
        }
        self.next = next.wrapping_add(1);
        Ok(())
    }

    /// The send took nothing: as if it had not been (`msg_zerocopy_put_abort`).
    fn abort(&mut self) {
        let Some(last) = self.ranges.back_mut() else {
            return;
        };
        self.next = self.next.wrapping_sub(1);
        last.count -= 1;
        last.is_open = false;
        if last.count == 0 {
            self.ranges.pop_back();
        }
    }

    /// The send has come so far; `is_open`: its call goes on.
    fn written(&mut self, end: Option<Seq>, is_open: bool) {
        if let Some(last) = self.ranges.back_mut() {
            last.end = end.or(last.end);
            last.is_open = is_open;
        }
    }

    /// Tells of what is done with; whether there was any.
    pub(super) fn settle(
        &mut self,
        connection: &Connection,
        domain: Domain,
        queue: &mut DatagramQueues,
    ) -> bool {
        let is_v6 = domain == Domain::Inet6;
        let (una, nxt, _) = connection.numbers();
        let mut has_news = false;
        let mut tell = |range: &Range, was_copied| {
            has_news = true;
            let last = range.first.wrapping_add(range.count).wrapping_sub(1);
            queue.push_completion(Completion {
                first: range.first,
                last,
                was_copied,
                is_v6,
            });
        };
        if connection.state() == State::Closed {
            // What was never sent goes first, and was never copied (`tcp_write_queue_purge`).
            let is_unsent = |range: &Range| range.start.is_some_and(|start| start.at_or_after(nxt));
            for range in self.ranges.iter().filter(|range| is_unsent(range)) {
                tell(range, false);
            }
            for range in self.ranges.iter().filter(|range| !is_unsent(range)) {
                tell(range, true);
            }
            self.ranges.clear();
            return has_news;
        }
        let is_done =
            |range: &Range| !range.is_open && range.end.is_none_or(|end| end.at_or_before(una));
        while let Some(range) = self.ranges.front()
            && is_done(range)
        {
            tell(range, true);
            self.ranges.pop_front();
        }
        has_news
    }
}

/// Whether a message is to be sent without a copy, so that its end is told.
fn is_asked_for(host: &Host, id: SocketId, message: &Outgoing<'_>) -> bool {
    message.flags.contains(MessageFlags::ZEROCOPY)
        && message.length() > 0
        && host
            .get(id)
            .is_ok_and(|socket| socket.options.is_on(Switches::ZERO_COPY))
}

/// Sends, and sees that the end of it is told if the message asks for that.
pub(super) fn sending(
    host: &mut Host,
    id: SocketId,
    message: &Outgoing<'_>,
    now: Instant,
    send: impl FnOnce(&mut Host, SocketId, &Outgoing<'_>, Instant) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    if !is_asked_for(host, id, message) {
        return send(host, id, message, now);
    }
    let (length, flags) = (message.length(), message.flags);
    let continues = flags.contains(MessageFlags::CONTINUES);
    if !continues {
        begin(host, id, length)?;
    }
    let result = send(host, id, message, now);
    let is_over = match result {
        Ok(sent) => sent == length,
        Err(errno) => errno != Errno::EAGAIN,
    };
    let waits = flags.contains(MessageFlags::WAITS) && !is_over;
    end(host, id, result.is_ok(), continues, waits);
    result
}

fn begin(host: &mut Host, id: SocketId, length: usize) -> Result<(), Errno> {
    let optmem_max = host.stack.config.sysctl.optmem_max;
    let Some(parts) = super::endpoint_mut(&mut host.sockets, id) else {
        return Ok(());
    };
    let reports = parts.endpoint.reports.get_or_insert_default();
    let connection = match &parts.endpoint.phase {
        Phase::Connected(connection) => Some(connection),
        Phase::Unconnected | Phase::Joined(_) => None,
    };
    let told = reports.queue.completions();
    reports.copies.begin(connection, length, told, optmem_max)
}

fn end(host: &mut Host, id: SocketId, is_sent: bool, continues: bool, waits: bool) {
    let Some(parts) = super::endpoint_mut(&mut host.sockets, id) else {
        return;
    };
    let Some(reports) = &mut parts.endpoint.reports else {
        return;
    };
    let mut has_news = false;
    if !is_sent && !continues {
        reports.copies.abort();
    } else if let Phase::Connected(connection) = &parts.endpoint.phase {
        // What went with a SYN was copied before there was anything to acknowledge it.
        let is_in_syn = connection.is_syn_sent();
        let end = (is_sent && !is_in_syn).then(|| end_of_data(connection));
        reports.copies.written(end, waits);
        has_news = reports
            .copies
            .settle(connection, parts.domain, &mut reports.queue);
    }
    if reports.is_idle() {
        parts.endpoint.reports = None;
    }
    if has_news {
        host.wake(id);
    }
}
