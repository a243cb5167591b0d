//! Random numbers, and dropout, which takes them.

use super::numbers::{bools, floats, is_float, of_bools, of_floats, of_integers, one, reals};
use super::shape::{count, room};
use super::{Call, Operator, Value, infer, op};
use crate::error::{Error, Result};
use crate::ir::{AttributeValue, DataType, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::f64::consts::TAU;
use std::hash::{BuildHasher, RandomState};

pub(super) static OPERATORS: &[Operator] = &[
    op("Bernoulli", bernoulli).infer(infer::create::typed_like),
    op("Dropout", dropout).infer(infer::create::dropout),
    op("Multinomial", multinomial).infer(infer::create::multinomial),
    op("RandomNormal", |c| normal(c, c.dtype("dtype")?, &shape(c)?))
        .infer(infer::create::of_attributes),
    op("RandomNormalLike", |c| normal(c, dtype(c)?, &c.input(0)?.dims))
        .infer(infer::create::typed_like),
    op("RandomUniform", |c| uniform(c, c.dtype("dtype")?, &shape(c)?))
        .infer(infer::create::of_attributes),
    op("RandomUniformLike", |c| uniform(c, dtype(c)?, &c.input(0)?.dims))
        .infer(infer::create::typed_like),
];

struct Random(ChaCha8Rng);

impl Random {
    /// Of the node's seed; without one each time another.
    fn of(call: &Call<'_>) -> Self {
        let seed = match call.op.attribute("seed") {
            Some(AttributeValue::Int(seed)) => *seed as u64,
            Some(AttributeValue::Float(seed)) => u64::from(seed.to_bits()),
            _ => RandomState::new().hash_one(()),
        };
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// In (0, 1).
    fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 12) as f64 + 0.5) / 2f64.powi(52)
    }

    /// Of mean 0 and variance 1: Box and Muller, 1958.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (TAU * self.uniform()).cos()
    }
}

fn shape(call: &Call<'_>) -> Result<Vec<i64>> {
    call.ints("shape").map(Option::unwrap_or_default)
}

/// The attribute, or the type of the input.
fn dtype(call: &Call<'_>) -> Result<DataType> {
    if call.has("dtype") { call.dtype("dtype") } else { Ok(call.input(0)?.dtype) }
}

/// Floats of a type that the node says.
fn tensor(dtype: DataType, dims: &[i64], next: impl FnMut() -> f64) -> Result<Vec<Value>> {
    if !is_float(dtype) {
        return Err(Error::input(format!("dtype is {dtype}, no type of floats")));
    }
    let floats: Vec<f64> = std::iter::repeat_with(next).take(count(&room(dims)?)).collect();
    Ok(vec![of_floats(dtype, dims, &floats)?.into()])
}

fn normal(call: &Call<'_>, dtype: DataType, dims: &[i64]) -> Result<Vec<Value>> {
    let (mean, scale) = (call.float("mean")?, call.float("scale")?);
    let mut random = Random::of(call);
    tensor(dtype, dims, || mean + scale * random.normal())
}

fn uniform(call: &Call<'_>, dtype: DataType, dims: &[i64]) -> Result<Vec<Value>> {
    let (low, high) = (call.float("low")?, call.float("high")?);
    let mut random = Random::of(call);
    tensor(dtype, dims, || low + (high - low) * random.uniform())
}

/// 1 with the probability that each element says, else 0.
fn bernoulli(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, dtype) = (call.input(0)?, dtype(call)?);
    let mut random = Random::of(call);
    let ones: Vec<bool> = floats(x)?.into_iter().map(|p| random.uniform() < p).collect();
    numbers_of(dtype, &x.dims, &ones).map(|tensor| vec![tensor.into()])
}

/// 1 where it is true, else 0.
fn numbers_of(dtype: DataType, dims: &[i64], ones: &[bool]) -> Result<Tensor> {
    match dtype {
        DataType::Bool => Ok(of_bools(dims, ones)),
        _ if is_float(dtype) => {
            of_floats(dtype, dims, &ones.iter().map(|&one| f64::from(one)).collect::<Vec<_>>())
        }
        _ => of_integers(dtype, dims, &ones.iter().map(|&one| one.into()).collect::<Vec<_>>())
            .map_err(|_| Error::input(format!("dtype is {dtype}, no type of numbers"))),
    }
}

/// Indices of a row, each drawn with the probability whose logarithm, up to a constant, the row has.
fn multinomial(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, dtype, samples) = (call.input(0)?, call.dtype("dtype")?, call.int("sample_size")?);
    let &[batch, classes @ (1..)] = x.dims.as_slice() else {
        return Err(Error::input(format!("input is {}, not [batch, classes]", x.ty())));
    };
    if !matches!(dtype, DataType::I32 | DataType::I64) {
        return Err(Error::input(format!("dtype is {dtype}, neither i32 nor i64")));
    }
    let dims = [batch, samples];
    let mut drawn = Vec::with_capacity(count(&room(&dims)?));
    let mut random = Random::of(call);
    for row in floats(x)?.chunks(classes as usize) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut total = 0.0;
        let below = |x: &f64| {
            total += (x - largest).exp();
            total
        };
        let below: Vec<f64> = row.iter().map(below).collect();
        for _ in 0..samples {
            let at = random.uniform() * total;
            let index = below.partition_point(|&below| below <= at).min(row.len() - 1);
            drawn.push(index as i128);
        }
    }
    Ok(vec![of_integers(dtype, &dims, &drawn)?.into()])
}

/// Srivastava et al., 2014: elements that are kept grow so that the mean stays.
fn dropout(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let is_training = match call.since() {
        ..7 => !call.flag("is_test")?,
        7..12 => false,
        _ => call.optional(2)?.map(bools).transpose()?.is_some_and(|b| b.first() == Some(&true)),
    };
    let ratio = match is_training {
        false => 0.0,
        true if call.since() < 12 => call.float("ratio")?,
        true => call.optional(1)?.map_or(Ok(0.5), |ratio| one("ratio", &reals(ratio)?))?,
    };
    if !(0.0..1.0).contains(&ratio) {
        return Err(Error::input(format!("ratio is {ratio}, not at least 0 and below 1")));
    }
    let mask_dtype = if call.since() < 10 { x.dtype } else { DataType::Bool };
    let mask = |kept: &[bool]| numbers_of(mask_dtype, &x.dims, kept);
    if ratio == 0.0 {
        let kept = vec![true; count(&room(&x.dims)?)];
        return Ok(vec![x.clone().into(), mask(&kept)?.into()]);
    }
    let mut random = Random::of(call);
    let drop = |x: f64| match random.uniform() >= ratio {
        true => (x / (1.0 - ratio), true),
        false => (0.0, false),
    };
    let (y, kept): (Vec<f64>, Vec<bool>) = floats(x)?.into_iter().map(drop).unzip();
    Ok(vec![of_floats(x.dtype, &x.dims, &y)?.into(), mask(&kept)?.into()])
}
