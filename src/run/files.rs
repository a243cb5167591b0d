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
/// One cannot be read, an input stands twice, or a folder has one more than the model.
pub(crate) fn read(paths: &[PathBuf], signature: &[Signature]) -> Result<HashMap<String, Value>> {
    let mut inputs = HashMap::new();
    for path in paths {
        for (name, value) in file(path, signature)? {
            if inputs.insert(name.clone(), value).is_some() {
                return Err(Error::input(format!(
                    "{}: input {name:?} stands twice",
                    path.display()
                )));
            }
        }
    }
    Ok(inputs)
}

/// Inputs as reports list them, each with its type, by name.
pub(crate) fn listed(inputs: &HashMap<String, Value>) -> Vec<String> {
    let one = |(name, value): (&String, &Value)| format!("{name}: {}", value.ty());
    let mut listed: Vec<String> = inputs.iter().map(one).collect();
    listed.sort();
    listed
}

fn file(path: &Path, signature: &[Signature]) -> Result<Vec<(String, Value)>> {
    if path.is_dir() {
        return folder(path, signature);
    }
    let within = |e: Error| e.within(path.display());
    let map = MappedFile::open(path)?;
    if is_archive(path) {
        let arrays = npz::read(map.as_slice()).map_err(within)?;
        return Ok(arrays.into_iter().map(|(name, tensor)| (name, tensor.into())).collect());
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(vec![(name, npz::read_npy(map.as_slice()).map_err(within)?.into())])
}

/// Values by the numbers of inputs, as ONNX's test data has them.
fn folder(path: &Path, signature: &[Signature]) -> Result<Vec<(String, Value)>> {
    let file = |number: usize| path.join(format!("input_{number}.pb"));
    let beyond = file(signature.len());
    if beyond.exists() {
        let what = format!("{}: the model has {} inputs", beyond.display(), signature.len());
        return Err(Error::input(what).help("files of inputs are numbered from 0 on"));
    }
    let numbered = signature.iter().enumerate().map(|(number, input)| (input, file(number)));
    let there: Vec<_> = numbered.filter(|(_, file)| file.exists()).collect();
    if there.is_empty() && !signature.is_empty() {
        return Err(Error::input(format!("{}: has no input_0.pb", path.display()))
            .help("a folder has inputs by number, from 0 on, as ONNX's test data"));
    }
    there
        .into_iter()
        .map(|(input, file)| Ok((input.name.clone(), onnx::read_value(&file, input.ty.as_ref())?)))
        .collect()
}

/// The files that so many values are written to.
pub(super) fn written(path: &Path, values: usize) -> Vec<PathBuf> {
    match is_archive(path) {
        true => vec![path.to_owned()],
        false => (0..values).map(|number| path.join(format!("output_{number}.pb"))).collect(),
    }
}

/// Writes values: into an archive by name, into a folder by number as outputs.
///
/// # Errors
/// A file cannot be written, or is there already and `force` is not given; an archive is to have
/// what is no tensor.
pub(super) fn write(path: &Path, values: &[(&str, &Value)], force: bool) -> Result<()> {
    if is_archive(path) {
        let tensors: Vec<(&str, &Tensor)> = values
            .iter()
            .map(|(name, value)| Ok((*name, tensor(name, value)?)))
            .collect::<Result<_>>()?;
        return disk::put(path, &npz::write(&tensors)?, force);
    }
    std::fs::create_dir_all(path).map_err(|e| Error::write_file(path, &e))?;
    for (file, (name, value)) in written(path, values.len()).iter().zip(values) {
        disk::put(file, &onnx::value_bytes(value, name)?, force)?;
    }
    Ok(())
}

fn tensor<'v>(name: &str, value: &'v Value) -> Result<&'v Tensor> {
    value.tensor().map_err(|e| {
        let e = e.within(format!("{name:?}"));
        e.help("an archive (.npz) has tensors alone, a folder any values")
    })
}
