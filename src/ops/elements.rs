//! Moving elements, whatever their type.

use super::shape::{count, dims};
use crate::error::{Error, Result};
use crate::ir::{Tensor, TensorData};
use bytes::Bytes;
use std::borrow::Cow;

/// Elements of one type, each as its bytes, a byte each where they are smaller.
pub(crate) struct Elements<'t> {
    of: &'t Tensor,
    data: Data<'t>,
}

enum Data<'t> {
    Bytes { bytes: Cow<'t, [u8]>, width: usize },
    Strings(Cow<'t, [Bytes]>),
}

impl<'t> Elements<'t> {
    /// Those of a tensor.
    ///
    /// # Errors
    /// It is sparse, or of floats of six bits.
    pub(crate) fn of(tensor: &'t Tensor) -> Result<Self> {
        if let TensorData::Strings(strings) = &tensor.data {
            return Ok(Self { of: tensor, data: Data::Strings(strings.into()) });
        }
        let bytes = super::numbers::bytes(tensor)?;
        let data = match tensor.dtype.bits() {
            Some(bits) if bits % 8 == 0 => {
                Data::Bytes { bytes: bytes.into(), width: bits as usize / 8 }
            }
            Some(bits @ (2 | 4)) => {
                let count = tensor.element_count().unwrap_or(0) as usize;
                let parts = super::numbers::parts(bytes, bits as usize, count).collect();
                Data::Bytes { bytes: Cow::Owned(parts), width: 1 }
            }
            _ => return Err(Error::input(format!("{} cannot be moved", tensor.dtype))),
        };
        Ok(Self { of: tensor, data })
    }

    /// Those of tensors of one type, one tensor after the other.
    ///
    /// # Errors
    /// There is no tensor, types differ, or one cannot be moved.
    pub(crate) fn joined(tensors: &[&'t Tensor]) -> Result<Self> {
        let first = *tensors.first().ok_or_else(|| Error::input("there is no tensor"))?;
        if let Some(other) = tensors.iter().find(|tensor| tensor.dtype != first.dtype) {
            let (first, other) = (first.dtype, other.dtype);
            return Err(Error::input(format!(
                "tensors of {first} and of {other} cannot be joined"
            )));
        }
        let mut joined = Self::of(first)?;
        for tensor in &tensors[1..] {
            match (&mut joined.data, Self::of(tensor)?.data) {
                (Data::Bytes { bytes, .. }, Data::Bytes { bytes: more, .. }) => {
                    bytes.to_mut().extend_from_slice(&more);
                }
                (Data::Strings(strings), Data::Strings(more)) => {
                    strings.to_mut().extend_from_slice(&more);
                }
                _ => return Err(Error::bug("tensors of one type are stored alike")),
            }
        }
        Ok(joined)
    }

    /// The elements at these places as a tensor; `fill`, which has one element, where there is none.
    pub(crate) fn pick(
        &self,
        sizes: &[usize],
        places: impl Iterator<Item = Option<usize>>,
        fill: Option<&Elements<'_>>,
    ) -> Tensor {
        let data = match (&self.data, fill.map(|fill| &fill.data)) {
            (Data::Strings(own), fill) => {
                let other = match fill {
                    Some(Data::Strings(other)) => other.first().cloned().unwrap_or_default(),
                    _ => Bytes::new(),
                };
                let at = |place: Option<usize>| place.map_or(other.clone(), |p| own[p].clone());
                TensorData::Strings(places.map(at).collect())
            }
            (Data::Bytes { bytes, width }, fill) => {
                let zero = vec![0; *width];
                let other = match fill {
                    Some(Data::Bytes { bytes, .. }) if bytes.len() >= *width => &bytes[..*width],
                    _ => &zero,
                };
                let mut picked = Vec::with_capacity(count(sizes) * width);
                for place in places {
                    let one = place.map_or(other, |p| &bytes[p * width..][..*width]);
                    picked.extend_from_slice(one);
                }
                TensorData::Bytes(Bytes::from(self.packed(picked)))
            }
        };
        Tensor::new(self.of.dtype, dims(sizes), data)
    }

    /// Elements of less than a byte as they are stored.
    fn packed(&self, picked: Vec<u8>) -> Vec<u8> {
        match self.of.dtype.bits() {
            Some(bits @ (2 | 4)) => {
                let part = |(at, x): (usize, &u8)| x << (at * bits as usize);
                let byte = |chunk: &[u8]| chunk.iter().enumerate().map(part).fold(0, |b, p| b | p);
                picked.chunks(8 / bits as usize).map(byte).collect()
            }
            _ => picked,
        }
    }
}

/// The elements at these places as a tensor.
///
/// # Errors
/// The tensor is sparse, or of floats of six bits.
pub(crate) fn pick(
    tensor: &Tensor,
    sizes: &[usize],
    places: impl Iterator<Item = usize>,
) -> Result<Tensor> {
    Ok(Elements::of(tensor)?.pick(sizes, places.map(Some), None))
}
