//! Leading singular values of a large matrix, from products with a few vectors.

use crate::{Limit, Matrix, NotFinite, Rows, Svd};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A smaller side up to this is decomposed whole.
const SMALL: usize = 256;
/// The rank that is tried first where a share of the energy is asked for.
const FIRST_RANK: usize = 32;
/// Vectors of a block beyond the rank that is asked for.
const OVERSAMPLING: usize = 8;
/// Blocks at most.
const BLOCKS: usize = 24;
/// The iteration ends when no singular value that is asked for, nor the next, grows by this share.
const TOLERANCE: f64 = 1e-5;

/// Leading singular values and vectors, and what is known of the rest.
#[derive(Clone, PartialEq, Debug)]
pub struct Leading {
    /// More than were asked for, where the matrix has them. None is larger than the true one.
    pub svd: Svd,
    /// ‖ΔW‖²_F.
    pub energy: f64,
    /// ‖ΔW − U·diag(s)·Vᵀ‖_F with all of `svd`: all squares of singular values together are too small
    /// by no more than its square. 0 where the whole was decomposed.
    pub outside: f64,
}

impl Leading {
    /// Of rank `rank`.
    ///
    /// A block Krylov space of a random start, orthogonalized in full: Musco and Musco, "Randomized
    /// Block Krylov Methods for Stronger and Faster Approximate Singular Value Decomposition", 2015.
    ///
    /// # Errors
    /// An element is not finite.
    pub fn of(matrix: &impl Rows, rank: usize) -> Result<Self, NotFinite> {
        let (rows, columns) = matrix.shape();
        let energy = matrix.energy();
        if !energy.is_finite() {
            return Err(NotFinite);
        }
        let (small, block) = (rows.min(columns), rank + OVERSAMPLING);
        if small <= SMALL.max(4 * block) {
            return Ok(Self { svd: Svd::of_matrix(&matrix.dense())?, energy, outside: 0.0 });
        }
        let (mut left, mut right) = (Matrix::zeros(rows, 0), Matrix::zeros(columns, 0));
        let mut images: Vec<Matrix> = Vec::new();
        let mut next = signs(columns, block);
        let mut found = None;
        for _ in 0..BLOCKS.min(small / block) {
            next = orthonormal_to(&right, &next);
            right = Matrix::joined(columns, &[right, next.clone()]);
            let outer = orthonormal_to(&left, &matrix.times(&next));
            next = matrix.transposed_times(&outer);
            left = Matrix::joined(rows, &[left, outer]);
            images.push(next.clone());
            let inner = Svd::of_matrix(&Matrix::joined(columns, &images))?;
            let stands = found.is_some_and(|before: Svd| stands(&before.s, &inner.s, rank + 1));
            found = Some(inner);
            if stands {
                break;
            }
        }
        let inner = found.ok_or(NotFinite)?;
        let inside: f64 = inner.s.iter().rev().map(|s| s * s).sum();
        // ΔWᵀ·Q = U'·s·V'ᵀ gives ΔW ≈ (Q·V')·s·U'ᵀ.
        let svd = Svd { u: left.times(&inner.v), s: inner.s, v: inner.u };
        Ok(Self { svd, energy, outside: (energy - inside).max(0.0).sqrt() })
    }

    /// As many as a limit needs.
    ///
    /// # Errors
    /// An element is not finite.
    pub fn within(matrix: &impl Rows, limit: Limit) -> Result<Self, NotFinite> {
        let (rows, columns) = matrix.shape();
        let smaller = rows.min(columns);
        let (mut rank, share) = match limit {
            Limit::Exact => (smaller, None),
            Limit::Rank(rank) => (rank.min(smaller), None),
            Limit::Energy(share) => (FIRST_RANK.min(smaller), Some(share)),
        };
        loop {
            let found = Self::of(matrix, rank)?;
            let is_enough =
                |share| found.frobenius_error(rank).powi(2) <= (1.0 - share) * found.energy;
            if rank == smaller || share.is_none_or(is_enough) {
                return Ok(found);
            }
            rank = (2 * rank).min(smaller);
        }
    }

    /// ‖ΔW − the first `rank` of `svd`‖_F.
    pub fn frobenius_error(&self, rank: usize) -> f64 {
        self.svd.energy_from(rank).sqrt().hypot(self.outside)
    }

    /// σ_{rank+1}, which is ‖ΔW − the first `rank` of `svd`‖₂: no larger than the true one.
    pub fn spectral_error(&self, rank: usize) -> f64 {
        self.svd.s.get(rank).copied().unwrap_or(0.0)
    }
}

fn stands(before: &[f64], now: &[f64], count: usize) -> bool {
    now.iter().zip(before).take(count).all(|(now, before)| now - before <= TOLERANCE * now)
}

/// Orthonormal columns that span what is outside of an orthonormal basis: projected twice, as once
/// leaves rounding errors.
fn orthonormal_to(basis: &Matrix, block: &Matrix) -> Matrix {
    let mut block = faer::Mat::from_fn(block.rows(), block.columns(), |i, j| block.row(i)[j]);
    for _ in 0..2 {
        let inside = basis.view().transpose() * &block;
        block -= basis.view() * inside;
        block = block.qr().compute_thin_Q();
    }
    Matrix::of_mat(&block)
}

/// Random signs, the same each time.
fn signs(rows: usize, columns: usize) -> Matrix {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let sign = |_| if random.next_u32() & 1 == 0 { 1.0 } else { -1.0 };
    Matrix::new(rows, columns, (0..rows * columns).map(sign).collect())
}
