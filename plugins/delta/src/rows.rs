//! Matrices that are made row by row.

use crate::{Factors, Matrix};

/// Rows of a product that are made at once.
const PANEL: usize = 256;

/// A matrix whose rows can be asked for, again and again.
pub trait Rows {
    /// Rows and columns.
    fn shape(&self) -> (usize, usize);

    /// Writes a row: the same bits each time.
    fn row(&self, row: usize, out: &mut [f64]);

    /// The whole.
    fn dense(&self) -> Matrix {
        self.panel(0, self.shape().0)
    }

    /// Some rows.
    fn panel(&self, first: usize, count: usize) -> Matrix {
        let mut panel = Matrix::zeros(count, self.shape().1);
        (0..count).for_each(|row| self.row(first + row, panel.row_mut(row)));
        panel
    }

    /// Its product with a matrix.
    fn times(&self, right: &Matrix) -> Matrix {
        let parts: Vec<Matrix> = self.panels().map(|(_, panel)| panel.times(right)).collect();
        Matrix::stacked(right.columns(), &parts)
    }

    /// The product of its transposition with a matrix.
    fn transposed_times(&self, right: &Matrix) -> Matrix {
        let mut sum = Matrix::zeros(self.shape().1, right.columns());
        for (first, panel) in self.panels() {
            let rows = right.view().subrows(first, panel.rows());
            sum.add_product(panel.view().transpose(), rows);
        }
        sum
    }

    /// ‖·‖²_F.
    fn energy(&self) -> f64 {
        self.panels().map(|(_, panel)| panel.norm().powi(2)).sum()
    }

    /// Panels from the first row to the last, each with its first row.
    fn panels(&self) -> impl Iterator<Item = (usize, Matrix)> {
        let rows = self.shape().0;
        (0..rows).step_by(PANEL).map(move |at| (at, self.panel(at, PANEL.min(rows - at))))
    }
}

/// A matrix of float32, row after row: half the memory of [`Matrix`].
#[derive(Clone, PartialEq, Debug)]
pub struct Single {
    rows: usize,
    columns: usize,
    elements: Vec<f32>,
}

impl Single {
    /// The same matrix, rounded.
    pub fn of(matrix: &impl Rows) -> Self {
        let (rows, columns) = matrix.shape();
        let mut elements = Vec::with_capacity(rows * columns);
        for (_, panel) in matrix.panels() {
            elements.extend(panel.elements().iter().map(|x| *x as f32));
        }
        Self { rows, columns, elements }
    }
}

impl Rows for Single {
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    fn row(&self, row: usize, out: &mut [f64]) {
        let own = &self.elements[row * self.columns..][..self.columns];
        out.iter_mut().zip(own).for_each(|(out, x)| *out = f64::from(*x));
    }

    fn panel(&self, first: usize, count: usize) -> Matrix {
        Matrix::of_f32(
            count,
            self.columns,
            &self.elements[first * self.columns..][..count * self.columns],
        )
    }
}

impl Rows for Matrix {
    fn shape(&self) -> (usize, usize) {
        (self.rows(), self.columns())
    }

    fn row(&self, row: usize, out: &mut [f64]) {
        out.copy_from_slice(Matrix::row(self, row));
    }
}

impl Rows for Factors {
    fn shape(&self) -> (usize, usize) {
        Factors::shape(self)
    }

    fn panel(&self, first: usize, count: usize) -> Matrix {
        if let Some((b, a)) = self.product() {
            return b.rows_from(first, count).times(a);
        }
        let mut panel = Matrix::zeros(count, self.shape().1);
        (0..count).for_each(|row| self.row(first + row, panel.row_mut(row)));
        panel
    }

    fn row(&self, row: usize, out: &mut [f64]) {
        Factors::row(self, row, out);
    }
}
