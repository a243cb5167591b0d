//! Matrices that are made row by row.

use crate::{Factors, Matrix};

/// Rows of a product that are made at once.
const PANEL: usize = 128;

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
        let mut sum = faer::Mat::zeros(self.shape().1, right.columns());
        for (first, panel) in self.panels() {
            let rows = right.view().subrows(first, panel.rows());
            sum += panel.view().transpose() * rows;
        }
        Matrix::of_mat(&sum)
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
        self.b().rows_from(first, count).times(self.a())
    }

    fn row(&self, row: usize, out: &mut [f64]) {
        Factors::row(self, row, out);
    }
}
