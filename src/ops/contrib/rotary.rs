//! Rotary embeddings (<https://arxiv.org/abs/2104.09864>).

use crate::error::{Error, Result};
use crate::ops::attention::heads::{Heads, head_count};
use crate::ops::attention::rotary::{Rotation, positions};
use crate::ops::{Call, Value};

/// Attributes `is_packed_batching` and `scale` change nothing, as in ONNX Runtime: positions say
/// what is of which sequence.
pub(super) fn rotary_embedding(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let rotation =
        Rotation::new(call.input(2)?, call.input(3)?, optional_flag(call, "interleaved")?)?;
    let dim = if call.has("rotary_embedding_dim") { call.int("rotary_embedding_dim")? } else { 0 };
    let heads = || match dim {
        0 => {
            let hidden = x.dims.last().map_or(0, |&size| size as usize);
            let heads = hidden.checked_div(rotation.rotated());
            heads.ok_or_else(|| Error::input("there are no angles"))
        }
        _ => head_count(call, "num_heads"),
    };
    let mut vectors = Heads::of(x, heads)?;
    rotation.check(dim, &vectors)?;
    let positions = positions(call.input(1)?, vectors.batch, vectors.length)?;
    rotation.rotate(&mut vectors, positions)?;
    Ok(vec![vectors.tensor_like(x)?.into()])
}

/// Whether an integer that may be left out is 1.
pub(super) fn optional_flag(call: &Call<'_>, name: &str) -> Result<bool> {
    Ok(call.has(name) && call.flag(name)?)
}
