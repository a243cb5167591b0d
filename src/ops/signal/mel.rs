//! Frequencies as they are heard.

use super::{integer, real};
use crate::error::{Error, Result};
use crate::ops::numbers::of_reals;
use crate::ops::shape::{dims, room};
use crate::ops::{Call, Value};

fn mel(hertz: f64) -> f64 {
    2595.0 * (1.0 + hertz / 700.0).log10()
}

fn hertz(mel: f64) -> f64 {
    700.0 * (10f64.powf(mel / 2595.0) - 1.0)
}

/// Triangles between neighbours of frequencies that are evenly spaced in mel; what of them lies
/// outside of the spectrogram is left out.
pub(super) fn matrix(call: &Call<'_>) -> Result<Vec<Value>> {
    let size = |slot: usize| -> Result<i64> {
        let found = integer(call, slot)?.unwrap_or(0);
        match found {
            0.. => Ok(found),
            _ => Err(Error::input(format!("input {slot} is {found}"))),
        }
    };
    let (bands, length, rate) = (size(0)?, size(1)?, size(2)?);
    let shape = room(&[length / 2 + 1, bands])?;
    let (rows, bands) = (shape[0], shape[1]);
    let (least, most) = (mel(real(call, 3)?), mel(real(call, 4)?));
    let step = (most - least) / (bands as f64 + 2.0);
    let bin = |at: usize| {
        let frequency = hertz(least + at as f64 * step);
        ((length as f64 + 1.0) * frequency / rate as f64).floor() as i64
    };
    let bins: Vec<i64> = (0..bands + 2).map(bin).collect();
    let mut matrix = vec![0.0; rows * bands];
    for band in 0..bands {
        let (left, center, right) = (bins[band], bins[band + 1], bins[band + 2]);
        let mut set = |row: i64, weight: f64| {
            if let Some(row) = usize::try_from(row).ok().filter(|&row| row < rows) {
                matrix[row * bands + band] = weight;
            }
        };
        let last = rows as i64;
        match center.saturating_sub(left) {
            0 => set(center, 1.0),
            width => (left.max(0)..(center.saturating_add(1)).min(last))
                .for_each(|row| set(row, (row as f64 - left as f64) / width as f64)),
        }
        let width = right.saturating_sub(center) as f64;
        (center.max(0)..right.min(last)).for_each(|row| set(row, (right - row) as f64 / width));
    }
    Ok(vec![of_reals(call.dtype("output_datatype")?, &dims(&shape), &matrix)?.into()])
}
