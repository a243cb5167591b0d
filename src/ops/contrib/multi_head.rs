//! MultiHeadAttention: packed or not, keys and values given or of a cache.

use super::attention::{Attended, attend};
use super::norm::vector;
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::attention::heads::{Heads, head_count};
use crate::ops::attention::scaled::Stage;
use crate::ops::attention::standard::past;
use crate::ops::numbers::{floats, of_floats};
use crate::ops::shape::{dims, sizes};
use crate::ops::{Call, Value};

pub(super) fn multi_head_attention(call: &Call<'_>) -> Result<Vec<Value>> {
    for slot in [8, 9] {
        if call.optional(slot)?.is_some() {
            let name = call.schema.input(slot).map_or("?", |input| input.name);
            return Err(Error::input(format!("{name} is not supported")));
        }
    }
    let heads = head_count(call, "num_heads")?;
    let [mut q, mut k, mut v] = inputs(call, heads)?;
    add_bias(call, [&mut q, &mut k, &mut v])?;
    let keep = (call.outputs > 3).then_some(Stage::Biased);
    let attended = attend(call, [q, k, v], past(call, 6)?, [4, 5], keep)?;
    let Attended { y, k, v, scores: (sizes, kept) } = attended;
    let dtype = call.input(0)?.dtype;
    let mut outputs: Vec<Value> =
        vec![y.packed_tensor(dtype)?.into(), k.tensor(dtype)?.into(), v.tensor(dtype)?.into()];
    if keep.is_some() {
        outputs.push(of_floats(dtype, &dims(&sizes), &kept)?.into());
    }
    Ok(outputs)
}

/// Queries, keys and values.
fn inputs(call: &Call<'_>, heads: usize) -> Result<[Heads; 3]> {
    let query = call.input(0)?;
    let of = |tensor: &Tensor| Heads::of(tensor, || Ok(heads));
    if query.dims.len() == 4 {
        return Err(Error::input("queries of rank 4 are not accepted"));
    }
    match (call.optional(1)?, call.optional(2)?) {
        (None, None) => packed(query, heads),
        (Some(key), None) => {
            let [k, v] = packed(key, heads)?;
            Ok([of(query)?, k, v])
        }
        (Some(key), Some(value)) => Ok([of(query)?, of(key)?, of(value)?]),
        (None, Some(_)) => Err(Error::input("there are values, but no keys")),
    }
}

/// Those of a tensor (batch, length, heads, N, size).
fn packed<const N: usize>(tensor: &Tensor, heads: usize) -> Result<[Heads; N]> {
    let shape = sizes(tensor);
    let [batch, length, own_heads, parts, size] = shape[..] else {
        return Err(Error::input(format!("{shape:?} packs no {N} tensors")));
    };
    if (own_heads, parts) != (heads, N) {
        return Err(Error::input(format!("{shape:?} packs no {N} tensors of {heads} heads")));
    }
    let data = floats(tensor)?;
    let mut made = Vec::new();
    for part in 0..N {
        let vectors = data.chunks_exact(size.max(1)).skip(part).step_by(N);
        let own: Vec<f64> = vectors.flatten().copied().collect();
        made.push(Heads::unpacked([batch, length, heads * size], heads, &own)?);
    }
    made.try_into().map_err(|_| Error::bug("N parts are N"))
}

/// Adds a bias of all heads of queries, then of keys, then of values; keys and values that are
/// given by head have theirs.
fn add_bias(call: &Call<'_>, all: [&mut Heads; 3]) -> Result<()> {
    let width = all.iter().map(|heads| heads.heads * heads.size).sum();
    let Some(bias) = vector(call, 3, width)? else { return Ok(()) };
    let is_by_head = call.optional(1)?.is_some_and(|key| key.dims.len() == 4);
    let mut rest = &bias[..];
    for heads in all.into_iter().take(if is_by_head { 1 } else { 3 }) {
        let (own, following) = rest.split_at(heads.heads * heads.size);
        let size = heads.size;
        for ([_, head, _], vector) in heads.vectors_mut() {
            vector.iter_mut().zip(&own[head * size..]).for_each(|(x, bias)| *x += bias);
        }
        rest = following;
    }
    Ok(())
}
