//! Singular values, and the best approximations of a rank.

use crate::matrix::independent;
use crate::{Factors, Matrix, Rows};

/// Singular values and vectors: ΔW = U·diag(s)·Vᵀ, s from the largest on.
#[derive(Clone, PartialEq, Debug)]
pub struct Svd {
    /// `[out, n]`, orthonormal columns.
    pub u: Matrix,
    /// Singular values, none negative.
    pub s: Vec<f64>,
    /// `[in, n]`, orthonormal columns.
    pub v: Matrix,
}

/// A decomposition that did not converge: some element is not finite.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotFinite;

impl std::fmt::Display for NotFinite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it has elements that are no finite numbers")
    }
}

impl std::error::Error for NotFinite {}

/// How much of a change is kept.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Limit {
    /// All of it.
    Exact,
    /// At most this rank.
    Rank(usize),
    /// The least rank with this share of ‖ΔW‖²_F, 0 to 1.
    Energy(f64),
}

/// The best approximation of a rank, and how far it is off.
///
/// Eckart and Young, 1936; Mirsky, 1960: no matrix of rank r is nearer in either norm.
#[derive(Clone, PartialEq, Debug)]
pub struct Truncated {
    /// Its singular values and vectors.
    pub svd: Svd,
    /// σ_{r+1}: ‖ΔW − B·A‖₂.
    pub spectral_error: f64,
    /// √Σ_{i>r} σ_i²: ‖ΔW − B·A‖_F.
    pub frobenius_error: f64,
}

impl Svd {
    /// Of a product, by the QR decompositions of both factors and an SVD of the small product of
    /// the triangles; of a Kronecker product by those of its sides; where the rank is not smaller than the
    /// weight, of the whole.
    ///
    /// # Errors
    /// An element is not finite.
    pub fn of(factors: &Factors) -> Result<Self, NotFinite> {
        if let Some((left, right)) = factors.sides() {
            return Ok(Self::of_sides(left, right, Limit::Rank(usize::MAX))?.svd);
        }
        let (rows, columns) = factors.shape();
        if factors.rank() >= rows.min(columns) {
            return Self::of_matrix(&factors.dense());
        }
        let left = factors.b().view().qr();
        let right = factors.a().view().transpose().qr();
        let small = left.thin_R() * right.thin_R().transpose();
        let inner = Self::of_matrix(&Matrix::of_mat(&small))?;
        let outer = |q: faer::Mat<f64>, v: &Matrix| Matrix::of_mat(&(q * v.view()));
        Ok(Self {
            u: outer(left.compute_thin_Q(), &inner.u),
            s: inner.s,
            v: outer(right.compute_thin_Q(), &inner.v),
        })
    }

    /// The best approximation of a change within a limit: of a Kronecker product no other singular
    /// vectors are made.
    ///
    /// # Errors
    /// An element is not finite.
    pub fn within(factors: &Factors, limit: Limit) -> Result<Truncated, NotFinite> {
        match factors.sides() {
            Some((left, right)) => Self::of_sides(left, right, limit),
            None => Ok(Self::of(factors)?.truncated(limit)),
        }
    }

    fn of_sides(left: &Factors, right: &Factors, limit: Limit) -> Result<Truncated, NotFinite> {
        let (left, right) = (Self::of(left)?, Self::of(right)?);
        let pairs = products(&left.s, &right.s);
        let values = Self {
            u: Matrix::zeros(left.u.rows() * right.u.rows(), 0),
            s: pairs.iter().map(|(s, ..)| *s).collect(),
            v: Matrix::zeros(left.v.rows() * right.v.rows(), 0),
        };
        let rank = values.rank_of(limit).min(pairs.len());
        let vectors = |left: &Matrix, right: &Matrix| {
            let rows = right.rows();
            Matrix::from_fn(left.rows() * rows, rank, |i, k| {
                let (_, of_left, of_right) = pairs[k];
                left.row(i / rows)[of_left] * right.row(i % rows)[of_right]
            })
        };
        let (u, v) = (vectors(&left.u, &right.u), vectors(&left.v, &right.v));
        Ok(values.cut(rank, u, v))
    }

    /// The singular values alone: of a Kronecker product all products of those of its sides.
    ///
    /// # Errors
    /// An element is not finite.
    pub fn values_of(factors: &Factors) -> Result<Vec<f64>, NotFinite> {
        if let Some((left, right)) = factors.sides() {
            let pairs = products(&Self::values_of(left)?, &Self::values_of(right)?);
            return Ok(pairs.into_iter().map(|(s, ..)| s).collect());
        }
        let (rows, columns) = factors.shape();
        let is_whole = factors.rank() >= rows.min(columns);
        let small = match (is_whole, factors.whole()) {
            (_, Some(whole)) => whole.view().to_owned(),
            (true, None) => factors.b().view() * factors.a().view(),
            (false, None) => {
                let (b, a) = (factors.b().view().qr(), factors.a().view().transpose().qr());
                b.thin_R() * a.thin_R().transpose()
            }
        };
        let elements = small.col_iter().flat_map(|column| column.iter());
        if !elements.copied().all(f64::is_finite) {
            return Err(NotFinite);
        }
        match small.singular_values() {
            Ok(values) => Ok(values),
            Err(_) => Ok(Self::of_matrix(&Matrix::of_mat(&small))?.s),
        }
    }

