//! What is inspected beyond the text form: data files, large tensors, unknown fields, sizes.

use peftc::Context;
use peftc::inspect::{LocationSize, ModelInspection, inspect, inspect_model};
use peftc::ir::tensor::{FileSlice, MappedFile};
use peftc::ir::{Model, Storage, TensorData, text};
use peftc::onnx::{self, ExternalData, ReadModel, WriteOptions};
use std::path::Path;
use std::sync::Arc;

/// Something of everything.
const EVERYTHING: &str = include_str!("inspect/everything.pir");

/// Name, offset and bytes of a tensor.
type Range = (&'static str, u64, u64);

fn inspected(model: Model, path: &Path) -> ModelInspection {
    let read = ReadModel { model, ..Default::default() };
    inspect(&read, path).expect("a model that can be inspected")
}

fn everything() -> ModelInspection {
    inspected(text::parse(EVERYTHING).expect("a model"), Path::new("model.onnx"))
}

/// Byte tensors by name, as ranges of a data file of `len` bytes, and what is unusual about them.
fn in_a_file(len: u64, tensors: &[Range]) -> ModelInspection {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path().canonicalize().expect("it is there");
    std::fs::write(folder.join("m.data"), vec![0; len as usize]).expect("a data file");
    let file = MappedFile::open(&folder.join("m.data")).expect("a data file");
    let constant = |(name, _, size): &Range| {
        format!("const %{name} = u8[{size}] hex\"{}\"\n", "00".repeat(*size as usize))
    };
    let names: Vec<_> = tensors.iter().map(|(name, ..)| format!("%{name}")).collect();
    let constants: String = tensors.iter().map(constant).collect();
    let names = names.join(", ");
    let source =
        format!("model ir=8 opset \"\"=17\ngraph g() -> (%y) {{\n{constants}%y = Sum({names})\n}}");
    let mut model = text::parse(&source).expect("a model");
    for (name, offset, size) in tensors {
        let value = model.graph.value_named(name).expect("it has this tensor");
        let slice = FileSlice::new(Arc::clone(&file), *offset, *size).expect("a range of the file");
        let tensor = model.graph.initializer_mut(value).expect("a tensor");
        (tensor.storage, tensor.data) = (Storage::External, TensorData::File(slice));
    }
    inspected(model, &folder.join("model.onnx"))
}

#[test]
fn external_tensors_are_unaligned_shared_or_overlap() {
    let cases: [(&[Range], &[&str]); 6] = [
        (&[("a", 0, 64), ("b", 64, 8), ("c", 128, 8)], &[]),
        (
            &[("a", 0, 8), ("b", 8, 8)],
            &["1 external tensor does not start at a multiple of 64 bytes: \"b\""],
        ),
        (
            &[("a", 64, 8), ("b", 0, 8), ("c", 64, 8)],
            &["1 piece of a data file is the content of several tensors: (\"a\", \"c\")"],
        ),
        (
            &[("a", 0, 128), ("b", 64, 8)],
            &["1 pair of external tensors overlaps, though not as a whole: \"a\" and \"b\""],
        ),
        (
            &[("a", 0, 192), ("b", 64, 8), ("c", 128, 8)],
            &[
                "2 pairs of external tensors overlap, though not as a whole: \"a\" and \"b\", \"a\" and \"c\"",
            ],
        ),
        (&[("a", 0, 0), ("b", 0, 8), ("c", 1, 0)], &[]),
    ];
    for (tensors, expected) in cases {
        assert_eq!(in_a_file(256, tensors).unusual, expected, "{tensors:?}");
    }
}

#[test]
fn padding_of_a_data_file_is_not_unusual_and_left_over_bytes_are() {
    let fine = in_a_file(1 << 20, &[("a", 0, 8)]);
    assert!(fine.unusual.is_empty(), "{:?}", fine.unusual);
    let large = in_a_file(4 << 20, &[("a", 0, 8), ("b", 64, 8)]);
    assert_eq!(large.unusual, ["1 data file has bytes that no tensor uses: \"m.data\" (100%)"]);
}

#[test]
fn sizes_are_told_by_file() {
    let model = in_a_file(256, &[("a", 0, 64), ("b", 64, 8)]);
    let external = LocationSize { file: Some("m.data".into()), tensors: 2, bytes: 72 };
    assert_eq!(model.locations, [external]);
    assert_eq!(model.external_bytes, 72);
    assert_eq!(model.largest[0].file.as_deref(), Some("m.data"));
    let inline = LocationSize { file: None, tensors: 8, bytes: 68 };
    assert_eq!(everything().locations, [inline]);
}

#[test]
fn large_tensors_in_typed_fields_are_unusual() {
    let source =
        "model ir=8 opset \"\"=17\ngraph g() -> (%y) {\nconst %w = f32[1] {0}\n%y = Neg(%w)\n}";
    let mut model = text::parse(source).expect("a model");
    let value = model.graph.value_named("w").expect("it has w");
    let tensor = model.graph.initializer_mut(value).expect("a tensor");
    (tensor.storage, tensor.dims) = (Storage::Typed, vec![1 << 18]);
    tensor.data = TensorData::Bytes(vec![0; 1 << 20].into());
    let sentence = "1 large tensor is stored in a typed field instead of as raw data, and copied into memory on reading: \"w\"";
    assert_eq!(inspected(model, Path::new("model.onnx")).unusual, [sentence]);
}

#[test]
fn unknown_fields_would_be_lost() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.onnx");
    // graph { field 99 = 5, output { name: "x" } input { name: "x" } }; field 1000 = 1
    let graph = [0x98, 0x06, 5, 0x62, 3, 0x0a, 1, b'x', 0x5a, 3, 0x0a, 1, b'x'];
    let model = [&[0x3a, graph.len() as u8][..], &graph, &[0xc0, 0x3e, 1]].concat();
    std::fs::write(&path, model).expect("a model");
    let unusual = inspect_model(&path).expect("it can be inspected").unusual;
    let sentence = "2 kinds of fields are lost by writing the model, so that apply refuses it without --drop-unknown: GraphProto field 99, 1 times";
    assert!(unusual[0].starts_with(sentence), "{unusual:?}");
}

