//! Whether there is memory for what comes (`tcp_try_rmem_schedule`), and how some is made (`tcp_prune_queue`).
//!
//! A window counts bytes, the buffer what their packets take. Who sends short packets, or keeps a gap open, can fill the
//! buffer within the window that was told; then the buffer grows if it may, packets are put together, and at last what
//! came beyond the gap is thrown away, the farthest first (RFC 2018 8).
use super::Receiver;
use super::window::BufferFlags;
use crate::limits::Limits;

/// What had to be done for a segment to be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pruned {
    /// There was no room at first.
    pub(crate) called: bool,
    /// What came out of order was thrown away, or a part of it.
    pub(crate) out_of_order: bool,
    /// All of it did not help.
    pub(crate) in_vain: bool,
}

impl Receiver {
    /// What the packets of both queues take (`sk_rmem_alloc`).
    pub(crate) fn charge(&self) -> u32 {
        let beyond = self.queue.rare.assembler.as_ref();
        let beyond = beyond.map_or(0, |assembler| assembler.charge());
        self.queue.charge().saturating_add(beyond)
    }

    /// `tcp_can_ingest`: one more may come as long as those that are there fit.
    #[inline]
    pub(crate) fn has_memory(&self) -> bool {
        self.queue.is_at_rest() || self.charge() <= self.buffer
    }

    /// Makes room for a segment that begins at this position.
    #[cold]
    pub(crate) fn make_memory(&mut self, position: u64, limits: &Limits) -> Pruned {
        let mut pruned = Pruned {
            called: true,
            ..Pruned::default()
        };
        self.clamp_window(limits);
        if self.has_memory() {
            return pruned;
        }
        if let Some(assembler) = self
            .existing_rare()
            .and_then(|rare| rare.assembler.as_mut())
        {
            assembler.collapse();
        }
        self.queue.collapse();
        if self.has_memory() {
            return pruned;
        }
        let most = self.buffer.saturating_sub(self.queue.charge());
        if let Some(rare) = self.existing_rare()
            && let Some(assembler) = &mut rare.assembler
        {
            pruned.out_of_order = assembler.prune(position, most);
            if assembler.is_empty() {
                rare.assembler = None;
            }
        }
        pruned.in_vain = !self.has_memory();
        pruned
    }

    /// `tcp_clamp_window`: the buffer grows to what is in it, if it may; if it may not, the window stays small.
    fn clamp_window(&mut self, limits: &Limits) {
        self.ack.leave_quick();
        if !self.is_pressed() {
            self.buffer = self.buffer.max(self.charge().min(self.most(limits)));
        }
        if !self.has_memory() {
            let two = 2 * u32::from(self.told_mss);
            self.threshold = two.min(self.space());
        }
    }

    /// Something came beyond a gap: that is no proof that the program is slow, and the buffer has to hold it beside what a
    /// round trip brings (`tcp_rcvbuf_grow`).
    pub(crate) fn make_room_beyond_gap(&mut self, limits: &Limits) {
        if self.flags.contains(BufferFlags::UNCLAIMED) {
            return;
        }
        let window = u64::from(self.autotune.space) * 2 + self.beyond();
        self.grow_buffer(window, limits);
    }

    /// How far behind the gap what came ends.
    fn beyond(&self) -> u64 {
        let assembler = self.queue.rare.assembler.as_ref();
        assembler.map_or(0, |assembler| assembler.end().saturating_sub(self.position))
    }

    /// `newval` of `tcp_rcvbuf_grow`: a round trip brought so much, where the most before was `old`.
    pub(super) fn grow_for(&mut self, read: u32, old: u32, limits: &Limits) {
        // Twice what a round trip brought, for slow start, and more in proportion to the growth.
        let base = u64::from(read) * 2;
        let growth = base * u64::from(read - old) / u64::from(old.max(1));
        self.grow_buffer(base + 2 * growth + self.beyond(), limits);
    }

    /// The buffer is to hold a window of so many bytes, if it may grow.
    fn grow_buffer(&mut self, window: u64, limits: &Limits) {
        let most = self.most(limits);
        if self.buffer >= most || self.is_pressed() {
            return;
        }
        let wanted = window.saturating_mul(256) / u64::from(self.ratio.max(1));
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX).min(most);
        self.buffer = self.buffer.max(wanted);
    }
}
