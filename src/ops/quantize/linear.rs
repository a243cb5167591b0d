//! Numbers as integers: `x = (q − zero point) · scale`.

use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use crate::ops::minifloat::{ROUNDING, Rounding};
use crate::ops::numbers::{
    is_float, is_integer, limits, of_floats, of_floats_by, of_integers, reals,
};
use crate::ops::shape::{axis, count, sizes};
use crate::ops::{Call, Value};
use half::{bf16, f16};

pub(super) fn quantize(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, scale, zero) = (call.input(0)?, call.input(1)?, call.optional(2)?);
    let dtype = match (named(call, "output_dtype")?, zero) {
        (Some(named), Some(zero)) if named != zero.dtype => {
            let message = format!("output_dtype is {named}, the zero point is {}", zero.dtype);
            return Err(Error::input(message));
        }
        (named, zero) => zero.map(|zero| zero.dtype).or(named).unwrap_or(DataType::U8),
    };
    let precision = named(call, "precision")?.unwrap_or(scale.dtype);
    let places = places(call, x, scale)?;
    let (scales, zeros) = (reals(scale)?, zeros(zero, scale)?);
    let quotient = |(x, &place): (f64, &usize)| {
        rounded(rounded(x, precision) / rounded(scales[place], precision), precision)
    };
    let quotients = reals(x)?.into_iter().zip(&places).map(quotient);
    let both = quotients.zip(places.iter().map(|&place| zeros[place]));
    if is_float(dtype) {
        let saturate = call.schema.attribute("saturate").is_none() || call.flag("saturate")?;
        let y: Vec<f64> = both.map(|(x, zero)| x + zero).collect();
        let rounding = Rounding { saturate, ..ROUNDING };
        return Ok(vec![of_floats_by(dtype, &x.dims, &y, rounding)?.into()]);
    }
    let y = both.map(|(x, zero)| saturated(x, zero as i128, dtype)).collect::<Result<Vec<_>>>()?;
    Ok(vec![of_integers(dtype, &x.dims, &y)?.into()])
}

pub(super) fn dequantize(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, scale, zero) = (call.input(0)?, call.input(1)?, call.optional(2)?);
    if let Some(zero) = zero.filter(|zero| zero.dtype != x.dtype) {
        return Err(Error::input(format!("input 0 is {}, the zero point {}", x.dtype, zero.dtype)));
    }
    let places = places(call, x, scale)?;
    let (scales, zeros) = (reals(scale)?, zeros(zero, scale)?);
    let y = reals(x)?.into_iter().zip(places);
    let y: Vec<f64> = y.map(|(x, at)| (x - zeros[at]) * scales[at]).collect();
    let dtype = named(call, "output_dtype")?.unwrap_or(scale.dtype);
    Ok(vec![of_floats(dtype, &x.dims, &y)?.into()])
}

/// A type that an attribute names; 0 is none.
fn named(call: &Call<'_>, attribute: &str) -> Result<Option<DataType>> {
    if call.schema.attribute(attribute).is_none() || call.int(attribute)? == 0 {
        return Ok(None);
    }
    let dtype = call.dtype(attribute)?;
    match is_float(dtype) || is_integer(dtype) {
        true => Ok(Some(dtype)),
        false => Err(Error::input(format!("{attribute} {dtype} is not supported"))),
    }
}

/// One zero point for each scale; 0 where there are none.
fn zeros(zero: Option<&Tensor>, scale: &Tensor) -> Result<Vec<f64>> {
    let count = count(&sizes(scale));
    let Some(zero) = zero else { return Ok(vec![0.0; count]) };
    let zeros = reals(zero)?;
    if zeros.len() != count {
        let message = format!("zero points {:?} for scales {:?}", zero.dims, scale.dims);
        return Err(Error::input(message));
    }
    Ok(zeros)
}

/// Which scale each element has: the only one, that of its place on an axis, or that of its block.
fn places(call: &Call<'_>, x: &Tensor, scale: &Tensor) -> Result<Vec<usize>> {
    let (shape, scales) = (sizes(x), sizes(scale));
    if count(&scales) == 1 && scales.len() < 2 {
        return Ok(vec![0; count(&shape)]);
    }
    let wrong = || {
        let (x, scale) = (&x.dims, &scale.dims);
        Error::input(format!("scales {scale:?} for an input {x:?}"))
    };
    if call.schema.attribute("axis").is_none() {
        return Err(wrong().help(format!("operator set {} takes one scale", call.since())));
    }
    let axis = axis(call.int("axis")?, shape.len())?;
    let is_blocked = call.schema.attribute("block_size").is_some() && call.flag("block_size")?;
    if !is_blocked {
        let inner = count(&shape[axis + 1..]);
        return match scales == [shape[axis]] {
            true => Ok((0..count(&shape)).map(|at| at / inner % shape[axis]).collect()),
            false => Err(wrong()),
        };
    }
    let block = call.int("block_size")?;
    let known = usize::try_from(block).ok().filter(|&block| block > 0);
    let block = known.ok_or_else(|| Error::input(format!("block_size is {block}")))?;
    let blocks = shape[axis].div_ceil(block);
    let mut expected = shape.clone();
    expected[axis] = blocks;
    if scales != expected {
        return Err(wrong().help(format!("blocks of {block} on axis {axis} have {expected:?}")));
    }
    let (size, inner) = (shape[axis], count(&shape[axis + 1..]));
    let place = |at: usize| {
        let (outer, along, inside) = (at / inner / size, at / inner % size, at % inner);
        (outer * blocks + along / block) * inner + inside
    };
    Ok((0..count(&shape)).map(place).collect())
}

/// A number of a type of floats; as it is for others, which have no precision of their own.
fn rounded(x: f64, dtype: DataType) -> f64 {
    match dtype {
        DataType::F32 => f64::from(x as f32),
        DataType::F16 => f16::from_f64(x).to_f64(),
        DataType::BF16 => bf16::from_f64(x).to_f64(),
        _ => x,
    }
}

/// A number as the nearest integer, of two the even one, moved by a zero point and kept in the
/// range of a type. NaN is its least.
///
/// # Errors
/// It is no type of integers.
pub(in crate::ops) fn saturated(x: f64, zero: i128, dtype: DataType) -> Result<i128> {
    if !is_integer(dtype) {
        return Err(Error::input(format!("quantization to {dtype} is not supported")));
    }
    let (least, greatest) = limits(dtype);
    match x.is_nan() {
        true => Ok(least),
        false => Ok((x.round_ties_even() as i128).saturating_add(zero).clamp(least, greatest)),
    }
}
