//! The largest value of the last so many rounds, by Kathleen Nichols' algorithm: the best, the best since, and the best
//! since that.

/// A windowed maximum.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MaxFilter {
    /// Time and value, of falling values and rising times.
    best: [(u32, u32); 3],
}

impl MaxFilter {
    pub(super) fn get(&self) -> u32 {
        let [(_, value), ..] = self.best;
        value
    }

    /// A value at `time`; values older than `length` do not count any more.
    pub(super) fn update(&mut self, value: u32, time: u32, length: u32) {
        let new = (time, value);
        let [first, second, third] = &mut self.best;
        if value >= first.1 || time.wrapping_sub(third.0) > length {
            self.best = [new; 3];
            return;
        }
        if value >= second.1 {
            *second = new;
            *third = new;
        } else if value >= third.1 {
            *third = new;
        }
        // What has been the best for too long makes way.
        let age = time.wrapping_sub(first.0);
        if age > length {
            (*first, *second, *third) = (*second, *third, new);
            if time.wrapping_sub(first.0) > length {
                (*first, *second) = (*second, *third);
            }
        } else if second.0 == first.0 && age > length / 4 {
            *second = new;
            *third = new;
        } else if third.0 == second.0 && age > length / 2 {
            *third = new;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_largest_is_forgotten_when_it_is_too_old() {
        let mut filter = MaxFilter::default();
        filter.update(10, 1, 10);
        for time in 2..=11 {
            filter.update(5, time, 10);
            assert_eq!(filter.get(), 10);
        }
        filter.update(5, 12, 10);
        assert_eq!(filter.get(), 5);
    }

    proptest! {
        #[test]
        fn it_is_never_less_than_the_last_nor_more_than_the_largest_of_the_window(
            values in prop::collection::vec(0u32..100, 1..200),
        ) {
            let mut filter = MaxFilter::default();
            for (index, value) in values.iter().enumerate() {
                let time = u32::try_from(index).unwrap_or(0) + 1;
                filter.update(*value, time, 10);
                let window = &values[index.saturating_sub(10)..=index];
                let most = window.iter().copied().max().unwrap_or(0);
                prop_assert!((*value..=most).contains(&filter.get()));
            }
        }
    }
}
