//! The error of a layer's outputs on given inputs.

use peftc_plugin::{Error, Result, TaskCall, TensorView, measure};

/// Sums over some rows of a weight.
pub(super) struct Outputs {
    /// x, a row each.
    inputs: Vec<f32>,
    columns: usize,
    error_squares: f64,
    squares: f64,
}

impl Outputs {
    /// Inputs `[…, in]` of a layer.
    pub(super) fn new(inputs: TensorView<'_>, columns: usize) -> Result<Self> {
        let inputs = inputs.to_f32()?;
        match inputs.iter().find(|x| !x.is_finite()) {
            None => Ok(Self { inputs, columns, error_squares: 0.0, squares: 0.0 }),
            Some(x) => Err(Error::invalid(format!("the given inputs have an element that is {x}"))),
        }
    }

    /// Adds the outputs of rows of the weight.
    pub(super) fn add(&mut self, values: &[f32], approximations: &[f32]) {
        let rows = values.chunks(self.columns).zip(approximations.chunks(self.columns));
        let mut error = vec![0.0; self.columns];
        for (row, approximation) in rows {
            for ((error, w), a) in error.iter_mut().zip(row).zip(approximation) {
                *error = w - a;
            }
            for x in self.inputs.chunks(self.columns) {
                self.error_squares += dot(&error, x).powi(2);
                self.squares += dot(row, x).powi(2);
            }
        }
    }

    pub(super) fn report(&self, call: &TaskCall<'_>) {
        call.add(measure::OUTPUT_ERROR_SQUARES, self.error_squares);
        call.add(measure::OUTPUT_SQUARES, self.squares);
        let squares = self.inputs.iter().fold(0.0, |sum, &x| sum + f64::from(x).powi(2));
        call.max(measure::INPUT_SQUARES, squares);
    }
}

/// Added up in float64.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for (sum, (&a, &b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += f64::from(a) * f64::from(b);
        }
    }
    sums.iter().sum()
}
