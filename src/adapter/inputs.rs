//! Inputs of layers, to measure on.

use super::tensors;
use crate::error::Result;
use crate::ir::Tensor;
use crate::ir::tensor::MappedFile;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A safetensors file with inputs `[…, in]` of linear layers, by module path.
#[derive(Clone, Debug)]
pub struct LayerInputs {
    path: PathBuf,
    tensors: BTreeMap<String, Tensor>,
}

impl LayerInputs {
    /// Opens a file. No tensor is read.
    ///
    /// # Errors
    /// It is no safetensors file.
    pub fn open(path: &Path) -> Result<Self> {
        let tensors = tensors::read(&MappedFile::open(path)?, str::to_owned)?;
        Ok(Self { path: path.to_owned(), tensors })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of its tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The inputs of a module: those of its name, else the only ones of which one path ends with
    /// the other.
    pub fn of_module(&self, module: &str) -> Option<(&str, &Tensor)> {
        let is_end = |path: &str, end: &str| {
            path.strip_suffix(end).is_some_and(|start| start.is_empty() || start.ends_with('.'))
        };
        let exact = self.tensors.get_key_value(module);
        let found = exact.or_else(|| {
            let mut near = self
                .tensors
                .iter()
                .filter(|(name, _)| is_end(name, module) || is_end(module, name));
            near.next().filter(|_| near.next().is_none())
        });
        found.map(|(name, tensor)| (name.as_str(), tensor))
    }
}
