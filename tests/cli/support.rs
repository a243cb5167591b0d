//! Running the command line, and folders for what it reads and writes.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) const QV: &str = "models/llama/adapters/qv";
pub(crate) const QV2: &str = "models/llama/adapters/qv2";
pub(crate) const CHECKPOINT: &str = "models/bnb/llama/double";
pub(crate) const BERT: &str = "models/bert/torchscript.onnx";
pub(crate) const LLAMA: &str = "models/llama/torchscript.onnx";

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn peftc(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peftc"));
    command.current_dir(root()).args(arguments).output().expect("peftc starts")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command that has to succeed, and gives its report.
pub(crate) fn done(arguments: &[&str]) -> String {
    let output = peftc(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs a command that has to be refused with exit code 2, and gives its message.
pub(crate) fn refused(arguments: &[&str]) -> String {
    let output = peftc(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}{}", text(&output.stdout));
    assert_eq!(text(&output.stdout), "", "a refused command reports nothing");
    message
}

pub(crate) struct Folder(pub(crate) tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("the folder is there").flatten();
        let mut names: Vec<_> =
            entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.0.path().join(name), content).expect("the file is written");
        self.path(name)
    }

    /// A model in text form as an ONNX file.
    pub(crate) fn write_model(&self, name: &str, source: &str) -> String {
        let path = self.path(name);
        let model = peftc::ir::text::parse(source).expect("a model");
        let plan =
            peftc::onnx::plan(&model, Path::new(&path), &Default::default()).expect("a plan");
        let context = peftc::Context::new(None, 1 << 20, |_| {}).expect("a context");
        plan.commit(&context, &|_, _| Ok(())).expect("it is written");
        path
    }

    /// A copy of an adapter folder, to be damaged.
    pub(crate) fn copy(&self, adapter: &str, name: &str) -> PathBuf {
        let to = self.0.path().join(name);
        std::fs::create_dir(&to).expect("a new folder");
        for file in ["adapter_config.json", "adapter_model.safetensors"] {
            std::fs::copy(root().join(adapter).join(file), to.join(file))
                .expect("the file is copied");
        }
        to
    }
}

pub(crate) fn read(path: impl AsRef<Path>) -> Vec<u8> {
    std::fs::read(path.as_ref()).unwrap_or_else(|e| panic!("{}: {e}", path.as_ref().display()))
}

pub(crate) fn assert_has(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

pub(crate) fn keys(value: &Value) -> Vec<String> {
    value.as_object().expect("an object").keys().cloned().collect()
}

pub(crate) fn inspect(model: &str) -> Value {
    serde_json::from_str(&done(&["inspect", model, "--json"])).expect("JSON")
}
