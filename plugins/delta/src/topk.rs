//! Changes of which exactly k elements are kept.

use crate::{Rows, Sparsify};

/// The ⌊density·n⌋ elements of largest magnitude of a change, no more as `torch.topk` keeps no more: of equal
/// ones those that come first, row after row.
pub(crate) struct TopK<'a, T> {
    change: &'a T,
    /// Larger magnitudes are kept.
    bound: f64,
    /// How many of just this magnitude are kept, by row.
    at_bound: Vec<usize>,
}

impl<'a, T: Rows> TopK<'a, T> {
    pub(crate) fn of(change: &'a T, density: f64) -> Self {
        let (rows, columns) = change.shape();
        let bound = Sparsify::Trim { density }.bounds(change).from;
        let (mut above, mut at_bound) = (0, vec![0; rows]);
        let mut row = vec![0.0; columns];
        for (at, at_bound) in at_bound.iter_mut().enumerate() {
            change.row(at, &mut row);
            above += row.iter().filter(|x| x.abs() > bound).count();
            *at_bound = row.iter().filter(|x| x.abs() == bound).count();
        }
        let kept = (density * (rows * columns) as f64) as usize;
        let mut left = kept.saturating_sub(above);
        for at_bound in &mut at_bound {
            *at_bound = left.min(*at_bound);
            left -= *at_bound;
        }
        Self { change, bound, at_bound }
    }
}

impl<T: Rows> Rows for TopK<'_, T> {
    fn shape(&self) -> (usize, usize) {
        self.change.shape()
    }

    fn row(&self, row: usize, out: &mut [f64]) {
        self.change.row(row, out);
        let mut left = self.at_bound[row];
        for x in out.iter_mut().filter(|x| x.abs() <= self.bound) {
            match x.abs() == self.bound && left > 0 {
                true => left -= 1,
                false => *x = 0.0,
            }
        }
    }
}
