//! `torch.save` files: a zip of stored entries, of which `data.pkl` is a pickle that says where each
//! tensor lies.
//!
//! A pickle is a program. This reader runs only the part of it that tensors need: dictionaries,
//! tuples, numbers, strings, and the few functions of [`globals`]. Everything else is refused by name;
//! nothing is imported or called.

mod globals;
mod machine;

use crate::error::{Error, Result};
use crate::ir::tensor::{FileSlice, MappedFile};
use crate::ir::{Tensor, TensorData, element_count};
use crate::zip::Archive;
use machine::Stored;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The tensors of a file, as slices of it, by the names that `rename` makes of theirs.
pub(super) fn read(
    file: &Arc<MappedFile>,
    rename: impl Fn(&str) -> String,
) -> Result<BTreeMap<String, Tensor>> {
    read_inner(file, rename).map_err(|e| e.within(file.path().display()))
}

fn read_inner(
    file: &Arc<MappedFile>,
    rename: impl Fn(&str) -> String,
) -> Result<BTreeMap<String, Tensor>> {
    // All entries are in one folder.
    let archive =
        Archive::open(file.as_slice(), |name| name.split_once('/').map_or(name, |(_, path)| path))?;
    if archive.entry("byteorder").is_some_and(|order| order != b"little") {
        return Err(Error::input("its numbers are not little-endian"));
    }
    let program = archive.entry("data.pkl").ok_or_else(|| {
        Error::input("it has no data.pkl: it is no file of torch.save")
            .help("save it again with save_adapter(…, use_safetensors=True)")
    })?;
    let mut tensors = BTreeMap::new();
    for (name, stored) in machine::run(program)? {
        let tensor =
            tensor(file, &archive, &stored).map_err(|e| e.within(format!("tensor {name:?}")))?;
        let short = rename(&name);
        if tensors.insert(short.clone(), tensor).is_some() {
            return Err(Error::input(format!("two tensors have the name {short:?}")));
        }
    }
    Ok(tensors)
}

/// The slice of the file that a tensor is.
fn tensor(file: &Arc<MappedFile>, archive: &Archive<'_>, stored: &Stored) -> Result<Tensor> {
    let entry = format!("data/{}", stored.key);
    let data = archive
        .entry(&entry)
        .ok_or_else(|| Error::input(format!("its storage {entry:?} is not in the file")))?;
    if !is_contiguous(&stored.dims, &stored.strides) {
        return Err(Error::input(format!(
            "its strides {:?} are not those of a contiguous tensor {:?}",
            stored.strides, stored.dims
        ))
        .help("save it with .contiguous()"));
    }
    let size = stored.dtype.bits().unwrap_or(8) / 8;
    let bytes = element_count(&stored.dims).and_then(|n| n.checked_mul(size));
    let start = stored.offset.checked_mul(size);
    let range = start.zip(bytes).and_then(|(start, len)| Some(start..start.checked_add(len)?));
    let range = range.filter(|range| range.end <= data.len() as u64).ok_or_else(|| {
        Error::input(format!(
            "{} elements from {} are more than its storage of {} bytes holds",
            element_count(&stored.dims).unwrap_or(u64::MAX),
            stored.offset,
            data.len()
        ))
    })?;
    let slice = file
        .offset_of(data)
        .and_then(|at| FileSlice::new(file.clone(), at + range.start, range.end - range.start))
        .ok_or_else(|| Error::bug("its data is not in the file"))?;
    Ok(Tensor::new(stored.dtype, stored.dims.clone(), TensorData::File(slice)))
}

fn is_contiguous(dims: &[i64], strides: &[i64]) -> bool {
    let mut expected = 1i64;
    for (&dim, &stride) in dims.iter().zip(strides).rev() {
        if dim > 1 && stride != expected {
            return false;
        }
        expected = expected.saturating_mul(dim.max(1));
    }
    dims.len() == strides.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_of_contiguous_tensors() {
        let cases: [(&[i64], &[i64], bool); 6] = [
            (&[2, 3], &[3, 1], true),
            (&[2, 3], &[1, 2], false),
            (&[1, 3], &[7, 1], true),
            (&[], &[], true),
            (&[3], &[], false),
            (&[0, 3], &[3, 1], true),
        ];
        for (dims, strides, expected) in cases {
            assert_eq!(is_contiguous(dims, strides), expected, "{dims:?} {strides:?}");
        }
    }
}
