//! Hugging Face PEFT folders: `adapter_config.json` and `adapter_model.safetensors`.

use super::config::Config;
use crate::error::{Error, Result};
use crate::ir::tensor::{FileSlice, MappedFile};
use crate::ir::{DataType, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

/// A PEFT adapter. Its tensors are slices of the mapped file.
#[derive(Clone, Debug)]
pub struct Adapter {
    path: PathBuf,
    config: Config,
    config_file: Arc<MappedFile>,
    weights_file: Arc<MappedFile>,
    tensors: BTreeMap<String, Tensor>,
}

impl Adapter {
    /// Opens an adapter folder. No tensor is read.
    ///
    /// # Errors
    /// It is no folder of Hugging Face PEFT, or one of its files is malformed or truncated.
    pub fn open(path: &Path) -> Result<Self> {
        check_folder(path)?;
        let config_file = MappedFile::open(&path.join(CONFIG))?;
        let config = Config::parse(config_file.as_slice())
            .map_err(|e| e.within(path.join(CONFIG).display()))?;
        let weights_path = path.join(WEIGHTS);
        if !weights_path.exists() {
            return Err(missing_weights(path));
        }
        let weights_file = MappedFile::open(&weights_path)?;
        let tensors = tensors(&weights_file).map_err(|e| e.within(weights_path.display()))?;
        Ok(Self { path: path.to_owned(), config, config_file, weights_file, tensors })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// PEFT's name for the kind of adapter, such as `LORA`.
    pub fn peft_type(&self) -> &str {
        self.config.peft_type()
    }

    /// The model the adapter says it was trained on.
    pub fn base_model_name_or_path(&self) -> Option<&str> {
        self.config.get("base_model_name_or_path")?.as_str()
    }

    /// The names of its tensors, without the prefix of PEFT's wrapper, sorted.
    pub fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// SHA-256 of the configuration and the weights, each behind its length, in hexadecimal.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for file in [&self.config_file, &self.weights_file] {
            hash.update((file.as_slice().len() as u64).to_le_bytes());
            hash.update(file.as_slice());
        }
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}

fn check_folder(path: &Path) -> Result<()> {
    if !path.is_dir() {
        let what = if path.exists() { "is a file" } else { "is not there" };
        return Err(Error::input(format!("{}: {what}", path.display()))
            .help(format!("accepted: a Hugging Face PEFT folder with {CONFIG} and {WEIGHTS}")));
    }
    let config = path.join(CONFIG);
    if !config.exists() {
        let names = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut names: Vec<_> =
            names.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names.truncate(12);
        return Err(Error::input(format!("{}: no adapter: it has no {CONFIG}", path.display()))
            .help(format!("it has: {}", names.join(", "))));
    }
    Ok(())
}

fn missing_weights(path: &Path) -> Error {
    if path.join("adapter_model.bin").exists() {
        return Error::input(format!(
            "{}: adapter_model.bin is a pickle, which can run code when it is read",
            path.display()
        ))
        .help("save it again with save_pretrained(…, safe_serialization=True)");
    }
    Error::input(format!("{}: has no {WEIGHTS}", path.display()))
}

pub(super) fn tensors(file: &Arc<MappedFile>) -> Result<BTreeMap<String, Tensor>> {
    let size = file.as_slice().len();
    let parsed = SafeTensors::deserialize(file.as_slice()).map_err(|e| {
        Error::input(format!("is no safetensors file, or a truncated one ({size} bytes): {e}"))
    })?;
    let mut tensors = BTreeMap::new();
    for (name, view) in parsed.tensors() {
        let within = |e: Error| e.within(format!("tensor {name:?}"));
        let dtype = dtype(view.dtype()).map_err(within)?;
        let dims = view.shape().iter().map(|&d| i64::try_from(d)).collect::<Result<_, _>>();
        let dims = dims.map_err(|_| {
            within(Error::input(format!("cannot have the shape {:?}", view.shape())))
        })?;
        let slice = file
            .offset_of(view.data())
            .and_then(|offset| FileSlice::new(file.clone(), offset, view.data().len() as u64))
            .ok_or_else(|| within(Error::bug("its data is not in the file")))?;
        let tensor = Tensor::new(dtype, dims, TensorData::File(slice));
        let short = strip_wrapper(&name);
        if tensors.insert(short.to_owned(), tensor).is_some() {
            return Err(Error::input(format!("two tensors have the name {short:?}")));
        }
    }
    Ok(tensors)
}

/// PEFT wraps a model as `base_model.model`; what all layers share is in `base_model`.
fn strip_wrapper(name: &str) -> &str {
    let stripped =
        name.strip_prefix("base_model.model.").or_else(|| name.strip_prefix("base_model."));
    stripped.unwrap_or(name)
}

fn dtype(dtype: Dtype) -> Result<DataType> {
    Ok(match dtype {
        Dtype::F32 => DataType::F32,
        Dtype::F16 => DataType::F16,
        Dtype::BF16 => DataType::BF16,
        Dtype::F64 => DataType::F64,
        Dtype::I64 => DataType::I64,
        Dtype::I32 => DataType::I32,
        Dtype::I16 => DataType::I16,
        Dtype::I8 => DataType::I8,
        Dtype::U8 => DataType::U8,
        Dtype::U16 => DataType::U16,
        Dtype::U32 => DataType::U32,
        Dtype::U64 => DataType::U64,
        Dtype::BOOL => DataType::Bool,
        Dtype::F8_E4M3 => DataType::F8E4M3FN,
        Dtype::F8_E5M2 => DataType::F8E5M2,
        other => {
            return Err(Error::input(format!("its type {other:?} has no ONNX counterpart here")));
        }
    })
}
