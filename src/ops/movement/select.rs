//! Elements by conditions.

use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::elements::{along_axes, choose, is_zero, reshaped, zero};
use crate::ops::numbers::{bools, integers, of_i64s, one};
use crate::ops::shape::{axis, broadcast, broadcast_strides, count, dims, indices, places, sizes};
use crate::ops::{Call, Value};

pub(super) fn choose_where(call: &Call<'_>) -> Result<Vec<Value>> {
    let (condition, x, y) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let all = [condition, x, y].map(sizes);
    let result = broadcast(&all.each_ref().map(Vec::as_slice))?;
    let [c, a, b] = all.map(|own| broadcast_strides(&own, &result));
    let condition = bools(condition)?;
    let both = places(&result, &a).zip(places(&result, &b));
    let chosen =
        places(&result, &c).zip(both).map(|(c, (a, b))| if condition[c] { (0, a) } else { (1, b) });
    Ok(vec![choose(&[x, y], &result, chosen)?.into()])
}

/// The first input and the axis that is said; without one, all elements in a row.
pub(super) fn along_or_flat(call: &Call<'_>) -> Result<(Tensor, usize)> {
    let data = call.input(0)?;
    match call.has("axis") {
        true => Ok((data.clone(), axis(call.int("axis")?, data.dims.len())?)),
        false => Ok((reshaped(data, vec![count(&sizes(data)) as i64]), 0)),
    }
}

/// A condition for each of the first elements.
pub(super) fn compress(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, along) = along_or_flat(call)?;
    let condition = bools(call.input(1)?)?;
    let chosen: Vec<usize> = (0..condition.len()).filter(|&at| condition[at]).collect();
    let mut dims = data.dims.clone();
    if let Some(beyond) = chosen.last().filter(|&&at| at as i64 >= dims[along]) {
        return Err(Error::input(format!(
            "condition {beyond} is of none of {} elements",
            dims[along]
        )));
    }
    dims[along] = chosen.len() as i64;
    let source = |axis, index: usize| Some(if axis == along { chosen[index] } else { index });
    Ok(vec![along_axes(&data, &dims, &zero(data.dtype), source)?.into()])
}

/// A row for each axis, a column for each element.
pub(super) fn non_zero(call: &Call<'_>) -> Result<Vec<Value>> {
    let data = call.input(0)?;
    let own = sizes(data);
    let is_zero = is_zero(data)?;
    let found: Vec<Vec<usize>> = indices(&own)
        .zip(is_zero)
        .filter(|(_, is_zero)| !is_zero)
        .map(|(index, _)| index)
        .collect();
    let row = |axis: usize| found.iter().map(move |index| index[axis] as i64);
    let all: Vec<i64> = (0..own.len()).flat_map(row).collect();
    Ok(vec![of_i64s(&dims(&[own.len(), found.len()]), &all).into()])
}

pub(super) fn trilu(call: &Call<'_>) -> Result<Vec<Value>> {
    let data = call.input(0)?;
    let own = sizes(data);
    let &[.., rows, columns] = own.as_slice() else {
        return Err(Error::input(format!("sizes {own:?} are of no matrices")));
    };
    let k = call.optional(1)?.map_or(Ok(0), |k| one("k", &integers(k)?))?;
    let is_upper = call.flag("upper")?;
    let is_kept = |place: usize| {
        let (row, column) = (place / columns % rows, place % columns);
        let beyond = column as i128 - row as i128 - k;
        if is_upper { beyond >= 0 } else { beyond <= 0 }
    };
    let chosen = (0..count(&own)).map(|place| if is_kept(place) { (0, place) } else { (1, 0) });
    Ok(vec![choose(&[data, &zero(data.dtype)], &own, chosen)?.into()])
}
