//! Masks of keys: integers, or lengths.

use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::Call;
use crate::ops::attention::bias::{Bias, Place};
use crate::ops::numbers::i64s;
use crate::ops::shape::sizes;

/// What is added to scores.
pub(super) struct Mask {
    keys: Keys,
    /// What is added where a key is masked.
    filter: f64,
    /// Keys before the first query, where queries see no later keys.
    causal_past: Option<usize>,
    bias: Option<Bias>,
    scores: Place,
}

enum Keys {
    All,
    /// Where those of each batch entry end, and start.
    Ranges {
        ends: Vec<i64>,
        starts: Vec<i64>,
    },
    /// Which there are: (batch, keys).
    Some(Vec<i64>),
    /// Which each query sees: (batch, queries, keys).
    OfQueries(Vec<i64>),
}

impl Mask {
    /// Of the inputs of these slots, and attributes `mask_filter_value` and `unidirectional`.
    pub(super) fn of(
        call: &Call<'_>,
        [mask, bias]: [usize; 2],
        scores: Place,
        past: usize,
    ) -> Result<Self> {
        let [batch, _, queries, keys] = scores;
        Ok(Self {
            keys: match call.optional(mask)? {
                Some(mask) => Keys::of(mask, [batch, queries, keys])?,
                None => Keys::All,
            },
            filter: match call.has("mask_filter_value") {
                true => call.float("mask_filter_value")?,
                false => -10000.0,
            },
            causal_past: call.flag("unidirectional")?.then_some(past),
            bias: call.optional(bias)?.map(|bias| full_bias(bias, scores)).transpose()?,
            scores,
        })
    }

    /// What is added at a place. What follows a query has the lowest float32 instead of −∞, so
    /// that rows without any key are shared out as ONNX Runtime does it.
    pub(super) fn at(&self, place: Place) -> f64 {
        let [batch, _, query, key] = place;
        let bias = self.bias.as_ref().map_or(0.0, |bias| bias.at(place));
        let mask = match self.causal_past {
            Some(past) if key > past + query => f64::from(f32::MIN),
            _ if self.keys.has(batch, query, key, self.scores) => 0.0,
            _ => self.filter,
        };
        bias + mask
    }
}

/// A bias that has all keys.
fn full_bias(bias: &Tensor, scores: Place) -> Result<Bias> {
    if bias.dims.len() != 4 || sizes(bias)[3] != scores[3] {
        return Err(Error::input(format!("attention_bias {:?} for {scores:?}", bias.dims)));
    }
    Bias::of(bias, scores).map_err(|e| e.within("attention_bias"))
}

impl Keys {
    fn of(mask: &Tensor, [batch, queries, keys]: [usize; 3]) -> Result<Self> {
        let numbers = i64s(mask)?;
        let shape = sizes(mask);
        Ok(match shape[..] {
            // With two offsets of all tokens, the lengths are the first.
            [n] if n == batch || n == 3 * batch + 2 => {
                Self::Ranges { ends: numbers[..batch].to_vec(), starts: vec![0; batch] }
            }
            [n] if n == 2 * batch => {
                let (ends, starts) = numbers.split_at(batch);
                Self::Ranges { ends: ends.to_vec(), starts: starts.to_vec() }
            }
            [b, k] if (b, k) == (batch, keys) => Self::Some(numbers),
            [b, q, k] if (b, q, k) == (batch, queries, keys) => Self::OfQueries(numbers),
            _ => {
                let of = format!("batch {batch}, queries {queries}, keys {keys}");
                return Err(Error::input(format!("a mask {shape:?} is not supported: {of}")));
            }
        })
    }

    fn has(&self, batch: usize, query: usize, key: usize, [_, _, queries, keys]: Place) -> bool {
        match self {
            Self::All => true,
            Self::Ranges { ends, starts } => (starts[batch]..ends[batch]).contains(&(key as i64)),
            Self::Some(mask) => mask[batch * keys + key] > 0,
            Self::OfQueries(mask) => mask[(batch * queries + query) * keys + key] > 0,
        }
    }
}
