use alloc::vec::Vec;
use proptest::prelude::*;
use sockeye_wire::Payload;

use super::ReceiveQueue;

#[derive(Clone, Debug)]
enum Step {
    Push(Vec<Vec<u8>>),
    Read(usize),
    Take(usize),
    Peek(usize, usize),
    Advance(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let chunk = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..40),
        prop::collection::vec(any::<u8>(), 1..2000)
    ];
    prop_oneof![
        2 => prop::collection::vec(chunk, 0..4).prop_map(Step::Push),
        1 => (0..3000usize).prop_map(Step::Read),
        1 => (0..3000usize).prop_map(Step::Take),
        1 => (0..3000usize, 0..3000usize).prop_map(|(at, count)| Step::Peek(at, count)),
        1 => (0..300usize).prop_map(Step::Advance),
    ]
}

proptest! {
    #[test]
    fn is_a_byte_queue(steps in prop::collection::vec(step(), 1..60)) {
        let mut queue = ReceiveQueue::default();
        let mut model: Vec<u8> = Vec::new();
        for step in steps {
            match step {
                Step::Push(chunks) => {
                    model.extend(chunks.iter().flatten());
                    queue.push(chunks.into_iter().map(bytes::Bytes::from).collect::<Payload>());
                }
                Step::Read(count) => {
                    let mut buffer = std::vec![0; count];
                    let got = queue.read(&mut buffer);
                    prop_assert_eq!(&buffer[..got], &model.drain(..count.min(model.len())).collect::<Vec<_>>()[..]);
                }
                Step::Take(count) => {
                    let expected: Vec<u8> = model.drain(..count.min(model.len())).collect();
                    prop_assert_eq!(queue.take(count).to_vec(), expected);
                }
                Step::Peek(at, count) => {
                    let mut buffer = std::vec![0; count];
                    let got = queue.peek(at, &mut buffer);
                    let expected: Vec<u8> = model.iter().copied().skip(at).take(count).collect();
                    prop_assert_eq!(&buffer[..got], &expected[..]);
                }
                Step::Advance(count) => {
                    let count = count.min(model.len());
                    queue.advance(count);
                    model.drain(..count);
                }
            }
            prop_assert_eq!(queue.len(), model.len());
        }
        queue.advance(queue.len());
        prop_assert_eq!(queue.heap(), 0);
    }
}

#[test]
fn single_bytes_do_not_pin_the_packets_they_came_in() {
    let mut queue = ReceiveQueue::default();
    let packet = bytes::Bytes::from(std::vec![7; 2000]);
    for at in 0..1000 {
        queue.push(packet.slice(at..at + 1).into());
    }
    assert_eq!(queue.len(), 1000);
    assert!(queue.heap() < 10_000, "{}", queue.heap());
}
