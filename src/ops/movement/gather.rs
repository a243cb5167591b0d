//! Elements by their indices.

use super::indices::{along, elements, rows};
use crate::error::{Error, Result};
use crate::ops::elements::pick;
use crate::ops::shape::{axis, count, room, sizes};
use crate::ops::{Call, Value};

pub(super) fn gather(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, at) = (call.input(0)?, call.input(1)?);
    let own = sizes(data);
    let axis = axis(call.int("axis")?, own.len())?;
    let dims = [&data.dims[..axis], &at.dims, &data.dims[axis + 1..]].concat();
    let result = room(&dims)?;
    let (size, width) = (own[axis], count(&own[axis + 1..]));
    let chosen = along(at, size)?;
    let row = |row: usize| chosen.iter().map(move |index| (row * size + index) * width);
    let places = (0..count(&own[..axis])).flat_map(row).flat_map(|start| start..start + width);
    Ok(vec![pick(data, &result, places)?.into()])
}

pub(super) fn gather_elements(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, at) = (call.input(0)?, call.input(1)?);
    let axis = axis(call.int("axis")?, data.dims.len())?;
    let places = elements(data, at, axis)?;
    Ok(vec![pick(data, &sizes(at), places.into_iter())?.into()])
}

pub(super) fn gather_nd(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, at) = (call.input(0)?, call.input(1)?);
    let batch = if call.since() < 12 { 0 } else { call.int("batch_dims")? };
    let batch =
        usize::try_from(batch).map_err(|_| Error::input(format!("batch_dims is {batch}")))?;
    let (starts, width) = rows(data, at, batch)?;
    let (depth, rows) = at.dims.split_last().map_or((0, &[][..]), |(&last, rows)| (last, rows));
    let result = room(&[rows, &data.dims[batch + depth as usize..]].concat())?;
    let places = starts.into_iter().flat_map(|start| start..start + width);
    Ok(vec![pick(data, &result, places)?.into()])
}
