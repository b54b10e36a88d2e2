use proptest::prelude::*;

use super::Seq;

const HALF: u32 = 1 << 31;

proptest! {
    #[test]
    fn going_forward_less_than_half_the_space_is_after(start: u32, step in 1..HALF) {
        let (a, b) = (Seq::new(start), Seq::new(start) + step);
        prop_assert!(a.before(b) && b.after(a));
        prop_assert!(!b.before(a) && !a.after(b));
        prop_assert!(a.at_or_before(b) && !a.at_or_after(b));
        prop_assert_eq!(b.since(a), step);
        prop_assert_eq!(a.since_or_zero(b), 0);
        prop_assert_eq!(a.latest(b), b);
        prop_assert_eq!(a.earliest(b), a);
    }

    #[test]
    fn subtraction_undoes_addition(start: u32, step: u32) {
        prop_assert_eq!(Seq::new(start) + step - step, Seq::new(start));
        prop_assert_eq!((Seq::new(start) + step).since(Seq::new(start)), step);
    }

    #[test]
    fn comparison_does_not_depend_on_the_origin(a: u32, b: u32, shift: u32) {
        prop_assert_eq!(
            Seq::new(a).before(Seq::new(b)),
            (Seq::new(a) + shift).before(Seq::new(b) + shift)
        );
    }

    #[test]
    fn nothing_is_before_or_after_itself(a: u32) {
        let a = Seq::new(a);
        prop_assert!(!a.before(a) && !a.after(a) && a.at_or_before(a) && a.at_or_after(a));
    }
}

#[test]
fn numbers_wrap() {
    assert!(Seq::new(u32::MAX).before(Seq::new(0)));
    assert_eq!(Seq::new(u32::MAX) + 2u32, Seq::new(1));
    assert_eq!((Seq::new(u32::MAX) + 2usize).since(Seq::new(u32::MAX)), 2);
}
