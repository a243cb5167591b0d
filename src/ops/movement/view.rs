//! Sizes, and the same elements with other sizes.

use crate::error::{Error, Result};
use crate::ops::elements::reshaped;
use crate::ops::numbers::{i64s, of_i64s};
use crate::ops::shape::{axes, count, dims, room, sizes};
use crate::ops::{Call, Value};

/// From `start` to `end`, which may count from the last axis on, and go beyond.
pub(super) fn shape(call: &Call<'_>) -> Result<Vec<Value>> {
    let own = &call.input(0)?.dims;
    let rank = own.len() as i64;
    let end = if call.has("end") { call.int("end")? } else { rank };
    let start = if call.has("start") { call.int("start")? } else { 0 };
    let place = |at: i64| if at < 0 { at.saturating_add(rank) } else { at }.clamp(0, rank) as usize;
    let (start, end) = (place(start), place(end));
    let part = own.get(start..end).unwrap_or(&[]);
    Ok(vec![of_i64s(&[part.len() as i64], part).into()])
}

pub(super) fn size(call: &Call<'_>) -> Result<Vec<Value>> {
    let count = count(&sizes(call.input(0)?)) as i64;
    Ok(vec![of_i64s(&[], &[count]).into()])
}

/// A size of 0 is that of the input, unless it is allowed; −1 is what is left.
pub(super) fn reshape(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, shape) = (call.input(0)?, i64s(call.input(1)?)?);
    let allows_zero = call.has("allowzero") && call.flag("allowzero")?;
    let wrong = |what: &str| {
        let found = &data.dims;
        Err(Error::input(format!("sizes {found:?} cannot become {shape:?}: {what}")))
    };
    let mut dims = shape.clone();
    // Sizes that are kept say nothing about the one that is left, not even where they are 0.
    let mut rest = sizes(data);
    let mut open = None;
    for (axis, size) in dims.iter_mut().enumerate() {
        match *size {
            0 if !allows_zero => match rest.get_mut(axis) {
                Some(own) => *size = std::mem::replace(own, 1) as i64,
                None => return wrong("there is no size to keep"),
            },
            -1 if open.is_none() => open = Some(axis),
            -1 => return wrong("-1 stands twice"),
            _ => {}
        }
    }
    if let Some(open) = open {
        dims[open] = 1;
        let is_kept = |axis: usize| shape[axis] == 0 && !allows_zero;
        let given = (0..dims.len()).filter(|&axis| !is_kept(axis)).map(|axis| dims[axis]);
        let given = count(&room(&given.collect::<Vec<_>>())?);
        if given == 0 || !count(&rest).is_multiple_of(given) {
            return wrong("-1 is no whole number");
        }
        dims[open] = (count(&rest) / given) as i64;
    }
    if count(&room(&dims)?) != count(&sizes(data)) {
        return wrong("the numbers of elements differ");
    }
    Ok(vec![reshaped(data, dims).into()])
}

/// Without axes all that have one element.
pub(super) fn squeeze(call: &Call<'_>) -> Result<Vec<Value>> {
    let data = call.input(0)?;
    let rank = data.dims.len();
    let dropped = match call.numbers(1, "axes")? {
        Some(list) => axes(&list, rank)?,
        None => (0..rank).filter(|&axis| data.dims[axis] == 1).collect(),
    };
    if let Some(axis) = dropped.iter().find(|&&axis| data.dims[axis] != 1) {
        let size = data.dims[*axis];
        return Err(Error::input(format!("axis {axis} has {size} elements: 1 is accepted")));
    }
    let left = (0..rank).filter(|axis| !dropped.contains(axis)).map(|axis| data.dims[axis]);
    Ok(vec![reshaped(data, left.collect()).into()])
}

pub(super) fn unsqueeze(call: &Call<'_>) -> Result<Vec<Value>> {
    let data = call.input(0)?;
    let list = call.numbers(1, "axes")?.unwrap_or_default();
    let rank = data.dims.len() + list.len();
    let added = axes(&list, rank)?;
    let mut own = data.dims.iter();
    let size = |axis| if added.contains(&axis) { Some(1) } else { own.next().copied() };
    Ok(vec![reshaped(data, (0..rank).map_while(size).collect()).into()])
}

/// Two axes: those before `axis`, and the others.
pub(super) fn flatten(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, axis) = (call.input(0)?, call.int("axis")?);
    let own = sizes(data);
    let place = if axis < 0 { axis.saturating_add(own.len() as i64) } else { axis };
    let place = usize::try_from(place).ok().filter(|&place| place <= own.len());
    let place = place.ok_or_else(|| {
        Error::input(format!(
            "axis {axis} is none of the {} before and after an axis",
            own.len() + 1
        ))
    })?;
    let (before, after) = own.split_at(place);
    Ok(vec![reshaped(data, dims(&[count(before), count(after)])).into()])
}
