//! What all connections of a host hold together, and how many of them nobody owns any more (`tcp_mem`, `tcp_max_orphans`).
//!
//! As in Linux a page is the unit, and there are three marks. Below the second everybody gets what it asks for. Above it,
//! until there is less than the first again, windows and buffers do not grow, and nobody holds more than its share of the
//! third (`__sk_mem_raise_allocated`). A page each way is everybody's in any case, so that connections go on.

use super::Marks;
use sockeye_tcp::{Connection, Segment};
use sockeye_wire::{Payload, TcpFlags};

use super::TcpEndpoint;
use crate::Instant;
use crate::counters::Counters;
use crate::host::Stack;

/// `PAGE_SIZE`
const PAGE: usize = 4096;
/// What everybody may hold: `tcp_rmem[0]` and `tcp_wmem[0]` as they are by default.
const LEAST: u16 = 2;

/// The marks, in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryMarks {
    /// Below this pressure is over.
    pub low: u64,
    /// Above this there is pressure.
    pub pressure: u64,
    /// No more than this.
    pub high: u64,
}

/// What connections hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpMemory {
    /// In pages.
    pub pages: u64,
    /// There is pressure.
    pub is_pressed: bool,
    /// Connections that their programs have closed.
    pub orphans: usize,
    /// Connections that hold any page.
    holders: u64,
    /// When the pressure began.
    since: Instant,
}

impl TcpMemory {
    /// One connection holds something else than before.
    fn change(
        &mut self,
        (before, after): (u16, u16),
        marks: &MemoryMarks,
        counters: &mut Counters,
        now: Instant,
    ) {
        self.pages = self.pages + u64::from(after) - u64::from(before);
        self.holders = self.holders + u64::from(after > 0) - u64::from(before > 0);
        if !self.is_pressed && self.pages > marks.pressure {
            self.is_pressed = true;
            self.since = now;
            counters.tcp_ext_tcp_memory_pressures += 1;
        } else if self.is_pressed && self.pages < marks.low {
            self.is_pressed = false;
            let lasted = u64::try_from((now - self.since).as_millis()).unwrap_or(u64::MAX);
            counters.tcp_ext_tcp_memory_pressures_chrono += lasted;
        }
    }

    /// Whether one that holds so many pages may have more.
    fn allows(&self, held: u16, marks: &MemoryMarks) -> bool {
        let fair = marks.high / self.holders.max(1);
        !self.is_pressed || held <= LEAST || (self.pages < marks.high && u64::from(held) < fair)
    }
}

/// Looks at what the connection holds now.
pub(super) fn recount(stack: &mut Stack, endpoint: &mut TcpEndpoint) {
    let held = endpoint.connection().map_or(0, Connection::held);
    let pages = u16::try_from(held.div_ceil(PAGE)).unwrap_or(u16::MAX);
    if pages != endpoint.pages {
        let Stack {
            memory,
            config,
            counters,
            now,
            ..
        } = stack;
        let change = (endpoint.pages, pages);
        memory.change(change, &config.sysctl.tcp_mem, counters, *now);
        endpoint.pages = pages;
    }
}

/// The connection is gone, or about to be.
pub(super) fn release(stack: &mut Stack, endpoint: &mut TcpEndpoint) {
    let Stack {
        memory,
        config,
        counters,
        now,
        ..
    } = stack;
    let change = (endpoint.pages, 0);
    memory.change(change, &config.sysctl.tcp_mem, counters, *now);
    endpoint.pages = 0;
    if endpoint.replace_mark(Marks::ORPHAN, false) {
        memory.orphans = memory.orphans.saturating_sub(1);
    }
}

/// Before a segment is taken: if memory is short, its data may have to stay outside (`tcp_try_rmem_schedule`,
/// `tcp_prune_queue`). The peer sends it again.
pub(super) fn admit(
    stack: &mut Stack,
    pages: &mut u16,
    connection: &mut Connection,
    segment: &mut Segment,
) {
    let Stack {
        memory,
        config,
        counters,
        now,
        ..
    } = stack;
    let marks = &config.sysctl.tcp_mem;
    connection.set_pressure(memory.is_pressed);
    if segment.payload.is_empty() || memory.allows(*pages, marks) {
        return;
    }
    counters.prune_called += 1;
    if connection.prune() {
        counters.ofo_pruned += 1;
        let held = connection.held().div_ceil(PAGE);
        let left = u16::try_from(held).unwrap_or(u16::MAX);
        memory.change((*pages, left), marks, counters, *now);
        *pages = left;
    }
    if memory.allows(*pages, marks) {
        return;
    }
    counters.rcv_pruned += 1;
    counters.tcp_ext_tcp_rcv_q_drop += 1;
    segment.payload = Payload::new();
    segment
        .flags
        .remove(TcpFlags::FIN | TcpFlags::PSH | TcpFlags::URG);
}

/// Before data is taken from a program: if memory is short, the buffer becomes smaller, unless the program has set it
/// (`sk_stream_moderate_sndbuf`).
pub(super) fn moderate(stack: &Stack, pages: u16, is_set: bool, connection: &mut Connection) {
    connection.set_pressure(stack.memory.is_pressed);
    if !is_set && !stack.memory.allows(pages, &stack.config.sysctl.tcp_mem) {
        connection.moderate_send_buffer();
    }
}

/// The program has closed the socket, and the connection goes on. True if there are too many such, or there is no memory
/// for it (`tcp_check_oom`).
pub(super) fn is_orphan_too_many(stack: &mut Stack, endpoint: &mut TcpEndpoint) -> bool {
    let Stack { memory, config, .. } = stack;
    if !endpoint.replace_mark(Marks::ORPHAN, true) {
        memory.orphans += 1;
    }
    let is_out = memory.pages > config.sysctl.tcp_mem.high && endpoint.pages > LEAST;
    memory.orphans > config.sysctl.tcp_max_orphans || is_out
}
