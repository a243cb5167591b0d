//! What a model holds.

use super::functions::{FunctionSummary, functions, opsets};
use super::sites::{Branch, Site, branches, sites};
use super::sizes::{DtypeSize, LargeTensor, LocationSize, by_dtype, by_location, largest};
use super::survey::{Part, Survey};
use super::unusual::unusual;
use crate::apply::{self, AppliedEntry};
use crate::error::Result;
use crate::ir::{Graph, NodeKind, Type, ValueId};
use crate::onnx::{self, LinkedFile, ReadModel};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a model holds. Its JSON form only grows within one `schema`.
#[derive(Clone, Debug, Serialize)]
pub struct ModelInspection {
    /// Version of the JSON form.
    pub schema: u32,
    /// The file.
    pub path: PathBuf,
    /// Version of the ONNX IR.
    pub ir_version: i64,
    /// Operator sets by domain.
    pub opsets: BTreeMap<String, i64>,
    /// The tool that made it.
    pub producer: String,
    /// Graph inputs.
    pub inputs: Vec<Signature>,
    /// Graph outputs.
    pub outputs: Vec<Signature>,
    /// How often each operator stands in the main graph.
    pub operators: BTreeMap<String, usize>,
    /// How often each operator stands in subgraphs of the main graph.
    pub operators_in_subgraphs: BTreeMap<String, usize>,
    /// How often each operator stands in functions.
    pub operators_in_functions: BTreeMap<String, usize>,
    /// Model-local functions.
    pub functions: Vec<FunctionSummary>,
    /// Elements of all floating-point initializers of the main graph.
    pub parameters: u64,
    /// All tensors by element type: initializers and attributes, also in subgraphs and functions.
    pub dtypes: Vec<DtypeSize>,
    /// All tensors by file.
    pub locations: Vec<LocationSize>,
    /// Bytes of tensors in external files.
    pub external_bytes: u64,
    /// The ten largest tensors.
    pub largest: Vec<LargeTensor>,
    /// Data files that the model refers to and another one has.
    pub linked: Vec<LinkedFile>,
    /// Linear sites.
    pub sites: Vec<Site>,
    /// Side branches that peftc added, by pass.
    pub branches: Vec<Branch>,
    /// What peftc applied.
    pub applied: Vec<AppliedEntry>,
    /// Fields that this version does not know.
    pub unknown_fields: Vec<String>,
    /// Facts that a user of this model should know, a sentence each.
    pub unusual: Vec<String>,
}

/// A graph input or output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// Its type, such as `f32[batch, 2]`.
    #[serde(rename = "type")]
    pub ty: String,
    /// Element type; none if unknown or no tensor.
    pub dtype: Option<&'static str>,
    /// Sizes, symbols or `?`; none if the rank is unknown.
    pub shape: Option<Vec<String>>,
    /// Whether it is an initializer too, which stands for it where a caller gives no value.
    pub has_default: bool,
}

/// Reads a model and looks at it; no weight is read.
///
/// # Errors
/// The model cannot be read, or its history is not what peftc writes.
pub fn inspect_model(path: &Path) -> Result<ModelInspection> {
    inspect(&onnx::read(path)?, path)
}

/// Looks at a model that was read from `path`.
///
/// # Errors
/// Its history, or what it carries, is not what peftc writes there.
pub fn inspect(read: &ReadModel, path: &Path) -> Result<ModelInspection> {
    let model = &read.model;
    let graph = &model.graph;
    let survey = Survey::new(model);
    let folder = onnx::folder_of(path);
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let locations = by_location(&survey.tensors, &folder);
    let external = locations.iter().filter(|l| l.file.is_some());
    Ok(ModelInspection {
        schema: 1,
        path: path.to_owned(),
        ir_version: model.ir_version,
        opsets: opsets(&model.opset_imports),
        producer: format!("{} {}", model.producer_name, model.producer_version).trim().to_owned(),
        inputs: graph
            .inputs()
            .iter()
            .filter_map(|&n| graph.output(n))
            .map(|v| signature(graph, v))
            .collect(),
        outputs: graph
            .outputs()
            .iter()
            .filter_map(|&n| graph.node_input(n, 0))
            .map(|v| signature(graph, v))
            .collect(),
        operators: operators(&survey, |part| part.place.is_none()),
        operators_in_subgraphs: operators(&survey, |part| {
            part.place.is_some() && part.function.is_none()
        }),
        operators_in_functions: operators(&survey, |part| part.function.is_some()),
        functions: functions(&survey),
        parameters: apply::parameters(model),
        dtypes: by_dtype(&survey.tensors),
        external_bytes: external.map(|l| l.bytes).sum(),
        largest: largest(&survey.tensors, &folder),
        locations,
        linked: read.linked.clone(),
        sites: sites(graph),
        branches: branches(graph),
        applied: apply::applied(model).unwrap_or_default(),
        unknown_fields: read.unknown_fields.iter().map(ToString::to_string).collect(),
        unusual: unusual(&survey, read, &folder)?,
    })
}

fn signature(graph: &Graph, value: ValueId) -> Signature {
    let ty = graph.value_type(value);
    let shape =
        ty.as_ref().and_then(Type::shape).map(|s| s.iter().map(ToString::to_string).collect());
    let producer = &graph.node(graph.value(value).producer()).kind;
    Signature {
        name: graph.value(value).name().to_owned(),
        ty: ty.as_ref().map_or("?".to_owned(), ToString::to_string),
        dtype: ty.and_then(|t| t.dtype()).map(|d| d.name()),
        shape,
        has_default: matches!(producer, NodeKind::Input { default: Some(_) }),
    }
}

fn operators(survey: &Survey<'_>, of: impl Fn(&Part<'_>) -> bool) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (_, op) in survey.parts.iter().filter(|part| of(part)).flat_map(|part| &part.ops) {
        let name = match op.domain.as_str() {
            "" => op.op_type.clone(),
            domain => format!("{domain}.{}", op.op_type),
        };
        *counts.entry(name).or_default() += 1;
    }
    counts
}

impl ModelInspection {
    /// The share of parameters that stand in side branches: what would be trained.
    pub fn branch_parameters(&self) -> u64 {
        self.branches.iter().map(|b| b.parameters).fold(0, u64::saturating_add)
    }
}
