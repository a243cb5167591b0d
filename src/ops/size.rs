//! Sizes that are known only when a model runs: polynomials of what its inputs say.

mod bound;

use crate::ir::ValueId;
use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};
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

    /// Whether an atom that is no operation is one of these.
    pub fn mentions(&self, is_one: &dyn Fn(&Atom) -> bool) -> bool {
        match &self.0 {
            Form::Number(_) => false,
            Form::Sum(terms) => {
                terms.iter().flat_map(|(atoms, _)| atoms).any(|atom| atom.mentions(is_one))
            }
        }
    }

    /// The product of sizes; none where it is too long, or a number too large.
    pub fn product<'s>(sizes: impl IntoIterator<Item = &'s Self>) -> Option<Self> {
        sizes.into_iter().try_fold(Self::from(1), |product, size| {
            let product = match (product.known(), size.known()) {
                (Some(own), Some(size)) => own.checked_mul(size)?.into(),
                _ => &product * size,
            };
            (product.weight() <= Self::LONGEST).then_some(product)
        })
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
            _ if self.is_smaller_of(other) => other.clone(),
            _ if other.is_smaller_of(self) => self.clone(),
            _ if self.least().is_some_and(|least| least > 1) => self.clone(),
            _ if other.least().is_some_and(|least| least > 1) => other.clone(),
            _ => {
                let mut all = [self.alternatives(), other.alternatives()].concat();
                all.sort();
                all.dedup();
                Atom::Broadcast(all.into()).into()
            }
        }
    }

    /// The only atom.
    fn atom(&self) -> Option<&Atom> {
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

    /// Whether it is the smaller of another and of one that is not 0: below the other it may only be
    /// broadcast to it where it is 1.
    fn is_smaller_of(&self, other: &Self) -> bool {
        let is_one = |size: &Self| size.least().is_some_and(|least| least > 0);
        match self.atom() {
            Some(Atom::Min(pair)) => {
                (pair.0 == *other && is_one(&pair.1)) || (pair.1 == *other && is_one(&pair.0))
            }
            _ => false,
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

/// The quotient, rounded down whatever the signs are; none of 0, and where it is too large.
fn floor(x: i64, y: i64) -> Option<i64> {
    Some(x.checked_div(y)? - i64::from(x.checked_rem(y)? != 0 && (x < 0) != (y < 0)))
}

fn ordered(one: &Size, other: &Size) -> Arc<(Size, Size)> {
    let (one, other) = if one <= other { (one, other) } else { (other, one) };
    Arc::new((one.clone(), other.clone()))
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

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let term = |(atoms, coefficient): &Term| match (atoms.is_empty(), coefficient) {
            (true, number) => number.to_string(),
            (false, 1) => product(atoms),
            (false, number) => format!("{number}*{}", product(atoms)),
        };
        match &self.0 {
            Form::Number(number) => write!(f, "{number}"),
            Form::Sum(terms) => {
                f.write_str(&terms.iter().map(term).collect::<Vec<_>>().join(" + "))
            }
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
            Self::Axis(value, axis) => write!(f, "size({value:?}, {axis})"),
            Self::Element(value, at) => write!(f, "element({value:?}, {at})"),
            Self::Inner(number) => write!(f, "size({number})"),
            Self::InnerElement(number) => write!(f, "element({number})"),
            Self::Quotient(pair) => write!(f, "floor(({}) / ({}))", pair.0, pair.1),
            Self::Max(pair) => write!(f, "max({}, {})", pair.0, pair.1),
            Self::Min(pair) => write!(f, "min({}, {})", pair.0, pair.1),
            Self::Broadcast(all) => {
                let all: Vec<String> = all.iter().map(ToString::to_string).collect();
                write!(f, "broadcast({})", all.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests;
