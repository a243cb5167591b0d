//! Task kind `sum`: W + Σ c·B·A, products in float32, rounded once to the weight's type.

use super::{Params, add, wrong};
use peftc_delta::{Change, product_f32};
use peftc_plugin::{Result, TaskCall};
use std::ops::Range;

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
    let inner: usize = changes.iter().map(|change| change.factors.rank()).sum();
    let left = left(&changes, params.is_turned, first_row..first_row + rows);
    let right = right(&changes, params.is_turned, first_column..first_column + columns);
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

/// `[rows, inner]`: rows of c·B, or of Aᵀ, of all terms side by side.
fn left(changes: &[Change], is_turned: bool, rows: Range<usize>) -> Vec<f32> {
    let mut left = Vec::new();
    for row in rows {
        for Change { factors, scale } in changes {
            match is_turned {
                false => left.extend(factors.b().row(row).iter().map(|x| (scale * x) as f32)),
                true => left.extend((0..factors.rank()).map(|k| factors.a().row(k)[row] as f32)),
            }
        }
    }
    left
}

/// `[inner, columns]`: columns of A, or of (c·B)ᵀ, of all terms one under another.
fn right(changes: &[Change], is_turned: bool, columns: Range<usize>) -> Vec<f32> {
    let mut right = Vec::new();
    for Change { factors, scale } in changes {
        for k in 0..factors.rank() {
            let of_b = |j: usize| (scale * factors.b().row(j)[k]) as f32;
            match is_turned {
                false => {
                    right.extend(factors.a().row(k)[columns.clone()].iter().map(|x| *x as f32))
                }
                true => right.extend(columns.clone().map(of_b)),
            }
        }
    }
    right
}
