//! Tensors that numbers describe.

use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::elements::pick;
use crate::ops::numbers::{
    Numbers, floats, integers, is_float, numbers, of_floats, of_integers, of_numbers, one,
};
use crate::ops::shape::{count, room, sizes};
use crate::ops::{Call, Value};

/// Ones where the column is the row plus `k`.
pub(super) fn eye_like(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, k) = (call.input(0)?, i128::from(call.int("k")?));
    let dtype = if call.has("dtype") { call.dtype("dtype")? } else { data.dtype };
    let own = sizes(data);
    let &[_, columns] = own.as_slice() else {
        return Err(Error::input(format!("sizes {own:?} are no matrix")));
    };
    let both = match is_float(dtype) {
        true => of_floats(dtype, &[2], &[0.0, 1.0])?,
        false => of_integers(dtype, &[2], &[0, 1])?,
    };
    let is_one = |place: usize| (place % columns) as i128 == (place / columns) as i128 + k;
    Ok(vec![pick(&both, &own, (0..count(&own)).map(|place| is_one(place).into()))?.into()])
}

/// An index may count from the end since operator set 11.
pub(super) fn one_hot(call: &Call<'_>) -> Result<Vec<Value>> {
    let (at, values) = (call.input(0)?, call.input(2)?);
    if values.element_count() != Some(2) {
        return Err(Error::input(format!("values has sizes {:?}: two are accepted", values.dims)));
    }
    let depth = one("depth", &whole(call.input(1)?)?)?;
    let (axis, rank) = (call.int("axis")?, at.dims.len());
    let axis = crate::ops::shape::axis(axis, rank + 1)?;
    let mut result = at.dims.clone();
    result.insert(axis, i64::try_from(depth).unwrap_or(-1));
    let result = room(&result)?;
    let depth = result[axis];
    let width = count(&result[axis + 1..]);
    let from_end = if call.since() < 11 { 0 } else { depth as i128 };
    let hot = |index: i128| if index < 0 { index + from_end } else { index };
    let hot: Vec<i128> = whole(at)?.into_iter().map(hot).collect();
    let is_hot = |place: usize| {
        let (row, class) = (place / width / depth, place / width % depth);
        hot[row * width + place % width] == class as i128
    };
    Ok(vec![pick(values, &result, (0..count(&result)).map(|place| is_hot(place).into()))?.into()])
}

/// Integers, and floats without their fraction.
fn whole(tensor: &Tensor) -> Result<Vec<i128>> {
    Ok(match numbers(tensor)? {
        Numbers::Integers(integers) => integers,
        Numbers::Floats(floats) => floats.into_iter().map(|x| i128::from(x as i64)).collect(),
    })
}

/// In float64, which is at least what `stash_type` asks for.
pub(super) fn range(call: &Call<'_>) -> Result<Vec<Value>> {
    let three = [call.input(0)?, call.input(1)?, call.input(2)?];
    let dtype = three[0].dtype;
    if three.iter().any(|tensor| tensor.dtype != dtype) {
        return Err(Error::input("start, limit and delta are of different types"));
    }
    // Casts of floats to integers saturate.
    let zero = || Error::input("delta is 0");
    let range = if is_float(dtype) {
        let [start, limit, delta] = three.map(|tensor| one("a scalar", &floats(tensor)?));
        let (start, limit, delta) = (start?, limit?, delta?);
        if delta == 0.0 {
            return Err(zero());
        }
        let number = ((limit - start) / delta).ceil().max(0.0) as i64;
        let number = room(&[number])?[0];
        Numbers::Floats((0..number).map(|at| start + at as f64 * delta).collect())
    } else {
        let [start, limit, delta] = three.map(|tensor| one("a scalar", &integers(tensor)?));
        let (start, limit, delta) = (start?, limit?, delta?);
        let whole = (limit - start).checked_div(delta).ok_or_else(zero)?;
        let has_rest = whole * delta != limit - start && (limit > start) == (delta > 0);
        let number = whole.saturating_add(has_rest.into()).clamp(0, i64::MAX.into()) as i64;
        let number = room(&[number])?[0];
        Numbers::Integers((0..number).map(|at| start + at as i128 * delta).collect())
    };
    let dims = match &range {
        Numbers::Floats(range) => [range.len() as i64],
        Numbers::Integers(range) => [range.len() as i64],
    };
    Ok(vec![of_numbers(dtype, &dims, &range)?.into()])
}
