//! Checkpoints whose weights bitsandbytes quantized to 4 bits: a Hugging Face folder, as
//! `save_pretrained` of transformers writes it, or a single safetensors file.
//!
//! Next to the codes `X.weight` stand `X.weight.absmax`, `.quant_map`, where absmax is quantized too
//! `.nested_absmax` and `.nested_quant_map`, and `.quant_state.bitsandbytes__nf4` (or `fp4`): JSON,
//! stored as bytes. What is not quantized is stored as it is.

use super::checkpoint::Checkpoint;
use super::config::Config;
use super::opened::Adapter;
use crate::error::{Error, Result};
use crate::ir::tensor::MappedFile;
use crate::ir::{Tensor, element_count};
use serde_json::{Map, Value};
use std::path::Path;

/// What transformers calls this quantization, and adapters of this kind are called here.
const KIND: &str = "bitsandbytes_4bit";

const CONFIG: &str = "config.json";

/// What a tensor that says how another one is quantized has in its name.
const QUANT_STATE: &str = ".quant_state.bitsandbytes__";

/// A weight that is quantized.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    /// The name of its codes.
    pub name: String,
    /// `nf4` or `fp4`.
    pub quant_type: String,
    /// Elements of a block.
    pub block_size: u64,
    /// Whether absmax is quantized too.
    pub double_quant: bool,
    /// The shape of the weight.
    pub shape: Vec<i64>,
}

impl Quantized {
    /// Whether a tensor holds a part of the weight.
    pub fn has_part(&self, name: &str) -> bool {
        name.strip_prefix(&self.name).is_some_and(|part| part.is_empty() || part.starts_with('.'))
    }

    /// How many elements the weight has.
    pub fn elements(&self) -> u64 {
        element_count(&self.shape).unwrap_or(0)
    }
}

impl Adapter {
    /// The weights that are quantized, as far as their descriptions can be read.
    pub fn quantized(&self) -> Vec<Quantized> {
        self.tensors.iter().filter_map(|(name, tensor)| quantized(name, tensor)).collect()
    }
}

fn quantized(name: &str, tensor: &Tensor) -> Option<Quantized> {
    let (weight, _) = name.split_once(QUANT_STATE)?;
    let state: Value = serde_json::from_slice(tensor.bytes()?).ok()?;
    Some(Quantized {
        name: weight.to_owned(),
        quant_type: state.get("quant_type")?.as_str()?.to_owned(),
        block_size: state.get("blocksize")?.as_u64()?,
        double_quant: state.get("nested_offset").is_some(),
        shape: state.get("shape")?.as_array()?.iter().map(Value::as_i64).collect::<Option<_>>()?,
    })
}

/// Opens a checkpoint.
///
/// # Errors
/// It is quantized otherwise, or not at all, or one of its files is malformed or truncated.
pub(super) fn open(path: &Path) -> Result<Adapter> {
    let (config, mut files) = match path.is_dir() {
        true => {
            let file = MappedFile::open(&path.join(CONFIG))?;
            let config =
                config(file.as_slice()).map_err(|e| e.within(path.join(CONFIG).display()))?;
            (config, vec![file])
        }
        false => (Map::new(), Vec::new()),
    };
    let Checkpoint { files: weights, tensors } = Checkpoint::open(path)?;
    if !tensors.keys().any(|name| name.contains(QUANT_STATE)) {
        let message =
            format!("no weight of it is quantized: no tensor has {QUANT_STATE:?} in its name");
        let error = Error::input(message).within(path.display()).help(ACCEPTED);
        return Err(match path.is_dir() {
            true => error,
            false => error.help("or an adapter of PEFT, which is named by its folder"),
        });
    }
    files.extend(weights);
    Ok(Adapter { path: path.to_owned(), config: Config::of_kind(KIND, config), files, tensors })
}

const ACCEPTED: &str = "accepted: a checkpoint of bitsandbytes in 4 bits (load_in_4bit), as save_pretrained of transformers writes it";

/// What `config.json` says of the quantization, and the model's name.
fn config(json: &[u8]) -> Result<Map<String, Value>> {
    let config: Value =
        serde_json::from_slice(json).map_err(|e| Error::input(format!("is not JSON: {e}")))?;
    let Some(Value::Object(quantization)) = config.get("quantization_config") else {
        let help = "the pass nf4 without an adapter quantizes the weights of the ONNX model itself";
        return Err(Error::input("has no \"quantization_config\": its weights are not quantized")
            .help(ACCEPTED)
            .help(help));
    };
    let is_set = |key: &str| quantization.get(key).and_then(Value::as_bool).unwrap_or(false);
    // Configurations of 2023 name no method.
    let method = quantization.get("quant_method").and_then(Value::as_str);
    match method {
        Some("bitsandbytes") | None if is_set("load_in_4bit") => {}
        Some("bitsandbytes") | None if is_set("load_in_8bit") => {
            return Err(Error::input("its weights are in 8 bits (load_in_8bit)").help(ACCEPTED));
        }
        Some("bitsandbytes") | None => {
            return Err(
                Error::input("quantization_config does not set load_in_4bit").help(ACCEPTED)
            );
        }
        Some(other) => {
            let message = format!("its weights are quantized by {other:?}");
            return Err(Error::input(message).help(ACCEPTED));
        }
    }
    let mut entries = quantization.clone();
    if let Some(base) = config.get("_name_or_path").filter(|name| name.as_str() != Some("")) {
        entries.insert("base_model_name_or_path".to_owned(), base.clone());
    }
    Ok(entries)
}
