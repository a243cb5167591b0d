//! Fourier transforms along an axis, whole or window by window.

use super::fft::{Complex, inverse, transform};
use super::integer;
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::numbers::{of_floats, reals};
use crate::ops::shape::{axis, count, dims, room, sizes};
use crate::ops::{Call, Value};

/// The elements of a tensor whose last axis has real parts, or real and imaginary ones.
fn complex(tensor: &Tensor) -> Result<Vec<Complex>> {
    let numbers = reals(tensor)?;
    match tensor.dims.last() {
        Some(1) => Ok(numbers.into_iter().map(|re| Complex { re, im: 0.0 }).collect()),
        Some(2) => Ok(numbers.as_chunks().0.iter().map(|&[re, im]| Complex { re, im }).collect()),
        _ => {
            let error = Error::input(format!("the shape is {:?}", tensor.dims));
            Err(error.help("the last axis has 1 element, or 2: real and imaginary part"))
        }
    }
}

fn is_real(tensor: &Tensor) -> bool {
    tensor.dims.last() == Some(&1)
}

fn one_sided_of_complex() -> Error {
    Error::input("a one-sided transform is of real numbers, and these are complex")
}

pub(super) fn dft(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let (is_inverse, is_onesided) = (call.flag("inverse")?, call.flag("onesided")?);
    let along = match call.since() {
        20.. => integer(call, 2)?.unwrap_or(-2),
        _ => call.int("axis")?,
    };
    let rank = x.dims.len();
    let along = axis(along, rank)?;
    if along + 1 == rank {
        return Err(Error::input(format!("axis {along} is that of the parts of numbers")));
    }
    if is_onesided && !is_inverse && !is_real(x) {
        return Err(one_sided_of_complex());
    }
    let own = x.dims[along];
    let length = match integer(call, 1)? {
        Some(length) => length,
        None if is_inverse && is_onesided => 2 * (own - 1),
        None => own,
    };
    if length < 1 {
        return Err(Error::input(format!("the length of the transform is {length}")));
    }
    let mut shape = x.dims.clone();
    shape[along] = if is_onesided && !is_inverse { length / 2 + 1 } else { length };
    shape[rank - 1] = if is_onesided && is_inverse { 1 } else { 2 };
    let (made, length) = (room(&shape)?, room(&[length])?[0]);
    let (own, kept, inner) = (own as usize, made[along], count(&made[along + 1..rank - 1]));
    let (numbers, mut result) = (complex(x)?, vec![Complex::default(); count(&made[..rank - 1])]);
    for outer in 0..count(&made[..along]) {
        for column in 0..inner {
            let at = |index: usize| numbers[(outer * own + index) * inner + column];
            let mut signal: Vec<Complex> = (0..own.min(length)).map(at).collect();
            if is_inverse && is_onesided {
                signal = both_sides(&signal, length);
            }
            signal.resize(length, Complex::default());
            let signal = if is_inverse { inverse(&signal) } else { transform(&signal) };
            for (index, number) in signal.into_iter().take(kept).enumerate() {
                result[(outer * kept + index) * inner + column] = number;
            }
        }
    }
    Ok(vec![tensor(x, &shape, &result)?.into()])
}

/// Numbers as a tensor of the type of another, with as many parts as the last axis has.
fn tensor(like: &Tensor, shape: &[i64], numbers: &[Complex]) -> Result<Tensor> {
    let parts = if shape.last() == Some(&1) { 1 } else { 2 };
    let parts: Vec<f64> =
        numbers.iter().flat_map(|z| [z.re, z.im].into_iter().take(parts)).collect();
    of_floats(like.dtype, shape, &parts)
}

/// The whole spectrum of a real signal from its first half.
fn both_sides(half: &[Complex], length: usize) -> Vec<Complex> {
    let at = |k: usize| half.get(k).copied().unwrap_or_default();
    let one = |k: usize| if k <= length / 2 { at(k) } else { at(length - k).conjugate() };
    (0..length).map(one).collect()
}

pub(super) fn stft(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let &[batches, size, _] = &x.dims[..] else {
        let error = Error::input(format!("the signal has the shape {:?}", x.dims));
        return Err(error.help("[batches, length, 1 or 2] is accepted"));
    };
    let is_onesided = call.flag("onesided")?;
    if is_onesided && !is_real(x) {
        return Err(one_sided_of_complex());
    }
    let step = integer(call, 1)?.unwrap_or(0);
    let window = call.optional(2)?;
    let length = match (integer(call, 3)?, window) {
        (Some(length), _) => length,
        (None, Some(window)) => sizes(window).first().map_or(0, |&size| size as i64),
        (None, None) => size,
    };
    if step < 1 || !(1..=size).contains(&length) {
        return Err(Error::input(format!(
            "frames have the length {length} and the step {step}, the signal {size} elements"
        )));
    }
    let window = window.map(reals).transpose()?.unwrap_or_else(|| vec![1.0; length as usize]);
    if window.len() as i64 != length {
        let found = window.len();
        return Err(Error::input(format!("the window has {found} elements, a frame {length}")));
    }
    let frames = (size - length) / step + 1;
    let kept = if is_onesided { length / 2 + 1 } else { length };
    let made = room(&[batches, frames, kept, 2])?;
    let mut result = Vec::with_capacity(count(&made) / 2);
    for signal in complex(x)?.chunks(size as usize) {
        for start in (0..made[1]).map(|frame| frame * step as usize) {
            let frame = signal[start..].iter().zip(&window).map(|(z, weight)| z.times(*weight));
            result.extend(transform(&frame.collect::<Vec<_>>()).into_iter().take(made[2]));
        }
    }
    Ok(vec![tensor(x, &dims(&made), &result)?.into()])
}
