//! Moving elements, whatever their type.

use super::numbers::{Numbers, bytes, components, integers, joined, parts, tensor};
use super::shape::{count, dims, places, room, sizes, strides};
use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor, TensorData};
use bytes::Bytes;
use std::borrow::Cow;

/// The elements at these places as a tensor.
///
/// # Errors
/// The tensor is sparse.
pub(crate) fn pick(
    tensor: &Tensor,
    sizes: &[usize],
    places: impl Iterator<Item = usize>,
) -> Result<Tensor> {
    choose(&[tensor], sizes, places.map(|place| (0, place)))
}

/// Elements of several tensors as a tensor: each by its tensor and its place there.
///
/// # Errors
/// The tensors are of different types, or sparse.
pub(crate) fn choose(
    from: &[&Tensor],
    sizes: &[usize],
    places: impl Iterator<Item = (usize, usize)>,
) -> Result<Tensor> {
    let dtype = from[0].dtype;
    if let Some(other) = from.iter().find(|tensor| tensor.dtype != dtype) {
        return Err(Error::input(format!("tensors of {dtype} and of {} meet", other.dtype)));
    }
    let places = places.take(count(sizes));
    let Some(bits) = dtype.bits() else {
        let all: Vec<&[Bytes]> =
            from.iter().map(|tensor| strings(tensor)).collect::<Result<_>>()?;
        let chosen = places.map(|(of, place)| all[of][place].clone()).collect();
        return Ok(of_strings(dims(sizes), chosen));
    };
    let width = bits.div_ceil(8) as usize;
    let all: Vec<Cow<'_, [u8]>> = from.iter().map(|t| whole(t, bits)).collect::<Result<_>>()?;
    let mut chosen = Vec::with_capacity(count(sizes) * width);
    for (of, place) in places {
        chosen.extend_from_slice(&all[of][place * width..][..width]);
    }
    let chosen = if bits < 8 { joined(chosen.into_iter(), bits as usize) } else { chosen };
    Ok(tensor(dtype, &dims(sizes), chosen))
}

/// Strings.
///
/// # Errors
/// They are none.
pub(crate) fn strings(tensor: &Tensor) -> Result<&[Bytes]> {
    match &tensor.data {
        TensorData::Strings(strings) => Ok(strings),
        _ => Err(Error::input(format!("is {}: strings are accepted", tensor.dtype))),
    }
}

/// A tensor of strings.
pub(crate) fn of_strings(dims: Vec<i64>, strings: Vec<Bytes>) -> Tensor {
    Tensor::new(DataType::String, dims, TensorData::Strings(strings))
}

/// The bytes of the elements, a byte each where they are smaller.
fn whole(tensor: &Tensor, bits: u64) -> Result<Cow<'_, [u8]>> {
    let bytes = bytes(tensor)?;
    Ok(match bits < 8 {
        true => parts(bytes, bits as usize, count(&sizes(tensor))).collect(),
        false => bytes.into(),
    })
}

/// Which elements are 0, false or an empty string.
///
/// # Errors
/// The tensor is sparse.
pub(crate) fn is_zero(tensor: &Tensor) -> Result<Vec<bool>> {
    if tensor.dtype == DataType::String {
        return Ok(strings(tensor)?.iter().map(Bytes::is_empty).collect());
    }
    Ok(match components(tensor)? {
        (Numbers::Floats(x), each) => x.chunks(each).map(|x| x.iter().all(|x| *x == 0.0)).collect(),
        (Numbers::Integers(x), each) => x.chunks(each).map(|x| x.iter().all(|x| *x == 0)).collect(),
    })
}

/// One element: 0, false or an empty string.
pub(crate) fn zero(dtype: DataType) -> Tensor {
    match dtype.bits() {
        Some(bits) => tensor(dtype, &[], vec![0; bits.div_ceil(8) as usize]),
        None => of_strings(Vec::new(), vec![Bytes::new()]),
    }
}

