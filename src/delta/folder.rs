//! The folder of a LoRA, as PEFT writes it.

use super::Layer;
use crate::adapter::Config;
use crate::disk;
use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use peftc_delta::Factors;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

/// A LoRA that is to be written. Scales are in its factors: α = r.
pub(crate) struct LoraFolder<'a> {
    pub(crate) modules: &'a [LoraModule],
    /// Tensors that replace parameters, by the parameters' names.
    pub(crate) saved: Vec<(String, &'a Tensor)>,
    /// Entries of the configuration besides those that follow from the modules.
    pub(crate) entries: Map<String, Value>,
}

/// A module of a LoRA.
pub(crate) struct LoraModule {
    pub(crate) name: String,
    pub(crate) factors: Factors,
    pub(crate) layer: Layer,
    /// What is added to the bias.
    pub(crate) bias: Option<Vec<f64>>,
}

/// Refuses to write over files that are there, unless it is wanted, and a folder that is a file.
pub(crate) fn check(folder: &Path, force: bool) -> Result<()> {
    if folder.exists() && !folder.is_dir() {
        return Err(Error::input(format!("{} is a file: a folder is written", folder.display())));
    }
    let there = [CONFIG, WEIGHTS].map(|name| folder.join(name)).into_iter().find(|p| p.exists());
    there.map_or(Ok(()), |path| disk::check_free(&path, force))
}

/// The entries of a configuration that stay with the adapter for its base.
pub(crate) fn kept_entries(config: &Config) -> Map<String, Value> {
    const KEPT: [&str; 7] = [
        "auto_mapping",
        "base_model_name_or_path",
        "bias",
        "fan_in_fan_out",
        "modules_to_save",
        "revision",
        "task_type",
    ];
    let kept = KEPT.into_iter().filter_map(|key| Some((key.to_owned(), config.get(key)?.clone())));
    kept.collect()
}

type Stored = (Vec<usize>, Dtype, Vec<u8>);

