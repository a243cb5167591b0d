//! Embeddings of words, positions and segments, normalized.

use super::norm::{Norm, needed};
use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use crate::ops::numbers::{floats, i64s, integers, of_floats, of_integers};
use crate::ops::shape::{dims, room, sizes};
use crate::ops::{Call, Value};

pub(super) fn embed_layer_normalization(call: &Call<'_>) -> Result<Vec<Value>> {
    let ids = call.input(0)?;
    let [batch, length] = sizes(ids)[..] else {
        return Err(Error::input(format!("input_ids is {:?}: rank 2 is accepted", ids.dims)));
    };
    let words = Table::of(call.input(2)?)?;
    let size = words.size;
    let shape = dims(&[batch, length, size]);
    room(&shape)?;
    let mut sum = Vec::new();
    for &id in &i64s(ids)? {
        sum.extend_from_slice(words.row(id)?);
    }
    let mut add = |table: &Tensor, rows: &[i64]| {
        let table = Table::of(table)?;
        if table.size != size {
            return Err(Error::input(format!(
                "embeddings have {size} and {} elements",
                table.size
            )));
        }
        for (sum, &row) in sum.chunks_exact_mut(size.max(1)).zip(rows.iter().cycle()) {
            sum.iter_mut().zip(table.row(row)?).for_each(|(sum, x)| *sum += x);
        }
        Ok(())
    };
    let positions = match call.optional(8)? {
        Some(given) if sizes(given) == [batch, length] || sizes(given) == [1, length] => {
            i64s(given)?
        }
        Some(given) => return Err(Error::input(format!("position_ids is {:?}", given.dims))),
        None => (0..length as i64).collect(),
    };
    add(call.input(3)?, &positions)?;
    match (call.optional(1)?, call.optional(4)?) {
        (Some(segments), Some(table)) if segments.dims == ids.dims => add(table, &i64s(segments)?)?,
        (None, None) => {}
        _ => return Err(Error::input("segment_ids and segment_embedding do not fit")),
    }
    let norm = Norm {
        gamma: needed(call, 5, size)?,
        beta: Some(needed(call, 6, size)?),
        is_centered: true,
        epsilon: call.float("epsilon")?,
    };
    let (y, _, _) = norm.rows(&sum);
    let dtype = call.input(2)?.dtype;
    Ok(vec![
        of_floats(dtype, &shape, &y)?.into(),
        mask_index(call, ids)?.into(),
        of_floats(dtype, &shape, &sum)?.into(),
    ])
}

/// How many words of each sequence are not masked; 0 without a mask.
fn mask_index(call: &Call<'_>, ids: &Tensor) -> Result<Tensor> {
    let batch = sizes(ids)[0];
    let counts: Vec<i128> = match call.optional(7)? {
        Some(mask) if mask.dims == ids.dims => {
            let mask = integers(mask)?;
            let row = |at: usize| &mask[at * (mask.len() / batch)..][..mask.len() / batch];
            (0..batch).map(|at| row(at).iter().filter(|&&x| x == 1).count() as i128).collect()
        }
        Some(mask) => return Err(Error::input(format!("mask is {:?}", mask.dims))),
        None => vec![0; batch],
    };
    of_integers(DataType::I32, &[batch as i64], &counts)
}

/// An embedding.
struct Table {
    data: Vec<f64>,
    rows: usize,
    size: usize,
}

impl Table {
    fn of(tensor: &Tensor) -> Result<Self> {
        match sizes(tensor)[..] {
            [rows, size] if size > 0 => Ok(Self { data: floats(tensor)?, rows, size }),
            ref shape => Err(Error::input(format!("an embedding is {shape:?}"))),
        }
    }

    fn row(&self, id: i64) -> Result<&[f64]> {
        let row = usize::try_from(id).ok().filter(|&row| row < self.rows);
        let row = row.ok_or_else(|| Error::input(format!("id {id} is none of {}", self.rows)))?;
        Ok(&self.data[row * self.size..][..self.size])
    }
}
