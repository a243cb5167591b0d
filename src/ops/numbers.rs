//! Tensors as numbers, and back: floats as float64, integers as i128, which holds all of them.

use super::minifloat::{Format, ROUNDING, Rounding, decode_power, encode_power};
use super::shape::{count, room};
use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor, TensorData};
use bytes::Bytes;
use half::{bf16, f16};

/// The elements of a tensor of numbers or booleans.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Numbers {
    /// Of a type of floats.
    Floats(Vec<f64>),
    /// Of a type of integers, or booleans as 0 and 1.
    Integers(Vec<i128>),
}

/// The packed elements.
///
/// # Errors
/// They are strings, sparse or still to be computed.
pub(crate) fn bytes(tensor: &Tensor) -> Result<&[u8]> {
    tensor.bytes().ok_or_else(|| {
        let what = match tensor.data {
            TensorData::Strings(_) => "strings",
            TensorData::Sparse(_) => "sparse",
            _ => "not computed",
        };
        Error::input(format!("has elements that are {what}: numbers are accepted"))
    })
}

/// The elements of a tensor.
///
/// # Errors
/// They are no real numbers or booleans.
pub(crate) fn numbers(tensor: &Tensor) -> Result<Numbers> {
    match is_float(tensor.dtype) {
        true => floats(tensor).map(Numbers::Floats),
        false => integers(tensor).map(Numbers::Integers),
    }
}

/// Numbers, two of a complex one; and how many there are of an element.
///
/// # Errors
/// They are no numbers or booleans.
pub(crate) fn components(tensor: &Tensor) -> Result<(Numbers, usize)> {
    let part = match tensor.dtype {
        DataType::C64 => DataType::F32,
        DataType::C128 => DataType::F64,
        _ => return Ok((numbers(tensor)?, 1)),
    };
    let dims = [tensor.dims.as_slice(), &[2]].concat();
    Ok((numbers(&Tensor::new(part, dims, tensor.data.clone()))?, 2))
}

/// Whether elements are read as floats.
pub(crate) fn is_float(dtype: DataType) -> bool {
    matches!(dtype, DataType::F32 | DataType::F64 | DataType::F8E8M0) || Format::of(dtype).is_some()
}

/// Whether elements are read as integers; booleans are 0 and 1.
pub(crate) fn is_integer(dtype: DataType) -> bool {
    use DataType::*;
    matches!(dtype, Bool | I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64 | I4 | U4 | I2 | U2)
}

/// The smallest and the largest number of a type of integers.
pub(crate) fn limits(dtype: DataType) -> (i128, i128) {
    use DataType::*;
    let bits = dtype.bits().unwrap_or(0).min(64);
    match dtype {
        Bool => (0, 1),
        I2 | I4 | I8 | I16 | I32 | I64 => (-1 << (bits - 1), !(-1 << (bits - 1))),
        _ => (0, !(-1 << bits)),
    }
}

/// Real numbers as float64.
///
/// # Errors
/// They are no real numbers.
pub(crate) fn reals(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(match numbers(tensor)? {
        Numbers::Floats(floats) => floats,
        Numbers::Integers(integers) => integers.into_iter().map(|x| x as f64).collect(),
    })
}

/// Floats.
///
/// # Errors
/// They are none.
pub(crate) fn floats(tensor: &Tensor) -> Result<Vec<f64>> {
    let bytes = bytes(tensor)?;
    Ok(match tensor.dtype {
        DataType::F32 => all(bytes, |b| f64::from(f32::from_le_bytes(b))),
        DataType::F64 => all(bytes, f64::from_le_bytes),
        DataType::F16 => all(bytes, |b| f16::from_le_bytes(b).to_f64()),
        DataType::BF16 => all(bytes, |b| bf16::from_le_bytes(b).to_f64()),
        DataType::F8E8M0 => bytes.iter().map(|&code| decode_power(code)).collect(),
        other => match (Format::of(other), other.bits()) {
            (Some(format), Some(bits)) => {
                let count = tensor.element_count().unwrap_or(0) as usize;
                parts(bytes, bits as usize, count).map(|code| format.decode(code.into())).collect()
            }
            _ => return Err(Error::input(format!("is {other}, no type of floats"))),
        },
    })
}

