//! What two changes of one weight have in common.

use crate::{Factors, Matrix};

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
    let (left, right) = (basis(left), basis(right));
    match left.columns().min(right.columns()) {
        0 => 0.0,
        ranks => left.transposed().times(&right).norm().powi(2) / ranks as f64,
    }
}

/// An orthonormal basis of the columns.
fn basis(matrix: &Matrix) -> Matrix {
    let Ok(svd) = crate::Svd::of_matrix(matrix) else { return Matrix::zeros(matrix.rows(), 0) };
    let rank = if svd.s.first() == Some(&0.0) { 0 } else { svd.numerical_rank() };
    Matrix::from_fn(svd.u.rows(), rank, |i, k| svd.u.row(i)[k])
}

/// The share of elements that one change raises and the other lowers, of those that both change.
pub fn sign_conflict(left: &Factors, right: &Factors) -> f64 {
    let (rows, columns) = left.shape();
    let (mut one, mut other) = (vec![0.0; columns], vec![0.0; columns]);
    let (mut both, mut against) = (0u64, 0u64);
    for row in 0..rows {
        left.row(row, &mut one);
        right.row(row, &mut other);
        for product in one.iter().zip(&other).map(|(x, y)| x * y) {
            both += u64::from(product != 0.0);
            against += u64::from(product < 0.0);
        }
    }
    if both == 0 { 0.0 } else { against as f64 / both as f64 }
}
