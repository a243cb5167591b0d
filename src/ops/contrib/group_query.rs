//! GroupQueryAttention: a cache that may have room for what follows, and rotations.

mod cache;
mod inputs;

use super::attention::scale;
use super::rotary::optional_flag;
use crate::error::{Error, Result};
use crate::ops::attention::bias::{Bias, Place};
use crate::ops::attention::scaled::{Attend, Stage};
use crate::ops::numbers::{floats, of_floats};
use crate::ops::shape::dims;
use crate::ops::{Call, Value};
use cache::Lengths;

pub(super) fn group_query_attention(call: &Call<'_>) -> Result<Vec<Value>> {
    check_supported(call)?;
    let [mut q, mut k, v] = inputs::inputs(call)?;
    let lengths = Lengths::of(call, &q, &k)?;
    inputs::normalize(call, [&mut q, &mut k])?;
    inputs::rotate(call, [&mut q, &mut k], &lengths)?;
    let (past_key, past_value) = crate::ops::attention::standard::past(call, 3)?;
    let k = lengths.present(past_key.as_ref(), &k)?;
    let v = lengths.present(past_value.as_ref(), &v)?;
    let sinks = sinks(call, q.heads)?;
    let attend = Attend {
        q: &q,
        k: &k,
        v: &v,
        scale: scale(call, q.size)?,
        softcap: if call.has("softcap") { call.float("softcap")? } else { 0.0 },
        sinks: sinks.as_deref(),
        keep: kept(call)?,
    };
    let bias = call.optional(10)?.map(|bias| Bias::of(bias, attend.scores())).transpose()?;
    let sight = Sight::of(call, &lengths)?;
    let (y, kept) = attend.run(|place| match sight.has(place) {
        true => bias.as_ref().map_or(0.0, |bias| bias.at(place)),
        false => f64::NEG_INFINITY,
    })?;
    let dtype = call.input(0)?.dtype;
    let mut outputs: Vec<Value> =
        vec![y.packed_tensor(dtype)?.into(), k.tensor(dtype)?.into(), v.tensor(dtype)?.into()];
    if attend.keep.is_some() {
        let rows = kept.chunks_exact(k.length.max(1));
        let total = rows.flat_map(|row| &row[..lengths.total]);
        // Scores of keys that do not take part are 0 here.
        let shown = |&score: &f64| if score == f64::NEG_INFINITY { 0.0 } else { score };
        let total: Vec<f64> = total.map(shown).collect();
        let shape = [q.batch, q.heads, q.length, lengths.total];
        outputs.push(of_floats(dtype, &dims(&shape), &total)?.into());
    }
    Ok(outputs)
}

fn check_supported(call: &Call<'_>) -> Result<()> {
    for name in ["k_quant_type", "v_quant_type"] {
        let quantized = call.string(name)?;
        if quantized != "NONE" {
            return Err(Error::input(format!("{name} {quantized:?} is not supported")));
        }
    }
    if call.flag("sliding_window_cache")? {
        return Err(Error::input("sliding_window_cache is not supported"));
    }
    Ok(())
}

/// The scores of the fourth output, if the node has it.
fn kept(call: &Call<'_>) -> Result<Option<Stage>> {
    match call.int("qk_output")? {
        _ if call.outputs < 4 => Ok(None),
        0 => Ok(None),
        1 => Ok(Some(Stage::Biased)),
        2 => Ok(Some(Stage::Probabilities)),
        other => Err(Error::input(format!("qk_output is {other}"))),
    }
}

/// Scores that take part in the sum of the softmax: given by head, or 0.
fn sinks(call: &Call<'_>, heads: usize) -> Result<Option<Vec<f64>>> {
    match call.optional(11)? {
        Some(sinks) => floats(sinks).map(Some),
        None if call.int("smooth_softmax")? == 1 => Ok(Some(vec![0.0; heads])),
        None => Ok(None),
    }
}

/// Which keys a query sees.
struct Sight<'a> {
    lengths: &'a Lengths,
    is_causal: bool,
    /// How many keys up to its place a query sees; none for all.
    window: Option<usize>,
}

impl<'a> Sight<'a> {
    fn of(call: &Call<'_>, lengths: &'a Lengths) -> Result<Self> {
        let is_causal = call.flag("causal")?;
        let window = usize::try_from(call.int("local_window_size")?).ok();
        if window.is_some() && !is_causal {
            return Err(Error::input("local_window_size is given, and attention is not causal"));
        }
        Ok(Self { lengths, is_causal, window })
    }

    fn has(&self, [batch, _, query, key]: Place) -> bool {
        let place = self.lengths.past[batch] + query;
        key < self.lengths.totals[batch]
            && (!self.is_causal || key <= place)
            && self.window.is_none_or(|window| key >= (place + 1).saturating_sub(window))
    }
}
