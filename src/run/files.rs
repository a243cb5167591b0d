//! Inputs and outputs as files.

use super::is_archive;
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ir::tensor::MappedFile;
use crate::ops::Value;
use crate::runtime::Signature;
use crate::{disk, npz, onnx};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The inputs in these files, by name.
///
/// # Errors
/// One cannot be read, or an input stands twice.
pub(crate) fn read(paths: &[PathBuf], signature: &[Signature]) -> Result<HashMap<String, Value>> {
    let mut inputs = HashMap::new();
    for path in paths {
        for (name, tensor) in file(path, signature)? {
            if inputs.insert(name.clone(), tensor.into()).is_some() {
                return Err(Error::input(format!(
                    "{}: input {name:?} stands twice",
                    path.display()
                )));
            }
        }
    }
    Ok(inputs)
}

fn file(path: &Path, signature: &[Signature]) -> Result<Vec<(String, Tensor)>> {
    if path.is_dir() {
        return folder(path, signature);
    }
    let within = |e: Error| e.within(path.display());
    let map = MappedFile::open(path)?;
    if is_archive(path) {
        return npz::read(map.as_slice()).map_err(within);
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(vec![(name, npz::read_npy(map.as_slice()).map_err(within)?)])
}

/// Tensors by the numbers of inputs, as ONNX's test data has them.
fn folder(path: &Path, signature: &[Signature]) -> Result<Vec<(String, Tensor)>> {
    let numbered = signature
        .iter()
        .enumerate()
        .map(|(number, input)| (input.name.clone(), path.join(format!("input_{number}.pb"))));
    let there = numbered.filter(|(_, file)| file.exists());
    there.map(|(name, file)| Ok((name, onnx::read_tensor(&file)?))).collect()
}

/// Writes outputs.
///
/// # Errors
/// A file cannot be written, or is there already and `force` is not given.
pub(super) fn write(path: &Path, tensors: &[(&str, &Tensor)], force: bool) -> Result<()> {
    if is_archive(path) {
        return disk::put(path, &npz::write(tensors)?, force);
    }
    std::fs::create_dir_all(path).map_err(|e| Error::write_file(path, &e))?;
    for (number, (name, tensor)) in tensors.iter().enumerate() {
        let file = path.join(format!("output_{number}.pb"));
        disk::put(&file, &onnx::tensor_bytes(tensor, name)?, force)?;
    }
    Ok(())
}
