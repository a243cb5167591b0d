//! Sizes that are known only when a model runs: polynomials of what its inputs say.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};

/// Something that has one value a run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Atom {
    /// The model calls it so.
    Name(String),
    /// The size of an axis of a value that nothing else says, by the value's number.
    Axis(u32, u32),
    /// An element of a vector of integers, or an integer, that nothing else says.
    Element(u32, u32),
    /// The quotient, rounded down.
    Quotient(Box<(Size, Size)>),
    /// The larger.
    Max(Box<(Size, Size)>),
    /// The smaller.
    Min(Box<(Size, Size)>),
}

/// A polynomial of atoms, with integers as coefficients. Equal ones are equal in every run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Size {
    /// Coefficients, none 0, by products of atoms; the empty product is 1.
    terms: BTreeMap<Vec<Atom>, i64>,
}

impl From<i64> for Size {
    fn from(number: i64) -> Self {
        Self::of_terms([(Vec::new(), number)])
    }
}

impl From<Atom> for Size {
    fn from(atom: Atom) -> Self {
        Self::of_terms([(vec![atom], 1)])
    }
}

impl Size {
    /// What the model calls so.
    pub fn named(name: &str) -> Self {
        Atom::Name(name.to_owned()).into()
    }

    fn of_terms(terms: impl IntoIterator<Item = (Vec<Atom>, i64)>) -> Self {
        let mut sum: BTreeMap<Vec<Atom>, i64> = BTreeMap::new();
        for (atoms, coefficient) in terms {
            let own = sum.entry(atoms).or_default();
            *own = own.saturating_add(coefficient);
        }
        sum.retain(|_, coefficient| *coefficient != 0);
        Self { terms: sum }
    }

    /// The number, where it is one.
    pub fn known(&self) -> Option<i64> {
        match self.terms.len() {
            0 => Some(0),
            1 => self.terms.get(&Vec::new() as &[Atom]).copied(),
            _ => None,
        }
    }

    /// The product of sizes.
    pub fn product<'s>(sizes: impl IntoIterator<Item = &'s Self>) -> Self {
        sizes.into_iter().fold(Self::from(1), |product, size| &product * size)
    }

    /// The quotient, where the other divides this in every run: by its only term.
    pub fn divided(&self, by: &Self) -> Option<Self> {
        if self == by && by.known() != Some(0) {
            return Some(Self::from(1));
        }
        let mut divisor = by.terms.iter();
        let ((atoms, &number), None) = (divisor.next()?, divisor.next()) else { return None };
        let term = |(own, &coefficient): (&Vec<Atom>, &i64)| {
            let mut rest = own.clone();
            for atom in atoms {
                rest.remove(rest.iter().position(|a| a == atom)?);
            }
            (coefficient % number == 0).then(|| (rest, coefficient / number))
        };
        self.terms.iter().map(term).collect::<Option<Vec<_>>>().map(Self::of_terms)
    }

    /// The quotient, rounded down.
    #[must_use]
    pub fn quotient(&self, by: &Self) -> Self {
        if let Some(quotient) = self.divided(by) {
            return quotient;
        }
        match (self.known(), by.known()) {
            (Some(own), Some(by)) if by != 0 => own.div_euclid(by).into(),
            _ => Atom::Quotient(Box::new((self.clone(), by.clone()))).into(),
        }
    }

    /// The quotient, rounded up.
    #[must_use]
    pub fn quotient_up(&self, by: &Self) -> Self {
        self.divided(by).unwrap_or_else(|| -&(-self).quotient(by))
    }

    /// The larger.
    #[must_use]
    pub fn larger(&self, other: &Self) -> Self {
        match (self - other).known() {
            Some(0..) => self.clone(),
            Some(_) => other.clone(),
            None => Atom::Max(Box::new((self.clone(), other.clone()))).into(),
        }
    }

    /// The smaller.
    #[must_use]
    pub fn smaller(&self, other: &Self) -> Self {
        match (self - other).known() {
            Some(0..) => other.clone(),
            Some(_) => self.clone(),
            None => Atom::Min(Box::new((self.clone(), other.clone()))).into(),
        }
    }

    /// The number in a run where atoms that are no operation have these values; none where one has
    /// none, or a number is too large.
    pub fn value(&self, atom: &dyn Fn(&Atom) -> Option<i64>) -> Option<i64> {
        let mut sum = 0i64;
        for (atoms, coefficient) in &self.terms {
            let mut product = *coefficient;
            for factor in atoms {
                product = product.checked_mul(factor.value(atom)?)?;
            }
            sum = sum.checked_add(product)?;
        }
        Some(sum)
    }
}

impl Atom {
    fn value(&self, atom: &dyn Fn(&Self) -> Option<i64>) -> Option<i64> {
        let both = |pair: &(Size, Size)| Some((pair.0.value(atom)?, pair.1.value(atom)?));
        match self {
            Self::Quotient(pair) => both(pair).and_then(|(x, y)| x.checked_div_euclid(y)),
            Self::Max(pair) => both(pair).map(|(x, y)| x.max(y)),
            Self::Min(pair) => both(pair).map(|(x, y)| x.min(y)),
            Self::Name(_) | Self::Axis(..) | Self::Element(..) => atom(self),
        }
    }
}

