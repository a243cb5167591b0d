//! The folder of a merged adapter, as PEFT reads it.

use super::combine::Combined;
use crate::delta::{Deltas, Layer};
use crate::disk;
use crate::error::{Error, Result};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

/// Refuses to write over files that are there, unless it is wanted.
pub(super) fn check(folder: &Path, force: bool) -> Result<()> {
    let there = [CONFIG, WEIGHTS].map(|name| folder.join(name)).into_iter().find(|p| p.exists());
    match there {
        Some(path) if !force => Err(Error::input(format!("{} is there already", path.display()))
            .help("--force overwrites it")),
        _ => Ok(()),
    }
}

/// Refuses tensors that replace parameters, unless all adapters have the same.
pub(super) fn check_saved(adapters: &[&Deltas]) -> Result<()> {
    let bytes = |deltas: &Deltas, name: &str| {
        let tensor = deltas.adapter().tensor(name)?;
        Some((tensor.dtype, tensor.dims.clone(), tensor.bytes()?.to_vec()))
    };
    for deltas in adapters {
        for name in deltas.saved() {
            let own = bytes(deltas, name);
            let Some(other) = adapters.iter().find(|other| bytes(other, name) != own) else {
                continue;
            };
            return Err(Error::input(format!(
                "{name} replaces a parameter in {}, and {} has not the same: what replaces cannot be added up",
                deltas.adapter().path().display(),
                other.adapter().path().display()
            )));
        }
    }
    Ok(())
}

/// Writes the folder, and gives the elements of its tensors.
pub(super) fn write(
    folder: &Path,
    adapters: &[&Deltas],
    modules: &[Combined],
    force: bool,
) -> Result<u64> {
    let tensors = tensors(adapters, modules)?;
    let views = tensors.iter().map(|(name, (dims, dtype, bytes))| {
        let view = TensorView::new(*dtype, dims.clone(), bytes);
        Ok((
            format!("base_model.model.{name}"),
            view.map_err(|e| Error::bug(format!("{name}: {e}")))?,
        ))
    });
    let views: Vec<(String, TensorView<'_>)> = views.collect::<Result<_>>()?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let weights = safetensors::serialize(views, Some(metadata))
        .map_err(|e| Error::bug(format!("{WEIGHTS}: {e}")))?;
    let config = serde_json::to_vec_pretty(&config(adapters, modules))
        .map_err(|e| Error::bug(format!("{CONFIG}: {e}")))?;
    std::fs::create_dir_all(folder).map_err(|e| Error::write_file(folder, &e))?;
    put(folder, WEIGHTS, &weights, force)?;
    put(folder, CONFIG, &config, force)?;
    Ok(tensors.values().map(|(dims, ..)| dims.iter().product::<usize>() as u64).sum())
}

type Stored = (Vec<usize>, Dtype, Vec<u8>);

/// All tensors by name, without PEFT's prefix.
fn tensors(adapters: &[&Deltas], modules: &[Combined]) -> Result<BTreeMap<String, Stored>> {
    let mut tensors = BTreeMap::new();
    let f32s = |numbers: &[f64]| numbers.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect();
    for module in modules {
        let (a, b) = (module.factors.a(), module.factors.b());
        let (name, rank) = (&module.report.module, a.rows());
        let (leaf_a, leaf_b) = match module.layer {
            Layer::Embedding => ("lora_embedding_A", "lora_embedding_B"),
            _ => ("lora_A.weight", "lora_B.weight"),
        };
        let kernel = match &module.layer {
            Layer::Convolution { kernel } => kernel.iter().map(|&n| n as usize).collect(),
            _ => vec![a.columns()],
        };
        let ones = vec![1; kernel.len() - 1];
        let mut put = |leaf: &str, dims: Vec<usize>, numbers: &[f64]| {
            tensors.insert(format!("{name}.{leaf}"), (dims, Dtype::F32, f32s(numbers)));
        };
        put(leaf_a, [vec![rank], kernel].concat(), a.elements());
        put(leaf_b, [vec![b.rows(), rank], ones].concat(), b.elements());
        // PEFT gives all layers of an adapter a bias, or none.
        let has_biases = modules.iter().any(|m| m.bias.is_some());
        if has_biases && module.layer != Layer::Embedding {
            let zeros = || vec![0.0; b.rows()];
            put("lora_B.bias", vec![b.rows()], &module.bias.clone().unwrap_or_else(zeros));
        }
    }
    let first = adapters[0];
    for name in first.saved() {
        let tensor = first.adapter().tensor(name).ok_or_else(|| Error::bug("a saved tensor"))?;
        let bytes = tensor.bytes().ok_or_else(|| Error::bug("a saved tensor has no bytes"))?;
        let dtype = dtype(tensor.dtype).map_err(|e| e.within(name))?;
        let dims = tensor.dims.iter().map(|&n| n as usize).collect();
        tensors.insert(name.clone(), (dims, dtype, bytes.to_vec()));
    }
    Ok(tensors)
}

fn dtype(dtype: crate::ir::DataType) -> Result<Dtype> {
    use crate::ir::DataType;
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

/// The first adapter's configuration, with what is new: scales are in the factors, α = r.
fn config(adapters: &[&Deltas], modules: &[Combined]) -> Map<String, Value> {
    let of = adapters[0].adapter().config();
    let mut config: Map<String, Value> = Map::new();
    for key in [
        "auto_mapping",
        "base_model_name_or_path",
        "fan_in_fan_out",
        "modules_to_save",
        "bias",
        "revision",
        "task_type",
    ] {
        config.insert(key.to_owned(), of.get(key).cloned().unwrap_or(Value::Null));
    }
    let rank = modules.iter().map(|m| m.report.rank).max().unwrap_or(1);
    let others = || modules.iter().filter(|m| m.report.rank != rank);
    let pattern: Map<String, Value> = others()
        .map(|m| (format!("^{}", regex::escape(&m.report.module)), json!(m.report.rank)))
        .collect();
    let targets: Vec<&str> = modules.iter().map(|m| m.report.module.as_str()).collect();
    let new = [
        ("alpha_pattern", json!(pattern)),
        ("bias", of.get("bias").cloned().unwrap_or(json!("none"))),
        ("fan_in_fan_out", json!(of.fan_in_fan_out())),
        ("inference_mode", json!(true)),
        ("init_lora_weights", json!(true)),
        ("lora_alpha", json!(rank)),
        ("lora_bias", json!(modules.iter().any(|m| m.bias.is_some()))),
        ("lora_dropout", json!(0.0)),
        ("peft_type", json!("LORA")),
        ("r", json!(rank)),
        ("rank_pattern", json!(pattern)),
        ("target_modules", json!(targets)),
        ("use_dora", json!(false)),
        ("use_rslora", json!(false)),
    ];
    config.extend(new.map(|(key, value)| (key.to_owned(), value)));
    config.sort_keys();
    config
}

/// Writes a file whole: under another name first.
fn put(folder: &Path, name: &str, bytes: &[u8], force: bool) -> Result<()> {
    let path = folder.join(name);
    let failed = |e| Error::write_file(&path, &e);
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    std::io::Write::write_all(&mut file, bytes).map_err(failed)?;
    disk::sync_file(file.as_file()).map_err(failed)?;
    let kept = match force {
        true => file.persist(&path),
        false => file.persist_noclobber(&path),
    };
    kept.map_err(|e| failed(e.error))?;
    disk::sync_folder(folder).map_err(failed)
}
