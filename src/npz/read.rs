//! Reading arrays.

use super::npy::dtype;
use crate::error::{Error, Result};
use crate::ir::{Tensor, TensorData, element_count};
use crate::zip::Archive;
use bytes::Bytes;

/// The arrays of an archive, by name, sorted.
///
/// # Errors
/// It is no archive of `numpy.savez`, or an array is of a type that tensors do not have.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<(String, Tensor)>> {
    let mut arrays = Vec::new();
    let archive = Archive::open(bytes, |path| path.strip_suffix(".npy").unwrap_or(path))?;
    for (name, bytes) in archive.entries() {
        let tensor = read_npy(bytes).map_err(|e| e.within(format!("{name:?}")))?;
        arrays.push((name.to_owned(), tensor));
    }
    arrays.sort_by(|(x, _), (y, _)| x.cmp(y));
    Ok(arrays)
}

/// One array.
///
/// # Errors
/// It is none, or of a type that tensors do not have, or its axes are stored in reverse.
pub(crate) fn read_npy(bytes: &[u8]) -> Result<Tensor> {
    let damaged = || Error::input("is no array of NumPy, or a truncated one");
    let version = bytes.strip_prefix(b"\x93NUMPY").and_then(<[u8]>::first).ok_or_else(damaged)?;
    let (start, len) = match version {
        1 => (10, bytes.get(8..10).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]])))),
        _ => (12, bytes.get(8..12).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize)),
    };
    let end = start + len.ok_or_else(damaged)?;
    let header = bytes.get(start..end).and_then(|h| std::str::from_utf8(h).ok());
    let header = header.ok_or_else(damaged)?;
    let descr = field(header, "descr").ok_or_else(damaged)?;
    let descr = descr.trim_start_matches('\'').split('\'').next().unwrap_or_default();
    let dtype = dtype(descr).ok_or_else(|| {
        Error::input(format!("has elements {descr:?}, which tensors do not have"))
            .help("booleans and little-endian numbers are accepted")
    })?;
    if field(header, "fortran_order").is_some_and(|order| order.starts_with("True")) {
        return Err(Error::input("is stored column after column (fortran_order)")
            .help("numpy.ascontiguousarray stores it row after row"));
    }
    let shape = field(header, "shape").and_then(|s| s.strip_prefix('(')?.split(')').next());
    let sizes = shape.ok_or_else(damaged)?.split(',').map(str::trim).filter(|s| !s.is_empty());
    let dims: Vec<i64> =
        sizes.map(|size| size.parse().map_err(|_| damaged())).collect::<Result<_>>()?;
    let needed =
        element_count(&dims).and_then(|count| dtype.byte_len(count)).ok_or_else(damaged)?;
    let elements = bytes.get(end..).filter(|b| b.len() as u64 == needed).ok_or_else(damaged)?;
    Ok(Tensor::new(dtype, dims, TensorData::Bytes(Bytes::copy_from_slice(elements))))
}

/// What stands behind a key of the header.
fn field<'h>(header: &'h str, key: &str) -> Option<&'h str> {
    let (_, behind) = header.split_once(&format!("'{key}':"))?;
    Some(behind.trim_start())
}
