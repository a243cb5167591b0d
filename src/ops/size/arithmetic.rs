//! Sums, products, quotients, and what sizes of an axis are broadcast to.

use super::{Atom, Form, Size, Term};
use std::ops::{Add, Mul, Neg, Sub};
use std::sync::Arc;

impl Size {
    /// The sum of sizes; none where it is too long, or a number too large.
    pub fn sum<'s>(sizes: impl IntoIterator<Item = &'s Self>) -> Option<Self> {
        let add = |sum: Self, size: &Self| match (sum.known(), size.known()) {
            (Some(own), Some(size)) => own.checked_add(size).map(Self::from),
            _ => (&sum + size).followed(),
        };
        sizes.into_iter().try_fold(0.into(), add)
    }

    /// The product of sizes; none where it is too long, or a number too large.
    pub fn product<'s>(sizes: impl IntoIterator<Item = &'s Self>) -> Option<Self> {
        let multiply = |product: Self, size: &Self| match (product.known(), size.known()) {
            (Some(own), Some(size)) => own.checked_mul(size).map(Self::from),
            _ => (&product * size).followed(),
        };
        sizes.into_iter().try_fold(1.into(), multiply)
    }

    /// The largest of sizes; none of none, or where it is too long.
    pub fn largest<'s>(sizes: impl IntoIterator<Item = &'s Self>) -> Option<Self> {
        let mut sizes = sizes.into_iter();
        let first = sizes.next()?.clone();
        sizes.try_fold(first, |largest, size| largest.larger(size).followed())
    }

    /// The smallest of sizes; none of none, or where it is too long.
    pub fn smallest<'s>(sizes: impl IntoIterator<Item = &'s Self>) -> Option<Self> {
        let mut sizes = sizes.into_iter();
        let first = sizes.next()?.clone();
        sizes.try_fold(first, |smallest, size| smallest.smaller(size).followed())
    }

    /// The quotient, where the other divides this in every run: by its only term.
    pub fn divided(&self, by: &Self) -> Option<Self> {
        if let (Some(own), Some(by)) = (self.known(), by.known()) {
            return (own.checked_rem(by)? == 0).then(|| Self::from(own / by));
        }
        if self == by {
            return Some(Self::from(1));
        }
        let divisor = by.terms();
        let [(atoms, number)] = &divisor[..] else { return None };
        let term = |(mut rest, coefficient): Term| {
            for atom in atoms {
                rest.remove(rest.iter().position(|own| own == atom)?);
            }
            (coefficient.checked_rem(*number)? == 0).then(|| (rest, coefficient / number))
        };
        self.terms().into_iter().map(term).collect::<Option<_>>().map(Self::of_terms)
    }

    /// The quotient, rounded down.
    #[must_use]
    pub fn quotient(&self, by: &Self) -> Self {
        if let Some(quotient) = self.divided(by) {
            return quotient;
        }
        let Some(number) = by.known().filter(|&number| number != 0) else {
            return Atom::Quotient(Arc::new((self.clone(), by.clone()))).into();
        };
        // Multiples of the divisor come out of it whole.
        let split = |(atoms, coefficient): Term| {
            let (whole, rest) = match coefficient.checked_div_euclid(number) {
                Some(whole) => (whole, coefficient.wrapping_rem_euclid(number)),
                None => (0, coefficient),
            };
            ((atoms.clone(), whole), (atoms, rest))
        };
        let (whole, rest): (Vec<_>, Vec<_>) = self.terms().into_iter().map(split).unzip();
        let (whole, rest) = (Self::of_terms(whole), Self::of_terms(rest));
        let rest = match rest.known() {
            Some(rest) => floor(rest, number).unwrap_or(0).into(),
            None => Atom::Quotient(Arc::new((rest, by.clone()))).into(),
        };
        &whole + &rest
    }

    /// The quotient, rounded up.
    #[must_use]
    pub fn quotient_up(&self, by: &Self) -> Self {
        self.divided(by).unwrap_or_else(|| -&(-self).quotient(by))
    }

    /// The larger.
    #[must_use]
    pub fn larger(&self, other: &Self) -> Self {
        match (self.is_at_least(other), other.is_at_least(self)) {
            (true, _) => self.clone(),
            (_, true) => other.clone(),
            _ => Atom::Max(ordered(self, other)).into(),
        }
    }

    /// The smaller.
    #[must_use]
    pub fn smaller(&self, other: &Self) -> Self {
        match (self.is_at_least(other), other.is_at_least(self)) {
            (true, _) => other.clone(),
            (_, true) => self.clone(),
            _ => Atom::Min(ordered(self, other)).into(),
        }
    }

    /// What two sizes of an axis are broadcast to, in runs where they can be.
    ///
    /// This is not the larger: 0 and 1 are broadcast to 0.
    #[must_use]
    pub fn broadcast(&self, other: &Self) -> Self {
        match (self.known(), other.known()) {
            _ if self == other => self.clone(),
            (_, Some(1)) => self.clone(),
            (Some(1), _) => other.clone(),
            (Some(_), _) => self.clone(),
            (_, Some(_)) => other.clone(),
            // What is below the other is broadcast to it where it is 1.
            _ if self.is_smaller_of(other, 1) => other.clone(),
            _ if other.is_smaller_of(self, 1) => self.clone(),
            _ if self.least() > Some(1) => self.clone(),
            _ if other.least() > Some(1) => other.clone(),
            _ => {
                let mut all = [self.alternatives(), other.alternatives()].concat();
                all.sort();
                all.dedup();
                Atom::Broadcast(all.into()).into()
            }
        }
    }

    /// The atom that it is, where it is one.
    pub fn atom(&self) -> Option<&Atom> {
        match &self.0 {
            Form::Sum(terms) => match &terms[..] {
                [(atoms, 1)] => atoms.first().filter(|_| atoms.len() == 1),
                _ => None,
            },
            Form::Number(_) => None,
        }
    }

    /// The sizes of which this is what they are broadcast to.
    fn alternatives(&self) -> Vec<Self> {
        match self.atom() {
            Some(Atom::Broadcast(all)) => all.to_vec(),
            _ => vec![self.clone()],
        }
    }

    /// Whether it is the smaller of another and of one above 1. Where both are broadcast to one size they
    /// are equal.
    pub fn is_clipped(&self, other: &Self) -> bool {
        self.is_smaller_of(other, 2)
    }

    /// Whether it is the smaller of another and of one that is at least so large.
    fn is_smaller_of(&self, other: &Self, least: i64) -> bool {
        match self.atom() {
            Some(Atom::Min(pair)) => {
                (pair.0 == *other && pair.1.least() >= Some(least))
                    || (pair.1 == *other && pair.0.least() >= Some(least))
            }
            _ => false,
        }
    }
}

