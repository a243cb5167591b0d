//! Weights as magnitudes and directions: Liu et al., "DoRA", 2024.

use crate::{Factors, Rows, Unfit};
use std::ops::Range;

/// The change m·V/‖V‖ − W of each output, V = W + Δ.
#[derive(Debug)]
pub struct Dora<'a, W> {
    weight: &'a W,
    change: Factors,
    scales: Vec<f64>,
}

/// m/‖V‖ of some rows of V = W + Δ.
///
/// # Errors
/// The three have not one shape, or a row of V has no direction.
pub fn scales(
    weight: &impl Rows,
    change: &Factors,
    magnitudes: &[f64],
    rows: Range<usize>,
) -> Result<Vec<f64>, Unfit> {
    let (outputs, inputs) = change.shape();
    if weight.shape() != (outputs, inputs) || magnitudes.len() != outputs {
        return Err(Unfit::new(format!(
            "B·A is {:?} and the magnitudes are {}, the weight is {:?}",
            change.shape(),
            magnitudes.len(),
            weight.shape()
        )));
    }
    let (mut own, mut added) = (vec![0.0; inputs], vec![0.0; inputs]);
    let scale = |row: usize| {
        weight.row(row, &mut own);
        change.row(row, &mut added);
        let norm = own.iter().zip(&added).map(|(w, d)| (w + d).powi(2)).sum::<f64>().sqrt();
        if !(norm.is_finite() && norm > 0.0) {
            return Err(Unfit::new(format!("row {row} of W + s·B·A has the norm {norm}")));
        }
        match magnitudes[row] / norm {
            scale if scale.is_finite() => Ok(scale),
            _ => Err(Unfit::new(format!("magnitude {row} is {}", magnitudes[row]))),
        }
    };
    rows.map(scale).collect()
}

impl<'a, W: Rows> Dora<'a, W> {
    /// Of a weight, the change Δ of it, and [`scales`] of all rows.
    pub fn new(weight: &'a W, change: Factors, scales: Vec<f64>) -> Self {
        Self { weight, change, scales }
    }
}

impl<W: Rows> Rows for Dora<'_, W> {
    fn shape(&self) -> (usize, usize) {
        self.change.shape()
    }

    fn row(&self, row: usize, out: &mut [f64]) {
        let (mut own, scale) = (vec![0.0; out.len()], self.scales[row]);
        self.weight.row(row, &mut own);
        self.change.row(row, out);
        out.iter_mut().zip(own).for_each(|(d, w)| *d = scale * *d + (scale - 1.0) * w);
    }
}
