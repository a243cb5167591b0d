//! What sizes must be in a run: it is checked where it is not known before.

use super::lowering::Lowering;
use super::program::Must;
use super::view::View;
use crate::ops::size::Size;

impl Lowering<'_> {
    fn must(&mut self, rule: fn(usize, usize) -> Must, one: &Size, other: &Size) {
        let sizes = &mut self.program.sizes;
        let must = rule(sizes.id(one), sizes.id(other));
        if !self.program.musts.contains(&must) {
            self.program.musts.push(must);
        }
    }

    /// A view spread to sizes.
    pub(super) fn spread(&mut self, view: &View, dims: &[Size]) -> Option<View> {
        let mut pairs = Vec::new();
        let spread = view.spread(dims, &mut pairs)?;
        for (own, dim) in pairs {
            self.must(Must::Spread, &own, &dim);
        }
        Some(spread)
    }

    /// That a size is 1 or another; none where it never is.
    pub(super) fn may_spread(&mut self, one: &Size, other: &Size) -> Option<()> {
        match (one.known(), other.known()) {
            _ if one == other => Some(()),
            (Some(1), _) => Some(()),
            (Some(_), Some(_)) => None,
            _ => {
                self.must(Must::Spread, one, other);
                Some(())
            }
        }
    }

    /// That sizes are equal; none where they never are.
    pub(super) fn equal(&mut self, one: &Size, other: &Size) -> Option<()> {
        if one == other {
            return Some(());
        }
        if one.known().is_some() && other.known().is_some() {
            return None;
        }
        self.must(Must::Equal, one, other);
        Some(())
    }

    /// That all of these are equal, pair by pair; none where some never are.
    pub(super) fn all_equal(&mut self, some: &[Size], others: &[Size]) -> Option<()> {
        if some.len() != others.len() {
            return None;
        }
        some.iter().zip(others).try_for_each(|(one, other)| self.equal(one, other))
    }

    /// That a place is along an axis of a size; none where it never is.
    pub(super) fn below(&mut self, place: &Size, size: &Size) -> Option<()> {
        match (place.known(), size.known()) {
            (Some(place), Some(size)) => (0..size).contains(&place).then_some(()),
            _ => {
                self.must(Must::Below, place, size);
                Some(())
            }
        }
    }
}
