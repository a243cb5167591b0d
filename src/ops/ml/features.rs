//! Features that are chosen or scaled.

use super::rows;
use crate::error::{Error, Result};
use crate::ir::DataType;
use crate::ops::elements::pick;
use crate::ops::numbers::{Numbers, i64s, numbers, of_floats, of_numbers, of_reals, reals};
use crate::ops::shape::{count, dims, room, sizes};
use crate::ops::{Call, Value};

/// Elements along the last axis. As ONNX Runtime has it, a vector is a matrix of one row.
pub(super) fn extract(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let mut shape = sizes(x);
    let width = shape.pop().ok_or_else(|| Error::input("X is a scalar"))?;
    let index = |index: i64| {
        let place = usize::try_from(index).ok().filter(|&place| place < width);
        place.ok_or_else(|| Error::input(format!("index {index} is none of {width}")))
    };
    let indices: Vec<usize> =
        i64s(call.input(1)?)?.into_iter().map(index).collect::<Result<_>>()?;
    let rows = count(&shape);
    if shape.is_empty() {
        shape.push(1);
    }
    shape.push(indices.len());
    room(&dims(&shape))?;
    let places = (0..rows).flat_map(|row| indices.iter().map(move |index| row * width + index));
    Ok(vec![pick(x, &shape, places)?.into()])
}

pub(super) fn binarize(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, threshold) = (call.input(0)?, call.float("threshold")?);
    let bits: Vec<f64> =
        reals(x)?.into_iter().map(|x| if x > threshold { 1.0 } else { 0.0 }).collect();
    Ok(vec![of_reals(x.dtype, &x.dims, &bits)?.into()])
}

/// A number for each feature, or one for all.
fn for_feature(list: &[f64], name: &str, features: usize) -> Result<impl Fn(usize) -> f64> {
    if list.len() != features && list.len() != 1 {
        let found = list.len();
        return Err(Error::input(format!("{name} has {found} elements for {features} features")));
    }
    Ok(move |at: usize| list[if list.len() == 1 { 0 } else { at % features }])
}

pub(super) fn scale(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let features = x.dims.last().map_or(1, |&features| features as usize);
    let (offsets, scales) = (call.floats("offset")?, call.floats("scale")?);
    let offsets = offsets.unwrap_or_else(|| vec![0.0]);
    let scales = scales.unwrap_or_else(|| vec![1.0]);
    let offset = for_feature(&offsets, "offset", features)?;
    let scale = for_feature(&scales, "scale", features)?;
    let scaled: Vec<f64> =
        reals(x)?.into_iter().enumerate().map(|(at, x)| (x - offset(at)) * scale(at)).collect();
    Ok(vec![of_floats(DataType::F32, &x.dims, &scaled)?.into()])
}

/// Rows over the greatest element, the sum of absolute values, or the root of the sum of squares.
pub(super) fn normalize(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let (_, features) = rows(x)?;
    let norm: fn(&[f64]) -> f64 = match call.string("norm")?.as_str() {
        "MAX" => |row| row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "L1" => |row| row.iter().map(|x| x.abs()).sum(),
        "L2" => |row| row.iter().map(|x| x * x).sum::<f64>().sqrt(),
        other => {
            let error = Error::input(format!("norm is {other:?}"));
            return Err(error.help("MAX, L1 and L2 are accepted"));
        }
    };
    let mut numbers = reals(x)?;
    for row in numbers.chunks_mut(features.max(1)) {
        let divisor = norm(row);
        if divisor != 0.0 {
            row.iter_mut().for_each(|x| *x /= divisor);
        }
    }
    Ok(vec![of_floats(DataType::F32, &x.dims, &numbers)?.into()])
}

pub(super) fn impute(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let features = x.dims.last().map_or(1, |&features| features as usize);
    let needed = |name: &str| Error::input(format!("{name} is missing"));
    let imputed = match numbers(x)? {
        Numbers::Floats(mut all) => {
            let name = "imputed_value_floats";
            let (list, replaced) = (
                call.floats(name)?.ok_or_else(|| needed(name))?,
                call.float("replaced_value_float")?,
            );
            let value = for_feature(&list, name, features)?;
            for (at, x) in all.iter_mut().enumerate() {
                if *x == replaced || (x.is_nan() && replaced.is_nan()) {
                    *x = value(at);
                }
            }
            Numbers::Floats(all)
        }
        Numbers::Integers(mut all) => {
            let name = "imputed_value_int64s";
            let list = call.ints(name)?.ok_or_else(|| needed(name))?;
            let replaced = i128::from(call.int("replaced_value_int64")?);
            let places: Vec<f64> = (0..list.len()).map(|at| at as f64).collect();
            let place = for_feature(&places, name, features)?;
            for (at, x) in all.iter_mut().enumerate().filter(|(_, x)| **x == replaced) {
                *x = i128::from(list[place(at) as usize]);
            }
            Numbers::Integers(all)
        }
    };
    Ok(vec![of_numbers(x.dtype, &x.dims, &imputed)?.into()])
}

/// Tensors side by side, each cut or filled with zeros to its number of features.
pub(super) fn join(call: &Call<'_>) -> Result<Vec<Value>> {
    let all = call.tensors()?;
    let widths = call.ints("inputdimensions")?.unwrap_or_default();
    if widths.len() != all.len() {
        let (inputs, found) = (all.len(), widths.len());
        return Err(Error::input(format!("inputdimensions has {found} elements for {inputs}")));
    }
    let widths: Vec<usize> =
        widths.iter().map(|&width| Ok(room(&[width])?[0])).collect::<Result<_>>()?;
    // A vector is a column.
    let shapes: Vec<(usize, usize)> = all
        .iter()
        .map(|x| if x.dims.len() == 1 { Ok((x.dims[0] as usize, 1)) } else { rows(x) })
        .collect::<Result<_>>()?;
    let count = shapes.first().map_or(0, |shape| shape.0);
    if shapes.iter().any(|shape| shape.0 != count) {
        return Err(Error::input(format!("the inputs have the shapes {shapes:?}")));
    }
    let numbers: Vec<Vec<f64>> = all.iter().map(|x| reals(x)).collect::<Result<_>>()?;
    let shape = dims(&[count, widths.iter().fold(0, |sum, &width| width.saturating_add(sum))]);
    room(&shape)?;
    let mut joined = Vec::new();
    for row in 0..count {
        for ((numbers, (_, own)), width) in numbers.iter().zip(&shapes).zip(&widths) {
            let row = numbers[row * own..][..*own].iter().copied();
            joined.extend(row.chain(std::iter::repeat(0.0)).take(*width));
        }
    }
    Ok(vec![of_floats(DataType::F32, &shape, &joined)?.into()])
}
