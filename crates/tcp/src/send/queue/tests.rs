use alloc::vec::Vec;
use proptest::prelude::*;

use super::{Access, SendQueue};

#[derive(Clone, Debug)]
enum Step {
    Slice(Vec<u8>),
    Bytes(Vec<u8>),
    Read { at: u32, count: u32, again: bool },
    Advance(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..9000).prop_map(Step::Slice),
        prop::collection::vec(any::<u8>(), 0..80).prop_map(Step::Slice),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Step::Bytes),
        (any::<u32>(), 0..5000u32, any::<bool>()).prop_map(|(at, count, again)| Step::Read {
            at,
            count,
            again
        }),
        (0..6000u32).prop_map(Step::Advance),
    ]
}

proptest! {
    #[test]
    fn is_a_byte_queue(steps in prop::collection::vec(step(), 1..60)) {
        let mut queue = SendQueue::default();
        let mut model: Vec<u8> = Vec::new();
        for step in steps {
            match step {
                Step::Slice(data) => { queue.push_slice(&data); model.extend(&data); }
                Step::Bytes(data) => { model.extend(&data); queue.push_bytes(data.into()); }
                Step::Advance(count) => {
                    queue.advance(count);
                    model.drain(..model.len().min(count as usize));
                }
                Step::Read { at, count, again } => {
                    let at = at % (queue.len() + 1);
                    let access = if again { Access::Again } else { Access::New };
                    let expected: Vec<u8> = model.iter().copied().skip(at as usize).take(count as usize).collect();
                    prop_assert_eq!(queue.slice(at, count, access).to_vec(), expected);
                }
            }
            prop_assert_eq!(queue.len() as usize, model.len());
        }
        queue.advance(u32::MAX);
        prop_assert_eq!(queue.heap(), 0);
    }
}
