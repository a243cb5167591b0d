//! Fourier transforms, windows.

mod dft;
mod fft;
mod mel;
mod window;

use super::{Call, Operator, infer, op};
use crate::error::Result;
use crate::ops::numbers::{i64s, one, reals};

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
    let name = format!("input {slot}");
    call.optional(slot)?.map(|integer| one(&name, &i64s(integer)?)).transpose()
}

/// A number that an input is.
fn real(call: &Call<'_>, slot: usize) -> Result<f64> {
    one(&format!("input {slot}"), &reals(call.input(slot)?)?)
}
