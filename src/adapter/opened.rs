//! An adapter that was opened, whatever its format.

use super::checkpoint::Checkpoint;
use super::config::Config;
use super::{adapterhub, bitsandbytes, peft};
use crate::error::Result;
use crate::ir::Tensor;
use crate::ir::tensor::MappedFile;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An adapter: a configuration and tensors, which are slices of mapped files.
#[derive(Clone, Debug)]
pub struct Adapter {
    pub(super) path: PathBuf,
    pub(super) config: Config,
    /// What it was read from, the configuration first.
    pub(super) files: Vec<Arc<MappedFile>>,
    pub(super) tensors: BTreeMap<String, Tensor>,
}

impl Adapter {
    /// Opens a folder of Hugging Face PEFT or AdapterHub, or a checkpoint of bitsandbytes. No tensor
    /// is read.
    ///
    /// # Errors
    /// It is none of these, or one of its files is malformed or truncated.
    pub fn open(path: &Path) -> Result<Self> {
        if adapterhub::is_folder(path) {
            return adapterhub::open(path);
        }
        match !peft::is_folder(path) && Checkpoint::is_at(path) {
            true => bitsandbytes::open(path),
            false => peft::open(path),
        }
    }

    /// Several adapters as one, with a configuration of its own: the tensors of the n-th are named
    /// `n/name`.
    pub(crate) fn several(entries: Map<String, Value>, adapters: Vec<Self>) -> Self {
        let paths: Vec<String> = adapters.iter().map(|a| a.path.display().to_string()).collect();
        let mut all = Self {
            path: PathBuf::from(paths.join(" + ")),
            config: Config::of_kind(Self::SEVERAL, entries),
            files: Vec::new(),
            tensors: BTreeMap::new(),
        };
        for (n, adapter) in adapters.into_iter().enumerate() {
            all.files.extend(adapter.files);
            all.tensors.extend(adapter.tensors.into_iter().map(|(k, t)| (format!("{n}/{k}"), t)));
        }
        all
    }

    /// The kind of several adapters as one.
    pub(crate) const SEVERAL: &str = "several";

    /// Whether there is something that [`open`](Self::open) reads, well-formed or not.
    pub fn is_at(path: &Path) -> bool {
        peft::is_folder(path) || adapterhub::is_folder(path) || Checkpoint::is_at(path)
    }

    /// The folder, or the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// PEFT's name for the kind of adapter, such as `LORA`; `adapterhub_` and AdapterHub's
    /// name for the architecture; or `bitsandbytes_4bit`.
    pub fn peft_type(&self) -> &str {
        self.config.peft_type()
    }

    /// What passes say they handle: [`peft_type`](Self::peft_type), or `DORA` for a LoRA that is one.
    pub fn kind(&self) -> &str {
        match (self.peft_type(), self.config.uses_dora()) {
            ("LORA", true) => "DORA",
            (kind, _) => kind,
        }
    }

    /// The model the adapter says it was trained on.
    pub fn base_model_name_or_path(&self) -> Option<&str> {
        self.config.get("base_model_name_or_path")?.as_str()
    }

    /// The type of model that AdapterHub says the adapter is for, such as `bert`.
    pub fn base_model_type(&self) -> Option<&str> {
        self.config.get("model_type")?.as_str()
    }

    /// The names of its tensors, without the prefix of PEFT's wrapper and without
    /// AdapterHub's name of the adapter, sorted.
    pub fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// Goes on without these tensors.
    pub(crate) fn leave_out(&mut self, names: &[String]) {
        names.iter().for_each(|name| drop(self.tensors.remove(name)));
    }

    /// SHA-256 of each, of several adapters as one.
    pub fn parts_sha256(&self) -> Vec<String> {
        let parts = self.config.get("sha256").filter(|_| self.peft_type() == Self::SEVERAL);
        let parts = parts.and_then(Value::as_array).into_iter().flatten();
        parts.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// SHA-256 of its files, the configuration first, each behind its length, in hexadecimal.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for file in &self.files {
            hash.update((file.as_slice().len() as u64).to_le_bytes());
            hash.update(file.as_slice());
        }
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}
