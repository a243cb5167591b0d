//! ONNX's Attention.

use super::bias::Bias;
use super::heads::Heads;
use super::scaled::{Attend, Stage};
use crate::error::{Error, Result};
use crate::ops::numbers::{i64s, is_float, of_floats};
use crate::ops::shape::dims;
use crate::ops::{Call, Value};

pub(super) fn attention(call: &Call<'_>) -> Result<Vec<Value>> {
    let q = Heads::input(call, 0, "q_num_heads")?;
    let (past_key, past_value) = past(call, 4)?;
    let k = Heads::input(call, 1, "kv_num_heads")?.after(past_key.as_ref())?;
    let v = Heads::input(call, 2, "kv_num_heads")?.after(past_value.as_ref())?;
    let attend = Attend {
        q: &q,
        k: &k,
        v: &v,
        scale: if call.has("scale") { call.float("scale")? } else { Attend::default_scale(q.size) },
        softcap: call.float("softcap")?,
        sinks: None,
        keep: kept(call)?,
    };
    check_precision(call)?;
    let mask = call.optional(3)?.map(|mask| Bias::of(mask, attend.scores())).transpose();
    let mask = mask.map_err(|e| e.within("attn_mask"))?;
    let sight = Sight::of(call, &q, past_key.as_ref())?;
    let (y, kept) = attend.run(|place| match sight.has(place[0], place[2], place[3]) {
        true => mask.as_ref().map_or(0.0, |mask| mask.at(place)),
        false => f64::NEG_INFINITY,
    })?;
    let (of_q, of_k, of_v) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let mut outputs: Vec<Value> = vec![
        y.tensor_like(of_q)?.into(),
        k.tensor(of_k.dtype)?.into(),
        v.tensor(of_v.dtype)?.into(),
    ];
    if attend.keep.is_some() {
        outputs.push(of_floats(of_q.dtype, &dims(&attend.scores()), &kept)?.into());
    }
    Ok(outputs)
}

/// The caches of keys and values, in this slot and the next: both or none.
pub(crate) fn past(call: &Call<'_>, slot: usize) -> Result<(Option<Heads>, Option<Heads>)> {
    let rank_4 = || Err(Error::input("a cache has rank 4"));
    let cache = |slot| call.optional(slot)?.map(|past| Heads::of(past, rank_4)).transpose();
    let (key, value) = (cache(slot)?, cache(slot + 1)?);
    if key.is_some() != value.is_some() {
        return Err(Error::input("past keys and values are given together, or not at all"));
    }
    Ok((key, value))
}

/// The scores of the fourth output, if the node has it.
fn kept(call: &Call<'_>) -> Result<Option<Stage>> {
    let stages = [Stage::Raw, Stage::Capped, Stage::Biased, Stage::Probabilities];
    let mode = call.int("qk_matmul_output_mode")?;
    let stage = usize::try_from(mode).ok().and_then(|mode| stages.get(mode).copied());
    let stage = stage.ok_or_else(|| Error::input(format!("qk_matmul_output_mode is {mode}")))?;
    Ok((call.outputs > 3).then_some(stage))
}

/// The softmax is computed in float64, which has the precision of any type that is asked for.
pub(super) fn check_precision(call: &Call<'_>) -> Result<()> {
    if call.has("softmax_precision") && !is_float(call.dtype("softmax_precision")?) {
        return Err(Error::input("softmax_precision is no type of floats"));
    }
    Ok(())
}

/// Which keys a query sees, but for the mask.
struct Sight {
    is_causal: bool,
    /// Keys before the place of a query that it sees; negative for all.
    left: i64,
    /// Keys behind it.
    right: i64,
    /// Keys that are no padding, of each batch entry.
    valid: Option<Vec<i64>>,
    /// Keys before the first query.
    past: usize,
    queries: usize,
}

impl Sight {
    fn of(call: &Call<'_>, q: &Heads, past: Option<&Heads>) -> Result<Self> {
        let valid = call.optional(6)?.map(i64s).transpose()?;
        match &valid {
            Some(_) if past.is_some() => {
                return Err(Error::input("nonpad_kv_seqlen is not given with past keys"));
            }
            Some(valid) if valid.len() != q.batch => {
                let (found, batch) = (valid.len(), q.batch);
                return Err(Error::input(format!("nonpad_kv_seqlen has {found} of {batch} sizes")));
            }
            _ => {}
        }
        let window = |name: &str| match call.schema.attribute(name) {
            Some(_) => call.int(name),
            None => Ok(-1),
        };
        let (left, right) = (window("left_window_size")?, window("right_window_size")?);
        if left < -1 || right < -1 {
            return Err(Error::input(format!("window sizes are {left} and {right}")));
        }
        Ok(Self {
            is_causal: call.flag("is_causal")?,
            left,
            right,
            valid,
            past: past.map_or(0, |past| past.length),
            queries: q.length,
        })
    }

    fn has(&self, batch: usize, query: usize, key: usize) -> bool {
        let valid = self.valid.as_ref().map(|valid| valid[batch]);
        let offset = match valid {
            Some(valid) => valid.saturating_sub(self.queries as i64),
            None => self.past as i64,
        };
        let (place, key) = (offset.saturating_add(query as i64), key as i64);
        valid.is_none_or(|valid| key < valid)
            && (!self.is_causal || key <= place)
            && (self.left < 0 || key >= place.saturating_sub(self.left))
            && (self.right < 0 || key <= place.saturating_add(self.right))
    }
}
