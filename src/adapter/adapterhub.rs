//! AdapterHub folders: `adapter_config.json`, and `adapter.safetensors` or `pytorch_adapter.bin`.
//!
//! What stands under `config` is the configuration; the kind of the adapter is `adapterhub_` and its
//! architecture, `bottleneck` where it names none; IA3 and VeRA, which AdapterHub calls `lora` too, have
//! their own. The names of tensors are AdapterHub's without the name of the adapter:
//! `encoder.layer.0.output.adapters.adapter_up.weight`.

use super::config::Config;
use super::opened::Adapter;
use super::{pickle, tensors};
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ir::tensor::MappedFile;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

const CONFIG: &str = "adapter_config.json";
const SAFETENSORS: &str = "adapter.safetensors";
const PICKLE: &str = "pytorch_adapter.bin";
/// Says how AdapterHub hooks into a model that it does not support itself.
const INTERFACE: &str = "adapter_interface.json";
const FUSION: &str = "adapter_fusion_config.json";

/// The modules below which AdapterHub keeps what belongs to an adapter, under its name.
const CONTAINERS: [&str; 8] = [
    "adapters",
    "shared_parameters",
    "invertible_adapters",
    "loras",
    "refts",
    "prefix_tunings",
    "prefix_gates",
    "prompt_tunings",
];

/// What the names of a bottleneck adapter's own tensors begin with.
const LEAVES: [&str; 5] = ["adapter_", "scaling", "gate", "non_linearity", "DropPath"];

/// Whether there is such a folder.
pub(super) fn is_folder(path: &Path) -> bool {
    let read = |name| std::fs::read(path.join(name)).unwrap_or_default();
    path.join(FUSION).exists()
        || serde_json::from_slice::<Value>(&read(CONFIG)).is_ok_and(|config| is_config(&config))
}

fn is_config(config: &Value) -> bool {
    let version = config.get("version").and_then(Value::as_str).unwrap_or_default();
    let is_ours = version.starts_with("adapters.") || config.get("model_type").is_some();
    config.get("peft_type").is_none() && config.get("config").is_some() && is_ours
}

/// Opens an adapter folder.
///
/// # Errors
/// One of its files is malformed or truncated, or it holds a fusion of adapters.
pub(super) fn open(path: &Path) -> Result<Adapter> {
    if path.join(FUSION).exists() {
        let message =
            format!("{}: is a fusion of adapters, which this version cannot read", path.display());
        return Err(Error::input(message).help("accepted: a folder of a single adapter"));
    }
    let config_file = MappedFile::open(&path.join(CONFIG))?;
    let (mut entries, kind, name) =
        config(config_file.as_slice()).map_err(|e| e.within(path.join(CONFIG).display()))?;
    if path.join(INTERFACE).exists() {
        entries.insert("adapter_interface".to_owned(), Value::Bool(true));
    }
    let config = Config::of_kind(&kind, entries);
    let strip = |key: &str| without_name(key, &name);
    let (file, tensors) = match (path.join(SAFETENSORS), path.join(PICKLE)) {
        (safetensors, _) if safetensors.exists() => {
            let file = MappedFile::open(&safetensors)?;
            let tensors = tensors::read(&file, strip)?;
            (file, tensors)
        }
        (_, pickled) if pickled.exists() => {
            let file = MappedFile::open(&pickled)?;
            let tensors = pickle::read(&file, strip)?;
            (file, tensors)
        }
        _ => {
            let message = format!("{}: has neither {SAFETENSORS} nor {PICKLE}", path.display());
            return Err(Error::input(message));
        }
    };
    check_name(&name, &tensors).map_err(|e| e.within(path.join(CONFIG).display()))?;
    Ok(Adapter { path: path.to_owned(), config, files: vec![config_file, file], tensors })
}

/// A tensor that keeps another name of an adapter would be one that no pass knows.
fn check_name(name: &str, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
    let is_of_other = |key: &&String| {
        let below = key.split_once(".adapters.").map(|(_, below)| below);
        below.is_some_and(|below| !LEAVES.iter().any(|leaf| below.starts_with(leaf)))
    };
    match tensors.keys().find(is_of_other) {
        None => Ok(()),
        Some(key) => Err(Error::input(format!(
            "\"name\" is {name:?}, but the adapter has the tensor {key:?} of another name"
        ))),
    }
}

