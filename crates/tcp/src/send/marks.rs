//! Marked places in the send queue.
use alloc::boxed::Box;
use alloc::collections::VecDeque;

/// Ends of what belongs together, as offsets from the first byte of the send queue. Few connections have any.
#[derive(Debug, Default)]
pub(crate) struct Marks(Option<Box<Ends>>);

#[derive(Debug, Default)]
struct Ends {
    /// Bytes that have left the queue, in numbers that wrap; the ends count from the same place.
    gone: u32,
    ends: VecDeque<u32>,
}

impl Marks {
    /// None.
    pub(crate) const NONE: Marks = Marks(None);

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// It ends here, behind all others.
    pub(crate) fn end_at(&mut self, offset: u32) {
        let ends = self.0.get_or_insert_default();
        let end = ends.gone.wrapping_add(offset);
        if ends.ends.back() != Some(&end) {
            ends.ends.push_back(end);
        }
    }

    /// The first end behind the byte at `offset`.
    pub(crate) fn end_after(&self, offset: u32) -> Option<u32> {
        let ends = self.0.as_ref()?;
        let next = ends
            .ends
            .partition_point(|end| end.wrapping_sub(ends.gone) <= offset);
        ends.ends.get(next).map(|end| end.wrapping_sub(ends.gone))
    }

    /// True if the last one ends here.
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
    fn a_byte_knows_the_next_end() {
        let mut marks = Marks::NONE;
        assert_eq!(marks.end_after(0), None);
        marks.end_at(100);
        marks.end_at(100);
        marks.end_at(250);
        let ends = |marks: &Marks| [0, 99, 100, 249, 250].map(|at| marks.end_after(at));
        assert_eq!(
            ends(&marks),
            [Some(100), Some(100), Some(250), Some(250), None]
        );
        marks.advance(60);
        assert_eq!(marks.end_after(0), Some(40));
        marks.advance(40);
        assert_eq!(marks.end_after(0), Some(150));
        marks.advance(150);
        assert!(marks.is_empty());
    }
}