impl Add for &Size {
    type Output = Size;

    fn add(self, other: Self) -> Size {
        let all = self.terms.iter().chain(&other.terms);
        Size::of_terms(all.map(|(atoms, coefficient)| (atoms.clone(), *coefficient)))
    }
}

impl Neg for &Size {
    type Output = Size;

    fn neg(self) -> Size {
        Size::of_terms(self.terms.iter().map(|(atoms, coefficient)| (atoms.clone(), -coefficient)))
    }
}

impl Sub for &Size {
    type Output = Size;

    fn sub(self, other: Self) -> Size {
        self + &-other
    }
}

impl Mul for &Size {
    type Output = Size;

    fn mul(self, other: Self) -> Size {
        let pairs = self.terms.iter().flat_map(|own| other.terms.iter().map(move |its| (own, its)));
        Size::of_terms(pairs.map(|((own, x), (its, y))| {
            let mut atoms = [own.as_slice(), its].concat();
            atoms.sort();
            (atoms, x.saturating_mul(*y))
        }))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let term = |(atoms, coefficient): (&Vec<Atom>, &i64)| match (atoms.is_empty(), coefficient)
        {
            (true, number) => number.to_string(),
            (false, 1) => product(atoms),
            (false, number) => format!("{number}*{}", product(atoms)),
        };
        let terms: Vec<String> = self.terms.iter().map(term).collect();
        match terms.is_empty() {
            true => f.write_str("0"),
            false => f.write_str(&terms.join(" + ")),
        }
    }
}

fn product(atoms: &[Atom]) -> String {
    atoms.iter().map(ToString::to_string).collect::<Vec<_>>().join("*")
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Axis(value, axis) => write!(f, "size({value}, {axis})"),
            Self::Element(value, at) => write!(f, "element({value}, {at})"),
            Self::Quotient(pair) => write!(f, "floor(({}) / ({}))", pair.0, pair.1),
            Self::Max(pair) => write!(f, "max({}, {})", pair.0, pair.1),
            Self::Min(pair) => write!(f, "min({}, {})", pair.0, pair.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size() -> impl Strategy<Value = Size> {
        let leaf = prop_oneof![
            (-4i64..5).prop_map(Size::from),
            prop::sample::select(&["n", "s", "p"][..]).prop_map(Size::named),
        ];
        leaf.prop_recursive(3, 12, 2, |inner| {
            (inner.clone(), inner, 0..6).prop_map(|(x, y, operation)| match operation {
                0 => &x + &y,
                1 => &x - &y,
                2 => &x * &y,
                3 => x.larger(&y),
                4 => x.smaller(&y),
                _ => x.quotient(&Size::from(3)),
            })
        })
    }

    fn at(size: &Size, [n, s, p]: [i64; 3]) -> i64 {
        let value = |atom: &Atom| match atom {
            Atom::Name(name) => Some(match name.as_str() {
                "n" => n,
                "s" => s,
                _ => p,
            }),
            _ => None,
        };
        size.value(&value).expect("small numbers")
    }

    proptest! {
        #[test]
        fn operations_are_those_of_numbers(x in size(), y in size(), run in [1..9i64, 1..9i64, 0..9i64]) {
            let (a, b) = (at(&x, run), at(&y, run));
            prop_assert_eq!(at(&(&x + &y), run), a + b);
            prop_assert_eq!(at(&(&x - &y), run), a - b);
            prop_assert_eq!(at(&(&x * &y), run), a * b);
            prop_assert_eq!(at(&x.larger(&y), run), a.max(b));
            prop_assert_eq!(at(&x.smaller(&y), run), a.min(b));
            let three = Size::from(3);
            prop_assert_eq!(at(&x.quotient(&three), run), a.div_euclid(3));
            prop_assert_eq!(at(&x.quotient_up(&three), run), -(-a).div_euclid(3));
            if let Some(quotient) = x.divided(&y).filter(|_| b != 0) {
                prop_assert_eq!(at(&quotient, run) * b, a);
            }
        }
    }

    #[test]
    fn equal_sizes_are_written_one_way() {
        let (n, s) = (Size::named("n"), Size::named("s"));
        assert_eq!(&(&n + &s) * &n, &(&n * &n) + &(&s * &n));
        assert_eq!((&(&n + &s) - &s), n);
        assert_eq!((&n * &Size::from(12)).divided(&Size::from(4)), Some(&n * &Size::from(3)));
        assert_eq!((&n * &s).divided(&s), Some(n.clone()));
        assert_eq!(n.divided(&s), None);
        assert_eq!((&(&n * &Size::from(2)) + &Size::from(3)).to_string(), "3 + 2*n");
        assert_eq!((&n + &Size::from(1)).larger(&n), &n + &Size::from(1));
    }
}
