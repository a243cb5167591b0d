//! Layer normalization (<https://arxiv.org/abs/1607.06450>) and that of the root mean square
//! (<https://arxiv.org/abs/1910.07467>) of sums.

use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use crate::ops::numbers::{floats, of_floats};
use crate::ops::shape::sizes;
use crate::ops::{Call, Value};

pub(super) fn skip_layer_normalization(call: &Call<'_>) -> Result<Vec<Value>> {
    skip(call, Some(3), 4)
}

pub(super) fn skip_simplified_layer_normalization(call: &Call<'_>) -> Result<Vec<Value>> {
    skip(call, None, 3)
}

/// Normalizes input + skip + bias: by the mean too where there is a slot for what is added then.
fn skip(call: &Call<'_>, beta: Option<usize>, bias: usize) -> Result<Vec<Value>> {
    let (x, skip) = (call.input(0)?, call.input(1)?);
    let &[.., size @ (1..)] = x.dims.as_slice() else {
        return Err(Error::input(format!("input is {:?}: its rows have no elements", x.dims)));
    };
    let size = size as usize;
    let mut sum = floats(x)?;
    let all = sizes(x);
    let tail = match &sizes(skip)[..] {
        [1, rest @ ..] if rest.len() + 1 == all.len() => rest.to_vec(),
        shape => shape.to_vec(),
    };
    if tail.is_empty() || !(all.ends_with(&tail) || sizes(skip) == all) {
        return Err(Error::input(format!("skip is {:?}, input {all:?}", sizes(skip))));
    }
    add(&mut sum, &floats(skip)?);
    if let Some(bias) = vector(call, bias, size)? {
        add(&mut sum, &bias);
    }
    let norm = Norm {
        gamma: needed(call, 2, size)?,
        beta: beta.map(|slot| vector(call, slot, size)).transpose()?.flatten(),
        is_centered: beta.is_some(),
        epsilon: call.float("epsilon")?,
    };
    let (y, means, inverses) = norm.rows(&sum);
    let mut of_rows = x.dims.clone();
    if let Some(last) = of_rows.last_mut() {
        *last = 1;
    }
    Ok(vec![
        of_floats(x.dtype, &x.dims, &y)?.into(),
        of_floats(DataType::F32, &of_rows, &means)?.into(),
        of_floats(DataType::F32, &of_rows, &inverses)?.into(),
        of_floats(x.dtype, &x.dims, &sum)?.into(),
    ])
}

/// Adds what is repeated.
fn add(sum: &mut [f64], x: &[f64]) {
    sum.iter_mut().zip(x.iter().cycle()).for_each(|(sum, x)| *sum += x);
}

/// An input of one axis of this size.
pub(super) fn vector(call: &Call<'_>, slot: usize, size: usize) -> Result<Option<Vec<f64>>> {
    let wrong = |found: &Tensor| {
        let name = call.schema.input(slot).map_or("?", |input| input.name);
        Error::input(format!("{name} is {:?}, not [{size}]", found.dims))
    };
    match call.optional(slot)? {
        Some(vector) if sizes(vector) == [size] => floats(vector).map(Some),
        Some(other) => Err(wrong(other)),
        None => Ok(None),
    }
}

/// An input of one axis of this size that must be there.
pub(super) fn needed(call: &Call<'_>, slot: usize, size: usize) -> Result<Vec<f64>> {
    call.input(slot)?;
    Ok(vector(call, slot, size)?.unwrap_or_default())
}

/// A normalization of rows, as many elements each as there are scales.
pub(super) struct Norm {
    pub(super) gamma: Vec<f64>,
    pub(super) beta: Option<Vec<f64>>,
    /// Whether the mean is subtracted.
    pub(super) is_centered: bool,
    pub(super) epsilon: f64,
}

impl Norm {
    /// Rows, their means, and what they are multiplied by.
    pub(super) fn rows(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let (mut y, mut means, mut inverses) = (Vec::with_capacity(x.len()), vec![], vec![]);
        let size = self.gamma.len();
        for row in x.chunks_exact(size.max(1)) {
            let mean = row.iter().sum::<f64>() / size as f64;
            let center = if self.is_centered { mean } else { 0.0 };
            let square = row.iter().map(|x| (x - center).powi(2)).sum::<f64>() / size as f64;
            let inverse = (square + self.epsilon).sqrt().recip();
            y.extend(row.iter().enumerate().map(|(at, x)| {
                let beta = self.beta.as_ref().map_or(0.0, |beta| beta[at]);
                (x - center) * inverse * self.gamma[at] + beta
            }));
            means.push(mean);
            inverses.push(inverse);
        }
        (y, means, inverses)
    }
}