/// The tensor with other sizes of as many elements.
pub(crate) fn reshaped(tensor: &Tensor, dims: Vec<i64>) -> Tensor {
    Tensor::new(tensor.dtype, dims, tensor.data.clone())
}

/// The tensor with its axes in this order.
///
/// # Errors
/// It is sparse.
pub(crate) fn transposed(tensor: &Tensor, order: &[usize]) -> Result<Tensor> {
    let (sizes, strides) = (sizes(tensor), strides(&sizes(tensor)));
    let sizes: Vec<usize> = order.iter().map(|&axis| sizes[axis]).collect();
    let strides: Vec<usize> = order.iter().map(|&axis| strides[axis]).collect();
    pick(tensor, &sizes, places(&sizes, &strides))
}

/// A tensor of these sizes: the index of each element in `tensor` is by axis and own index what
/// `source` says, and where that is nothing the element is the one of `fill`.
///
/// # Errors
/// It does not fit into memory, or the tensor is sparse.
pub(crate) fn along_axes(
    tensor: &Tensor,
    dims: &[i64],
    fill: &Tensor,
    source: impl Fn(usize, usize) -> Option<usize>,
) -> Result<Tensor> {
    let own = room(dims)?;
    let offsets = |(axis, stride): (usize, usize)| -> Vec<Option<usize>> {
        (0..own[axis]).map(|index| Some(source(axis, index)? * stride)).collect()
    };
    let axes = match count(&own) {
        0 => vec![Vec::new()],
        _ => strides(&sizes(tensor)).into_iter().enumerate().map(offsets).collect(),
    };
    choose(&[tensor, fill], &own, grid(&axes).map(|place| place.map_or((1, 0), |p| (0, p))))
}

/// The places in a grid that has these offsets along each axis, row after row.
fn grid(axes: &[Vec<Option<usize>>]) -> impl Iterator<Item = Option<usize>> + '_ {
    static POINT: &[Option<usize>] = &[Some(0)];
    let (last, rest) = axes.split_last().map_or((POINT, axes), |(last, rest)| (last, rest));
    let mut starts = POINT.to_vec();
    for axis in rest {
        starts = starts.into_iter().flat_map(|start| from(start, axis)).collect();
    }
    starts.into_iter().flat_map(|start| from(start, last))
}

fn from(start: Option<usize>, offsets: &[Option<usize>]) -> impl Iterator<Item = Option<usize>> {
    offsets.iter().map(move |offset| Some(start? + (*offset)?))
}

/// A sparse tensor as one of all its elements.
///
/// # Errors
/// An entry lies outside of it, or it does not fit into memory.
pub(crate) fn dense(tensor: &Tensor) -> Result<Tensor> {
    let TensorData::Sparse(sparse) = &tensor.data else { return Ok(tensor.clone()) };
    let own = room(&tensor.dims)?;
    let indices = integers(&sparse.indices)?;
    // Of the flat tensor, or a row of one index for each axis.
    let each: Vec<usize> =
        if sparse.indices.dims.len() == 2 { own.clone() } else { vec![count(&own)] };
    let mut places = vec![(1, 0); count(&own)];
    for (entry, index) in indices.chunks(each.len().max(1)).enumerate() {
        let mut place = 0;
        for (&at, &size) in index.iter().zip(&each) {
            let at = usize::try_from(at).ok().filter(|&at| at < size);
            let at = at.ok_or_else(|| {
                Error::input(format!("an entry at {index:?} is outside of sizes {each:?}"))
            })?;
            place = place * size + at;
        }
        places[place] = (0, entry);
    }
    if indices.len() != count(&sizes(&sparse.values)) * each.len() {
        return Err(Error::input("the numbers of sparse values and of their indices differ"));
    }
    choose(&[&sparse.values, &zero(tensor.dtype)], &own, places.into_iter())
}
