//! Sizes that are known only when a model runs: polynomials of what its inputs say.

mod arithmetic;
mod bound;
mod display;

use crate::ir::ValueId;
use arithmetic::floor;
use std::sync::Arc;

/// Something that has one value a run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Atom {
    /// The model calls it so: a size of an input, or of a value of which nothing else is known.
    Name(Arc<str>),
    /// The size of an axis of a value that nothing else says.
    Axis(ValueId, u32),
    /// An element of a vector of integers, or an integer, that nothing else says.
    Element(ValueId, u32),
    /// A size inside a subgraph that nothing else says, by its number.
    Inner(u32),
    /// An element inside a subgraph that nothing else says, by its number.
    InnerElement(u32),
    /// The quotient, rounded down.
    Quotient(Arc<(Size, Size)>),
    /// The larger.
    Max(Arc<(Size, Size)>),
    /// The smaller.
    Min(Arc<(Size, Size)>),
    /// What sizes of an axis are broadcast to: the one that is not 1, or 1.
    Broadcast(Arc<[Size]>),
}

/// A polynomial of atoms, with integers as coefficients. Equal ones are equal in every run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Size(Form);

/// One size has one form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Form {
    Number(i64),
    /// Terms in order, at least one with an atom.
    Sum(Arc<[Term]>),
}

/// A product of atoms, in order, and its coefficient, which is not 0. The empty product is 1.
type Term = (Vec<Atom>, i64);

impl From<i64> for Size {
    fn from(number: i64) -> Self {
        Self(Form::Number(number))
    }
}

impl From<Atom> for Size {
    fn from(atom: Atom) -> Self {
        Self(Form::Sum(Arc::new([(vec![atom], 1)])))
    }
}

impl Size {
    /// What the model calls so.
    pub fn named(name: &str) -> Self {
        Atom::Name(name.into()).into()
    }

    /// Coefficients end at the limits of i64.
    fn of_terms(mut terms: Vec<Term>) -> Self {
        terms.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        terms.dedup_by(|next, sum| {
            let is_same = next.0 == sum.0;
            if is_same {
                sum.1 = sum.1.saturating_add(next.1);
            }
            is_same
        });
        terms.retain(|(_, coefficient)| *coefficient != 0);
        match &terms[..] {
            [] => Self::from(0),
            [(atoms, number)] if atoms.is_empty() => Self::from(*number),
            _ => Self(Form::Sum(terms.into())),
        }
    }

    /// The terms, that of a number included.
    fn terms(&self) -> Vec<Term> {
        match &self.0 {
            Form::Number(0) => Vec::new(),
            Form::Number(number) => vec![(Vec::new(), *number)],
            Form::Sum(terms) => terms.to_vec(),
        }
    }

    /// The number, where it is one.
    pub fn known(&self) -> Option<i64> {
        match self.0 {
            Form::Number(number) => Some(number),
            Form::Sum(_) => None,
        }
    }

    /// How many atoms are followed.
    pub const LONGEST: usize = 64;

    /// How many atoms it is written with; more than are followed where a coefficient is so large that
    /// it may not be exact.
    pub fn weight(&self) -> usize {
        let weight = |(atoms, coefficient): &Term| match coefficient.unsigned_abs() >> 48 {
            0 => atoms.iter().map(Atom::weight).sum(),
            _ => Self::LONGEST + 1,
        };
        match &self.0 {
            Form::Number(_) => 0,
            Form::Sum(terms) => terms.iter().map(weight).sum(),
        }
    }

    /// The size, where it is no longer than what is followed.
    pub fn followed(self) -> Option<Self> {
        (self.weight() <= Self::LONGEST).then_some(self)
    }

    /// Whether an atom that is no operation is one of these.
    pub fn mentions(&self, is_one: &dyn Fn(&Atom) -> bool) -> bool {
        match &self.0 {
            Form::Number(_) => false,
            Form::Sum(terms) => {
                terms.iter().flat_map(|(atoms, _)| atoms).any(|atom| atom.mentions(is_one))
            }
        }
    }

    /// The number in a run where atoms that are no operation have these values; none where one has
    /// none, or a number is too large.
    pub fn value(&self, atom: &dyn Fn(&Atom) -> Option<i64>) -> Option<i64> {
        let terms = match &self.0 {
            Form::Number(number) => return Some(*number),
            Form::Sum(terms) => terms,
        };
        let mut sum = 0i64;
        for (atoms, coefficient) in terms.iter() {
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
            Self::Quotient(pair) => {
                let (x, y) = both(pair)?;
                floor(x, y)
            }
            Self::Max(pair) => both(pair).map(|(x, y)| x.max(y)),
            Self::Min(pair) => both(pair).map(|(x, y)| x.min(y)),
            Self::Broadcast(all) => {
                let sizes: Vec<i64> = all.iter().map(|s| s.value(atom)).collect::<Option<_>>()?;
                Some(sizes.into_iter().find(|&size| size != 1).unwrap_or(1))
            }
            _ => atom(self),
        }
    }

    /// The sizes that an operation is of; none for another atom.
    fn operands(&self) -> Option<Vec<&Size>> {
        match self {
            Self::Quotient(pair) | Self::Max(pair) | Self::Min(pair) => {
                Some(vec![&pair.0, &pair.1])
            }
            Self::Broadcast(all) => Some(all.iter().collect()),
            _ => None,
        }
    }

    fn weight(&self) -> usize {
        1 + self.operands().into_iter().flatten().map(Size::weight).sum::<usize>()
    }

    fn mentions(&self, is_one: &dyn Fn(&Self) -> bool) -> bool {
        match self.operands() {
            Some(sizes) => sizes.into_iter().any(|size| size.mentions(is_one)),
            None => is_one(self),
        }
    }
}

#[cfg(test)]
mod tests;
