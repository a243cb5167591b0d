//! Attention with the projections of its input.

use super::mask::Mask;
use super::norm::vector;
use super::rotary::optional_flag;
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::attention::heads::{Heads, head_count};
use crate::ops::attention::scaled::{Attend, Stage};
use crate::ops::numbers::{floats, of_floats};
use crate::ops::shape::{dims, room, sizes};
use crate::ops::{Call, Value};

pub(super) fn attention(call: &Call<'_>) -> Result<Vec<Value>> {
    for name in ["do_rotary", "past_present_share_buffer"] {
        if optional_flag(call, name)? {
            return Err(Error::input(format!("{name} is not supported")));
        }
    }
    let x = call.input(0)?;
    let heads = head_count(call, "num_heads")?;
    let projected = projected(call, x, heads)?;
    let Attended { y, k, v, .. } = attend(call, projected, past(call)?, [3, 5], None)?;
    let mut outputs = vec![y.packed_tensor(x.dtype)?.into()];
    if call.outputs > 1 {
        if k.size != v.size {
            return Err(Error::input("keys and values of other sizes have no common cache"));
        }
        let shape = [2, k.batch, heads, k.length, k.size];
        outputs.push(of_floats(x.dtype, &dims(&shape), &[k.data, v.data].concat())?.into());
    }
    Ok(outputs)
}

/// What comes of queries, and the keys and values that they saw.
pub(super) struct Attended {
    pub(super) y: Heads,
    pub(super) k: Heads,
    pub(super) v: Heads,
    /// Sizes of the scores, and those that are kept.
    pub(super) scores: ([usize; 4], Vec<f64>),
}

/// Attention to keys and values behind those of the past, with the mask of these input slots.
pub(super) fn attend(
    call: &Call<'_>,
    [q, k, v]: [Heads; 3],
    (past_key, past_value): (Option<Heads>, Option<Heads>),
    mask: [usize; 2],
    keep: Option<Stage>,
) -> Result<Attended> {
    let past = past_key.as_ref().map_or(0, |past| past.length);
    let (k, v) = (k.after(past_key.as_ref())?, v.after(past_value.as_ref())?);
    let scale = scale(call, q.size)?;
    let attend = Attend { q: &q, k: &k, v: &v, scale, softcap: 0.0, sinks: None, keep };
    let sizes = attend.scores();
    let mask = Mask::of(call, mask, sizes, past)?;
    let (y, kept) = attend.run(|place| mask.at(place))?;
    Ok(Attended { y, scores: (sizes, kept), k, v })
}

/// The scale that is given, or the default.
pub(super) fn scale(call: &Call<'_>, size: usize) -> Result<f64> {
    match call.has("scale") && call.float("scale")? != 0.0 {
        true => call.float("scale"),
        false => Ok(Attend::default_scale(size)),
    }
}

/// Queries, keys and values: the input times the weights, and a bias.
fn projected(call: &Call<'_>, x: &Tensor, heads: usize) -> Result<[Heads; 3]> {
    let weights = call.input(1)?;
    let ([batch, length, input], [rows, columns]) = (&sizes(x)[..], &sizes(weights)[..]) else {
        let (x, weights) = (&x.dims, &weights.dims);
        return Err(Error::input(format!("input {x:?} and weights {weights:?}")));
    };
    if input != rows || *input == 0 || *columns == 0 {
        let (x, weights) = (&x.dims, &weights.dims);
        return Err(Error::input(format!("input {x:?} and weights {weights:?}")));
    }
    let widths = match call.ints("qkv_hidden_sizes")?.as_deref() {
        Some(&[q, k, v]) => [q, k, v].map(|size| usize::try_from(size).unwrap_or(0)),
        Some(other) => return Err(Error::input(format!("qkv_hidden_sizes is {other:?}"))),
        None => [columns / 3; 3],
    };
    if widths.iter().try_fold(0_usize, |sum, &width| sum.checked_add(width)) != Some(*columns) {
        return Err(Error::input(format!("{columns} columns of weights are not {widths:?}")));
    }
    room(&dims(&[*batch, *length, *columns]))?;
    let bias = vector(call, 2, *columns)?.unwrap_or_else(|| vec![0.0; *columns]);
    let (x, weights) = (floats(x)?, floats(weights)?);
    let mut packed = widths.map(|_| Vec::new());
    for row in x.chunks_exact(*input) {
        let mut product = bias.clone();
        for (x, weights) in row.iter().zip(weights.chunks_exact(*columns)) {
            product.iter_mut().zip(weights).for_each(|(sum, w)| *sum += x * w);
        }
        let mut rest = &product[..];
        for (packed, width) in packed.iter_mut().zip(widths) {
            packed.extend_from_slice(&rest[..width]);
            rest = &rest[width..];
        }
    }
    let of = |at: usize| Heads::unpacked([*batch, *length, widths[at]], heads, &packed[at]);
    Ok([of(0)?, of(1)?, of(2)?])
}

/// The caches of keys and values, that stand one after the other.
fn past(call: &Call<'_>) -> Result<(Option<Heads>, Option<Heads>)> {
    let Some(past) = call.optional(4)? else { return Ok((None, None)) };
    let shape = sizes(past);
    let [2, batch, heads, length, size] = shape[..] else {
        return Err(Error::input(format!("past is {shape:?}")));
    };
    let data = floats(past)?;
    let of = |data: &[f64]| Some(Heads { batch, heads, length, size, data: data.to_vec() });
    let (key, value) = data.split_at(data.len() / 2);
    Ok((of(key), of(value)))
}