/// The quotient, rounded down whatever the signs are; none of 0, and where it is too large.
pub(super) fn floor(x: i64, y: i64) -> Option<i64> {
    Some(x.checked_div(y)? - i64::from(x.checked_rem(y)? != 0 && (x < 0) != (y < 0)))
}

fn ordered(one: &Size, other: &Size) -> Arc<(Size, Size)> {
    let (one, other) = if one <= other { (one, other) } else { (other, one) };
    Arc::new((one.clone(), other.clone()))
}

impl Add for &Size {
    type Output = Size;

    fn add(self, other: Self) -> Size {
        match (self.known(), other.known()) {
            (Some(x), Some(y)) => x.saturating_add(y).into(),
            (Some(0), _) => other.clone(),
            (_, Some(0)) => self.clone(),
            _ => Size::of_terms([self.terms(), other.terms()].concat()),
        }
    }
}

impl Neg for &Size {
    type Output = Size;

    fn neg(self) -> Size {
        &Size::from(-1) * self
    }
}

impl Sub for &Size {
    type Output = Size;

    fn sub(self, other: Self) -> Size {
        if self == other { Size::from(0) } else { self + &-other }
    }
}

impl Mul for &Size {
    type Output = Size;

    fn mul(self, other: Self) -> Size {
        match (self.known(), other.known()) {
            (Some(x), Some(y)) => return x.saturating_mul(y).into(),
            (Some(1), _) => return other.clone(),
            (_, Some(1)) => return self.clone(),
            _ => {}
        }
        let (left, right) = (self.terms(), other.terms());
        let pairs = left.iter().flat_map(|own| right.iter().map(move |its| (own, its)));
        let term = |((own, x), (its, y)): (&Term, &Term)| {
            let mut atoms = [own.as_slice(), its].concat();
            atoms.sort_unstable();
            (atoms, x.saturating_mul(*y))
        };
        Size::of_terms(pairs.map(term).collect())
    }
}
