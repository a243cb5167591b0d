//! Of inputs that are broadcast against each other.

use super::broadcast_numbers;
use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor, TensorData};
use crate::ops::numbers::{Numbers, of_bools, of_numbers};
use crate::ops::shape::{axis, broadcast, broadcast_strides, dims, places, sizes};
use crate::ops::{Call, Value};
use std::borrow::Cow;

/// The two inputs.
fn both(call: &Call<'_>) -> Result<(DataType, Vec<i64>, [Numbers; 2])> {
    let (x, y) = (call.input(0)?, &*second(call)?);
    let (dims, numbers) = broadcast_numbers(&[x, y])?;
    if dims != x.dims && (call.since() < 7 || call.op.is("PRelu")) {
        return Err(Error::input(format!("{} cannot be broadcast to {}", y.ty(), x.ty())));
    }
    let both = numbers.try_into().map_err(|_| Error::bug("two inputs are two"))?;
    Ok((x.dtype, dims, both))
}

/// The second input; before operator set 7 with axes of size 1 behind its own, so that these begin at
/// an axis of the first input: the slopes of PRelu at that of channels.
fn second<'c>(call: &'c Call<'_>) -> Result<Cow<'c, Tensor>> {
    let (x, y) = (call.input(0)?, call.input(1)?);
    if call.since() >= 7 || y.element_count() == Some(1) {
        return Ok(Cow::Borrowed(y));
    }
    let first = match call.op.is("PRelu") {
        true => 1,
        false if !call.flag("broadcast")? && x.dims != y.dims => {
            return Err(Error::input(format!("{} and {} differ", x.ty(), y.ty())));
        }
        false if call.has("axis") => axis(call.int("axis")?, x.dims.len())?,
        false => x.dims.len().saturating_sub(y.dims.len()),
    };
    let behind = x.dims.len().checked_sub(first + y.dims.len());
    let behind = behind
        .ok_or_else(|| Error::input(format!("{} has no axes {first} for {}", x.ty(), y.ty())))?;
    let mut y = y.clone();
    y.dims.extend(vec![1; behind]);
    Ok(Cow::Owned(y))
}

fn mixed() -> Error {
    Error::input("inputs of integers and of floats have no operation in common")
}

/// A function of floats, or of integers, where it has a value.
pub(super) fn arithmetic(
    call: &Call<'_>,
    f: impl Fn(f64, f64) -> f64,
    g: impl Fn(i128, i128) -> Option<i128>,
) -> Result<Vec<Value>> {
    let (dtype, dims, both) = both(call)?;
    let numbers = match both {
        [Numbers::Floats(x), Numbers::Floats(y)] => Numbers::Floats(zipped(x, y, f)),
        [Numbers::Integers(x), Numbers::Integers(y)] => {
            let integers: Option<_> = x.into_iter().zip(y).map(|(x, y)| g(x, y)).collect();
            let integers = integers.ok_or_else(|| Error::input("an integer is divided by 0"))?;
            Numbers::Integers(integers)
        }
        _ => return Err(mixed()),
    };
    Ok(vec![of_numbers(dtype, &dims, &numbers)?.into()])
}

fn zipped<X, Y>(x: Vec<X>, y: Vec<X>, f: impl Fn(X, X) -> Y) -> Vec<Y> {
    x.into_iter().zip(y).map(|(x, y)| f(x, y)).collect()
}

/// A function of integers.
pub(super) fn integer(call: &Call<'_>, g: impl Fn(i128, i128) -> i128) -> Result<Vec<Value>> {
    arithmetic(call, |_, _| f64::NAN, |x, y| Some(g(x, y)))
}

/// A function of any number of inputs, two at a time.
pub(super) fn fold(
    call: &Call<'_>,
    f: impl Fn(f64, f64) -> f64,
    g: impl Fn(i128, i128) -> i128,
) -> Result<Vec<Value>> {
    let (dtype, dims, all) = every(call)?;
    let both = |x, y| match (x, y) {
        (Numbers::Floats(x), Numbers::Floats(y)) => Ok(Numbers::Floats(zipped(x, y, &f))),
        (Numbers::Integers(x), Numbers::Integers(y)) => Ok(Numbers::Integers(zipped(x, y, &g))),
        _ => Err(mixed()),
    };
    let mut all = all.into_iter();
    let first = all.next().ok_or_else(|| Error::input("there is no input"))?;
    let numbers = all.try_fold(first, both)?;
    Ok(vec![of_numbers(dtype, &dims, &numbers)?.into()])
}

fn every(call: &Call<'_>) -> Result<(DataType, Vec<i64>, Vec<Numbers>)> {
    let tensors = call.tensors()?;
    let (dims, all) = broadcast_numbers(&tensors)?;
    Ok((call.input(0)?.dtype, dims, all))
}

