//! Determinants.

use crate::error::{Error, Result};
use crate::ops::numbers::{floats, of_floats};
use crate::ops::shape::{dims, filled, sizes};
use crate::ops::{Call, Value};

pub(super) fn det(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let shape = sizes(x);
    let [batch @ .., rows, columns] = &shape[..] else {
        return Err(Error::input(format!("input 0 is {shape:?}, no matrix")));
    };
    if rows != columns {
        return Err(Error::input(format!("input 0 has {rows} rows and {columns} columns")));
    }
    let mut values = floats(x)?;
    let mut y = filled(batch, 1.0)?;
    for (y, matrix) in y.iter_mut().zip(values.chunks_mut((rows * rows).max(1))) {
        *y = determinant(matrix, *rows);
    }
    Ok(vec![of_floats(x.dtype, &dims(batch), &y)?.into()])
}

/// By elimination, which divides by the greatest number of a column.
fn determinant(matrix: &mut [f64], size: usize) -> f64 {
    let mut det = 1.0;
    for column in 0..size {
        let magnitude = |row: &usize| matrix[row * size + column].abs();
        let pivot = (column..size).max_by(|i, j| magnitude(i).total_cmp(&magnitude(j)));
        let pivot = pivot.unwrap_or(column);
        if pivot != column {
            (0..size).for_each(|at| matrix.swap(pivot * size + at, column * size + at));
            det = -det;
        }
        let (above, below) = matrix.split_at_mut((column + 1) * size);
        let row = &above[column * size..];
        det *= row[column];
        if row[column] == 0.0 {
            break;
        }
        for other in below.chunks_mut(size) {
            let factor = other[column] / row[column];
            other.iter_mut().zip(row).for_each(|(other, x)| *other -= factor * x);
        }
    }
    det
}