impl LoraFolder<'_> {
    /// Writes the folder, and gives the elements of its tensors.
    ///
    /// # Errors
    /// A file cannot be written, or is there already and `force` is not given.
    pub(crate) fn write(&self, folder: &Path, force: bool) -> Result<u64> {
        let tensors = self.tensors()?;
        let mut views = Vec::new();
        for (name, (dims, dtype, bytes)) in &tensors {
            let view = TensorView::new(*dtype, dims.clone(), bytes)
                .map_err(|e| Error::bug(format!("{name}: {e}")))?;
            views.push((format!("base_model.model.{name}"), view));
        }
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let weights = safetensors::serialize(views, Some(metadata))
            .map_err(|e| Error::bug(format!("{WEIGHTS}: {e}")))?;
        let mut config = serde_json::to_vec_pretty(&self.config())
            .map_err(|e| Error::bug(format!("{CONFIG}: {e}")))?;
        config.push(b'\n');
        std::fs::create_dir_all(folder).map_err(|e| Error::write_file(folder, &e))?;
        disk::put(&folder.join(WEIGHTS), &weights, force)?;
        disk::put(&folder.join(CONFIG), &config, force)?;
        Ok(tensors.values().map(|(dims, ..)| dims.iter().product::<usize>() as u64).sum())
    }

    /// All tensors by name, without PEFT's prefix.
    fn tensors(&self) -> Result<BTreeMap<String, Stored>> {
        let mut tensors = BTreeMap::new();
        // PEFT gives all layers of an adapter a bias, or none.
        let has_biases = self.has_biases();
        for LoraModule { name, factors, layer, bias } in self.modules {
            let (a, b) = (factors.a(), factors.b());
            let mut put = |leaf: &str, dims: Vec<usize>, numbers: &[f64]| {
                let name = format!("{name}.{leaf}");
                let bytes = f32s(numbers).map_err(|e| e.within(&name))?;
                tensors.insert(name, (dims, Dtype::F32, bytes));
                Ok::<_, Error>(())
            };
            let (leaf_a, leaf_b) = match layer {
                Layer::Embedding => ("lora_embedding_A", "lora_embedding_B"),
                _ => ("lora_A.weight", "lora_B.weight"),
            };
            let kernel = match layer {
                Layer::Convolution { kernel } => kernel.iter().map(|&n| n as usize).collect(),
                _ => vec![a.columns()],
            };
            let ones = vec![1; kernel.len() - 1];
            put(leaf_a, [vec![a.rows()], kernel].concat(), a.elements())?;
            put(leaf_b, [vec![b.rows(), b.columns()], ones].concat(), b.elements())?;
            if has_biases && *layer != Layer::Embedding {
                let zeros = vec![0.0; b.rows()];
                put("lora_B.bias", vec![b.rows()], bias.as_ref().unwrap_or(&zeros))?;
            }
        }
        for (name, tensor) in &self.saved {
            let bytes = tensor.bytes().ok_or_else(|| Error::bug(format!("{name} has no bytes")))?;
            let dtype = dtype(tensor.dtype).map_err(|e| e.within(name))?;
            let dims = tensor.dims.iter().map(|&n| n as usize).collect();
            tensors.insert(name.clone(), (dims, dtype, bytes.to_vec()));
        }
        Ok(tensors)
    }

    fn has_biases(&self) -> bool {
        self.modules.iter().any(|module| module.bias.is_some())
    }

    fn config(&self) -> Map<String, Value> {
        let rank = self.modules.iter().map(|m| m.factors.rank()).max().unwrap_or(1);
        let others = self.modules.iter().filter(|m| m.factors.rank() != rank);
        let pattern: Map<String, Value> = others
            .map(|m| (format!("^{}", regex::escape(&m.name)), json!(m.factors.rank())))
            .collect();
        let targets: Vec<&str> = self.modules.iter().map(|m| m.name.as_str()).collect();
        let defaults =
            [("bias", json!("none")), ("fan_in_fan_out", json!(false)), ("task_type", Value::Null)];
        let own = [
            ("alpha_pattern", json!(pattern)),
            ("inference_mode", json!(true)),
            ("init_lora_weights", json!(true)),
            ("lora_alpha", json!(rank)),
            ("lora_bias", json!(self.has_biases())),
            ("lora_dropout", json!(0.0)),
            ("peft_type", json!("LORA")),
            ("r", json!(rank)),
            ("rank_pattern", json!(pattern)),
            ("target_modules", json!(targets)),
            ("use_dora", json!(false)),
            ("use_rslora", json!(false)),
        ];
        let named = |entries: Vec<(&str, Value)>| {
            entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Vec<_>>()
        };
        let mut config: Map<String, Value> = named(defaults.into()).into_iter().collect();
        config.extend(self.entries.clone());
        config.extend(named(own.into()));
        config.sort_keys();
        config
    }
}

fn f32s(numbers: &[f64]) -> Result<Vec<u8>> {
    let rounded = |x: &f64| match *x as f32 {
        rounded if rounded.is_finite() => Ok(rounded.to_le_bytes()),
        _ => {
            Err(Error::input(format!("the result has {x:e}, which is no finite number of float32")))
        }
    };
    Ok(numbers.iter().map(rounded).collect::<Result<Vec<_>>>()?.into_flattened())
}

fn dtype(dtype: DataType) -> Result<Dtype> {
    Ok(match dtype {
        DataType::F32 => Dtype::F32,
        DataType::F16 => Dtype::F16,
        DataType::BF16 => Dtype::BF16,
        DataType::F64 => Dtype::F64,
        DataType::I64 => Dtype::I64,
        other => {
            return Err(Error::input(format!(
                "is {other}: f16, bf16, f32, f64 and i64 are accepted"
            )));
        }
    })
}
