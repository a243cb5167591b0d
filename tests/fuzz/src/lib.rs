//! What the targets share.

use peftc::adapter::Adapter;
use peftc::inspect::inspect_adapter;
use std::path::Path;
use tempfile::TempDir;

/// A fresh folder in memory, or where there is none, in the system's temporary folder.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(parent).expect("a temporary folder can be made")
}

/// Opens an adapter of these files, and asks it for all it has.
pub fn open_adapter(config: &[u8], weights: &[u8]) {
    let folder = folder();
    for (name, bytes) in [("adapter_config.json", config), ("adapter_model.safetensors", weights)] {
        std::fs::write(folder.path().join(name), bytes).expect("a file can be written");
    }
    let Ok(adapter) = Adapter::open(folder.path()) else { return };
    let peft_type = adapter.config().get("peft_type").and_then(|t| t.as_str());
    assert_eq!(peft_type, Some(adapter.peft_type()));
    ask(folder.path());
}

/// Opens an AdapterHub adapter of these files, and asks it for all it has.
pub fn open_pickle(config: &[u8], weights: &[u8]) {
    let folder = folder();
    for (name, bytes) in [("adapter_config.json", config), ("pytorch_adapter.bin", weights)] {
        std::fs::write(folder.path().join(name), bytes).expect("a file can be written");
    }
    ask(folder.path());
}

/// Opens a checkpoint of these files, and asks it for all it has.
pub fn open_checkpoint(config: &[u8], index: &[u8], weights: &[u8]) {
    let folder = folder();
    for (name, bytes) in [
        ("config.json", config),
        ("model.safetensors.index.json", index),
        ("model-00001-of-00001.safetensors", weights),
    ] {
        std::fs::write(folder.path().join(name), bytes).expect("a file can be written");
    }
    ask(folder.path());
}

/// Asks an adapter for all it has, if it can be opened.
fn ask(path: &Path) {
    let Ok(adapter) = Adapter::open(path) else { return };
    inspect_adapter(path).expect("it can be opened again");
    let config = adapter.config();
    assert_eq!(
        config.iter().count(),
        config.iter().filter(|(k, _)| config.get(k).is_some()).count()
    );
    for (key, _) in config.iter() {
        config.pattern(key, "model.layers.0.self_attn.q_proj").ok();
    }
    (config.fan_in_fan_out(), config.unknown_keys());
    for weight in adapter.quantized() {
        weight.elements();
        assert!(adapter.tensor_names().any(|name| weight.has_part(name)));
    }
    adapter.base_model_name_or_path();
    for name in adapter.tensor_names() {
        let tensor = adapter.tensor(name).expect("a tensor that is listed is there");
        let bytes = tensor.bytes().expect("its elements are in the file");
        assert_eq!(tensor.byte_len(), Some(bytes.len() as u64), "{name:?} {tensor:?}");
    }
    assert_eq!(adapter.sha256().len(), 64);
}
