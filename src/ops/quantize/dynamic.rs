//! Quantization by the range of what is there.

use super::saturated;
use crate::error::Result;
use crate::ir::{DataType, Tensor};
use crate::ops::numbers::{floats, of_floats, of_integers};
use crate::ops::{Call, Value};

pub(super) fn quantize(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let (y, scale, zero) = dynamic(x)?;
    Ok(vec![
        of_integers(DataType::U8, &x.dims, &y)?.into(),
        of_floats(DataType::F32, &[], &[scale])?.into(),
        of_integers(DataType::U8, &[], &[zero])?.into(),
    ])
}

/// Numbers as u8, with scale and zero point, as the float32 arithmetic of the specification has
/// them. Zeros alone have the scale 1.
pub(in crate::ops) fn dynamic(x: &Tensor) -> Result<(Vec<i128>, f64, i128)> {
    let x: Vec<f32> = floats(x)?.into_iter().map(|x| x as f32).collect();
    let least = x.iter().copied().fold(0.0, f32::min);
    let greatest = x.iter().copied().fold(0.0, f32::max);
    let scale = if least == greatest { 1.0 } else { (greatest - least) / 255.0 };
    let zero = saturated(f64::from(-least / scale), 0, DataType::U8)?;
    let y = x.iter().map(|x| saturated(f64::from(x / scale), zero, DataType::U8));
    Ok((y.collect::<Result<_>>()?, f64::from(scale), zero))
}
