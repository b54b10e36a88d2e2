//! Abstract names of the program that are too long to stand behind the run's prefix: a number stands for each.

use std::collections::BTreeMap;

/// How many are remembered.
const MOST: usize = 1024;

/// Numbers and what they stand for.
#[derive(Debug, Default)]
pub(super) struct LongNames {
    numbers: BTreeMap<Vec<u8>, u64>,
    names: BTreeMap<u64, Vec<u8>>,
    last: u64,
}

impl LongNames {
    /// The number of a name; 0, which stands for none, if it has none.
    pub(super) fn number(&self, name: &[u8]) -> u64 {
        self.numbers.get(name).copied().unwrap_or(0)
    }

    /// The number of a name that is about to be bound. When there are too many, those that `is_free` are forgotten; `None`
    /// if that does not help.
    pub(super) fn remember(&mut self, name: &[u8], is_free: impl Fn(u64) -> bool) -> Option<u64> {
        let known = self.number(name);
        if known != 0 {
            return Some(known);
        }
        if self.names.len() >= MOST {
            self.names.retain(|number, _| !is_free(*number));
            self.numbers
                .retain(|_, number| self.names.contains_key(number));
        }
        if self.names.len() >= MOST {
            return None;
        }
        self.last += 1;
        self.numbers.insert(name.to_vec(), self.last);
        self.names.insert(self.last, name.to_vec());
        Some(self.last)
    }

    pub(super) fn name(&self, number: u64) -> Option<&[u8]> {
        self.names.get(&number).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_until_it_is_free_and_room_is_needed() {
        let mut names = LongNames::default();
        let name = |number: usize| number.to_ne_bytes().to_vec();
        for number in 0..MOST {
            let given = names.remember(&name(number), |_| unreachable!()).unwrap();
            assert_eq!(names.name(given), Some(name(number).as_slice()));
        }
        let (first, second) = (names.number(&name(0)), names.number(&name(1)));
        assert_eq!(names.remember(b"more", |_| false), None);
        assert_eq!(names.remember(&name(1), |_| true), Some(second));
        let more = names.remember(b"more", |number| number == first).unwrap();
        assert!(more > u64::try_from(MOST).unwrap());
        assert_eq!((names.name(first), names.number(&name(0))), (None, 0));
        assert_eq!(names.number(&name(1)), second);
    }
}
