//! Queries, keys and values, before they meet.

use super::cache::Lengths;
use super::optional_flag;
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::Call;
use crate::ops::attention::heads::{Heads, head_count};
use crate::ops::attention::rotary::{Rotation, positions};
use crate::ops::contrib::norm::{Norm, vector};
use crate::ops::numbers::floats;
use crate::ops::shape::sizes;

/// Given one by one, or all in the first input.
pub(super) fn inputs(call: &Call<'_>) -> Result<[Heads; 3]> {
    let (heads, shared) = (head_count(call, "num_heads")?, head_count(call, "kv_num_heads")?);
    let query = call.input(0)?;
    let [batch, length, hidden] = sizes(query)[..] else {
        return Err(Error::input(format!("query is {:?}: rank 3 is accepted", query.dims)));
    };
    match (call.optional(1)?, call.optional(2)?) {
        (Some(key), Some(value)) => Ok([
            Heads::unpacked([batch, length, hidden], heads, &floats(query)?)?,
            of_new(key, shared)?,
            of_new(value, shared)?,
        ]),
        (None, None) => {
            let all =
                Heads::unpacked([batch, length, hidden], heads + 2 * shared, &floats(query)?)?;
            let part = |first: usize, count: usize| {
                let size = length * all.size;
                let of = |b: usize| &all.data[(b * all.heads + first) * size..][..count * size];
                let data = (0..batch).flat_map(of).copied().collect();
                Heads { batch, heads: count, length, size: all.size, data }
            };
            Ok([part(0, heads), part(heads, shared), part(heads + shared, shared)])
        }
        _ => Err(Error::input("keys and values are given together, or not at all")),
    }
}

fn of_new(tensor: &Tensor, heads: usize) -> Result<Heads> {
    match sizes(tensor)[..] {
        [batch, length, hidden] => {
            Heads::unpacked([batch, length, hidden], heads, &floats(tensor)?)
        }
        ref shape => Err(Error::input(format!("new keys or values are {shape:?}, not of rank 3"))),
    }
}

/// Normalizes vectors by their root mean square, where there are weights.
pub(super) fn normalize(call: &Call<'_>, [q, k]: [&mut Heads; 2]) -> Result<()> {
    for (heads, slot, epsilon) in [(q, 14, "q_norm_epsilon"), (k, 15, "k_norm_epsilon")] {
        let Some(gamma) = vector(call, slot, heads.size)? else { continue };
        let epsilon = if call.has(epsilon) { epsilon } else { "qk_norm_epsilon" };
        let norm = Norm { gamma, beta: None, is_centered: false, epsilon: call.float(epsilon)? };
        heads.data = norm.rows(&heads.data).0;
    }
    Ok(())
}

/// Rotates vectors by their positions.
pub(super) fn rotate(call: &Call<'_>, [q, k]: [&mut Heads; 2], lengths: &Lengths) -> Result<()> {
    if !optional_flag(call, "do_rotary")? {
        return Ok(());
    }
    let is_interleaved = optional_flag(call, "rotary_interleaved")?;
    let rotation = Rotation::new(call.input(7)?, call.input(8)?, is_interleaved)?;
    let given = call.optional(9)?.map(|ids| positions(ids, q.batch, q.length)).transpose()?;
    let position = |batch: usize, place: usize| match &given {
        // Of a prompt ONNX Runtime reads the first position alone.
        Some(given) if lengths.is_prompt => Ok(given(0, 0)?.saturating_add(place as i64)),
        Some(given) => given(batch, place),
        // Padding has the first angles.
        None => {
            let position = lengths.past[batch] + place;
            Ok(if position < lengths.totals[batch] { position as i64 } else { 0 })
        }
    };
    rotation.rotate(q, position)?;
    rotation.rotate(k, position)
}
