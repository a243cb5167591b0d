//! Matrices of float64, row after row.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};

/// A matrix, row after row.
#[derive(Clone, PartialEq, Debug)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    elements: Vec<f64>,
}

impl Matrix {
    /// A matrix of these elements, row after row.
    ///
    /// # Panics
    /// There are not `rows · columns` of them.
    pub fn new(rows: usize, columns: usize, elements: Vec<f64>) -> Self {
        assert_eq!(elements.len(), rows * columns, "a matrix of {rows} rows of {columns}");
        Self { rows, columns, elements }
    }

    /// The same of float32.
    ///
    /// # Panics
    /// There are not `rows · columns` of them.
    pub fn of_f32(rows: usize, columns: usize, elements: &[f32]) -> Self {
        Self::new(rows, columns, elements.iter().map(|&x| f64::from(x)).collect())
    }

    /// A matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self::new(rows, columns, vec![0.0; rows * columns])
    }

    /// The matrix of `element(row, column)`.
    pub fn from_fn(rows: usize, columns: usize, element: impl Fn(usize, usize) -> f64) -> Self {
        let mut matrix = Self::zeros(rows, columns);
        for row in 0..rows {
            let out = matrix.row_mut(row).iter_mut().enumerate();
            out.for_each(|(column, out)| *out = element(row, column));
        }
        matrix
    }

    pub(crate) fn of(matrix: MatRef<'_, f64>) -> Self {
        Self::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[(i, j)])
    }

    /// The product of two views.
    pub(crate) fn product(left: MatRef<'_, f64>, right: MatRef<'_, f64>) -> Self {
        let mut product = Self::zeros(left.nrows(), right.ncols());
        product.add_product(left, right);
        product
    }

    /// Adds the product of two views.
    pub(crate) fn add_product(&mut self, left: MatRef<'_, f64>, right: MatRef<'_, f64>) {
        let sum = MatMut::from_row_major_slice_mut(&mut self.elements, self.rows, self.columns);
        matmul(sum, Accum::Add, left, right, 1.0, Par::Seq);
    }

    pub(crate) fn view(&self) -> MatRef<'_, f64> {
        MatRef::from_row_major_slice(&self.elements, self.rows, self.columns)
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// A row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.elements[row * self.columns..][..self.columns]
    }

    /// A row, to be written.
    pub fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.elements[row * self.columns..][..self.columns]
    }

    /// Some rows.
    #[must_use]
    pub fn rows_from(&self, first: usize, count: usize) -> Self {
        let elements = &self.elements[first * self.columns..][..count * self.columns];
        Self::new(count, self.columns, elements.to_vec())
    }

    /// All elements, row after row.
    pub fn elements(&self) -> &[f64] {
        &self.elements
    }

    /// All elements, row after row.
    pub fn into_elements(self) -> Vec<f64> {
        self.elements
    }

    /// Multiplies all elements.
    #[must_use]
    pub fn scaled(mut self, by: f64) -> Self {
        self.elements.iter_mut().for_each(|x| *x *= by);
        self
    }

    /// Rows and columns exchanged.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self::from_fn(self.columns, self.rows, |i, j| self.row(j)[i])
    }

    /// The product with a matrix of as many rows as this has columns.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        Self::product(self.view(), other.view())
    }

    /// The product of its transposition with a matrix of as many rows.
    pub(crate) fn transposed_view_times(&self, other: &Self) -> Self {
        Self::product(self.view().transpose(), other.view())
    }

    /// ‖·‖_F.
    pub fn norm(&self) -> f64 {
        self.view().norm_l2()
    }

    pub(crate) fn of_mat(matrix: &Mat<f64>) -> Self {
        Self::of(matrix.as_ref())
    }

    /// The matrices one under another.
    pub(crate) fn stacked(columns: usize, parts: &[Self]) -> Self {
        let elements: Vec<f64> = parts.iter().flat_map(|part| part.elements.clone()).collect();
        Self::new(elements.len() / columns.max(1), columns, elements)
    }

    /// The matrices side by side.
    pub(crate) fn joined(rows: usize, parts: &[Self]) -> Self {
        let columns = parts.iter().map(|part| part.columns).sum();
        let row = |i| parts.iter().flat_map(move |part| part.row(i).iter().copied());
        Self::new(rows, columns, (0..rows).flat_map(row).collect())
    }
}

/// Orthonormal columns that span those of a block, by Gram and Schmidt, each column made orthogonal twice;
/// without those of which no more than `noise` is left.
pub(crate) fn independent(block: &Matrix, noise: f64) -> Matrix {
    let mut kept: Vec<Vec<f64>> = Vec::new();
    for k in 0..block.columns() {
        let mut column: Vec<f64> = (0..block.rows()).map(|i| block.row(i)[k]).collect();
        for other in kept.iter().chain(&kept) {
            let along = dot(other, &column);
            column.iter_mut().zip(other).for_each(|(x, o)| *x -= along * o);
        }
        let norm = dot(&column, &column).sqrt();
        if norm > noise {
            column.iter_mut().for_each(|x| *x /= norm);
            kept.push(column);
        }
    }
    Matrix::from_fn(block.rows(), kept.len(), |i, k| kept[k][i])
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(x, y)| x * y).sum()
}

/// The product of `[rows, inner]` and `[inner, columns]` in float32, row after row, as many rows as
/// `left` has.
///
/// # Panics
/// `out` has not `[rows, columns]` elements.
pub fn product_f32(left: &[f32], right: &[f32], inner: usize, columns: usize, out: &mut [f32]) {
    let rows = left.len() / inner.max(1);
    let left = MatRef::from_row_major_slice(left, rows, inner);
    let right = MatRef::from_row_major_slice(right, inner, columns);
    let out = MatMut::from_row_major_slice_mut(out, rows, columns);
    matmul(out, Accum::Replace, left, right, 1.0, Par::Seq);
}
