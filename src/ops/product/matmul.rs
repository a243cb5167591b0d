//! Products of matrices, and of batches of them.

use super::Number;
use crate::error::{Error, Result};
use crate::ops::numbers::{Numbers, numbers, of_numbers};
use crate::ops::shape::{broadcast, broadcast_strides, dims, filled, places, sizes, strides};
use crate::ops::{Call, Value};

pub(super) fn matmul(call: &Call<'_>) -> Result<Vec<Value>> {
    let (a, b) = (call.input(0)?, call.input(1)?);
    let (a_shape, b_shape) = (sizes(a), sizes(b));
    let (y, shape) = match (numbers(a)?, numbers(b)?) {
        (Numbers::Floats(x), Numbers::Floats(y)) => {
            let (y, shape) = product(&x, &a_shape, &y, &b_shape)?;
            (Numbers::Floats(y), shape)
        }
        (Numbers::Integers(x), Numbers::Integers(y)) => {
            let (y, shape) = product(&x, &a_shape, &y, &b_shape)?;
            (Numbers::Integers(y), shape)
        }
        _ => return Err(Error::input(format!("{} and {} have no product", a.dtype, b.dtype))),
    };
    Ok(vec![of_numbers(a.dtype, &dims(&shape), &y)?.into()])
}

/// The product as `numpy.matmul` has it, and its shape.
///
/// # Errors
/// The shapes do not fit.
pub(in crate::ops) fn product<T: Number>(
    a: &[T],
    a_shape: &[usize],
    b: &[T],
    b_shape: &[usize],
) -> Result<(Vec<T>, Vec<usize>)> {
    let wrong = || Error::input(format!("shapes {a_shape:?} and {b_shape:?} have no product"));
    let (a_batch, m, k) = match a_shape {
        [] => return Err(wrong()),
        [k] => (&[][..], 1, *k),
        [batch @ .., m, k] => (batch, *m, *k),
    };
    let (b_batch, n) = match b_shape {
        [rows] if *rows == k => (&[][..], 1),
        [batch @ .., rows, n] if *rows == k => (batch, *n),
        _ => return Err(wrong()),
    };
    let batch = broadcast(&[a_batch, b_batch])?;
    let mut shape = batch.clone();
    shape.extend((a_shape.len() > 1).then_some(m));
    shape.extend((b_shape.len() > 1).then_some(n));
    let mut y = filled(&shape, T::ZERO)?;
    let (a_strides, b_strides) =
        (broadcast_strides(a_batch, &batch), broadcast_strides(b_batch, &batch));
    let pairs = places(&batch, &a_strides).zip(places(&batch, &b_strides));
    for (y, (at_a, at_b)) in y.chunks_mut((m * n).max(1)).zip(pairs) {
        multiply(&a[at_a * m * k..][..m * k], &b[at_b * k * n..][..k * n], y, k, n);
    }
    Ok((y, shape))
}

/// Adds the product of a matrix with `k` columns and one with `n`.
fn multiply<T: Number>(a: &[T], b: &[T], y: &mut [T], k: usize, n: usize) {
    let rows = a.chunks(k.max(1));
    for (row, y) in rows.zip(y.chunks_mut(n.max(1))) {
        for (&a, b) in row.iter().zip(b.chunks(n.max(1))) {
            for (y, &b) in y.iter_mut().zip(b) {
                *y = y.plus(a.times(b));
            }
        }
    }
}

/// Values with their axes in another order, and their shape.
pub(in crate::ops) fn permuted<T: Copy>(
    values: &[T],
    shape: &[usize],
    order: &[usize],
) -> (Vec<T>, Vec<usize>) {
    let own = strides(shape);
    let strides: Vec<usize> = order.iter().map(|&axis| own[axis]).collect();
    let shape: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
    (places(&shape, &strides).map(|place| values[place]).collect(), shape)
}
