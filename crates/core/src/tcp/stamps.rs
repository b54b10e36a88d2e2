//! When the bytes of a stream went and were acknowledged: `SO_TIMESTAMPING` of what is written (`tcp_tx_timestamp`).
//!
//! What is stamped is the last byte of a write. As in Linux two writes that wait to be sent in one segment have one stamp, the
//! later one's.

use alloc::collections::VecDeque;
use core::time::Duration;

use sockeye_tcp::{Connection, OutgoingSegment, Seq, State};
use sockeye_wire::{Frame, Payload};

use super::output::DEVICE_SUPER_SEGMENT;
use super::{Phase, stamp_stats};
use crate::host::Host;
use crate::ids::{InterfaceId, SocketId};
use crate::options::{SharedOptions, StampFlags};
use crate::socket::datagrams::DatagramQueues;
use crate::socket::departures::{Content, Stage, entry};
use crate::{Config, Domain, Errno, Instant};

/// Bytes that are put into one buffer before the next is begun (`tcp_xmit_size_goal`).
const BUFFER: u32 = DEVICE_SUPER_SEGMENT as u32;
/// Stamps of one socket that are under way at once.
const MOST: usize = 16_384;

/// The byte at which something is to be told.
#[derive(Debug)]
struct Mark {
    at: Seq,
    wants: StampFlags,
    /// What the acknowledgment's stamp comes with.
    data: Payload,
    /// When it was sent last.
    sent: Instant,
}

/// The stamps of a socket that are under way.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    marks: VecDeque<Mark>,
    /// From where bytes are numbered, if they are (`sk_tskey`).
    base: Option<Seq>,
    /// Where the buffer begins that is written into.
    buffer: Option<Seq>,
}

/// Who is told, and when it is.
#[derive(Clone, Copy)]
pub(super) struct Recipient<'a> {
    pub(super) domain: Domain,
    pub(super) options: &'a SharedOptions,
    /// Of the wall clock.
    pub(super) wall: Duration,
    pub(super) now: Instant,
    /// What is left of the time to live of the packet that acknowledged it.
    pub(super) hops: Option<u8>,
}

impl<'a> Recipient<'a> {
    pub(super) fn new(
        domain: Domain,
        options: &'a SharedOptions,
        config: &Config,
        now: Instant,
    ) -> Self {
        Self {
            domain,
            options,
            wall: config.epoch + (now - Instant::ZERO),
            now,
            hops: None,
        }
    }

    /// What comes with a stamp that comes without its packet.
    fn alone(&self, connection: &Connection, sent: Instant, unsent: u32) -> Content<'static> {
        let flags = self.options.stamp_flags();
        if flags.contains(StampFlags::OPT_STATS) {
            Content::Stats(stamp_stats::encode(
                &connection.info(self.now),
                sent,
                unsent,
                self.hops,
            ))
        } else {
            Content::Nothing
        }
    }
}

/// The number behind the last byte that was written.
pub(super) fn end_of_data(connection: &Connection) -> Seq {
    let (_, nxt, _) = connection.numbers();
    let (_, unsent) = connection.unacknowledged();
    nxt + u32::try_from(unsent).unwrap_or(u32::MAX)
}

impl Stamps {
    pub(super) fn is_idle(&self) -> bool {
        self.marks.is_empty() && self.base.is_none()
    }

    /// The connection is over: nothing more is told of it.
    pub(super) fn forget(&mut self) {
        self.marks.clear();
        self.buffer = None;
    }

    fn key(&self, at: Seq, options: &SharedOptions) -> u32 {
        match self.base {
            Some(base) if options.stamp_flags().contains(StampFlags::OPT_ID) => at.since(base),
            _ => 0,
        }
    }

    /// So many bytes were written, of which these things are to be told.
    pub(super) fn written(&mut self, connection: &mut Connection, count: usize, wants: StampFlags) {
        let end = end_of_data(connection);
        let begin = end - u32::try_from(count).unwrap_or(u32::MAX);
        let (_, nxt, _) = connection.numbers();
        // What was not sent before lies in the same buffer; what was sent in part begins anew.
        let mut buffer = match self.buffer {
            Some(buffer) if buffer.after(nxt) && buffer.before(begin) => buffer,
            _ => nxt,
        };
        while end.since(buffer) > BUFFER {
            buffer += BUFFER;
        }
        self.buffer = Some(buffer);
        let mut mark = Mark {
            at: end - 1u32,
            wants,
            // Of what had to wait for room all may have been sent already.
            data: connection.segment_of(end - 1u32),
            sent: Instant::ZERO,
        };
        if let Some(last) = self.marks.back_mut()
            && last.at.at_or_after(buffer)
        {
            mark.wants |= last.wants;
            *last = mark;
        } else if self.marks.len() < MOST {
            self.marks.push_back(mark);
        }
    }

