//! Leading singular values of a large matrix, from products with a few vectors.

use crate::matrix::independent;
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
/// Vectors, and blocks at most, that measure a spectral norm from vectors near the largest.
const NORM: (usize, usize) = (4, 6);
/// An iteration ends when no singular value that is asked for grows by this share, nor the next by
/// that.
const TOLERANCE: (f64, f64) = (1e-5, 1e-4);
/// Growth by less than this share of the largest singular value is none.
const NEGLIGIBLE: f64 = 1e-7;
/// A vector that is left with less than this share of the largest block is a rounding error.
const NOISE: f64 = 1e-12;

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
        if energy == 0.0 {
            return Ok(Self { svd: Svd::of_nothing(rows, columns), energy, outside: 0.0 });
        }
        if small <= SMALL.max(4 * block) {
            return Ok(Self { svd: Svd::of_matrix(&matrix.dense())?, energy, outside: 0.0 });
        }
        let mut space = Space::new(matrix, signs(columns, block));
        let svd = space.settle(rank, BLOCKS.min(small / block))?;
        let outside = (energy - svd.energy_from(0)).max(0.0).sqrt();
        Ok(Self { svd, energy, outside })
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
            let is_whole = found.svd.s.len() == smaller;
            if is_whole || rank == smaller || share.is_none_or(is_enough) {
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

    /// ‖·‖₂ of what is left of this matrix when its first `rank` are taken away, by an iteration
    /// from the vectors that come next: no larger than the true one.
    ///
    /// # Errors
    /// An element is not finite.
    pub fn norm_of_rest(&self, rest: &impl Rows, rank: usize) -> Result<f64, NotFinite> {
        let (rows, columns) = rest.shape();
        let (count, blocks) = NORM;
        if rows.min(columns) <= SMALL {
            return Ok(Svd::of_matrix(&rest.dense())?.s.first().copied().unwrap_or(0.0));
        }
        let random = signs(columns, count);
        let v = &self.svd.v;
        let start = Matrix::from_fn(columns, count, |j, k| match rank + k < v.columns() {
            true => v.row(j)[rank + k],
            false => random.row(j)[k],
        });
        let svd = Space::new(rest, start).settle(0, blocks)?;
        Ok(svd.s.first().copied().unwrap_or(0.0))
    }
}

/// A block Krylov space: orthonormal bases L and R of it, and Lᵀ·ΔW·R.
struct Space<'m, M> {
    matrix: &'m M,
    /// L, `[out, k]`.
    left: Matrix,
    /// R, `[in, k + block]`: ΔWᵀ·L lies in it.
    right: Matrix,
    /// Lᵀ·ΔW·R by rows, each as long as R was when it was made.
    inner: Vec<Vec<f64>>,
    /// The last block of R.
    next: Matrix,
    /// The largest norm of a block.
    scale: f64,
}

impl<'m, M: Rows> Space<'m, M> {
    fn new(matrix: &'m M, start: Matrix) -> Self {
        let (rows, columns) = matrix.shape();
        let (next, _) = orthonormal_to(&Matrix::zeros(columns, 0), &start, NOISE * start.norm());
        let (left, right) = (Matrix::zeros(rows, 0), next.clone());
        Self { matrix, left, right, inner: Vec::new(), next, scale: 0.0 }
    }

    /// Grows until `rank` singular values and the next stand still, or there is nothing outside.
    fn settle(&mut self, rank: usize, blocks: usize) -> Result<Svd, NotFinite> {
        let mut before: Option<Svd> = None;
        for _ in 0..blocks {
            if !self.grow() {
                break;
            }
            let now = Svd::of_matrix(&self.projected())?;
            let stands = before.is_some_and(|before| stands(&before.s, &now.s, rank));
            before = Some(now);
            if stands {
                break;
            }
        }
        let Some(inner) = before else {
            return Ok(Svd::of_nothing(self.left.rows(), self.right.rows()));
        };
        Ok(Svd { u: self.left.times(&inner.u), s: inner.s, v: self.right.times(&inner.v) })
    }

    /// Adds a block to both bases; whether there was anything to add.
    fn grow(&mut self) -> bool {
        let (rows, columns) = self.matrix.shape();
        let image = self.matrix.times(&self.next);
        self.scale = self.scale.max(image.norm());
        let (outer, _) = orthonormal_to(&self.left, &image, NOISE * self.scale);
        if outer.columns() == 0 {
            return false;
        }
        let image = self.matrix.transposed_times(&outer);
        let (next, along) = orthonormal_to(&self.right, &image, NOISE * self.scale);
        let outside = next.transposed().times(&image);
        for column in 0..image.columns() {
            let of = |m: &Matrix| (0..m.rows()).map(|i| m.row(i)[column]).collect::<Vec<_>>();
            self.inner.push([of(&along), of(&outside)].concat());
        }
        self.left = Matrix::joined(rows, &[self.left.clone(), outer]);
        self.right = Matrix::joined(columns, &[self.right.clone(), next.clone()]);
        self.next = next;
        true
    }

    /// Lᵀ·ΔW·R.
    fn projected(&self) -> Matrix {
        let element = |i: usize, j: usize| self.inner[i].get(j).copied().unwrap_or(0.0);
        Matrix::from_fn(self.inner.len(), self.right.columns(), element)
    }
}

fn stands(before: &[f64], now: &[f64], rank: usize) -> bool {
    let least = NEGLIGIBLE * now.first().copied().unwrap_or(0.0);
    now.iter().zip(before).take(rank + 1).enumerate().all(|(at, (now, before))| {
        let tolerance = if at < rank { TOLERANCE.0 } else { TOLERANCE.1 };
        now - before <= tolerance * now + least
    })
}

/// Orthonormal columns that span what of a block is outside of an orthonormal basis and larger than
/// `noise`, and what of it is along the basis.
///
/// It is projected again once the columns have the length 1: what is left of nearly nothing has rounding
/// errors as large as itself. Most of a column outside stays where it is.
fn orthonormal_to(basis: &Matrix, block: &Matrix, noise: f64) -> (Matrix, Matrix) {
    let outside = |block: &Matrix| {
        let along = basis.transposed_view_times(block);
        let mut rest = block.clone();
        rest.add_product(basis.view(), along.clone().scaled(-1.0).view());
        (rest, along)
    };
    let (rest, along) = outside(block);
    let (rest, _) = outside(&independent(&rest, noise));
    (independent(&rest, 0.5), along)
}

/// Random signs, the same each time.
fn signs(rows: usize, columns: usize) -> Matrix {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let sign = |_| if random.next_u32() & 1 == 0 { 1.0 } else { -1.0 };
    Matrix::new(rows, columns, (0..rows * columns).map(sign).collect())
}
