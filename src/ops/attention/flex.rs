//! FlexAttention (<https://docs.pytorch.org/docs/stable/nn.attention.flex_attention.html>): scores
//! and probabilities pass through subgraphs.

use super::heads::Heads;
use super::scaled::{Attend, softmax};
use super::standard::check_precision;
use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use crate::ops::numbers::{floats, of_floats};
use crate::ops::shape::{dims, indices};
use crate::ops::{Call, Value};

pub(super) fn flex_attention(call: &Call<'_>) -> Result<Vec<Value>> {
    let rank_4 = || Err(Error::input("rank 4 is accepted"));
    let input = |slot: usize| {
        Heads::of(call.input(slot)?, rank_4).map_err(|e| e.within(format!("input {slot}")))
    };
    let (q, k, v) = (input(0)?, input(1)?, input(2)?);
    let attend = Attend {
        q: &q,
        k: &k,
        v: &v,
        scale: if call.has("scale") { call.float("scale")? } else { Attend::default_scale(q.size) },
        softcap: 0.0,
        sinks: None,
        keep: None,
    };
    attend.check()?;
    check_precision(call)?;
    let shape = attend.scores();
    let queries = || indices(&shape[..3]).map(|at| [at[0], at[1], at[2]]);
    let scores = queries().flat_map(|at| attend.raw(at)).collect();
    let mut scores = modified(call, "score_mod", scores, &dims(&shape))?;
    scores.chunks_exact_mut(shape[3].max(1)).for_each(|row| softmax(row, None));
    let probabilities = modified(call, "prob_mod", scores, &dims(&shape))?;
    let row = |(at, [batch, head, _]): (usize, [usize; 3])| {
        attend.weighted([batch, head], &probabilities[at * shape[3]..][..shape[3]])
    };
    let data = queries().enumerate().flat_map(row).collect();
    let y = Heads { batch: q.batch, heads: q.heads, length: q.length, size: v.size, data };
    Ok(vec![y.tensor(call.input(0)?.dtype)?.into()])
}

/// Scores, or probabilities, as a subgraph returns them, in the precision of the softmax.
fn modified(call: &Call<'_>, name: &str, scores: Vec<f64>, dims: &[i64]) -> Result<Vec<f64>> {
    if !call.has(name) {
        return Ok(scores);
    }
    let precision = match (call.has("softmax_precision"), call.input(0)?.dtype) {
        (true, _) => call.dtype("softmax_precision")?,
        (false, DataType::F64) => DataType::F64,
        (false, _) => DataType::F32,
    };
    let made =
        (call.run_graph)(call.graph(name)?, vec![of_floats(precision, dims, &scores)?.into()])
            .map_err(|e| e.within(name))?;
    match &made[..] {
        [made] => {
            let made = made.tensor()?;
            if made.dims != dims || made.dtype != precision {
                let expected = Tensor::new(precision, dims.to_vec(), made.data.clone()).ty();
                return Err(Error::input(format!("{name} returns {}, not {expected}", made.ty())));
            }
            floats(made)
        }
        _ => Err(Error::input(format!("{name} has {} outputs, not 1", made.len()))),
    }
}
