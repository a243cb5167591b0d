//! Tensors of adapters as float64.

use crate::adapter::Adapter;
use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use half::{bf16, f16};
use peftc_delta::Matrix;

/// The elements of a tensor, row after row.
///
/// # Errors
/// They are no floats, or not there.
pub(crate) fn elements(tensor: &Tensor) -> Result<Vec<f64>> {
    let bytes = tensor.bytes().ok_or_else(|| Error::bug("the tensor has no bytes"))?;
    if !tensor.dtype.is_float() {
        let dtype = tensor.dtype;
        return Err(Error::input(format!("is {dtype}: f16, bf16, f32 and f64 are accepted")));
    }
    let mut elements = vec![0.0; tensor.element_count().unwrap_or(0) as usize];
    decode(tensor.dtype, bytes, &mut elements);
    Ok(elements)
}

/// Packed elements of a type of floats.
pub(crate) fn decode(dtype: DataType, bytes: &[u8], out: &mut [f64]) {
    fn all<const N: usize>(bytes: &[u8], out: &mut [f64], number: impl Fn([u8; N]) -> f64) {
        bytes.as_chunks::<N>().0.iter().zip(out).for_each(|(&bytes, out)| *out = number(bytes));
    }
    match dtype {
        DataType::F32 => all(bytes, out, |b| f64::from(f32::from_le_bytes(b))),
        DataType::F16 => all(bytes, out, |b| f64::from(f16::from_le_bytes(b))),
        DataType::BF16 => all(bytes, out, |b| f64::from(bf16::from_le_bytes(b))),
        _ => all(bytes, out, f64::from_le_bytes),
    }
}

/// A tensor of an adapter as a matrix: further axes are counted to the second.
pub(super) fn matrix(adapter: &Adapter, name: &str) -> Result<Matrix> {
    let tensor = tensor(adapter, name)?;
    let (rows, columns) = match tensor.dims.as_slice() {
        [rows, rest @ ..] if !rest.is_empty() => (*rows, rest.iter().product::<i64>()),
        dims => return Err(Error::input(format!("{name} is {dims:?}: a matrix is expected"))),
    };
    Ok(Matrix::new(rows as usize, columns as usize, finite(tensor, name)?))
}

/// A tensor of an adapter as a vector.
pub(super) fn vector(adapter: &Adapter, name: &str) -> Result<Vec<f64>> {
    finite(tensor(adapter, name)?, name)
}

/// The elements of a tensor, which are numbers of float32's range.
fn finite(tensor: &Tensor, name: &str) -> Result<Vec<f64>> {
    let elements = elements(tensor).map_err(|e| e.within(name))?;
    match elements.iter().find(|x| !(**x as f32).is_finite()) {
        None => Ok(elements),
        Some(x) => {
            Err(Error::input(format!("{name} has {x:e}, which is no finite number of float32")))
        }
    }
}

pub(super) fn tensor<'a>(adapter: &'a Adapter, name: &str) -> Result<&'a Tensor> {
    adapter.tensor(name).ok_or_else(|| Error::bug(format!("the adapter has no tensor {name}")))
}
