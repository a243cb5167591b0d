//! Pooling: by windows, and of whole planes.

use super::window::{Window, image, kernel};
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::elements::choose;
use crate::ops::numbers::{floats, is_integer, limits, of_floats, of_i64s, of_reals, reals};
use crate::ops::shape::{count, dims, filled, indices};
use crate::ops::{Call, Value};

/// The window of a pool, its planes, and the shape of the result.
struct Pool {
    window: Window,
    planes: usize,
    input: Vec<usize>,
    shape: Vec<usize>,
}

impl Pool {
    fn new(call: &Call<'_>) -> Result<Self> {
        let ([n, c], input) = image(call, 0)?;
        let window = Window::new(call, &input, &kernel(call, None)?)?;
        let shape = [&[n, c], &window.output()[..]].concat();
        Ok(Self { window, planes: n * c, input, shape })
    }
}

pub(super) fn average(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, pool) = (floats(call.input(0)?)?, Pool::new(call)?);
    let mut y = filled(&pool.shape, 0.0)?;
    pool.window.each(pool.planes, |o, i| y[o] += x[i]);
    let has_choice = call.schema.attribute("count_include_pad").is_some();
    let counts = match has_choice && call.flag("count_include_pad")? {
        true => pool.window.inside(),
        false => {
            let mut counts = vec![0.0; count(&pool.window.output())];
            pool.window.each(1, |o, _| counts[o] += 1.0);
            counts
        }
    };
    // A window of padding alone has the average 0.
    y.iter_mut().zip(counts.iter().cycle()).for_each(|(y, count)| *y /= count.max(1.0));
    Ok(vec![of_floats(call.input(0)?.dtype, &dims(&pool.shape), &y)?.into()])
}

pub(super) fn lp(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, pool, p) = (floats(call.input(0)?)?, Pool::new(call)?, norm(call)?);
    let mut y = filled(&pool.shape, 0.0)?;
    pool.window.each(pool.planes, |o, i| y[o] += x[i].abs().powf(p));
    y.iter_mut().for_each(|y| *y = y.powf(p.recip()));
    Ok(vec![of_floats(call.input(0)?.dtype, &dims(&pool.shape), &y)?.into()])
}

/// p of an Lp norm.
fn norm(call: &Call<'_>) -> Result<f64> {
    match call.int("p")? {
        p if p < 1 => Err(Error::input(format!("p is {p}, which is below 1"))),
        p => Ok(p as f64),
    }
}

/// Of equal numbers the first is the greatest; a NaN is greater than all.
pub(super) fn max(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let (numbers, pool) = (reals(x)?, Pool::new(call)?);
    let mut best: Vec<Option<usize>> = filled(&pool.shape, None)?;
    pool.window.each(pool.planes, |o, i| {
        if best[o].is_none_or(|best| is_greater(numbers[i], numbers[best])) {
            best[o] = Some(i);
        }
    });
    let least = match is_integer(x.dtype) {
        true => limits(x.dtype).0 as f64,
        false => f64::NEG_INFINITY,
    };
    let least = of_reals(x.dtype, &[1], &[least])?;
    let sources = best.iter().map(|place| place.map_or((1, 0), |place| (0, place)));
    let y = choose(&[x, &least], &pool.shape, sources)?;
    if call.outputs < 2 {
        return Ok(vec![y.into()]);
    }
    let by_columns = match call.int("storage_order")? {
        0 => None,
        1 => Some(column_major(&pool.input)),
        other => return Err(Error::input(format!("storage_order is {other}"))),
    };
    let plane = count(&pool.input).max(1);
    // A window of padding alone has no index.
    let index = |place: &Option<usize>| match (place, &by_columns) {
        (None, _) => -1,
        (Some(place), None) => *place as i64,
        (Some(place), Some(order)) => (place - place % plane + order[place % plane]) as i64,
    };
    let indices: Vec<i64> = best.iter().map(index).collect();
    Ok(vec![y.into(), of_i64s(&dims(&pool.shape), &indices).into()])
}

fn is_greater(x: f64, than: f64) -> bool {
    x > than || (x.is_nan() && !than.is_nan())
}

/// The places of all elements, row after row, in memory where the first axis changes fastest.
fn column_major(sizes: &[usize]) -> Vec<usize> {
    let place = |index: Vec<usize>| {
        index.iter().zip(sizes).rev().fold(0, |place, (at, size)| place * size + at)
    };
    indices(sizes).map(place).collect()
}

pub(super) fn global_average(call: &Call<'_>) -> Result<Vec<Value>> {
    global(call, |plane| plane.iter().sum::<f64>() / plane.len() as f64)
}

pub(super) fn global_lp(call: &Call<'_>) -> Result<Vec<Value>> {
    let p = norm(call)?;
    global(call, |plane| plane.iter().map(|x| x.abs().powf(p)).sum::<f64>().powf(p.recip()))
}

pub(super) fn global_max(call: &Call<'_>) -> Result<Vec<Value>> {
    global(call, |plane| {
        let greater = |max: f64, &x: &f64| if is_greater(x, max) { x } else { max };
        plane.iter().fold(f64::NEG_INFINITY, greater)
    })
}

/// A function of all numbers of a channel.
fn global(call: &Call<'_>, f: impl Fn(&[f64]) -> f64) -> Result<Vec<Value>> {
    let x: &Tensor = call.input(0)?;
    let numbers = floats(x)?;
    let ([n, c], spatial) = image(call, 0)?;
    let plane = count(&spatial);
    let y: Vec<f64> = (0..n * c).map(|at| f(&numbers[at * plane..][..plane])).collect();
    let shape = [vec![n, c], vec![1; spatial.len()]].concat();
    Ok(vec![of_floats(x.dtype, &dims(&shape), &y)?.into()])
}
