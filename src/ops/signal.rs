//! Fourier transforms, windows.

mod dft;
mod fft;
mod mel;
mod window;

use super::{Call, Operator, infer, op};
use crate::error::{Error, Result};
use crate::ops::numbers::{i64s, reals};

pub(super) static OPERATORS: &[Operator] = &[
    op("BlackmanWindow", |c| window::cosines(c, &[0.42, -0.5, 0.08])).infer(infer::sample::window),
    op("DFT", dft::dft).infer(infer::sample::dft),
    op("HammingWindow", |c| window::cosines(c, &[25.0 / 46.0, -21.0 / 46.0]))
        .infer(infer::sample::window),
    op("HannWindow", |c| window::cosines(c, &[0.5, -0.5])).infer(infer::sample::window),
    op("MelWeightMatrix", mel::matrix).infer(infer::sample::mel),
    op("STFT", dft::stft).infer(infer::sample::stft),
];

/// An integer that an input is, if it is there.
fn integer(call: &Call<'_>, slot: usize) -> Result<Option<i64>> {
    match call.optional(slot)?.map(i64s).transpose()?.as_deref() {
        None => Ok(None),
        Some([one]) => Ok(Some(*one)),
        Some(_) => Err(Error::input(format!("input {slot} is no scalar"))),
    }
}

/// A number that an input is.
fn real(call: &Call<'_>, slot: usize) -> Result<f64> {
    match reals(call.input(slot)?)?[..] {
        [one] => Ok(one),
        _ => Err(Error::input(format!("input {slot} is no scalar"))),
    }
}
