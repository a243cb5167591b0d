//! What a size is at least. Sizes of axes are at least 0; elements may be any number.

use super::{Atom, Form, Size, Term};
use std::cell::Cell;

/// How often a minimum is replaced in the search for a bound: each may be by either of its two.
const CHOICES: u32 = 64;

impl Size {
    /// A number that it is never below, where one is seen.
    pub fn least(&self) -> Option<i64> {
        self.least_within(&Cell::new(CHOICES))
    }

    fn least_within(&self, choices: &Cell<u32>) -> Option<i64> {
        let terms = match &self.0 {
            Form::Number(number) => return Some(*number),
            Form::Sum(terms) => terms,
        };
        let add = |sum: i64, term| Some(sum.saturating_add(least(term, choices)?));
        terms.iter().try_fold(0, add).or_else(|| self.least_by_smaller(terms, choices))
    }

    /// What −min(x, y) is part of is at least what −x and −y would be part of.
    fn least_by_smaller(&self, terms: &[Term], choices: &Cell<u32>) -> Option<i64> {
        let (pair, by) = terms.iter().find_map(|(atoms, coefficient)| match &atoms[..] {
            [Atom::Min(pair)] if *coefficient < 0 => Some((pair, Self::from(*coefficient))),
            _ => None,
        })?;
        choices.set(choices.get().checked_sub(1)?);
        let rest = self - &(&by * &Atom::Min(pair.clone()).into());
        let with = |size: &Self| (&rest + &(&by * size)).least_within(choices);
        with(&pair.0).max(with(&pair.1))
    }

    /// Whether it is seen to be never below the other.
    pub fn is_at_least(&self, other: &Self) -> bool {
        match (self.known(), other.known()) {
            (Some(own), Some(other)) => own >= other,
            _ => (self - other).least().is_some_and(|least| least >= 0),
        }
    }

    /// Whether it is seen to be never the other.
    pub fn differs(&self, other: &Self) -> bool {
        let is_above = |difference: Self| difference.least().is_some_and(|least| least > 0);
        is_above(self - other) || is_above(other - self)
    }
}

fn least((atoms, coefficient): &Term, choices: &Cell<u32>) -> Option<i64> {
    if atoms.is_empty() {
        return Some(*coefficient);
    }
    let of_atom = |product: i64, atom: &Atom| {
        Some(product.saturating_mul(atom.least(choices).filter(|&least| least >= 0)?))
    };
    atoms.iter().try_fold(*coefficient, of_atom).filter(|_| *coefficient > 0)
}

impl Atom {
    fn least(&self, choices: &Cell<u32>) -> Option<i64> {
        let least = |size: &Size| size.least_within(choices);
        match self {
            Self::Name(_) | Self::Axis(..) | Self::Inner(_) => Some(0),
            Self::Element(..) | Self::InnerElement(_) => None,
            Self::Quotient(pair) => (least(&pair.0)? >= 0 && least(&pair.1)? >= 0).then_some(0),
            Self::Max(pair) => least(&pair.0).max(least(&pair.1)),
            Self::Min(pair) => Some(least(&pair.0)?.min(least(&pair.1)?)),
            Self::Broadcast(all) => {
                let all: Option<Vec<i64>> = all.iter().map(least).collect();
                all?.into_iter().min()
            }
        }
    }
}
