//! Running sums and products.

use crate::error::Result;
use crate::ops::numbers::{Numbers, i64s, numbers, of_numbers, one};
use crate::ops::rows::Rows;
use crate::ops::shape::{axis, sizes};
use crate::ops::{Call, Value};

/// Where a run starts, and how an element goes on.
type Run<T> = (T, fn(T, T) -> T);

/// All elements up to each along an axis.
pub(super) fn running(call: &Call<'_>, f: Run<f64>, g: Run<i128>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let shape = sizes(x);
    let along = axis(one("axis", &i64s(call.input(1)?)?)?, shape.len())?;
    let rows = Rows::along(&[along], &shape);
    let (exclusive, reverse) = (call.flag("exclusive")?, call.flag("reverse")?);
    let mut y = numbers(x)?;
    match &mut y {
        Numbers::Floats(y) => rows.change(y, |_, row| run(row, f, exclusive, reverse)),
        Numbers::Integers(y) => rows.change(y, |_, row| run(row, g, exclusive, reverse)),
    }
    Ok(vec![of_numbers(x.dtype, &x.dims, &y)?.into()])
}

fn run<T: Copy>(row: &mut [T], (start, next): Run<T>, exclusive: bool, reverse: bool) {
    let mut sum = start;
    let mut step = |x: &mut T| {
        let before = sum;
        sum = next(sum, *x);
        *x = if exclusive { before } else { sum };
    };
    match reverse {
        false => row.iter_mut().for_each(&mut step),
        true => row.iter_mut().rev().for_each(&mut step),
    }
}
