use super::*;

type Numbers = Slab<u32, SocketKind>;

#[test]
fn a_stale_id_finds_nothing_even_when_its_slot_is_used_again() {
    let mut slab = Numbers::new();
    let first = slab.insert_with(|_| 1).unwrap();
    assert_eq!(slab.remove(first), Some(1));
    let second = slab.insert_with(|_| 2).unwrap();
    assert_eq!(first.index(), second.index());
    assert_eq!(slab.get(first), None);
    assert_eq!(slab.get_mut(first), None);
    assert_eq!(slab.remove(first), None);
    assert_eq!(slab.get(second), Some(&2));
}

#[test]
fn two_values_are_borrowed_at_once_but_never_one_twice() {
    let mut slab = Numbers::new();
    let ids: Vec<_> = (0..200).map(|n| slab.insert_with(|_| n).unwrap()).collect();
    for (a, b) in [(0, 1), (5, 150), (199, 3)] {
        let (x, y) = slab.get_pair_mut(ids[a], ids[b]).unwrap();
        core::mem::swap(x, y);
        core::mem::swap(x, y);
        assert_eq!((*x as usize, *y as usize), (a, b));
    }
    assert!(slab.get_pair_mut(ids[7], ids[7]).is_none());
    slab.remove(ids[7]);
    assert!(slab.get_pair_mut(ids[7], ids[8]).is_none());
    assert_eq!(slab.iter().count(), slab.len());
}

#[test]
fn an_id_survives_its_number() {
    let mut slab = Numbers::new();
    let id = slab.insert_with(|_| 1).unwrap();
    assert_eq!(SocketId::from_bits(id.to_bits()), id);
    assert_eq!(slab.get(SocketId::from_bits(0)), None);
    assert_eq!(slab.get(SocketId::from_bits(u64::MAX)), None);
}
