//! The same numbers, or the same bits, in another type.

mod text;

use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use crate::ops::minifloat::{ROUNDING, Rounding, ToPower};
use crate::ops::numbers::{Numbers, is_float, numbers, of_bools, of_floats_by, of_integers};
use crate::ops::{Call, Value};

pub(super) fn cast(call: &Call<'_>) -> Result<Vec<Value>> {
    to(call, call.dtype("to")?)
}

pub(super) fn cast_like(call: &Call<'_>) -> Result<Vec<Value>> {
    to(call, call.input(1)?.dtype)
}

fn to(call: &Call<'_>, dtype: DataType) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let y = match (x.dtype, dtype) {
        (from, to) if from == to => x.clone(),
        (_, DataType::String) => text::printed(x)?,
        (DataType::String, _) => of(dtype, &x.dims, text::parsed(x, dtype)?, rounding(call)?)?,
        _ => of(dtype, &x.dims, numbers(x)?, rounding(call)?)?,
    };
    Ok(vec![y.into()])
}

/// The attributes that older versions do not have are as by default.
fn rounding(call: &Call<'_>) -> Result<Rounding> {
    let knows = |name| call.schema.attribute(name).is_some();
    let saturate = if knows("saturate") { call.flag("saturate")? } else { ROUNDING.saturate };
    let power = match knows("round_mode").then(|| call.string("round_mode")).transpose()?.as_deref()
    {
        None => ROUNDING.power,
        Some("up") => ToPower::Up,
        Some("down") => ToPower::Down,
        Some("nearest") => ToPower::Nearest,
        Some(other) => {
            let error = Error::input(format!("round_mode is {other:?}"));
            return Err(error.help("up, down and nearest are accepted"));
        }
    };
    Ok(Rounding { saturate, power })
}

/// Numbers as a tensor of another type.
fn of(dtype: DataType, dims: &[i64], numbers: Numbers, rounding: Rounding) -> Result<Tensor> {
    match numbers {
        Numbers::Floats(x) if is_float(dtype) => of_floats_by(dtype, dims, &x, rounding),
        Numbers::Floats(x) if dtype == DataType::Bool => {
            Ok(of_bools(dims, &x.iter().map(|x| *x != 0.0).collect::<Vec<_>>()))
        }
        Numbers::Floats(x) => {
            of_integers(dtype, dims, &x.iter().map(|x| truncated(*x, dtype)).collect::<Vec<_>>())
        }
        Numbers::Integers(x) if is_float(dtype) => {
            let floats: Vec<f64> = match dtype {
                DataType::F64 => x.iter().map(|x| *x as f64).collect(),
                _ => x.iter().map(|x| to_odd(*x)).collect(),
            };
            of_floats_by(dtype, dims, &floats, rounding)
        }
        Numbers::Integers(x) => of_integers(dtype, dims, &x),
    }
}

/// Without its fraction. ONNX does not say what becomes of a number that the type does not hold; here
/// as in processors: of 32 or 64 bits the nearest, of which smaller types have the lowest bits.
fn truncated(x: f64, dtype: DataType) -> i128 {
    let bits = dtype.bits().unwrap_or(64).clamp(32, 64);
    let is_unsigned = matches!(dtype, DataType::U32 | DataType::U64);
    let beyond = 1 << if is_unsigned { bits } else { bits - 1 };
    (x as i128).clamp(-(1 << (bits - 1)), beyond - 1)
}

/// As float64, rounded so that rounding it again is as if it were the first time: of the two
/// numbers around, the one whose last bit is 1 (Boldo and Melquiond, 2008).
fn to_odd(x: i128) -> f64 {
    let nearest = x as f64;
    let is_beyond = (nearest as i128).unsigned_abs() > x.unsigned_abs();
    match nearest as i128 == x {
        true => nearest,
        false => f64::from_bits((nearest.to_bits() - u64::from(is_beyond)) | 1),
    }
}

pub(super) fn bit_cast(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, dtype) = (call.input(0)?, call.dtype("to")?);
    if dtype.bits().is_none() || dtype.bits() != x.dtype.bits() {
        return Err(Error::input(format!("{} and {dtype} are not of as many bits", x.dtype)));
    }
    Ok(vec![Tensor::new(dtype, x.dims.clone(), x.data.clone()).into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_integers_are_rounded_once() {
        // Just beyond the middle of two float32s: float64 rounds it to the middle.
        let x = (1_i128 << 60) + (1 << 36) + 1;
        assert_eq!(to_odd(x) as f32, x as f32);
        assert_ne!((x as f64) as f32, x as f32);
        assert_eq!(to_odd(-x) as f32, -x as f32);
        assert_eq!(to_odd(12), 12.0);
    }
}