    /// Of a whole matrix.
    ///
    /// # Errors
    /// An element is not finite.
    pub fn of_matrix(matrix: &Matrix) -> Result<Self, NotFinite> {
        if !matrix.elements().iter().all(|x| x.is_finite()) {
            return Err(NotFinite);
        }
        if let Some(svd) = Self::thin(matrix) {
            return Ok(svd);
        }
        // Rarely the iteration does not end on a matrix of a low rank.
        let noise = matrix.norm() * matrix.rows().max(matrix.columns()) as f64 * f64::EPSILON;
        let basis = independent(matrix, noise);
        let inner = Self::thin(&basis.transposed_view_times(matrix)).ok_or(NotFinite)?;
        Ok(Self { u: basis.times(&inner.u), ..inner })
    }

    fn thin(matrix: &Matrix) -> Option<Self> {
        let svd = matrix.view().thin_svd().ok()?;
        let s = svd.S().column_vector().iter().copied().collect();
        Some(Self { u: Matrix::of(svd.U()), s, v: Matrix::of(svd.V()) })
    }

    /// Of zeros, with one singular value.
    pub(crate) fn of_nothing(rows: usize, columns: usize) -> Self {
        let first = |n| Matrix::from_fn(n, 1, |i, _| f64::from(u8::from(i == 0)));
        Self { u: first(rows), s: vec![0.0], v: first(columns) }
    }

    /// ‖ΔW‖_F.
    pub(crate) fn norm(&self) -> f64 {
        self.energy_from(0).sqrt()
    }

    /// ‖ΔW‖²_F from the i-th singular value on.
    pub(crate) fn energy_from(&self, first: usize) -> f64 {
        self.s.iter().skip(first).rev().map(|s| s * s).sum()
    }

    /// The rank that a limit leaves, at least 1.
    pub fn rank_of(&self, limit: Limit) -> usize {
        self.rank_within(limit, self.energy_from(0))
    }

    /// The same where these are the first singular values of a matrix with ‖·‖²_F = `energy`.
    pub fn rank_within(&self, limit: Limit, energy: f64) -> usize {
        let outside = (energy - self.energy_from(0)).max(0.0);
        let is_enough =
            |share: f64, r: usize| self.energy_from(r) + outside <= (1.0 - share) * energy;
        let all = self.s.len();
        let rank = match limit {
            Limit::Exact => self.numerical_rank(),
            Limit::Rank(rank) => rank.min(all),
            Limit::Energy(share) => (0..all).find(|&r| is_enough(share, r)).unwrap_or(all),
        };
        rank.max(1)
    }

    /// Singular values above the rounding error of the largest.
    pub fn numerical_rank(&self) -> usize {
        let size = self.u.rows().max(self.v.rows()) as f64;
        let floor = self.s.first().copied().unwrap_or(0.0) * size * f64::EPSILON;
        self.s.iter().filter(|&&s| s > floor).count()
    }

    /// The best approximation within a limit.
    pub fn truncated(&self, limit: Limit) -> Truncated {
        let rank = self.rank_of(limit).min(self.s.len());
        let first = |all: &Matrix| Matrix::from_fn(all.rows(), rank, |i, k| all.row(i)[k]);
        self.cut(rank, first(&self.u), first(&self.v))
    }

    /// The first singular values, with the vectors of these.
    fn cut(&self, rank: usize, u: Matrix, v: Matrix) -> Truncated {
        Truncated {
            svd: Self { u, s: self.s[..rank].to_vec(), v },
            spectral_error: self.s.get(rank).copied().unwrap_or(0.0),
            frobenius_error: self.energy_from(rank).sqrt(),
        }
    }

    /// B = U·s^`share`, A = s^(1−`share`)·Vᵀ: 0.5 gives both the same norm.
    pub fn factors(&self, share: f64) -> Factors {
        let rank = self.s.len();
        let b = |i: usize, k: usize| self.u.row(i)[k] * self.s[k].powf(share);
        let a = |k: usize, j: usize| self.s[k].powf(1.0 - share) * self.v.row(j)[k];
        Factors::new(
            Matrix::from_fn(self.u.rows(), rank, b),
            Matrix::from_fn(rank, self.v.rows(), a),
        )
    }
}

/// All products of two numbers from the largest on, with the places of both.
fn products(left: &[f64], right: &[f64]) -> Vec<(f64, usize, usize)> {
    let of = |(i, x): (usize, &f64)| {
        let x = *x;
        right.iter().enumerate().map(move |(j, y)| (x * y, i, j))
    };
    let mut all: Vec<_> = left.iter().enumerate().flat_map(of).collect();
    all.sort_by(|x, y| y.0.total_cmp(&x.0));
    all
}
