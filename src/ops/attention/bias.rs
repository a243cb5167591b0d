//! What is added to scores.

use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use crate::ops::numbers::{bools, reals};
use crate::ops::shape::{broadcast_strides, sizes};

/// The place of a score: batch entry, head, query, key.
pub(crate) type Place = [usize; 4];

/// A tensor that is broadcast to (batch, heads, queries, keys).
pub(crate) struct Bias {
    data: Vec<f64>,
    strides: Vec<usize>,
    keys: usize,
}

impl Bias {
    /// That of a tensor, of booleans 0 where they are true and −∞ where not. It may end before
    /// the last key: −∞ follows.
    ///
    /// # Errors
    /// It cannot be broadcast to these sizes.
    pub(crate) fn of(tensor: &Tensor, to: Place) -> Result<Self> {
        let own = sizes(tensor);
        let wrong = || Error::input(format!("shape {own:?} is not broadcast to {to:?}"));
        let (&keys, before) = own.split_last().ok_or_else(wrong)?;
        let fits = |(&own, &to): (&usize, &usize)| own == to || own == 1;
        if before.len() > 3
            || keys > to[3]
            || !before.iter().rev().zip(to[..3].iter().rev()).all(fits)
        {
            return Err(wrong());
        }
        let mut strides = broadcast_strides(&own, &to);
        strides[3] = 1;
        let masked = |shown: bool| if shown { 0.0 } else { f64::NEG_INFINITY };
        let data = match tensor.dtype {
            DataType::Bool => bools(tensor)?.into_iter().map(masked).collect(),
            _ => reals(tensor)?,
        };
        Ok(Self { data, strides, keys })
    }

    /// What is added at a place.
    pub(crate) fn at(&self, place: Place) -> f64 {
        if place[3] >= self.keys {
            return f64::NEG_INFINITY;
        }
        self.data[place.iter().zip(&self.strides).map(|(at, stride)| at * stride).sum::<usize>()]
    }
}
