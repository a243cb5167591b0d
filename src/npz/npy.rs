//! What stands before the elements of an array.

use crate::error::{Error, Result};
use crate::ir::{DataType, element_count};

const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
/// Elements begin at a multiple of this.
const ALIGN: usize = 64;

/// The header of an array, and how many bytes its elements are.
pub(super) fn header(name: &str, dtype: DataType, dims: &[i64]) -> Result<(Vec<u8>, u64)> {
    let descr = descr(dtype).ok_or_else(|| {
        Error::input(format!("{name:?} is {dtype}: NumPy has no {dtype}, so no archive has it"))
    })?;
    let bytes = element_count(dims).and_then(|n| dtype.byte_len(n));
    let bytes = bytes
        .ok_or_else(|| Error::input(format!("{name:?} has more elements than memory: {dims:?}")))?;
    let sizes: String = dims.iter().map(|size| format!("{size}, ")).collect();
    let sizes = if dims.len() == 1 { sizes.trim_end() } else { sizes.trim_end_matches(", ") };
    let mut dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}");
    let before = MAGIC.len() + 2;
    let len = (before + dict.len() + 1).next_multiple_of(ALIGN) - before;
    dict = format!("{dict:<0$}\n", len - 1);
    let len = u16::try_from(len)
        .map_err(|_| Error::input(format!("{name:?} has {} sizes: too many", dims.len())))?;
    Ok(([MAGIC, &len.to_le_bytes(), dict.as_bytes()].concat(), bytes))
}

/// The element type of NumPy's name.
pub(super) fn dtype(name: &str) -> Option<DataType> {
    // One byte has no order.
    let same = |dtype: &&DataType| {
        descr(**dtype).is_some_and(|own| own[1..] == *name.get(1..).unwrap_or_default())
    };
    DataType::ALL.iter().find(same).copied().filter(|_| !name.starts_with('>'))
}

/// NumPy's name of an element type; none for those that NumPy itself does not have.
fn descr(dtype: DataType) -> Option<&'static str> {
    Some(match dtype {
        DataType::Bool => "|b1",
        DataType::I8 => "|i1",
        DataType::U8 => "|u1",
        DataType::I16 => "<i2",
        DataType::U16 => "<u2",
        DataType::I32 => "<i4",
        DataType::U32 => "<u4",
        DataType::I64 => "<i8",
        DataType::U64 => "<u8",
        DataType::F16 => "<f2",
        DataType::F32 => "<f4",
        DataType::F64 => "<f8",
        DataType::C64 => "<c8",
        DataType::C128 => "<c16",
        _ => return None,
    })
}