pub(super) fn mean(call: &Call<'_>) -> Result<Vec<Value>> {
    let (dtype, dims, all) = every(call)?;
    let count = all.len() as f64;
    let mut sum: Vec<f64> = Vec::new();
    for numbers in all {
        let Numbers::Floats(x) = numbers else { return Err(mixed()) };
        match sum.is_empty() {
            true => sum = x,
            false => sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += x),
        }
    }
    sum.iter_mut().for_each(|x| *x /= count);
    Ok(vec![of_numbers(dtype, &dims, &Numbers::Floats(sum))?.into()])
}

/// A question about two numbers.
pub(super) fn compare(
    call: &Call<'_>,
    f: impl Fn(f64, f64) -> bool,
    g: impl Fn(i128, i128) -> bool,
) -> Result<Vec<Value>> {
    let (_, dims, both) = both(call)?;
    let bools = match both {
        [Numbers::Floats(x), Numbers::Floats(y)] => zipped(x, y, f),
        [Numbers::Integers(x), Numbers::Integers(y)] => zipped(x, y, g),
        _ => return Err(mixed()),
    };
    Ok(vec![of_bools(&dims, &bools).into()])
}

pub(super) fn logic(call: &Call<'_>, f: impl Fn(bool, bool) -> bool) -> Result<Vec<Value>> {
    compare(call, |_, _| false, |x, y| f(x != 0, y != 0))
}

pub(super) fn equal(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, y) = (call.input(0)?, call.input(1)?);
    let (TensorData::Strings(own), TensorData::Strings(other)) = (&x.data, &y.data) else {
        return compare(call, |x, y| x == y, |x, y| x == y);
    };
    let (left, right) = (sizes(x), sizes(y));
    let shape = broadcast(&[&left, &right])?;
    let (left, right) = (broadcast_strides(&left, &shape), broadcast_strides(&right, &shape));
    let pairs = places(&shape, &left).zip(places(&shape, &right));
    let bools: Vec<bool> = pairs.map(|(i, j)| own[i] == other[j]).collect();
    Ok(vec![of_bools(&dims(&shape), &bools).into()])
}

/// NaN where one is.
pub(in crate::ops) fn max(x: f64, y: f64) -> f64 {
    if x.is_nan() || y.is_nan() { f64::NAN } else { x.max(y) }
}

/// NaN where one is.
pub(in crate::ops) fn min(x: f64, y: f64) -> f64 {
    if x.is_nan() || y.is_nan() { f64::NAN } else { x.min(y) }
}

pub(super) fn prelu(x: f64, slope: f64) -> f64 {
    if x < 0.0 { x * slope } else { x }
}

pub(super) fn shift(call: &Call<'_>) -> Result<Vec<Value>> {
    let bits = call.input(0)?.dtype.bits().unwrap_or(0) as i128;
    let is_left = call.string("direction")? == "LEFT";
    integer(call, |x, by| match (!(0..bits).contains(&by), is_left) {
        (true, _) => 0,
        (false, true) => x << by,
        (false, false) => x >> by,
    })
}

/// With `fmod` the remainder has the sign of the dividend, else that of the divisor.
pub(super) fn modulo(call: &Call<'_>) -> Result<Vec<Value>> {
    let is_fmod = call.flag("fmod")?;
    arithmetic(
        call,
        |x, y| {
            let r = x % y;
            if is_fmod || r == 0.0 || (r < 0.0) == (y < 0.0) { r } else { r + y }
        },
        |x, y| {
            let r = x.checked_rem(y)?;
            Some(if is_fmod || r == 0 || (r < 0) == (y < 0) { r } else { r + y })
        },
    )
}

/// A power modulo 2¹²⁸, of integers of at most 64 bits; with a negative exponent towards 0.
fn power(x: i128, y: i128) -> i128 {
    match (x, y) {
        (1 | -1, _) => x.pow(y.rem_euclid(2) as u32),
        (_, ..0) => 0,
        _ => {
            let high = x.wrapping_pow((y >> 32) as u32);
            high.wrapping_pow(u32::MAX).wrapping_mul(high).wrapping_mul(x.wrapping_pow(y as u32))
        }
    }
}

/// The exponent may have a type of its own.
pub(super) fn pow(call: &Call<'_>) -> Result<Vec<Value>> {
    let (dtype, dims, both) = both(call)?;
    let to_float = |x: Vec<i128>| x.into_iter().map(|x| x as f64).collect::<Vec<f64>>();
    let numbers = match both {
        [Numbers::Integers(x), Numbers::Integers(y)] => Numbers::Integers(zipped(x, y, power)),
        [Numbers::Integers(x), Numbers::Floats(y)] => {
            let power = |x: f64, y: f64| x.powf(y) as i128;
            Numbers::Integers(zipped(to_float(x), y, power))
        }
        [Numbers::Floats(x), Numbers::Integers(y)] => {
            Numbers::Floats(zipped(x, to_float(y), f64::powf))
        }
        [Numbers::Floats(x), Numbers::Floats(y)] => Numbers::Floats(zipped(x, y, f64::powf)),
    };
    Ok(vec![of_numbers(dtype, &dims, &numbers)?.into()])
}
