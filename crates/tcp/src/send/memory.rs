//! The send buffer as Linux counts it: in what whole packets take, not in bytes (`sk_wmem_queued`).
//!
//! Each packet of the queue, sent or not, costs [`PACKET`] beside its data, and what was written but not sent lies in packets of
//! the length that is sent at best (`tcp_xmit_size_goal`). A write fills the last packet whatever the buffer has, and begins
//! new ones as long as the buffer is not full: so it may be taken beyond the buffer's size, by a packet at most.
use super::{SendFlags, Sender};
use crate::block::Block;
use crate::limits::Limits;
use crate::seq::span;

/// What a packet takes beside its data: its descriptor and what holds its pieces (Linux 6.18 on 64 bits).
const PACKET: u32 = 832;

/// What Linux allows for headers and for what holds the pieces when it works out how much a window takes
/// (`MAX_TCP_HEADER`, `skb_shared_info`), and for the descriptor (`sk_buff`).
const HEADERS: u32 = 320 + 320;
const DESCRIPTOR: u32 = 256;

/// The least buffer (`SOCK_MIN_SNDBUF`).
pub(crate) const LEAST_SEND_BUFFER: u32 = 4608;

/// The send buffer may grow to this on any path, which is Linux's bound. Beyond it a window alone is no reason: on a path
/// that holds next to nothing, the host's own above all, it grows without need.
const ANY_PATH: u32 = 4 << 20;

/// What is to be sent in the midst of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// So much was written without an end that the peer should hear of all of it (`forced_push`).
    All,
    /// One segment of the packet that has just been filled, the first of those that wait (`tcp_push_one`).
    One,
    /// Others wait before it.
    None,
}

impl Block {
    /// Data in a packet that is as long as it may become (`tcp_xmit_size_goal`): half of the largest window the peer has told
    /// at most, in whole segments.
    pub(crate) fn size_goal(&self) -> u32 {
        let mss = self.send.effective_mss();
        let longest = self.limits.max_super_segment;
        // Ours may be longer than any of Linux's, but a buffer of a set size is not to take more than there.
        let longest = match self.send.flags.contains(SendFlags::FIXED) {
            true => longest.min(u16::MAX.into()),
            false => longest,
        };
        let most = match self.send.max_wnd {
            0 => longest,
            window if window > 536 => longest.min(window / 2),
            window => longest.min(window),
        };
        (most - most % mss).max(mss)
    }

    /// `sk_wmem_queued`
    #[inline]
    pub(crate) fn send_memory(&self) -> u32 {
        let send = &self.send;
        let queued = send.queue.len();
        if queued == 0 {
            return 0;
        }
        let waiting = match send.unsent() {
            0 => 0,
            unsent => unsent.div_ceil(self.size_goal()),
        };
        let packets = span(send.flight.records.len()).saturating_add(waiting);
        queued.saturating_add(packets.saturating_mul(PACKET))
    }

    /// What the last packet that is not sent still takes.
    fn tail_room(&self) -> u32 {
        let send = &self.send;
        let goal = self.size_goal();
        match send.unsent() % goal {
            0 => 0,
            _ if send.queue.records.ends_at(send.queue.len()) => 0,
            used => goal - used,
        }
    }

    /// What is to be sent in the midst of a write, when its last `count` bytes have been queued (`tcp_sendmsg_locked`).
    pub(crate) fn push_within(&self, count: u32) -> Push {
        let send = &self.send;
        let pushed = send.queue.pushed;
        if pushed.is_some_and(|pushed| pushed.seq == send.data_end()) {
            Push::All
        } else if send.unsent().saturating_sub(count) < self.size_goal() {
            Push::One
        } else {
            Push::None
        }
    }

    /// Bytes that a write is to take before something is sent (`tcp_sendmsg_locked`): new packets as long as what is queued is
    /// below the buffer's size, and what is not sent below `TCP_NOTSENT_LOWAT` (`tcp_stream_memory_free`). With what is sent
    /// then, more may be taken.
    pub(crate) fn room(&self) -> u32 {
        let tail = self.tail_room();
        let goal = self.size_goal();
        let free = self.send.buffer.saturating_sub(self.send_memory());
        if self.recv.is_pressed() {
            // Memory is short: nothing beyond the buffer (`sk_wmem_schedule`).
            return free.saturating_sub(PACKET);
        }
        let unsent = self.send.unsent();
        // The first packet is sent, as far as it may be, before the next begins.
        let most = match unsent {
            0 => 1,
            unsent if unsent < goal && tail > 0 => 0,
            _ => u32::MAX,
        };
        let mut packets = free.saturating_sub(tail).div_ceil(goal + PACKET).min(most);
        if let Some(limit) = self.options.unsent_low_water {
            let left = limit.saturating_sub(unsent.saturating_add(tail));
            packets = packets.min(left.div_ceil(goal));
        }
        tail.saturating_add(packets.saturating_mul(goal))
    }

    /// How many of so many bytes a write is to take.
    #[inline]
    pub(crate) fn room_for(&self, wanted: u32) -> u32 {
        let is_bounded = self.recv.is_pressed() || self.options.unsent_low_water.is_some();
        // The usual short message finds nothing before it.
        if self.send.queue.len() == 0 && wanted <= self.send.effective_mss() && !is_bounded {
            return wanted;
        }
        self.room().min(wanted)
    }

    /// `sk_stream_is_writeable`: what is free must be at least half of what is used.
    #[inline]
    pub(crate) fn has_space(&self) -> bool {
        let used = self.send_memory();
        let free = self.send.buffer.saturating_sub(used);
        free > 0 && free >= used / 2
    }

    /// The send buffer becomes as small as half of what is in it (`sk_stream_moderate_sndbuf`).
    pub(crate) fn moderate_send_buffer(&mut self) {
        let half = self.send_memory() / 2;
        self.send.buffer = self.send.buffer.min(half).max(LEAST_SEND_BUFFER);
    }
}

impl Sender {
    /// `tcp_sndbuf_expand`: room for two congestion windows, or as many as the algorithm asks for.
    pub(crate) fn expand_buffer(&mut self, limits: &Limits) {
        if self.flags.contains(SendFlags::FIXED) {
            return;
        }
        let packet = (u64::from(self.mss) + u64::from(HEADERS)).next_power_of_two();
        let packet = packet + u64::from(DESCRIPTOR);
        let windows = self.congestion.windows_to_buffer();
        let wanted = windows * u64::from(self.window.size.max(10)) * packet;
        let wanted = wanted.min(u64::from(ANY_PATH).max(self.path_holds()));
        let wanted = u32::try_from(wanted)
            .unwrap_or(u32::MAX)
            .min(limits.send_buffer);
        self.buffer = self.buffer.max(wanted);
    }

    /// Four times what the path was seen to hold, in bytes: twice for a window that doubles, and as much to be ready.
    fn path_holds(&self) -> u64 {
        let (rate, _) = self.rate.best(self.mss.into());
        let srtt = self.rtt.srtt().unwrap_or_default();
        let held = u128::from(rate) * srtt.as_micros() / 1_000_000;
        u64::try_from(4 * held).unwrap_or(u64::MAX)
    }
}
