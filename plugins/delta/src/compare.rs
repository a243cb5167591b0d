//! What two changes of one weight have in common.

use crate::{Factors, Matrix, Rows, Svd};

/// ⟨ΔW, ΔW'⟩/(‖ΔW‖·‖ΔW'‖); 0 where one is zero.
pub fn cosine(left: &Factors, right: &Factors) -> f64 {
    match left.norm() * right.norm() {
        0.0 => 0.0,
        norms => (left.inner(right) / norms).clamp(-1.0, 1.0),
    }
}

/// How much of the smaller of two column spaces lies in the other: ‖Q₁ᵀQ₂‖²_F / min(r₁, r₂), Q
/// orthonormal bases. Hu et al., "LoRA", 2021, section 7.2.
pub fn overlap(left: &Matrix, right: &Matrix) -> f64 {
    overlap_of_bases(&basis(left), &basis(right))
}

/// The same of spaces whose orthonormal bases these are.
pub fn overlap_of_bases(left: &Matrix, right: &Matrix) -> f64 {
    match left.columns().min(right.columns()) {
        0 => 0.0,
        ranks => left.transposed().times(right).norm().powi(2) / ranks as f64,
    }
}

/// An orthonormal basis of the columns.
fn basis(matrix: &Matrix) -> Matrix {
    Svd::of_matrix(matrix).map_or_else(|_| Matrix::zeros(matrix.rows(), 0), |svd| spaces(&svd).0)
}

/// Orthonormal bases of the column space and of the row space of a change: its singular vectors, but
/// for those whose values are rounding errors.
pub fn spaces(svd: &Svd) -> (Matrix, Matrix) {
    let rank = svd.numerical_rank();
    let first = |all: &Matrix| Matrix::from_fn(all.rows(), rank, |i, k| all.row(i)[k]);
    (first(&svd.u), first(&svd.v))
}

/// Signs of the elements of two changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Signs {
    /// Elements that both change.
    pub both: u64,
    /// Those of them that one raises and the other lowers.
    pub against: u64,
}

impl Signs {
    /// Counts those of all elements, some rows at a time.
    ///
    /// # Panics
    /// The two have not one shape.
    pub fn of(left: &Factors, right: &Factors) -> Self {
        const ROWS: usize = 64;
        assert_eq!(left.shape(), right.shape(), "both change one weight");
        let rows = left.shape().0;
        let mut signs = Self::default();
        for first in (0..rows).step_by(ROWS) {
            let count = ROWS.min(rows - first);
            let (one, other) = (left.panel(first, count), right.panel(first, count));
            for (x, y) in one.elements().iter().zip(other.elements()) {
                let both = (*x != 0.0) & (*y != 0.0);
                signs.both += u64::from(both);
                signs.against += u64::from(both & ((*x < 0.0) != (*y < 0.0)));
            }
        }
        signs
    }

    /// Those of two changes together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { both: self.both + other.both, against: self.against + other.against }
    }

    /// The share of elements that one change raises and the other lowers, of those that both change.
    pub fn conflict(self) -> f64 {
        if self.both == 0 { 0.0 } else { self.against as f64 / self.both as f64 }
    }
}
