//! Makes the first corpora, of the fixtures and of ONNX models in further folders:
//! `cargo run --manifest-path tests/fuzz/Cargo.toml --example seed [FOLDER…]`.

use peftc::ir::text;
use peftc::onnx::{self, WriteOptions};
use peftc::{Context, Result};
use std::path::{Path, PathBuf};

/// Larger files say nothing that smaller ones do not.
const MOST_BYTES: u64 = 1 << 16;

fn main() -> Result<()> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = fuzz.join("../..");
    let corpus = |target: &str| {
        let folder = fuzz.join("corpus").join(target);
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        folder
    };
    let models = files(&root.join("models"));
    copy(&models, "adapter_config.json", &corpus("adapter"));
    copy(&models, "adapter_model.safetensors", &corpus("safetensors"));
    copy(&models, "pytorch_adapter.bin", &corpus("pickle"));
    copy(&files(&root.join("models/bnb")), "/config.json", &corpus("checkpoint"));
    copy(&files(&root.join("examples")), ".toml", &corpus("recipe"));
    for folder in std::env::args_os().skip(1) {
        copy(&files(Path::new(&folder)), ".onnx", &corpus("model"));
    }
    let context = Context::new(None, Context::DEFAULT_MEMORY, |_| {})?;
    for (number, path) in files(&root.join("tests/filetests")).iter().enumerate() {
        let case = std::fs::read_to_string(path).expect("a case can be read");
        let source = case.split("\n---").next().unwrap_or_default();
        write(&corpus("pir").join(number.to_string()), source.as_bytes());
        // Some cases are no models: their errors are the cases.
        if let Ok(model) = text::parse(source) {
            let out = corpus("model").join(format!("{number}.onnx"));
            let plan = onnx::plan(&model, &out, &WriteOptions::default());
            plan.and_then(|plan| plan.commit(&context, &|_, _| Ok(()))).ok();
        }
    }
    Ok(())
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let mut files: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

/// Copies the files whose names end so.
fn copy(files: &[PathBuf], ending: &str, corpus: &Path) {
    let of_ending = files.iter().filter(|path| path.to_string_lossy().ends_with(ending));
    for (number, path) in of_ending.enumerate() {
        if path.metadata().is_ok_and(|m| m.len() <= MOST_BYTES) {
            write(&corpus.join(number.to_string()), &std::fs::read(path).expect("it can be read"));
        }
    }
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("a file of the corpus can be written");
}
