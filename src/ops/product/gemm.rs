//! alpha · A · B + beta · C.

use super::{Number, permuted, product};
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::Call;
use crate::ops::numbers::{Numbers, numbers, of_numbers};
use crate::ops::shape::{dims, sizes, spread};

/// Gemm of the first three inputs.
pub(in crate::ops) fn gemm(call: &Call<'_>) -> Result<Tensor> {
    let (a, b, c) = (call.input(0)?, call.input(1)?, call.optional(2)?);
    let (alpha, beta) = (call.float("alpha")?, call.float("beta")?);
    // As in BLAS, C is not read where beta is 0.
    let c = c.filter(|_| beta != 0.0);
    let added = c.map(numbers).transpose()?;
    let c_shape = c.map(sizes).unwrap_or_default();
    let (y, shape) = match (numbers(a)?, numbers(b)?, added) {
        (Numbers::Floats(x), Numbers::Floats(y), c @ (None | Some(Numbers::Floats(_)))) => {
            let (mut y, shape) = matrices(call, &x, &y)?;
            y.iter_mut().for_each(|y| *y *= alpha);
            if let Some(Numbers::Floats(c)) = c {
                let c = spread(&c, &c_shape, &shape)?;
                y.iter_mut().zip(c).for_each(|(y, c)| *y += beta * c);
            }
            (Numbers::Floats(y), shape)
        }
        (Numbers::Integers(x), Numbers::Integers(y), c @ (None | Some(Numbers::Integers(_)))) => {
            let (y, shape) = matrices(call, &x, &y)?;
            let c = match c {
                Some(Numbers::Integers(c)) => spread(&c, &c_shape, &shape)?,
                _ => vec![0; y.len()],
            };
            let y = y.into_iter().zip(c).map(|(y, c)| scaled_sum(alpha, y, beta, c)).collect();
            (Numbers::Integers(y), shape)
        }
        _ => return Err(Error::input("inputs of integers and of floats have no product")),
    };
    of_numbers(a.dtype, &dims(&shape), &y)
}

/// The product of the first two inputs, transposed where the attributes say so.
fn matrices<T: Number>(call: &Call<'_>, a: &[T], b: &[T]) -> Result<(Vec<T>, Vec<usize>)> {
    let (a, a_shape) = matrix(call, 0, a, "transA")?;
    let (b, b_shape) = matrix(call, 1, b, "transB")?;
    product(&a, &a_shape, &b, &b_shape)
}

fn matrix<T: Copy>(
    call: &Call<'_>,
    slot: usize,
    values: &[T],
    transposed: &str,
) -> Result<(Vec<T>, Vec<usize>)> {
    let shape = sizes(call.input(slot)?);
    if shape.len() != 2 {
        return Err(Error::input(format!("input {slot} is {shape:?}, no matrix")));
    }
    Ok(match call.flag(transposed)? {
        true => permuted(values, &shape, &[1, 0]),
        false => (values.to_vec(), shape),
    })
}

/// Exact where the factors are integers, else towards 0.
fn scaled_sum(alpha: f64, y: i128, beta: f64, c: i128) -> i128 {
    match alpha.fract() == 0.0 && beta.fract() == 0.0 {
        true => (alpha as i128).times(y).plus((beta as i128).times(c)),
        false => (alpha * y as f64 + beta * c as f64) as i128,
    }
}
