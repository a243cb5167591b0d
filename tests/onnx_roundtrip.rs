//! What is read is what is written, also in the eyes of another reader.

use onnx_protobuf::{Message, ModelProto};
use peftc::ir::{Model, text};
use peftc::onnx::{self, ExternalData, WriteOptions};
use peftc::{Context, Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// The fixtures, and all models below the folder that `PEFTC_MODELS` names.
fn models() -> Vec<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let mut files = Vec::new();
    add_models(&fixtures, &mut files);
    assert!(files.len() >= 15, "{files:?}");
    if let Some(folder) = std::env::var_os("PEFTC_MODELS") {
        add_models(Path::new(&folder), &mut files);
    }
    files.sort();
    files
}

fn add_models(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            add_models(&path, files);
        } else if path.extension().is_some_and(|e| e == "onnx") {
            files.push(path);
        }
    }
}

fn context() -> Context {
    Context::new(None, Context::DEFAULT_MEMORY, |_| {}).expect("a context")
}

fn write(model: &Model, path: &Path, external_data: ExternalData) -> Result<()> {
    onnx::plan(model, path, &WriteOptions { external_data, ..Default::default() })?.commit(
        &context(),
        &|placements, _| {
            assert!(placements.is_empty(), "nothing is pending");
            Ok(())
        },
    )
}

#[test]
fn models_survive_inline_and_outside() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let models = models();
    for path in &models {
        let before = onnx::read(path).expect("a model");
        assert_eq!(before.unknown_fields, []);
        let printed = text::print(&before.model);
        for external_data in [ExternalData::Never, ExternalData::Always] {
            let out = folder.path().join("out.onnx");
            write(&before.model, &out, external_data).expect("it is written");
            let after = text::print(&onnx::read(&out).expect("it is read again").model);
            // A typed field that went outside is none any more.
            let same = match external_data {
                ExternalData::Always => {
                    after.replace(" typed", "") == printed.replace(" typed", "")
                }
                _ => after == printed,
            };
            assert!(same, "{}: {external_data:?}", path.display());
            std::fs::remove_file(out).expect("it is there");
        }
    }
    println!("{} models are read, written inline and outside, and read as equal", models.len());
}

#[test]
fn another_reader_sees_the_same_model() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // As that reader writes what it has read: messages with NaN in them are equal too.
    let parse = |path: &Path| {
        let bytes = std::fs::read(path).expect("a file");
        let message = ModelProto::parse_from_bytes(&bytes).expect("a model");
        message.write_to_bytes().expect("it is encoded")
    };
    let models = models();
    for path in &models {
        let model = onnx::read(path).expect("a model").model;
        let out = folder.path().join("out.onnx");
        write(&model, &out, ExternalData::Never).expect("it is written");
        assert!(parse(path) == parse(&out), "{}", path.display());
    }
    println!("{} models are equal for another reader", models.len());
}

#[test]
fn every_construct_of_the_text_form_survives() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for case in ["attributes", "dtypes", "functions", "small", "subgraphs"] {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/filetests/print/{case}.pir"));
        let source = std::fs::read_to_string(path).expect("a case");
        let source = source.split("\n---\n").next().expect("a model");
        let source: Vec<&str> = source.lines().filter(|l| !l.contains("pending(")).collect();
        let model = text::parse(&source.join("\n")).expect("a model");
        let out = folder.path().join(format!("{case}.onnx"));
        write(&model, &out, ExternalData::Never).expect("it is written");
        let mut read = onnx::read(&out).expect("it is read").model;
        let raised = read.ir_version;
        assert!(raised >= model.ir_version);
        read.ir_version = model.ir_version;
        assert_eq!(text::print(&read), text::print(&model), "{case}");
    }
}

#[test]
fn the_ir_version_is_raised_to_what_is_needed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cases = [("", 7), (" meta {\"k\": \"v\"}", 10)];
    for (metadata, expected) in cases {
        let source = format!(
            "model ir=7 opset \"\"=13\ngraph g(%x: f32[2]) -> (%y) {{\n%y = Neg(%x){metadata}\n}}"
        );
        let model = text::parse(&source).expect("a model");
        let out = folder.path().join("out.onnx");
        write(&model, &out, ExternalData::Never).expect("it is written");
        assert_eq!(onnx::read(&out).expect("it is read").model.ir_version, expected);
    }
}

/// A model with one pending weight.
fn pending() -> Model {
    let source = "model ir=8\ngraph g() -> (%w) {\n  const %w = f32[512] pending(0, 0)\n  const %v = f32[2] {1, 2}\n}";
    text::parse(source).expect("a model")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_failure_and_a_cancellation_leave_what_was_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out.onnx");
    std::fs::write(&out, "before").expect("a file");
    for external_data in [ExternalData::Never, ExternalData::Always] {
        let plan =
            onnx::plan(&pending(), &out, &WriteOptions { external_data, ..Default::default() })
                .expect("a plan");
        let failed =
            plan.commit::<()>(&context(), &|_, _| Err(Error::environment("the disk is on fire")));
        assert_eq!(failed.map_err(|e| e.kind()), Err(ErrorKind::Environment));
        let context = context();
        let cancelled = plan.commit(&context, &|_, _| {
            context.cancel().cancel();
            Ok(())
        });
        assert_eq!(cancelled.map_err(|e| e.kind()), Err(ErrorKind::Interrupted));
        assert_eq!(names(folder.path()), ["out.onnx"]);
        assert_eq!(std::fs::read(&out).expect("the file"), b"before");
    }
}

#[test]
fn models_that_lie_about_external_data_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[("location", "../secret")], "leads out of the model's folder"),
        (&[("location", "/etc/passwd")], "leads out of the model's folder"),
        (&[("location", "missing.data")], "is missing"),
        (&[("location", "short.data")], "ends at byte 3"),
        (&[("location", "short.data"), ("length", "7")], "its type and shape need"),
        (&[("location", "short.data"), ("offset", "x")], "no number"),
    ];
    std::fs::write(folder.path().join("short.data"), "abc").expect("a file");
    for (entries, expected) in cases {
        let mut model = ModelProto::new();
        let mut tensor = onnx_protobuf::TensorProto::new();
        tensor.name = "w".into();
        tensor.data_type = 1;
        tensor.dims = vec![1 << 38];
        tensor.data_location = onnx_protobuf::tensor_proto::DataLocation::EXTERNAL.into();
        for (key, value) in entries {
            let mut entry = onnx_protobuf::StringStringEntryProto::new();
            entry.key = (*key).into();
            entry.value = (*value).into();
            tensor.external_data.push(entry);
        }
        model.graph.mut_or_insert_default().initializer.push(tensor);
        let path = folder.path().join("model.onnx");
        std::fs::write(&path, model.write_to_bytes().expect("bytes")).expect("a file");
        let error = onnx::read(&path).expect_err(expected);
        assert!(error.message().contains(expected) && error.message().contains("\"w\""), "{error}");
        assert_eq!(error.kind(), ErrorKind::Input);
    }
}