    /// A segment is about to go: whether something is told of that, and if its packet is wanted for that.
    pub(super) fn departs(
        &mut self,
        segment: &OutgoingSegment,
        options: &SharedOptions,
        now: Instant,
    ) -> bool {
        let segment = &segment.segment;
        let (begin, data) = (segment.sequence, &segment.payload);
        if data.is_empty() || self.marks.is_empty() {
            return false;
        }
        let end = begin + u32::try_from(data.len()).unwrap_or(u32::MAX);
        let is_alone = options.stamp_flags().contains(StampFlags::OPT_TSONLY);
        let mut is_wanted = false;
        let within = |mark: &&mut Mark| mark.at.at_or_after(begin) && mark.at.before(end);
        for mark in self.marks.iter_mut().filter(within) {
            if mark.wants.contains(StampFlags::TX_ACK) && !is_alone {
                mark.data = data.clone();
            }
            mark.sent = now;
            is_wanted |= mark.wants.intersects(StampFlags::DEPARTURE);
        }
        is_wanted
    }

    /// The segment with these bytes has gone in this packet.
    pub(super) fn departed(
        &self,
        (begin, end): (Seq, Seq),
        connection: &Connection,
        packet: Option<(&Frame, InterfaceId)>,
        to: Recipient<'_>,
        queue: &mut DatagramQueues,
    ) {
        let content = match packet {
            Some((frame, interface)) => Content::Packet(frame, interface),
            // The kernel counts a segment among what is unsent until it is gone.
            None => to.alone(connection, to.now, end.since(begin)),
        };
        let within = |mark: &&Mark| mark.at.at_or_after(begin) && mark.at.before(end);
        for mark in self.marks.iter().filter(within) {
            let key = self.key(mark.at, to.options);
            for (flag, stage) in Stage::OF_DEPARTURE {
                if mark.wants.contains(flag) {
                    let queued = entry(to.domain, to.options, stage, key, to.wall, &content);
                    queue.push_error(queued, to.options);
                }
            }
        }
    }

    /// What is acknowledged now; whether something was told of it (`tcp_ack_tstamp`).
    pub(super) fn acknowledged(
        &mut self,
        connection: &Connection,
        to: Recipient<'_>,
        queue: &mut DatagramQueues,
    ) -> bool {
        let (una, ..) = connection.numbers();
        let is_alone = to.options.stamp_flags().contains(StampFlags::OPT_TSONLY);
        let mut is_told = false;
        while let Some(mark) = self.marks.front()
            && mark.at.before(una)
            && let Some(mark) = self.marks.pop_front()
        {
            if mark.wants.contains(StampFlags::TX_ACK) {
                let key = self.key(mark.at, to.options);
                let content = if is_alone {
                    to.alone(connection, mark.sent, 0)
                } else {
                    Content::Data(mark.data)
                };
                let stage = Stage::Acknowledged;
                let queued = entry(to.domain, to.options, stage, key, to.wall, &content);
                queue.push_error(queued, to.options);
                is_told = true;
            }
        }
        is_told
    }

    /// From where bytes are numbered from now on, if they are.
    pub(super) fn number_from(&mut self, base: Option<Seq>) {
        self.base = base;
    }
}

/// `SOF_TIMESTAMPING_OPT_ID` was switched on: bytes are numbered from the first that is not acknowledged, or from the next that
/// is written (`SOF_TIMESTAMPING_OPT_ID_TCP`).
pub(crate) fn number(host: &mut Host, id: SocketId, from_next: bool) -> Result<(), Errno> {
    let parts = super::endpoint_mut(&mut host.sockets, id).ok_or(Errno::EINVAL)?;
    let Phase::Connected(connection) = &parts.endpoint.phase else {
        return Err(Errno::EINVAL);
    };
    if connection.state() == State::Closed {
        return Err(Errno::EINVAL);
    }
    let (una, ..) = connection.numbers();
    let base = if from_next {
        end_of_data(connection)
    } else {
        una
    };
    let reports = parts.endpoint.reports.get_or_insert_default();
    reports.stamps.number_from(Some(base));
    Ok(())
}

/// It was switched off.
pub(crate) fn number_no_more(host: &mut Host, id: SocketId) {
    let parts = super::endpoint_mut(&mut host.sockets, id);
    if let Some(reports) = parts.and_then(|parts| parts.endpoint.reports.as_mut()) {
        reports.stamps.number_from(None);
    }
}