/// Integers; booleans as 0 and 1.
///
/// # Errors
/// They are none.
pub(crate) fn integers(tensor: &Tensor) -> Result<Vec<i128>> {
    let bytes = bytes(tensor)?;
    let count = count(&room(&tensor.dims)?);
    Ok(match tensor.dtype {
        DataType::Bool => bytes.iter().map(|&b| i128::from(b != 0)).collect(),
        DataType::U8 => all(bytes, |b| u8::from_le_bytes(b).into()),
        DataType::I8 => all(bytes, |b| i8::from_le_bytes(b).into()),
        DataType::U16 => all(bytes, |b| u16::from_le_bytes(b).into()),
        DataType::I16 => all(bytes, |b| i16::from_le_bytes(b).into()),
        DataType::U32 => all(bytes, |b| u32::from_le_bytes(b).into()),
        DataType::I32 => all(bytes, |b| i32::from_le_bytes(b).into()),
        DataType::U64 => all(bytes, |b| u64::from_le_bytes(b).into()),
        DataType::I64 => all(bytes, |b| i64::from_le_bytes(b).into()),
        DataType::U4 => parts(bytes, 4, count).map(i128::from).collect(),
        DataType::U2 => parts(bytes, 2, count).map(i128::from).collect(),
        DataType::I4 => parts(bytes, 4, count).map(|x| signed(x, 4)).collect(),
        DataType::I2 => parts(bytes, 2, count).map(|x| signed(x, 2)).collect(),
        other => return Err(Error::input(format!("is {other}, no type of integers"))),
    })
}

/// Integers that say sizes, axes or places.
///
/// # Errors
/// They are no integers.
pub(crate) fn i64s(tensor: &Tensor) -> Result<Vec<i64>> {
    Ok(integers(tensor)?.into_iter().map(|x| x as i64).collect())
}

/// Booleans.
///
/// # Errors
/// They are no integers.
pub(crate) fn bools(tensor: &Tensor) -> Result<Vec<bool>> {
    Ok(integers(tensor)?.into_iter().map(|x| x != 0).collect())
}

/// The number that a tensor of one element has.
///
/// # Errors
/// There are more, or none.
pub(crate) fn one<T: Copy>(name: &str, numbers: &[T]) -> Result<T> {
    match numbers {
        &[one] => Ok(one),
        _ => Err(Error::input(format!("{name} has {} elements: 1 is accepted", numbers.len()))),
    }
}

/// A list of so many elements.
///
/// # Errors
/// There are more, or fewer.
pub(crate) fn as_many<T>(name: &str, list: Vec<T>, count: usize) -> Result<Vec<T>> {
    match list.len() == count {
        true => Ok(list),
        false => Err(Error::input(format!("{name} has {} elements, not {count}", list.len()))),
    }
}

/// A tensor of floats, each rounded once to the type.
///
/// # Errors
/// It is no type of floats.
pub(crate) fn of_floats(dtype: DataType, dims: &[i64], floats: &[f64]) -> Result<Tensor> {
    of_floats_by(dtype, dims, floats, ROUNDING)
}

/// A tensor of floats, rounded as it is said where types of less than 16 bits have a choice.
///
/// # Errors
/// It is no type of floats.
pub(crate) fn of_floats_by(
    dtype: DataType,
    dims: &[i64],
    floats: &[f64],
    rounding: Rounding,
) -> Result<Tensor> {
    let bytes = match (dtype, Format::of(dtype)) {
        (DataType::F32, _) => packed(floats, |x| (*x as f32).to_le_bytes()),
        (DataType::F64, _) => packed(floats, |x| x.to_le_bytes()),
        (DataType::F8E8M0, _) => packed(floats, |x| [encode_power(*x, rounding)]),
        (DataType::F16 | DataType::BF16, Some(format)) => {
            packed(floats, |x| format.encode(*x, false).to_le_bytes())
        }
        (_, Some(format)) => {
            let codes = floats.iter().map(|x| format.encode(*x, rounding.saturate) as u8);
            joined(codes, dtype.bits().unwrap_or(8) as usize)
        }
        (other, None) => return Err(Error::input(format!("{other} is no type of floats"))),
    };
    Ok(tensor(dtype, dims, bytes))
}

