//! Task kind `sum`: W + Σ c·B·A, products in float32, rounded once to the weight's type.

use super::{Params, add, wrong};
use peftc_delta::{Change, product_f32};
use peftc_plugin::{Result, TaskCall};

/// Rows of a product that are made at once.
const PANEL: usize = 256;

/// Sources: the weight's region; the matrices of the terms, whole.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let params = Params::of(call.params)?;
    let (weight, rest) = call.sources.split_first().ok_or_else(wrong)?;
    let weight = *weight;
    let &[rows, columns] = weight.dims else { return Err(wrong()) };
    let (rows, columns) = (rows as usize, columns as usize);
    let start = call.start as usize;
    let (first_row, first_column) = if call.axis == 0 { (start, 0) } else { (0, start) };
    let changes = params.changes(rest)?;
    let left = side(&changes, params.is_turned, true, first_row, rows);
    let right = side(&changes, params.is_turned, false, first_column, columns);
    let inner = left.len() / rows.max(1);
    let right = transposed(&right, inner, columns);
    let mut out = std::mem::take(&mut call.results);
    let result = out.first_mut().ok_or_else(wrong)?;
    let row_bytes = weight.bytes.len() / rows.max(1);
    let mut delta = vec![0.0; PANEL.min(rows) * columns];
    for first in (0..rows).step_by(PANEL) {
        let count = PANEL.min(rows - first);
        let delta = &mut delta[..count * columns];
        product_f32(&left[first * inner..(first + count) * inner], &right, inner, columns, delta);
        let bytes = first * row_bytes..(first + count) * row_bytes;
        let part = peftc_plugin::TensorView { bytes: &weight.bytes[bytes.clone()], ..weight };
        add(call, &part, delta, &mut result.bytes[bytes])?;
    }
    Ok(())
}

/// Rows of c·B, or of Aᵀ, of all terms side by side: the left side of what is stored, or the right one.
fn side(
    changes: &[Change],
    is_turned: bool,
    is_left: bool,
    first: usize,
    count: usize,
) -> Vec<f32> {
    let of_b = is_left != is_turned;
    let mut side = Vec::new();
    for row in first..first + count {
        for Change { factors, scale } in changes {
            match of_b {
                true => side.extend(factors.b().row(row).iter().map(|x| (scale * x) as f32)),
                false => side.extend((0..factors.rank()).map(|k| factors.a().row(k)[row] as f32)),
            }
        }
    }
    side
}

/// `[columns, inner]` as `[inner, columns]`.
fn transposed(side: &[f32], inner: usize, columns: usize) -> Vec<f32> {
    peftc_plugin::saved::transposed(side, columns, inner)
}
