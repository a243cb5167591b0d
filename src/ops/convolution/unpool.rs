//! Putting the numbers of a MaxPool back where they were.

use super::window::{image, kernel, rank_of, spatial};
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ops::elements::{choose, zero};
use crate::ops::numbers::i64s;
use crate::ops::shape::{filled, places, strides};
use crate::ops::{Call, Value};

/// Indices are those of a result without `output_shape`, which comes first along each axis of one
/// with it.
pub(super) fn max(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, indices) = (call.input(0)?, call.input(1)?);
    if x.dims != indices.dims {
        let message = format!("input 0 is {:?}, its indices are {:?}", x.dims, indices.dims);
        return Err(Error::input(message));
    }
    let inner = inner_shape(call)?;
    let mut sources: Vec<Option<usize>> = filled(&inner, None)?;
    for (source, index) in i64s(indices)?.into_iter().enumerate() {
        let place = usize::try_from(index).ok().and_then(|place| sources.get_mut(place));
        *place.ok_or_else(|| {
            Error::input(format!("index {index} is none of a result of shape {inner:?}"))
        })? = Some(source);
    }
    let Some(outer) = call.optional(2)? else {
        return Ok(vec![placed(x, &inner, &sources)?.into()]);
    };
    let given = i64s(outer)?;
    let outer: Option<Vec<usize>> = given.iter().map(|&size| usize::try_from(size).ok()).collect();
    let fits = |outer: &Vec<usize>| {
        outer.len() == inner.len() && outer.iter().zip(&inner).all(|(outer, inner)| outer >= inner)
    };
    let outer = outer.filter(fits).ok_or_else(|| {
        Error::input(format!("output_shape is {given:?} for a result of shape {inner:?}"))
    })?;
    let mut spread = filled(&outer, None)?;
    for (place, source) in places(&inner, &strides(&outer)).zip(sources) {
        spread[place] = source;
    }
    Ok(vec![placed(x, &outer, &spread)?.into()])
}

/// The elements of these places; 0 where there is none.
fn placed(x: &Tensor, shape: &[usize], sources: &[Option<usize>]) -> Result<Tensor> {
    let sources = sources.iter().map(|source| source.map_or((1, 0), |source| (0, source)));
    choose(&[x, &zero(x.dtype)], shape, sources)
}

/// The shape of a result without `output_shape`.
fn inner_shape(call: &Call<'_>) -> Result<Vec<usize>> {
    let ([n, c], input) = image(call, 0)?;
    let kernel = kernel(call, None)?;
    let rank = rank_of(&kernel, &input)?;
    let strides = spatial(call, "strides", rank, 1)?;
    let pads = spatial(call, "pads", 2 * rank, 0)?;
    let mut shape = vec![n, c];
    for at in 0..rank {
        let whole = (input[at] as i128 - 1) * strides[at] + kernel[at] as i128;
        let size = whole - pads[at] - pads[rank + at];
        shape.push(usize::try_from(size).map_err(|_| {
            Error::input(format!("spatial axis {at} of the result has size {size}"))
        })?);
    }
    Ok(shape)
}
