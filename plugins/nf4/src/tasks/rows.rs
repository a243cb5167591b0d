//! What the quantizing tasks read: rows of a weight.

use peftc_plugin::{Error, Result, TensorView};

/// What is said of an element that has no code.
pub(super) fn not_finite(value: f32) -> Error {
    Error::invalid(format!("the weight has an element that is {value}: it cannot be quantized"))
}

/// The rows `[out, in]` of a matrix as float32.
pub(super) fn rows(weight: &TensorView<'_>, is_transposed: bool) -> Result<Vec<f32>> {
    let values = weight.to_f32()?;
    let &[inputs, out] = weight.dims else {
        return Err(Error::invalid(format!("a weight of shape {:?} is no matrix", weight.dims)));
    };
    Ok(if is_transposed { transposed(&values, inputs as usize, out as usize) } else { values })
}

/// The transpose of a row-major matrix, a tile at a time.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const TILE: usize = 16;
    let mut turned = vec![0.0; values.len()];
    for first_row in (0..rows).step_by(TILE) {
        for first_column in (0..columns).step_by(TILE) {
            for row in first_row..rows.min(first_row + TILE) {
                for column in first_column..columns.min(first_column + TILE) {
                    turned[column * rows + row] = values[row * columns + column];
                }
            }
        }
    }
    turned
}