/// The entries of the configuration, the kind of the adapter, and its name.
fn config(json: &[u8]) -> Result<(Map<String, Value>, String, String)> {
    let wrong = |what: &str| Error::input(what.to_owned());
    let outer: Map<String, Value> = serde_json::from_slice(json)
        .map_err(|e| Error::input(format!("is no JSON object: {e}")))?;
    let name = outer.get("name").and_then(Value::as_str);
    let name = name
        .ok_or_else(|| wrong("has no \"name\", which the names of its tensors contain"))?
        .to_owned();
    let mut entries = match outer.get("config") {
        Some(Value::Object(inner)) => inner.clone(),
        Some(Value::String(preset)) => {
            return Err(wrong(&format!(
                "has the name {preset:?} instead of a configuration: load and save it with a newer version of adapters"
            )));
        }
        _ => return Err(wrong("has no \"config\" that is an object")),
    };
    let architecture = match entries.get("architecture") {
        None | Some(Value::Null) => "bottleneck",
        Some(Value::String(lora)) if lora == "lora" => lora_architecture(&entries)?,
        Some(Value::String(architecture)) => architecture,
        Some(other) => {
            return Err(wrong(&format!("\"architecture\" is {other}, expected a string")));
        }
    };
    let kind = format!("adapterhub_{architecture}");
    let others = outer.iter().filter(|(key, _)| *key != "config");
    let base =
        outer.get("model_name").map(|base| ("base_model_name_or_path".to_owned(), base.clone()));
    entries.extend(others.map(|(key, value)| (key.clone(), value.clone())).chain(base));
    Ok((entries, kind, name))
}

/// What AdapterHub calls `lora`, by how it is composed with the layer.
fn lora_architecture(entries: &Map<String, Value>) -> Result<&'static str> {
    let is_vera =
        ["vera_d", "vera_b"].iter().any(|key| entries.get(*key).is_some_and(Value::is_f64));
    match entries.get("composition_mode").and_then(Value::as_str) {
        Some("scale") => Ok("ia3"),
        Some("add") if is_vera => Ok("vera"),
        Some("add") => Ok("lora"),
        other => Err(Error::input(format!(
            "\"composition_mode\" is {}, expected \"add\" or \"scale\"",
            other.map_or("no string".to_owned(), |mode| format!("{mode:?}"))
        ))),
    }
}

/// A key without the adapter's name, which stands behind the module that keeps adapters.
fn without_name(key: &str, name: &str) -> String {
    for container in CONTAINERS {
        let owned = format!("{container}.{name}.");
        let begins = |at: &usize| *at == 0 || key[..*at].ends_with('.');
        if let Some(at) = key.find(&owned).filter(begins) {
            return format!("{}{container}.{}", &key[..at], &key[at + owned.len()..]);
        }
    }
    key.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_adapter_is_stripped() {
        let cases = [
            (
                "encoder.layer.0.output.adapters.a.b.adapter_up.weight",
                "encoder.layer.0.output.adapters.adapter_up.weight",
            ),
            ("shared_parameters.a.b.phm_rule", "shared_parameters.phm_rule"),
            (
                "x.prefix_tuning.prefix_tunings.a.b.wte.weight",
                "x.prefix_tuning.prefix_tunings.wte.weight",
            ),
            ("x.prefix_tuning.prefix_gates.a.b.bias", "x.prefix_tuning.prefix_gates.bias"),
            ("x.adapters.other.weight", "x.adapters.other.weight"),
        ];
        for (key, expected) in cases {
            assert_eq!(without_name(key, "a.b"), expected, "{key}");
        }
    }

    #[test]
    fn kinds_follow_the_architecture() {
        let kind = |config: &str| {
            let json =
                format!(r#"{{"config": {config}, "name": "n", "version": "adapters.1.2.0"}}"#);
            config_kind(json.as_bytes())
        };
        assert_eq!(kind("{}"), "adapterhub_bottleneck");
        assert_eq!(kind(r#"{"architecture": "prefix_tuning"}"#), "adapterhub_prefix_tuning");
        assert!(kind(r#""pfeiffer""#).contains("pfeiffer"));
        for (entries, expected) in [
            (r#""composition_mode": "add", "vera_d": null"#, "adapterhub_lora"),
            (r#""composition_mode": "add", "vera_d": 0.1"#, "adapterhub_vera"),
            (r#""composition_mode": "scale""#, "adapterhub_ia3"),
        ] {
            assert_eq!(kind(&format!(r#"{{"architecture": "lora", {entries}}}"#)), expected);
        }
        assert!(kind(r#"{"architecture": "lora"}"#).contains("composition_mode"));
    }

    fn config_kind(json: &[u8]) -> String {
        config(json).map_or_else(|e| e.to_string(), |(_, kind, _)| kind)
    }
}
