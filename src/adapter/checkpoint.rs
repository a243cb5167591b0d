//! Checkpoints of whole models: a Hugging Face folder, as `save_pretrained` of transformers writes it,
//! or a single safetensors file.

use super::tensors;
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ir::tensor::MappedFile;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PICKLES: [&str; 2] = ["pytorch_model.bin", "pytorch_model.bin.index.json"];

/// The tensors of a model, as slices of mapped files.
pub struct Checkpoint {
    pub(super) files: Vec<Arc<MappedFile>>,
    pub(super) tensors: BTreeMap<String, Tensor>,
}

impl Checkpoint {
    /// Whether there is one, well-formed or not.
    pub fn is_at(path: &Path) -> bool {
        match path.is_dir() {
            true => [WEIGHTS, INDEX].iter().chain(&PICKLES).any(|name| path.join(name).exists()),
            false => path.extension().is_some_and(|e| e == "safetensors"),
        }
    }

    /// Opens a folder or a file. No tensor is read.
    ///
    /// # Errors
    /// It is none, or one of its files is malformed or truncated.
    pub fn open(path: &Path) -> Result<Self> {
        let weights = if path.is_dir() { shards(path)? } else { Shards::one(path)? };
        let mut tensors = BTreeMap::new();
        for file in &weights.files {
            for (name, tensor) in tensors::read(file, str::to_owned)? {
                if tensors.insert(name.clone(), tensor).is_some() {
                    return Err(Error::input(format!("two of its files have a tensor {name:?}"))
                        .within(path.display()));
                }
            }
        }
        if let Some(missing) = weights.names.iter().find(|name| !tensors.contains_key(*name)) {
            return Err(Error::input(format!(
                "{INDEX} names a tensor {missing:?} that is in no file"
            ))
            .within(path.display()));
        }
        Ok(Self { files: weights.files, tensors })
    }

    /// Its tensors by name.
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }
}

/// The files that hold the tensors, and the names that must be in them.
struct Shards {
    files: Vec<Arc<MappedFile>>,
    names: Vec<String>,
}

impl Shards {
    fn one(path: &Path) -> Result<Self> {
        Ok(Self { files: vec![MappedFile::open(path)?], names: Vec::new() })
    }
}

/// The files of a folder, in the order transformers looks for them.
fn shards(folder: &Path) -> Result<Shards> {
    let (weights, index) = (folder.join(WEIGHTS), folder.join(INDEX));
    if weights.exists() {
        return Shards::one(&weights);
    }
    if !index.exists() {
        let pickle = PICKLES.iter().find(|name| folder.join(name).exists()).unwrap_or(&PICKLES[0]);
        let message = format!(
            "{}: {pickle} is a pickle, which can run code when it is read",
            folder.display()
        );
        return Err(Error::input(message)
            .help("save it again with save_pretrained(…, safe_serialization=True)"));
    }
    let file = MappedFile::open(&index)?;
    let map = weight_map(file.as_slice()).map_err(|e| e.within(index.display()))?;
    let names: BTreeSet<&String> = map.values().collect();
    let files = names.iter().map(|name| MappedFile::open(&folder.join(name)));
    Ok(Shards { files: files.collect::<Result<_>>()?, names: map.into_keys().collect() })
}

/// The file of each tensor.
fn weight_map(json: &[u8]) -> Result<BTreeMap<String, String>> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let Index { weight_map } = serde_json::from_slice(json)
        .map_err(|e| Error::input(format!("is no index of safetensors files: {e}")))?;
    for name in weight_map.values() {
        if Path::new(name).file_name() != Some(name.as_ref()) {
            return Err(Error::input(format!("{name:?} is no name of a file in its folder")));
        }
    }
    Ok(weight_map)
}
