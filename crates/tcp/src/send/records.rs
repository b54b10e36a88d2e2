//! `MSG_EOR`: where a write ends that later ones are not to be put together with (`TCP_SKB_CB(skb)->eor`).
use alloc::boxed::Box;
use alloc::collections::VecDeque;

/// Ends of records, as offsets from the first byte of the send queue. Few connections have any.
#[derive(Debug, Default)]
pub(crate) struct Records(Option<Box<Ends>>);

#[derive(Debug, Default)]
struct Ends {
    /// Bytes that have left the queue, in numbers that wrap; the ends count from the same place.
    gone: u32,
    ends: VecDeque<u32>,
}

impl Records {
    /// None.
    pub(crate) const NONE: Records = Records(None);

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// A record ends here.
    pub(crate) fn end_at(&mut self, offset: u32) {
        let ends = self.0.get_or_insert_default();
        let end = ends.gone.wrapping_add(offset);
        if ends.ends.back() != Some(&end) {
            ends.ends.push_back(end);
        }
    }

    /// The end of the record that holds the byte at `offset`.
    pub(crate) fn end_after(&self, offset: u32) -> Option<u32> {
        let ends = self.0.as_ref()?;
        let next = ends
            .ends
            .partition_point(|end| end.wrapping_sub(ends.gone) <= offset);
        ends.ends.get(next).map(|end| end.wrapping_sub(ends.gone))
    }

    /// True if a record ends here.
    pub(crate) fn ends_at(&self, offset: u32) -> bool {
        let ends = self.0.as_ref();
        ends.is_some_and(|ends| ends.ends.back() == Some(&ends.gone.wrapping_add(offset)))
    }

    /// The first `count` bytes have left the queue.
    pub(crate) fn advance(&mut self, count: u32) {
        let Some(ends) = &mut self.0 else { return };
        while let Some(end) = ends.ends.front()
            && end.wrapping_sub(ends.gone) <= count
        {
            ends.ends.pop_front();
        }
        ends.gone = ends.gone.wrapping_add(count);
        if ends.ends.is_empty() {
            self.0 = None;
        }
    }

    pub(crate) fn heap(&self) -> usize {
        let one = size_of::<u32>();
        self.0
            .as_ref()
            .map_or(0, |ends| size_of::<Ends>() + ends.ends.capacity() * one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_knows_the_end_of_its_record() {
        let mut records = Records::NONE;
        assert_eq!(records.end_after(0), None);
        records.end_at(100);
        records.end_at(100);
        records.end_at(250);
        let ends = |records: &Records| [0, 99, 100, 249, 250].map(|at| records.end_after(at));
        assert_eq!(
            ends(&records),
            [Some(100), Some(100), Some(250), Some(250), None]
        );
        records.advance(60);
        assert_eq!(records.end_after(0), Some(40));
        records.advance(40);
        assert_eq!(records.end_after(0), Some(150));
        records.advance(150);
        assert!(records.is_empty());
    }
}
