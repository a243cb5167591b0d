//! What an adapter holds.

use super::changes::{Changes, changes};
use super::pairs::Pair;
use crate::adapter::{Adapter, Quantized};
use crate::context::Context;
use crate::delta::Deltas;
use crate::error::{ErrorKind, Result};
use crate::ir::Tensor;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What an adapter holds. Its JSON form only grows within one `schema`.
#[derive(Clone, Debug, Serialize)]
pub struct AdapterInspection {
    /// Version of the JSON form.
    pub schema: u32,
    /// The folder.
    pub path: PathBuf,
    /// PEFT's name for its kind; or `bitsandbytes_4bit`.
    pub peft_type: String,
    /// The model it says it was trained on.
    pub base_model_name_or_path: Option<String>,
    /// The entries of its configuration that are set.
    pub config: BTreeMap<String, serde_json::Value>,
    /// Keys of the configuration that this version does not know.
    pub unknown_keys: Vec<String>,
    /// Its tensors.
    pub tensors: Vec<AdapterTensor>,
    /// Its quantized weights, each of which is several tensors.
    pub quantized: Vec<QuantizedWeight>,
    /// Elements of all tensors: what was trained. A quantized weight counts as what it stands for.
    pub parameters: u64,
    /// Their bytes.
    pub bytes: u64,
    /// SHA-256 of its configuration and weights.
    pub sha256: String,
    /// What it adds to weights; none where that was not looked at, or there is nothing of the kind.
    pub changes: Option<Changes>,
    /// Why there are no changes to look at.
    pub no_changes: Option<String>,
}

/// Adapters, and what each two of them have in common. Its JSON form only grows within one `schema`.
#[derive(Clone, Debug, Serialize)]
pub struct AdapterComparison {
    /// Version of the JSON form.
    pub schema: u32,
    /// The adapters.
    pub adapters: Vec<AdapterInspection>,
    /// Each two of them.
    pub pairs: Vec<Pair>,
}

/// A tensor of an adapter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AdapterTensor {
    /// Its name, without the prefix of PEFT's wrapper.
    pub name: String,
    /// Element type.
    pub dtype: &'static str,
    /// Shape.
    pub shape: Vec<i64>,
}

/// A weight of a checkpoint that is quantized.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuantizedWeight {
    /// The name of its codes.
    pub name: String,
    /// How it is quantized, such as `nf4`.
    pub quant_type: String,
    /// Elements of a block.
    pub block_size: u64,
    /// Whether the magnitudes of the blocks are quantized too.
    pub double_quant: bool,
    /// The shape of the weight.
    pub shape: Vec<i64>,
}

impl From<Quantized> for QuantizedWeight {
    fn from(weight: Quantized) -> Self {
        let Quantized { name, quant_type, block_size, double_quant, shape } = weight;
        Self { name, quant_type, block_size, double_quant, shape }
    }
}

/// Reads an adapter and looks at its tensors, not at what they do to weights.
pub fn inspect_adapter(path: &Path) -> Result<AdapterInspection> {
    Ok(inspect_opened(&Adapter::open(path)?))
}

/// Reads an adapter and looks at its tensors, and at what they do to weights where it says that.
pub fn inspect_changes(path: &Path, context: &Context) -> Result<AdapterInspection> {
    let adapter = Adapter::open(path)?;
    let mut inspection = inspect_opened(&adapter);
    let looked = Deltas::of(adapter).and_then(|deltas| changes(&[deltas], context));
    match looked {
        Ok((changes, _)) => inspection.changes = changes.into_iter().next(),
        Err(e) if e.kind() == ErrorKind::Input => {
            let place = format!("{}: ", path.display());
            let message = e.message();
            inspection.no_changes =
                Some(message.strip_prefix(&place).unwrap_or(message).to_owned());
        }
        Err(e) => return Err(e),
    }
    Ok(inspection)
}

/// Reads adapters, looks at each of them, and at what each two have in common.
///
/// # Errors
/// One adds nothing to weights, or two change one module in two shapes.
pub fn compare_adapters(paths: &[PathBuf], context: &Context) -> Result<AdapterComparison> {
    let opened: Vec<Adapter> =
        paths.iter().map(|path| Adapter::open(path)).collect::<Result<_>>()?;
    let mut adapters: Vec<AdapterInspection> = opened.iter().map(inspect_opened).collect();
    let deltas: Vec<Deltas> = opened.into_iter().map(Deltas::of).collect::<Result<_>>()?;
    let (changes, pairs) = changes(&deltas, context)?;
    for (adapter, changes) in adapters.iter_mut().zip(changes) {
        adapter.changes = Some(changes);
    }
    Ok(AdapterComparison { schema: 1, adapters, pairs })
}

fn inspect_opened(adapter: &Adapter) -> AdapterInspection {
    let tensors: Vec<(&str, &Tensor)> =
        adapter.tensor_names().filter_map(|name| Some((name, adapter.tensor(name)?))).collect();
    let is_set = |value: &serde_json::Value| match value {
        serde_json::Value::Null => false,
        serde_json::Value::Object(map) => !map.is_empty(),
        _ => true,
    };
    let quantized = adapter.quantized();
    let is_part = |name: &str| quantized.iter().any(|weight| weight.has_part(name));
    let plain =
        tensors.iter().filter(|(name, _)| !is_part(name)).filter_map(|(_, t)| t.element_count());
    let config = adapter.config().iter().filter(|(_, v)| is_set(v));
    AdapterInspection {
        schema: 1,
        path: adapter.path().to_owned(),
        peft_type: adapter.peft_type().to_owned(),
        base_model_name_or_path: adapter.base_model_name_or_path().map(str::to_owned),
        config: config.map(|(k, v)| (k.to_owned(), v.clone())).collect(),
        unknown_keys: adapter.config().unknown_keys().into_iter().map(str::to_owned).collect(),
        parameters: plain.sum::<u64>() + quantized.iter().map(Quantized::elements).sum::<u64>(),
        bytes: tensors.iter().filter_map(|(_, t)| t.byte_len()).sum(),
        tensors: tensors
            .into_iter()
            .map(|(name, t)| AdapterTensor {
                name: name.to_owned(),
                dtype: t.dtype.name(),
                shape: t.dims.clone(),
            })
            .collect(),
        quantized: quantized.into_iter().map(Into::into).collect(),
        sha256: adapter.sha256(),
        changes: None,
        no_changes: None,
    }
}
