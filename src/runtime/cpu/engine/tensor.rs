//! Tensors and elements in memory.

use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor, TensorData};
use crate::lower::{Place, Program};
use crate::ops::numbers;
use crate::ops::size::Size;
use half::{bf16, f16};
use std::sync::Weak;

/// How many bytes an element takes.
pub(super) fn size(dtype: DataType) -> usize {
    dtype.byte_len(1).map_or(1, |bytes| bytes as usize)
}

/// A constant whose elements are dense, and begin where their type may.
pub(super) fn aligned(tensor: &Tensor) -> Result<Tensor> {
    let Some(bytes) = tensor.bytes() else { return Ok(tensor.clone()) };
    let is_aligned = bytes.as_ptr().align_offset(size(tensor.dtype)) == 0;
    let is_raw = matches!(tensor.data, TensorData::Bytes(_) | TensorData::File(_));
    if is_aligned && is_raw {
        return Ok(tensor.clone());
    }
    let memory = super::Memory::new(bytes.len())?;
    // SAFETY: both have so many bytes, and do not overlap.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), memory.pointer(), bytes.len()) };
    // SAFETY: all have been written.
    let written = unsafe { super::memory::Written::new(memory, bytes.len(), Weak::new()) };
    let data = TensorData::Bytes(bytes::Bytes::from_owner(written));
    Ok(Tensor { data, ..tensor.clone() })
}

/// Whether a place is all of its buffer, in order.
pub(super) fn is_whole(program: &Program, place: &Place) -> bool {
    let size = |id: usize| &program.sizes.all[id];
    let mut expected = Size::from(1);
    for (&dim, &stride) in place.dims.iter().zip(&place.strides).rev() {
        if size(dim).known() != Some(1) && *size(stride) != expected {
            return false;
        }
        expected = &expected * size(dim);
    }
    let elements = program.buffers[place.buffer].elements;
    size(place.offset).known() == Some(0) && expected == *size(elements)
}

/// A place with its sizes as numbers.
pub(super) struct Spot {
    pub(super) offset: i64,
    pub(super) dims: Vec<i64>,
    pub(super) strides: Vec<i64>,
}

impl Spot {
    /// Whether all of its elements are among so many.
    pub(super) fn is_inside(&self, elements: usize) -> bool {
        if self.dims.contains(&0) {
            return true;
        }
        let (mut low, mut high) = (self.offset, self.offset);
        for (dim, stride) in self.dims.iter().zip(&self.strides) {
            let Some(reach) = (dim - 1).checked_mul(*stride) else { return false };
            let end = if reach < 0 { &mut low } else { &mut high };
            match end.checked_add(reach) {
                Some(sum) => *end = sum,
                None => return false,
            }
        }
        low >= 0 && usize::try_from(high).is_ok_and(|high| high < elements)
    }

    /// How many elements it has.
    fn count(&self) -> Option<usize> {
        let mut sizes = self.dims.iter().map(|&dim| usize::try_from(dim).ok());
        if self.dims.contains(&0) {
            return Some(0);
        }
        sizes.try_fold(1usize, |count, dim| count.checked_mul(dim?))
    }

    /// The same elements, each once: axes along which nothing moves are left out.
    pub(super) fn once(&self) -> Self {
        let axes = self.dims.iter().zip(&self.strides);
        let (dims, strides) = axes.filter(|(dim, stride)| **dim == 0 || **stride != 0).unzip();
        Self { offset: self.offset, dims, strides }
    }

    /// Places of all elements, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = i64> {
        let count = self.count().unwrap_or(0);
        let mut index = vec![0; self.dims.len()];
        let mut place = self.offset;
        let mut left = count;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let here = place;
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                place += self.strides[axis];
                if index[axis] < self.dims[axis] {
                    break;
                }
                place -= self.strides[axis] * self.dims[axis];
                index[axis] = 0;
            }
            Some(here)
        })
    }
}

/// Elements as a tensor of a type: those of 16 bits are held in float32.
///
/// # Safety
/// The spot's elements, of type `held`, can be read at `pointer`.
pub(super) unsafe fn tensor(
    pointer: *const u8,
    held: DataType,
    spot: &Spot,
    dtype: DataType,
) -> Result<Tensor> {
    let width = size(held);
    let mut bytes: Vec<u8> = Vec::new();
    let count = spot.count().and_then(|count| count.checked_mul(width));
    count.and_then(|count| bytes.try_reserve_exact(count).ok()).ok_or_else(|| {
        Error::input(format!("a tensor of sizes {:?} does not fit into memory", spot.dims))
    })?;
    for place in spot.places() {
        // SAFETY: as the caller says.
        let element = unsafe {
            std::slice::from_raw_parts(
                pointer.wrapping_offset(place as isize * width as isize),
                width,
            )
        };
        bytes.extend_from_slice(element);
    }
    let narrowed = |round: &dyn Fn(f32) -> [u8; 2]| -> Vec<u8> {
        let floats = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        floats.flat_map(round).collect()
    };
    let bytes = match (held, dtype) {
        _ if held == dtype => bytes,
        (DataType::F32, DataType::F16) => narrowed(&|x| f16::from_f32(x).to_le_bytes()),
        (DataType::F32, DataType::BF16) => narrowed(&|x| bf16::from_f32(x).to_le_bytes()),
        _ => return Err(Error::bug(format!("elements held as {held} are no {dtype}"))),
    };
    Ok(numbers::tensor(dtype, &spot.dims, bytes))
}

/// Sizes that are none below 0.
pub(super) fn not_negative(sizes: Vec<i64>) -> Result<Vec<i64>> {
    match sizes.iter().find(|size| **size < 0) {
        Some(size) => Err(Error::input(format!("a size is {size}"))),
        None => Ok(sizes),
    }
}
