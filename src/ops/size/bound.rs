//! What a size is at least. Sizes of axes are at least 0; elements may be any number.

use super::{Atom, Form, Size, Term};

impl Size {
    /// A number that it is never below, where one is seen.
    pub fn least(&self) -> Option<i64> {
        let terms = match &self.0 {
            Form::Number(number) => return Some(*number),
            Form::Sum(terms) => terms,
        };
        let sum = terms.iter().try_fold(0i64, |sum, term| Some(sum.saturating_add(least(term)?)));
        sum.or_else(|| self.least_by_smaller(terms))
    }

    /// What −min(x, y) is part of is at least what −x and −y would be part of.
    fn least_by_smaller(&self, terms: &[Term]) -> Option<i64> {
        let (smaller, by) = terms.iter().find_map(|(atoms, coefficient)| match &atoms[..] {
            [smaller @ Atom::Min(_)] if *coefficient < 0 => {
                Some((smaller, Self::from(*coefficient)))
            }
            _ => None,
        })?;
        let Atom::Min(pair) = smaller else { return None };
        let rest = self - &(&by * &smaller.clone().into());
        let with = |size: &Self| (&rest + &(&by * size)).least();
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

fn least((atoms, coefficient): &Term) -> Option<i64> {
    if atoms.is_empty() {
        return Some(*coefficient);
    }
    let of_atom = |product: i64, atom: &Atom| {
        Some(product.saturating_mul(atom.least().filter(|&least| least >= 0)?))
    };
    atoms.iter().try_fold(*coefficient, of_atom).filter(|_| *coefficient > 0)
}

impl Atom {
    fn least(&self) -> Option<i64> {
        match self {
            Self::Name(_) | Self::Axis(..) | Self::Inner(_) => Some(0),
            Self::Element(..) | Self::InnerElement(_) => None,
            Self::Quotient(pair) => (pair.0.least()? >= 0 && pair.1.least()? >= 0).then_some(0),
            Self::Max(pair) => pair.0.least().max(pair.1.least()),
            Self::Min(pair) => Some(pair.0.least()?.min(pair.1.least()?)),
            Self::Broadcast(all) => {
                let all: Option<Vec<i64>> = all.iter().map(Size::least).collect();
                all?.into_iter().min()
            }
        }
    }
}
