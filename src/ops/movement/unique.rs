//! Each element, or part of a tensor, once.

use super::select::along_or_flat;
use crate::error::Result;
use crate::ir::Tensor;
use crate::ops::elements::{along_axes, strings, transposed, zero};
use crate::ops::numbers::{Numbers, components, of_i64s};
use crate::ops::shape::{count, sizes};
use crate::ops::{Call, Value};
use std::cmp::Ordering;

pub(super) fn unique(call: &Call<'_>) -> Result<Vec<Value>> {
    let (data, along) = along_or_flat(call)?;
    let groups = groups(&data, along, call.flag("sorted")?)?;
    let mut dims = data.dims.clone();
    let mut inverse = vec![0; dims[along] as usize];
    dims[along] = groups.len() as i64;
    for (group, members) in groups.iter().enumerate() {
        members.iter().for_each(|&member| inverse[member] = group as i64);
    }
    let source = |axis, index: usize| Some(if axis == along { groups[index][0] } else { index });
    let list = |list: &[i64]| Value::from(of_i64s(&[list.len() as i64], list));
    let first: Vec<i64> = groups.iter().map(|members| members[0] as i64).collect();
    let counts: Vec<i64> = groups.iter().map(|members| members.len() as i64).collect();
    Ok(vec![
        along_axes(&data, &dims, &zero(data.dtype), source)?.into(),
        list(&first),
        list(&inverse),
        list(&counts),
    ])
}

/// Which parts along an axis are equal: the indices of each group in order, the groups in the order
/// of their parts or else of their first indices.
fn groups(data: &Tensor, axis: usize, is_sorted: bool) -> Result<Vec<Vec<usize>>> {
    let order: Vec<usize> =
        std::iter::once(axis).chain((0..data.dims.len()).filter(|&a| a != axis)).collect();
    let parts = transposed(data, &order)?;
    let (number, width) = (data.dims[axis] as usize, count(&sizes(&parts)[1..]));
    let mut groups = match data.dtype.bits() {
        None => grouped(number, strings(&parts)?, width, Ord::cmp),
        Some(_) => match components(&parts)? {
            (Numbers::Floats(x), each) => grouped(number, &x, width * each, compare),
            (Numbers::Integers(x), each) => grouped(number, &x, width * each, Ord::cmp),
        },
    };
    if !is_sorted {
        groups.sort_by_key(|members| members[0]);
    }
    Ok(groups)
}

/// NaN is equal to itself, and the largest.
fn compare(x: &f64, y: &f64) -> Ordering {
    x.partial_cmp(y).unwrap_or_else(|| x.is_nan().cmp(&y.is_nan()))
}

/// Which of the parts are equal, in their order: each has `width` of all numbers.
fn grouped<T>(
    number: usize,
    all: &[T],
    width: usize,
    compare: fn(&T, &T) -> Ordering,
) -> Vec<Vec<usize>> {
    let compare = |&a: &usize, &b: &usize| {
        let pairs = all[a * width..][..width].iter().zip(&all[b * width..][..width]);
        pairs.map(|(x, y)| compare(x, y)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    };
    let mut order: Vec<usize> = (0..number).collect();
    order.sort_by(compare);
    order.chunk_by(|a, b| compare(a, b).is_eq()).map(<[usize]>::to_vec).collect()
}
