use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn chain(pieces: &[Vec<u8>]) -> Payload {
    pieces.iter().cloned().map(Bytes::from).collect()
}

fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..6)
}

/// No empty slices, and a true length.
fn check(payload: &Payload, expected: &[u8]) {
    assert_eq!(payload.to_vec(), expected);
    assert_eq!(payload.to_bytes(), expected);
    assert_eq!(payload.len(), expected.len());
    assert_eq!(payload.is_empty(), expected.is_empty());
    assert!(payload.chunks().all(|chunk| !chunk.is_empty()));
    assert_eq!(payload.chunks().count(), payload.chunk_count());
}

proptest! {
    #[test]
    fn behaves_as_one_vector(pieces in pieces(), other in pieces(), at in 0usize..60, end in 0usize..60, room in 0usize..60) {
        let whole = pieces.concat();
        let payload = chain(&pieces);
        check(&payload, &whole);
        let clamped = at.min(whole.len());
        let stop = end.min(whole.len());
        let start = at.min(stop);

        check(&payload.slice(at..end), &whole[start..stop]);
        let mut rest = payload.clone();
        check(&rest.split_to(at), &whole[..clamped]);
        check(&rest, &whole[clamped..]);
        let mut head = payload.clone();
        check(&head.split_off(at), &whole[clamped..]);
        check(&head, &whole[..clamped]);
        let mut advanced = payload.clone();
        advanced.advance(at);
        check(&advanced, &whole[clamped..]);
        let mut short = payload.clone();
        short.truncate(at);
        check(&short, &whole[..clamped]);

        let mut both = payload.clone();
        both.append(&mut chain(&other));
        check(&both, &[whole.clone(), other.concat()].concat());
        both.push_front(Bytes::from_static(b"front"));
        check(&both, &[b"front".to_vec(), whole.clone(), other.concat()].concat());

        let mut buffer = vec![0xaa; room];
        let count = payload.copy_to_slice(at, &mut buffer);
        prop_assert_eq!(count, (whole.len() - clamped).min(room));
        prop_assert_eq!(&buffer[..count], &whole[clamped..clamped + count]);
        prop_assert!(buffer[count..].iter().all(|byte| *byte == 0xaa));

        prop_assert_eq!(&payload, &Payload::from(whole.clone()));
        let mut taken = Vec::new();
        let mut drained = payload;
        while let Some(chunk) = drained.pop_front() {
            taken.extend_from_slice(&chunk);
        }
        check(&drained, &[]);
        prop_assert_eq!(taken, whole);
    }
}

#[test]
fn slices_share_memory() {
    let data = Bytes::from(vec![7u8; 4096]);
    let payload = Payload::from(data.clone());
    let part = payload.slice(100..200);
    assert_eq!(part.first_chunk().as_ptr(), data[100..].as_ptr());
    assert_eq!(payload.to_bytes().as_ptr(), data.as_ptr());
}

#[test]
fn payloads_of_other_bytes_differ() {
    assert_ne!(chain(&[vec![1, 2], vec![3]]), chain(&[vec![1], vec![2, 4]]));
    assert_ne!(chain(&[vec![1, 2]]), chain(&[vec![1, 2, 3]]));
}
