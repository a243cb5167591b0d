//! Vectors of heads.

use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use crate::ops::Call;
use crate::ops::numbers::{floats, of_floats};
use crate::ops::shape::{dims, sizes};

/// A vector of each batch entry, head and place, in this order.
pub(crate) struct Heads {
    pub(crate) batch: usize,
    pub(crate) heads: usize,
    pub(crate) length: usize,
    /// Elements of a vector.
    pub(crate) size: usize,
    pub(crate) data: Vec<f64>,
}

impl Heads {
    /// Those of a tensor (batch, heads, length, size), or (batch, length, heads · size).
    ///
    /// # Errors
    /// It has another rank, heads do not divide its last size, or vectors are empty.
    pub(crate) fn of(tensor: &Tensor, heads: impl FnOnce() -> Result<usize>) -> Result<Self> {
        let data = floats(tensor)?;
        match sizes(tensor)[..] {
            [_, _, _, 0] | [_, _, 0] => Err(Error::input("vectors of heads have no elements")),
            [batch, heads, length, size] => Ok(Self { batch, heads, length, size, data }),
            [batch, length, hidden] => Self::unpacked([batch, length, hidden], heads()?, &data),
            _ => Err(Error::input(format!("rank {} is neither 3 nor 4", tensor.dims.len()))),
        }
    }

    /// Those of the input of a slot; an attribute has the number of heads of packed ones.
    pub(crate) fn input(call: &Call<'_>, slot: usize, heads: &str) -> Result<Self> {
        let of = Self::of(call.input(slot)?, || head_count(call, heads));
        of.map_err(|e| e.within(format!("input {slot}")))
    }

    /// Those that stand beside each other at each place: (batch, length, heads · size).
    pub(crate) fn unpacked(
        [batch, length, hidden]: [usize; 3],
        heads: usize,
        packed: &[f64],
    ) -> Result<Self> {
        if heads == 0 || hidden % heads != 0 || hidden == 0 {
            return Err(Error::input(format!("{hidden} elements are not those of {heads} heads")));
        }
        let size = hidden / heads;
        let vectors = swapped(packed, [batch, length, heads, size]);
        Ok(Self { batch, heads, length, size, data: vectors })
    }

    /// As (batch, length, heads · size).
    pub(crate) fn packed(&self) -> Vec<f64> {
        swapped(&self.data, [self.batch, self.heads, self.length, self.size])
    }

    /// A tensor (batch, length, heads · size).
    pub(crate) fn packed_tensor(&self, dtype: DataType) -> Result<Tensor> {
        let sizes = [self.batch, self.length, self.heads * self.size];
        of_floats(dtype, &dims(&sizes), &self.packed())
    }

    /// A tensor (batch, heads, length, size).
    pub(crate) fn tensor(&self, dtype: DataType) -> Result<Tensor> {
        let sizes = [self.batch, self.heads, self.length, self.size];
        of_floats(dtype, &dims(&sizes), &self.data)
    }

    /// A tensor of the rank that the queries have.
    pub(crate) fn tensor_like(&self, like: &Tensor) -> Result<Tensor> {
        if like.dims.len() == 3 { self.packed_tensor(like.dtype) } else { self.tensor(like.dtype) }
    }

    /// The vector of a batch entry, a head and a place.
    pub(crate) fn vector(&self, batch: usize, head: usize, place: usize) -> &[f64] {
        let at = (batch * self.heads + head) * self.length + place;
        &self.data[at * self.size..][..self.size]
    }

    /// All vectors with their batch entry, head and place.
    pub(crate) fn vectors_mut(&mut self) -> impl Iterator<Item = ([usize; 3], &mut [f64])> {
        let (heads, length) = (self.heads, self.length);
        let place = move |at: usize| [at / length / heads, at / length % heads, at % length];
        self.data.chunks_exact_mut(self.size).enumerate().map(move |(at, v)| (place(at), v))
    }

    /// Those of a cache, and then these.
    ///
    /// # Errors
    /// The cache has another batch size, number of heads, or size of vectors.
    pub(crate) fn after(self, past: Option<&Heads>) -> Result<Self> {
        let Some(past) = past else { return Ok(self) };
        if (past.batch, past.heads, past.size) != (self.batch, self.heads, self.size) {
            return Err(Error::input(format!("a cache of {past} is followed by {self}")));
        }
        let length = past.length + self.length;
        let both = |[batch, head]: [usize; 2]| {
            let of = |heads: &Heads| {
                let size = heads.length * heads.size;
                heads.data[(batch * heads.heads + head) * size..][..size].to_vec()
            };
            [of(past), of(&self)].concat()
        };
        let every = (0..self.batch).flat_map(|b| (0..self.heads).map(move |h| [b, h]));
        let data = every.flat_map(both).collect();
        Ok(Self { length, data, ..self })
    }
}

impl std::fmt::Display for Heads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { batch, heads, length, size, .. } = self;
        write!(f, "[batch {batch}, heads {heads}, length {length}, size {size}]")
    }
}

/// A number of heads.
pub(crate) fn head_count(call: &Call<'_>, name: &str) -> Result<usize> {
    let count = call.int(name)?;
    let positive = i32::try_from(count).ok().filter(|&count| count > 0);
    positive.map(|count| count as usize).ok_or_else(|| Error::input(format!("{name} is {count}")))
}

/// Elements with the second and the third axis swapped.
fn swapped(data: &[f64], [a, b, c, d]: [usize; 4]) -> Vec<f64> {
    let vector = |(i, k, j): (usize, usize, usize)| &data[((i * b + j) * c + k) * d..][..d];
    let each = (0..a).flat_map(|i| (0..c).flat_map(move |k| (0..b).map(move |j| (i, k, j))));
    each.flat_map(vector).copied().collect()
}
