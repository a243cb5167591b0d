//! What must hold of a task before it may be part of a plan.

use super::cut::cuts;
use super::{Source, Task};
use crate::error::{Error, Result};
use crate::ir::{DataType, TensorData, element_count};
use std::fmt;

/// The task, for messages.
pub(super) fn place(task: &Task) -> impl fmt::Display + '_ {
    fmt::from_fn(|f| write!(f, "{} ({})", task.label, task.kind.name()))
}

/// Checks a task that follows the tasks `earlier`. Returns the axes, as bits, along which its
/// results can be split.
pub(super) fn axes(earlier: &[Task], task: &Task) -> Result<u32> {
    if u32::try_from(earlier.len()).is_err() {
        return Err(Error::bug("too many weight tasks"));
    }
    for (i, (dtype, dims)) in task.results.iter().enumerate() {
        bytes(*dtype, dims).map_err(|e| e.within(format!("result {i}")))?;
    }
    let Some((_, first)) = task.results.first() else {
        return Err(Error::bug("the task has no result"));
    };
    let rank = task.results.iter().map(|(_, dims)| dims.len()).max().unwrap_or(0);
    let declared = task.kind.split_axes();
    let splittable = |axis: usize| axis < 32 && declared >> axis & 1 == 1;
    for axis in (0..rank).filter(|&axis| splittable(axis)) {
        equal_along(task, axis)?;
    }
    for (i, source) in task.sources.iter().enumerate() {
        check_source(earlier, first, source).map_err(|e| e.within(format!("source {i}")))?;
    }
    let whole_bytes = |axis: usize| cuts(task, axis).all(|cut| cut.granule().is_some());
    let axes = (0..first.len()).filter(|&axis| splittable(axis) && whole_bytes(axis));
    Ok(axes.fold(0, |bits, axis| bits | 1 << axis))
}

/// How many bytes a tensor takes, if it has packed bytes and memory can address them.
fn bytes(dtype: DataType, dims: &[i64]) -> Result<u64> {
    let shape = || format!("{dtype}{dims:?}");
    if dtype == DataType::String {
        return Err(Error::bug(format!("{}: weight tasks know no strings", shape())));
    }
    element_count(dims)
        .and_then(|n| n.checked_mul(dtype.bits()?))
        .map(|bits| bits.div_ceil(8))
        .filter(|&bytes| isize::try_from(bytes).is_ok())
        .ok_or_else(|| {
            Error::bug(format!("{}: a size is negative or the product too large", shape()))
        })
}

/// All results must have the same size along an axis that can be split.
fn equal_along(task: &Task, axis: usize) -> Result<()> {
    let sizes: Vec<Option<i64>> =
        task.results.iter().map(|(_, dims)| dims.get(axis).copied()).collect();
    if sizes.iter().all(|size| size.is_some() && *size == sizes[0]) {
        return Ok(());
    }
    let shapes: Vec<String> = task.results.iter().map(|(t, dims)| format!("{t}{dims:?}")).collect();
    let shapes = shapes.join(", ");
    Err(Error::bug(format!(
        "the kind can be split along axis {axis}, where its results differ: {shapes}"
    ))
    .help("results must have the same size along every axis that can be split"))
}

fn check_source(earlier: &[Task], result: &[i64], source: &Source) -> Result<()> {
    let tensor = &source.tensor;
    let expected = bytes(tensor.dtype, &tensor.dims)?;
    match &tensor.data {
        TensorData::Bytes(_) | TensorData::File(_) => {
            let found = tensor.bytes().map_or(0, <[u8]>::len) as u64;
            if found != expected {
                let shape = format!("{}{:?}", tensor.dtype, tensor.dims);
                return Err(Error::bug(format!(
                    "{shape} takes {expected} bytes, its data has {found}"
                )));
            }
        }
        TensorData::Pending { task, result } => {
            let producer = earlier.get(*task as usize);
            let declared = producer.and_then(|task| task.results.get(*result as usize));
            let Some((dtype, dims)) = declared else {
                return Err(Error::bug(format!(
                    "refers to result {result} of weight task {task}, which is not recorded before this one"
                )));
            };
            // A graph may declare it under another shape, which no axis can be followed along.
            let is_reshaped = source.follows.iter().all(Option::is_none)
                && element_count(dims) == element_count(&tensor.dims);
            if *dtype != tensor.dtype || !(is_reshaped || dims == &tensor.dims) {
                return Err(Error::bug(format!(
                    "is taken for {}{:?}, but result {result} of weight task {task} is {dtype}{dims:?}",
                    tensor.dtype, tensor.dims
                )));
            }
        }
        TensorData::Strings(_) | TensorData::Sparse(_) => {
            return Err(Error::bug("is sparse or of strings; weight tasks read dense tensors"));
        }
    }
    for (axis, followed) in source.follows.iter().enumerate() {
        let Some(followed) = *followed else { continue };
        let size = tensor.dims.get(followed);
        if size.is_none() || size != result.get(axis) {
            return Err(Error::bug(format!(
                "its axis {followed} cannot follow result axis {axis}: the source is {:?}, result 0 is {result:?}",
                tensor.dims
            ))
            .help("both axes must exist and have the same size"));
        }
    }
    Ok(())
}