/// A tensor of integers, each modulo the size of the type; of booleans, whether they are not 0.
///
/// # Errors
/// It is no type of integers.
pub(crate) fn of_integers(dtype: DataType, dims: &[i64], integers: &[i128]) -> Result<Tensor> {
    let bytes = match dtype {
        DataType::Bool => packed(integers, |x| [u8::from(*x != 0)]),
        DataType::U8 | DataType::I8 => packed(integers, |x| (*x as u8).to_le_bytes()),
        DataType::U16 | DataType::I16 => packed(integers, |x| (*x as u16).to_le_bytes()),
        DataType::U32 | DataType::I32 => packed(integers, |x| (*x as u32).to_le_bytes()),
        DataType::U64 | DataType::I64 => packed(integers, |x| (*x as u64).to_le_bytes()),
        DataType::U4 | DataType::I4 => joined(integers.iter().map(|x| *x as u8), 4),
        DataType::U2 | DataType::I2 => joined(integers.iter().map(|x| *x as u8), 2),
        other => return Err(Error::input(format!("{other} is no type of integers"))),
    };
    Ok(tensor(dtype, dims, bytes))
}

/// A tensor of numbers of the class that the type has.
///
/// # Errors
/// It has the other.
pub(crate) fn of_numbers(dtype: DataType, dims: &[i64], numbers: &Numbers) -> Result<Tensor> {
    match numbers {
        Numbers::Floats(floats) => of_floats(dtype, dims, floats),
        Numbers::Integers(integers) => of_integers(dtype, dims, integers),
    }
}

/// A tensor of real numbers of any type; integers lose their fraction, and end at the type's limits.
///
/// # Errors
/// It is no type of numbers.
pub(crate) fn of_reals(dtype: DataType, dims: &[i64], reals: &[f64]) -> Result<Tensor> {
    if is_float(dtype) {
        return of_floats(dtype, dims, reals);
    }
    let (least, most) = limits(dtype);
    let integers: Vec<i128> = reals.iter().map(|&x| (x as i128).clamp(least, most)).collect();
    of_integers(dtype, dims, &integers)
}

/// A tensor of booleans.
pub(crate) fn of_bools(dims: &[i64], bools: &[bool]) -> Tensor {
    tensor(DataType::Bool, dims, bools.iter().map(|b| u8::from(*b)).collect())
}

/// A tensor of i64.
pub(crate) fn of_i64s(dims: &[i64], integers: &[i64]) -> Tensor {
    tensor(DataType::I64, dims, packed(integers, |x| x.to_le_bytes()))
}

/// A tensor of packed elements.
pub(crate) fn tensor(dtype: DataType, dims: &[i64], bytes: Vec<u8>) -> Tensor {
    Tensor::new(dtype, dims.to_vec(), TensorData::Bytes(Bytes::from(bytes)))
}

fn all<const N: usize, T>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|&bytes| number(bytes)).collect()
}

fn packed<const N: usize, T>(elements: &[T], bytes: impl Fn(&T) -> [u8; N]) -> Vec<u8> {
    elements.iter().flat_map(bytes).collect()
}

/// Elements of less than a byte, the lowest bits first.
pub(crate) fn parts(bytes: &[u8], bits: usize, count: usize) -> impl Iterator<Item = u8> {
    let byte = |at: usize| u16::from(bytes.get(at).copied().unwrap_or(0));
    let mask = (1 << bits) - 1;
    (0..count).map(move |at| {
        let (first, shift) = (at * bits / 8, at * bits % 8);
        (((byte(first) | byte(first + 1) << 8) >> shift) & mask) as u8
    })
}

/// [`parts`] as they are stored.
pub(crate) fn joined(parts: impl Iterator<Item = u8>, bits: usize) -> Vec<u8> {
    let mask = (1 << bits) - 1;
    let (mut bytes, mut open, mut filled) = (Vec::new(), 0u16, 0);
    for part in parts {
        open |= (u16::from(part) & mask) << filled;
        filled += bits;
        if filled >= 8 {
            bytes.push(open as u8);
            open >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        bytes.push(open as u8);
    }
    bytes
}

fn signed(part: u8, bits: u32) -> i128 {
    let part = i128::from(part);
    if part >> (bits - 1) == 0 { part } else { part - (1 << bits) }
}
