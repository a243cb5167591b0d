//! Hugging Face PEFT folders: `adapter_config.json` and `adapter_model.safetensors`.

use super::config::Config;
use super::opened::Adapter;
use super::tensors;
use crate::error::{Error, Result};
use crate::ir::tensor::MappedFile;
use std::path::Path;

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

/// Whether there is such a folder.
pub(super) fn is_folder(path: &Path) -> bool {
    path.join(CONFIG).exists()
}

/// Opens an adapter folder.
///
/// # Errors
/// It is none, or one of its files is malformed or truncated.
pub(super) fn open(path: &Path) -> Result<Adapter> {
    check_folder(path)?;
    let config_file = MappedFile::open(&path.join(CONFIG))?;
    let config =
        Config::parse(config_file.as_slice()).map_err(|e| e.within(path.join(CONFIG).display()))?;
    let weights_path = path.join(WEIGHTS);
    if !weights_path.exists() {
        return Err(missing_weights(path));
    }
    let weights_file = MappedFile::open(&weights_path)?;
    let tensors = tensors::read(&weights_file, strip_wrapper)?;
    let files = vec![config_file, weights_file];
    Ok(Adapter { path: path.to_owned(), config, files, tensors })
}

fn check_folder(path: &Path) -> Result<()> {
    if !path.is_dir() {
        let what = if path.exists() { "is a file" } else { "is not there" };
        return Err(Error::input(format!("{}: {what}", path.display()))
            .help(format!("accepted: a Hugging Face PEFT folder with {CONFIG} and {WEIGHTS}"))
            .help("or a checkpoint of bitsandbytes in 4 bits"));
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

/// PEFT wraps a model as `base_model.model`; what all layers share is in `base_model`.
fn strip_wrapper(name: &str) -> String {
    let stripped =
        name.strip_prefix("base_model.model.").or_else(|| name.strip_prefix("base_model."));
    stripped.unwrap_or(name).to_owned()
}
