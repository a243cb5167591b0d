//! Rotary embeddings (<https://arxiv.org/abs/2104.09864>).

use super::heads::{Heads, head_count};
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::numbers::{floats, i64s};
use crate::ops::shape::sizes;
use crate::ops::{Call, Value};

/// Angles by position.
pub(crate) struct Rotation {
    cos: Vec<f64>,
    sin: Vec<f64>,
    /// Angles of a position.
    angles: usize,
    positions: usize,
    /// Whether pairs are neighbours, rather than of the two halves.
    is_interleaved: bool,
}

impl Rotation {
    /// Of cosines and sines: angles stand on the last axis.
    ///
    /// # Errors
    /// Their shapes differ, or have a rank below 2.
    pub(crate) fn new(cos: &Tensor, sin: &Tensor, is_interleaved: bool) -> Result<Self> {
        let shape = sizes(cos);
        if shape != sizes(sin) || shape.len() < 2 {
            let other = sizes(sin);
            return Err(Error::input(format!("shapes of cosines {shape:?} and sines {other:?}")));
        }
        let angles = shape[shape.len() - 1];
        let (cos, sin) = (floats(cos)?, floats(sin)?);
        let positions = cos.len().checked_div(angles).unwrap_or(0);
        Ok(Self { cos, sin, angles, positions, is_interleaved })
    }

    /// The elements of a vector that are rotated.
    pub(crate) fn rotated(&self) -> usize {
        self.angles.saturating_mul(2)
    }

    /// Whether as many elements are rotated as an attribute says; 0 stands for all of a vector.
    ///
    /// # Errors
    /// There are more or fewer.
    pub(crate) fn check(&self, dim: i64, heads: &Heads) -> Result<()> {
        let dim = if dim == 0 { heads.size as i64 } else { dim };
        match self.rotated() as i64 == dim {
            true => Ok(()),
            false => Err(Error::input(format!("{} angles rotate {dim} elements", self.angles))),
        }
    }

    /// Rotates vectors, each by the angles of the position that its batch entry and place have.
    ///
    /// # Errors
    /// There are more angles than pairs of elements, or there is no such position.
    pub(crate) fn rotate(
        &self,
        heads: &mut Heads,
        position: impl Fn(usize, usize) -> Result<i64>,
    ) -> Result<()> {
        if self.rotated() > heads.size {
            let (angles, size) = (self.angles, heads.size);
            return Err(Error::input(format!("{angles} angles for vectors of {size} elements")));
        }
        for ([batch, _, place], vector) in heads.vectors_mut() {
            let position = position(batch, place)?;
            let found = usize::try_from(position).ok().filter(|&at| at < self.positions);
            let at = found.ok_or_else(|| {
                Error::input(format!("position {position} is none of {}", self.positions))
            })?;
            self.rotate_one(vector, at);
        }
        Ok(())
    }

    fn rotate_one(&self, vector: &mut [f64], position: usize) {
        for pair in 0..self.angles {
            let at = position * self.angles + pair;
            let (cos, sin) = (self.cos[at], self.sin[at]);
            let (first, second) = match self.is_interleaved {
                true => (2 * pair, 2 * pair + 1),
                false => (pair, pair + self.angles),
            };
            let (x, y) = (vector[first], vector[second]);
            (vector[first], vector[second]) = (cos * x - sin * y, sin * x + cos * y);
        }
    }
}

/// Positions (batch, length), or one, that of the first place.
pub(crate) fn positions(
    ids: &Tensor,
    batch: usize,
    length: usize,
) -> Result<impl Fn(usize, usize) -> Result<i64>> {
    let shape = sizes(ids);
    let is_first = shape.is_empty() || shape == [1];
    if !is_first && shape != [batch, length] {
        return Err(Error::input(format!("position_ids {shape:?} for [{batch}, {length}]")));
    }
    let ids = i64s(ids)?;
    Ok(move |batch: usize, place: usize| match is_first {
        true => Ok(ids[0].saturating_add(place as i64)),
        false => Ok(ids[batch * length + place]),
    })
}

pub(super) fn rotary_embedding(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let mut heads = Heads::of(x, || head_count(call, "num_heads"))?;
    let (cos, sin) = (call.input(1)?, call.input(2)?);
    let rotation = Rotation::new(cos, sin, call.flag("interleaved")?)?;
    rotation.check(call.int("rotary_embedding_dim")?, &heads)?;
    let (batch, length) = (heads.batch, heads.length);
    match call.optional(3)? {
        Some(ids) => {
            let shape = sizes(ids);
            if shape != [batch, length] || cos.dims.len() != 2 {
                return Err(Error::input(format!("position_ids {shape:?} for {heads}")));
            }
            rotation.rotate(&mut heads, positions(ids, batch, length)?)?;
        }
        None if sizes(cos)[..cos.dims.len() - 1] != [batch, length] => {
            return Err(Error::input(format!("cosines {:?} for {heads}", sizes(cos))));
        }
        None => rotation.rotate(&mut heads, |b, place| Ok((b * length + place) as i64))?,
    }
    Ok(vec![heads.tensor_like(x)?.into()])
}