#[test]
fn linked_files_are_told_and_changed_ones_first() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = format!(
        "model ir=8 opset \"\"=17\ngraph g() -> (%y) {{\nconst %w = u8[2048] hex\"{}\"\n%y = Neg(%w)\n}}",
        "00".repeat(2048)
    );
    let base = folder.path().join("base.onnx");
    write(&text::parse(&source).expect("a model"), &base, ExternalData::Always, false);
    let linked = folder.path().join("linked.onnx");
    write(&onnx::read(&base).expect("a model").model, &linked, ExternalData::Auto, true);
    let inspection = inspect_model(&linked).expect("it can be inspected");
    let data = inspection.linked[0].location.clone();
    let belongs =
        format!("1 data file is linked: it was another model's when this one was made: \"{data}\"");
    assert_eq!(inspection.unusual, [belongs.as_str()]);
    std::fs::write(folder.path().join(&data), vec![1; 2048]).expect("the file is written");
    let unusual = inspect_model(&linked).expect("it can be inspected").unusual;
    let changed =
        "1 linked data file is not what was linked any more, so that apply refuses the model: ";
    assert!(unusual[0].starts_with(changed) && unusual[1] == belongs, "{unusual:?}");
}

fn write(model: &Model, path: &Path, external_data: ExternalData, link_weights: bool) {
    let options = WriteOptions { external_data, link_weights, ..Default::default() };
    let plan = onnx::plan(model, path, &options).expect("a plan");
    let context = Context::new(None, Context::DEFAULT_MEMORY, |_| {}).expect("a context");
    plan.commit(&context, &|_, _| Ok(())).expect("it is written");
}

#[test]
fn carried_bytes_that_are_no_message_are_an_error() {
    let source = "model ir=8 opset \"\"=17 carried hex\"ff\"\ngraph g(%x: f32[1]) -> (%x) {\n}";
    let model = text::parse(source).expect("a model");
    let read = ReadModel { model, ..Default::default() };
    let error = inspect(&read, Path::new("model.onnx")).expect_err("it cannot be decoded");
    assert!(error.message().contains("carried fields do not decode"), "{error}");
}

#[test]
fn subgraphs_functions_and_attributes_count() {
    let model = everything();
    let counts = |operators: &std::collections::BTreeMap<String, usize>| -> Vec<String> {
        operators.iter().map(|(name, n)| format!("{name} {n}")).collect()
    };
    assert_eq!(counts(&model.operators), ["Constant 1", "If 1", "MatMul 1", "org.example.Scale 2"]);
    assert_eq!(counts(&model.operators_in_subgraphs), ["Neg 1", "org.example.Scale 1"]);
    assert_eq!(counts(&model.operators_in_functions), ["Constant 1", "If 1", "Mul 1", "Neg 2"]);
    let functions: Vec<_> =
        model.functions.iter().map(|f| (f.name.as_str(), f.nodes, f.calls)).collect();
    assert_eq!(functions, [("org.example::Scale<f32>", 5, 3), ("org.example::Spare", 0, 0)]);
    let places: Vec<_> = model.largest.iter().map(|t| (t.bytes, t.place.to_string())).collect();
    let expected = [
        (24, "\"w\""),
        (12, "\"constant\" in subgraph \"else_branch\" of node \"if\" (If)"),
        (8, "\"gain\""),
        (8, "value of the Constant that makes \"c\""),
        (4, "default of attribute \"d\" in function org.example::Scale<f32>"),
        (4, "value of node \"two\" (Constant) in function org.example::Scale<f32>"),
        (
            4,
            "\"i\" in subgraph \"then_branch\" of node \"inner\" (If) in function org.example::Scale<f32>",
        ),
        (
            4,
            "\"j\" in subgraph \"else_branch\" of node \"inner\" (If) in function org.example::Scale<f32>",
        ),
    ];
    assert_eq!(places, expected.map(|(bytes, place)| (bytes, place.to_owned())));
}
