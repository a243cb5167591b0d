//! Models made for tests, and what they hold.

use peftc::ir::{DataType, Graph, Model, Op, Tensor, TensorData, Type, Use, ValueInfo};
use peftc::onnx::{self, ExternalData, WriteOptions};
use peftc::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The command, with the plugins of this build.
pub(crate) fn peftc(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peftc"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    command
}

/// Runs a command that has to succeed, and gives its report.
pub(crate) fn done(arguments: &[&str]) -> String {
    let output = peftc(arguments).output().expect("peftc starts");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", message(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command that has to be refused as bad input, and gives its message.
pub(crate) fn refused(arguments: &[&str]) -> String {
    let output = peftc(arguments).output().expect("peftc starts");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", message(&output));
    message(&output)
}

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A chain of linear layers `layers.0` … of this width, each weight filled with `value`.
pub(crate) fn chain(layers: usize, width: i64, value: f32) -> Model {
    let mut graph = Graph::default();
    graph.name = "chain".into();
    let dims = || [width, width].into_iter().map(peftc::ir::Dim::known).collect::<Vec<_>>();
    let info = || ValueInfo { ty: Some(Type::tensor(DataType::F32, dims())), ..Default::default() };
    let mut x = graph.add_input("x", info(), None);
    for layer in 0..layers {
        let bytes = value.to_le_bytes().repeat((width * width) as usize);
        let weight =
            Tensor::new(DataType::F32, vec![width, width], TensorData::Bytes(bytes.into()));
        let weight = graph.add_initializer(&format!("layers.{layer}.weight"), weight);
        let name = format!("/layers.{layer}/MatMul");
        let op = Op { op_type: "MatMul".into(), name: name.clone(), ..Op::default() };
        let node = graph.add_op(op, 2, &[Some(&format!("{name}_output_0"))]);
        graph.connect(x, Use::input(node, 0));
        graph.connect(weight, Use::input(node, 1));
        x = graph.output(node).expect("it has an output");
    }
    graph.value_mut(x).info = Some(info());
    graph.add_graph_output(x);
    Model { ir_version: 8, opset_imports: vec![(String::new(), 17)], graph, ..Model::default() }
}

/// Writes a model that has no pending weights.
pub(crate) fn write(model: &Model, path: &Path, external_data: ExternalData) -> Result<()> {
    let context = Context::new(None, Context::DEFAULT_MEMORY, |_| {})?;
    let options = WriteOptions { external_data, ..Default::default() };
    onnx::plan(model, path, &options)?.commit(&context, &|placements, _| {
        assert!(placements.is_empty(), "nothing is pending");
        Ok(())
    })
}

/// All that a model says and holds, to compare: its structure, and the bytes of its tensors.
pub(crate) fn content(path: &Path) -> Result<(String, Vec<Vec<u8>>)> {
    let model = onnx::read(path)?.model;
    let tensors = model.graph.stored_tensors().into_iter();
    let tensors = tensors.map(|(_, t)| t.bytes().unwrap_or_default().to_vec()).collect();
    Ok((onnx::structure_sha256(&model)?, tensors))
}

/// The names in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<_> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A path as an argument.
pub(crate) fn text(path: impl Into<PathBuf>) -> String {
    path.into().display().to_string()
}
