use super::*;
use proptest::prelude::*;

fn size() -> impl Strategy<Value = Size> {
    let leaf = prop_oneof![
        (-4i64..5).prop_map(Size::from),
        prop::sample::select(&["n", "s", "p"][..]).prop_map(Size::named),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        (inner.clone(), inner, 0..7).prop_map(|(x, y, operation)| match operation {
            0 => &x + &y,
            1 => &x - &y,
            2 => &x * &y,
            3 => x.larger(&y),
            4 => x.smaller(&y),
            5 => x.quotient(&Size::from(3)),
            _ => x.quotient(&Size::from(-2)),
        })
    })
}

fn at(size: &Size, [n, s, p]: [i64; 3]) -> i64 {
    let value = |atom: &Atom| match atom {
        Atom::Name(name) => Some(match &**name {
            "n" => n,
            "s" => s,
            _ => p,
        }),
        _ => None,
    };
    size.value(&value).expect("small numbers")
}

fn floor(x: i64, y: i64) -> i64 {
    (x as f64 / y as f64).floor() as i64
}

proptest! {
    #[test]
    fn operations_are_those_of_numbers(x in size(), y in size(), run in [0..9i64, 0..9i64, 0..9i64]) {
        let (a, b) = (at(&x, run), at(&y, run));
        prop_assert_eq!(at(&(&x + &y), run), a + b);
        prop_assert_eq!(at(&(&x - &y), run), a - b);
        prop_assert_eq!(at(&(&x * &y), run), a * b);
        prop_assert_eq!(at(&x.larger(&y), run), a.max(b));
        prop_assert_eq!(at(&x.smaller(&y), run), a.min(b));
        let three = Size::from(3);
        prop_assert_eq!(at(&x.quotient(&three), run), floor(a, 3));
        prop_assert_eq!(at(&x.quotient(&Size::from(-2)), run), floor(a, -2));
        prop_assert_eq!(at(&x.quotient_up(&three), run), -floor(-a, 3));
        if b != 0 {
            prop_assert_eq!(at(&x.quotient(&y), run), floor(a, b));
        }
        if a == b || a == 1 || b == 1 {
            prop_assert_eq!(at(&x.broadcast(&y), run), if a == 1 { b } else { a });
        }
        prop_assert!(x.least().is_none_or(|least| least <= a));
        prop_assert!(!x.differs(&y) || a != b);
        if let Some(quotient) = x.divided(&y).filter(|_| b != 0) {
            prop_assert_eq!(at(&quotient, run) * b, a);
        }
    }
}

#[test]
fn equal_sizes_are_written_one_way() {
    let (n, s) = (Size::named("n"), Size::named("s"));
    let number = Size::from;
    assert_eq!(&(&n + &s) * &n, &(&n * &n) + &(&s * &n));
    assert_eq!((&(&n + &s) - &s), n);
    assert_eq!((&n * &number(12)).divided(&number(4)), Some(&n * &number(3)));
    assert_eq!((&n * &s).divided(&s), Some(n.clone()));
    assert_eq!(n.divided(&s), None);
    assert_eq!((&(&n * &number(2)) + &number(3)).to_string(), "3 + 2*n");
    assert_eq!((&n + &number(1)).larger(&n), &n + &number(1));
    assert_eq!((&(&n * &number(4)) + &number(7)).quotient(&number(2)).to_string(), "3 + 2*n");
    assert_eq!(n.broadcast(&s), s.broadcast(&n).broadcast(&n));
    assert_eq!(n.broadcast(&(&s + &number(2))), &s + &number(2));
    assert_eq!(n.broadcast(&n.smaller(&number(64))), n);
}

#[test]
fn bounds_are_seen() {
    let (n, s) = (Size::named("n"), Size::named("s"));
    assert_eq!((&(&n * &s) + &Size::from(2)).least(), Some(2));
    assert_eq!((&n - &s).least(), None);
    assert_eq!((&n - &n.smaller(&s)).least(), Some(0));
    assert!(n.differs(&Size::from(-1)));
    assert!(!n.differs(&Size::from(1)));
}

#[test]
fn a_bound_is_looked_for_in_bounded_time() {
    let clipped = |at: i64| Size::named(&format!("n{at}")).smaller(&Size::from(5));
    let sum = (0..32).fold(Size::from(0), |sum, at| &sum - &clipped(at));
    assert!(sum.weight() <= Size::LONGEST);
    assert_eq!(sum.least(), Some(-160));
}
