//! Task kind `turn`: a tensor scaled, cast, and transposed if it is a matrix that has to be.

use super::{numbers, views};
use peftc_plugin::{Result, TaskCall};

/// Parameters: the scale; 1 to transpose.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [scale, transpose] = numbers(call)?;
    let ([source], result) = views(call)?;
    let mut values = source.to_f32()?;
    if transpose != 0.0
        && let &[rows, columns] = source.dims
    {
        values = transposed(&values, rows as usize, columns as usize);
    }
    if scale != 1.0 {
        values.iter_mut().for_each(|v| *v = (f64::from(*v) * scale) as f32);
    }
    result.dtype.encode_f32(&values, result.bytes)
}

/// The transpose of a row-major matrix.
pub(super) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut turned = vec![0.0; values.len()];
    for row in 0..rows {
        for column in 0..columns {
            turned[column * rows + row] = values[row * columns + column];
        }
    }
    turned
}
