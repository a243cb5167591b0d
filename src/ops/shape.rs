//! Sizes, strides and places.

use crate::error::{Error, Result};
use crate::ir::Tensor;

/// The sizes of a tensor.
pub(crate) fn sizes(tensor: &Tensor) -> Vec<usize> {
    tensor.dims.iter().map(|&size| size as usize).collect()
}

/// Sizes as tensors have them.
pub(crate) fn dims(sizes: &[usize]) -> Vec<i64> {
    sizes.iter().map(|&size| size as i64).collect()
}

/// How many elements there are. Sizes before or after one of 0 may have any product.
pub(crate) fn count(sizes: &[usize]) -> usize {
    sizes.iter().fold(1, |count, &size| count.saturating_mul(size))
}

/// Sizes of a tensor that is to be made.
///
/// # Errors
/// One is negative, or memory cannot hold so many elements as numbers. A size of 0 makes no room for
/// others: loops go over these too.
pub(crate) fn room(dims: &[i64]) -> Result<Vec<usize>> {
    let sizes: Option<Vec<usize>> = dims.iter().map(|&size| usize::try_from(size).ok()).collect();
    let sizes = sizes.ok_or_else(|| Error::input(format!("a size of {dims:?} is negative")))?;
    let longest = sizes.iter().fold(1, |count: usize, &size| count.saturating_mul(size.max(1)));
    match Vec::<i128>::new().try_reserve_exact(longest) {
        Ok(()) => Ok(sizes),
        Err(_) => Err(Error::input(format!("a tensor of sizes {dims:?} does not fit into memory"))),
    }
}

/// Elements between neighbours along each axis.
pub(crate) fn strides(sizes: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; sizes.len()];
    for axis in (1..sizes.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(sizes[axis]);
    }
    strides
}

/// An axis that may count from the end.
///
/// # Errors
/// There is none.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize> {
    let place = if axis < 0 { axis + rank as i64 } else { axis };
    match usize::try_from(place).ok().filter(|&place| place < rank) {
        Some(place) => Ok(place),
        None => Err(Error::input(format!("axis {axis} is none of {rank}"))),
    }
}

/// Axes that may count from the end.
///
/// # Errors
/// There is none, or one stands twice.
pub(crate) fn axes(list: &[i64], rank: usize) -> Result<Vec<usize>> {
    let axes: Vec<usize> = list.iter().map(|&a| axis(a, rank)).collect::<Result<_>>()?;
    let twice = axes.iter().enumerate().find(|(at, axis)| axes[..*at].contains(axis));
    match twice {
        None => Ok(axes),
        Some((_, axis)) => Err(Error::input(format!("axis {axis} stands twice in {list:?}"))),
    }
}

/// The shape that shapes are broadcast to.
///
/// # Errors
/// Two sizes of an axis differ, and none is 1, or memory cannot hold the result.
pub(crate) fn broadcast(shapes: &[&[usize]]) -> Result<Vec<usize>> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let mut result = vec![1; rank];
    for shape in shapes {
        for (own, &size) in result[rank - shape.len()..].iter_mut().zip(*shape) {
            match (*own, size) {
                (a, b) if a == b || b == 1 => {}
                (1, b) => *own = b,
                _ => {
                    return Err(Error::input(format!("shapes {shapes:?} cannot be broadcast")));
                }
            }
        }
    }
    room(&dims(&result))
}

/// Strides by which a tensor is read as one of another shape that it is broadcast to.
pub(crate) fn broadcast_strides(shape: &[usize], to: &[usize]) -> Vec<usize> {
    let own = strides(shape);
    let mut strides = vec![0; to.len() - shape.len()];
    strides.extend(shape.iter().zip(own).map(|(&size, stride)| if size == 1 { 0 } else { stride }));
    strides
}

/// Values of a shape, read as of another that they are broadcast to.
///
/// # Errors
/// They cannot be.
pub(crate) fn spread<T: Copy>(values: &[T], shape: &[usize], to: &[usize]) -> Result<Vec<T>> {
    if shape == to {
        return Ok(values.to_vec());
    }
    if broadcast(&[shape, to])? != to {
        return Err(Error::input(format!("shape {shape:?} cannot be broadcast to {to:?}")));
    }
    Ok(places(to, &broadcast_strides(shape, to)).map(|place| values[place]).collect())
}

/// A value for each element of a shape.
///
/// # Errors
/// There is no memory for them.
pub(crate) fn filled<T: Clone>(shape: &[usize], value: T) -> Result<Vec<T>> {
    let mut all = Vec::new();
    let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    match count.filter(|&count| all.try_reserve_exact(count).is_ok()) {
        Some(count) => all.resize(count, value),
        None => return Err(Error::input(format!("there is no memory for the shape {shape:?}"))),
    }
    Ok(all)
}

/// The places of all elements of a shape in memory with these strides, row after row.
pub(crate) fn places<'s>(
    shape: &'s [usize],
    strides: &'s [usize],
) -> impl Iterator<Item = usize> + 's {
    indices(shape).map(move |index| index.iter().zip(strides).map(|(i, stride)| i * stride).sum())
}

/// The indices of all elements of a shape, row after row.
pub(crate) fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    let mut next = (count(shape) > 0).then(|| vec![0; shape.len()]);
    std::iter::from_fn(move || {
        let current = next.take()?;
        let mut following = current.clone();
        for axis in (0..shape.len()).rev() {
            following[axis] += 1;
            if following[axis] < shape[axis] {
                next = Some(following);
                break;
            }
            following[axis] = 0;
        }
        Some(current)
    })
}
