//! Reading the stream, with the urgent mark in it.
use sockeye_wire::Payload;

use super::Receiver;
use super::urgent::{UrgentByte, UrgentRead};
use crate::Seq;
use crate::seq::length;

impl Receiver {
    /// Steps over an urgent byte that is not part of the stream, and says how much may be read before the next mark.
    fn readable_run(&mut self, inline: bool) -> usize {
        let available = self.queue.len();
        let Some(urgent) = self.queue.rare.urgent else {
            return available;
        };
        let at = self.read_at();
        if urgent.mark.before(at) {
            self.forget_urgent();
            return available;
        }
        let ahead = length(urgent.mark.since(at));
        if ahead >= available {
            return available;
        }
        if ahead > 0 {
            return ahead;
        }
        if inline {
            return available;
        }
        self.queue.advance(1);
        self.forget_urgent();
        self.queue.len()
    }

    /// What a read would give now, as `FIONREAD` says it.
    pub(crate) fn readable(&self, inline: bool) -> usize {
        let available = self.queue.len();
        match self.queue.rare.urgent {
            Some(urgent) if !inline && urgent.mark.at_or_after(self.read_at()) => {
                match length(urgent.mark.since(self.read_at())) {
                    // The byte itself is stepped over.
                    0 => available.saturating_sub(1),
                    ahead => available.min(ahead),
                }
            }
            _ => available,
        }
    }

    /// Copies data out. A read that has got something ends before the urgent mark.
    pub(crate) fn read(&mut self, buffer: &mut [u8], inline: bool) -> usize {
        let run = self.readable_run(inline).min(buffer.len());
        if run == 0 {
            return 0;
        }
        let count = self.queue.read(buffer.get_mut(..run).unwrap_or_default());
        self.settle_urgent();
        count
    }

    /// Takes data out without a copy.
    pub(crate) fn take(&mut self, count: usize, inline: bool) -> Payload {
        let run = self.readable_run(inline).min(count);
        if run == 0 {
            return Payload::new();
        }
        let payload = self.queue.take(run);
        self.settle_urgent();
        payload
    }

    /// Copies data that stays, from `offset` on.
    pub(crate) fn peek(&mut self, offset: usize, buffer: &mut [u8], inline: bool) -> usize {
        let mut skip = 0;
        let mut limit = self.queue.len();
        if let Some(urgent) = self.queue.rare.urgent
            && urgent.mark.at_or_after(self.read_at())
        {
            match length(urgent.mark.since(self.read_at())) {
                0 if !inline => skip = 1,
                0 => {}
                ahead => limit = limit.min(ahead),
            }
        }
        let from = offset + skip;
        let count = limit.saturating_sub(from).min(buffer.len());
        if count == 0 {
            return 0;
        }
        self.queue
            .peek(from, buffer.get_mut(..count).unwrap_or_default())
    }

    fn settle_urgent(&mut self) {
        if self
            .queue
            .rare
            .urgent
            .is_some_and(|urgent| urgent.mark.before(self.read_at()))
        {
            self.forget_urgent();
        }
    }

    /// RFC 9293 3.10.7.4, sixth: a segment with `URG` names the byte before `pointer`. True if that is news.
    pub(crate) fn announce_urgent(&mut self, pointer: Seq) -> bool {
        let mark = pointer - 1;
        // Read already, received already, or not newer than what is known.
        if mark.before(self.read_at())
            || mark.before(self.nxt)
            || self
                .queue
                .rare
                .urgent
                .is_some_and(|urgent| mark.at_or_before(urgent.mark))
        {
            return false;
        }
        // A second urgent byte takes the first one's place; that one is no longer reachable, nor part of the stream.
        if let Some(old) = self.queue.rare.urgent
            && old.mark == self.read_at()
            && old.byte == UrgentByte::Taken
            && !self.queue.is_empty()
        {
            self.queue.advance(1);
        }
        self.queue.rare.urgent = Some(super::urgent::Urgent {
            mark,
            byte: UrgentByte::Awaited,
        });
        true
    }

    /// Data was queued: has the urgent byte come with it?
    pub(crate) fn find_urgent(&mut self) {
        let Some(urgent) = self.queue.rare.urgent else {
            return;
        };
        if urgent.byte != UrgentByte::Awaited
            || urgent
                .mark
                .at_or_after(self.nxt - u32::from(self.is_finished()))
        {
            return;
        }
        let offset = length(urgent.mark.since_or_zero(self.read_at()));
        if let Some(byte) = self.queue.get(offset) {
            self.queue.rare.urgent = Some(super::urgent::Urgent {
                byte: UrgentByte::Here(byte),
                ..urgent
            });
        }
    }

    /// `MSG_OOB`
    pub(crate) fn read_urgent(&mut self, peek: bool, inline: bool) -> UrgentRead {
        let urgent = self
            .queue
            .existing()
            .and_then(|queue| queue.rare.existing())
            .and_then(|rare| rare.urgent.as_mut());
        match urgent {
            Some(urgent) if !inline => match urgent.byte {
                UrgentByte::Awaited => UrgentRead::Awaited,
                UrgentByte::Taken => UrgentRead::None,
                UrgentByte::Here(byte) => {
                    if !peek {
                        urgent.byte = UrgentByte::Taken;
                    }
                    UrgentRead::Byte(byte)
                }
            },
            _ => UrgentRead::None,
        }
    }

    /// `SIOCATMARK`
    pub(crate) fn at_mark(&self) -> bool {
        self.queue
            .rare
            .urgent
            .is_some_and(|urgent| urgent.mark == self.read_at())
    }
}
