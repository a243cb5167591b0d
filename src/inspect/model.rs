//! What a model holds.

use crate::adapter::Sites;
use crate::apply::{self, AppliedEntry};
use crate::error::Result;
use crate::ir::{Graph, Tensor, TensorData, Type, ValueId};
use crate::onnx;
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
    /// Elements of all floating-point initializers.
    pub parameters: u64,
    /// Initializers by element type.
    pub dtypes: Vec<DtypeSize>,
    /// Bytes of initializers in external files.
    pub external_bytes: u64,
    /// Linear sites.
    pub sites: Vec<Site>,
    /// Side branches that peftc added, by pass.
    pub branches: Vec<Branch>,
    /// What peftc applied.
    pub applied: Vec<AppliedEntry>,
    /// Fields that this version does not know.
    pub unknown_fields: Vec<String>,
}

/// A graph input or output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// Element type; none if unknown.
    pub dtype: Option<&'static str>,
    /// Sizes, symbols or `?`; none if the rank is unknown.
    pub shape: Option<Vec<String>>,
}

/// Initializers of one element type.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DtypeSize {
    /// The element type.
    pub dtype: &'static str,
    /// How many tensors.
    pub tensors: u64,
    /// Their elements.
    pub elements: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A linear site.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Site {
    /// Module path; none if unknown.
    pub module: Option<String>,
    /// The operator.
    pub op: String,
    /// The weight.
    pub weight: String,
    /// The weight's element type.
    pub dtype: &'static str,
    /// Input features.
    pub in_features: i64,
    /// Output features.
    pub out_features: i64,
    /// Whether a bias is added.
    pub bias: bool,
    /// Whether it is the output head, which `all-linear` leaves out.
    pub output_head: bool,
}

/// Side branches of one pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Branch {
    /// What the nodes are for (`peftc.role`).
    pub role: String,
    /// How many nodes.
    pub nodes: usize,
    /// Elements of the initializers they read.
    pub parameters: u64,
}

/// Reads a model and looks at it; no weight is read.
pub fn inspect_model(path: &Path) -> Result<ModelInspection> {
    let read = onnx::read(path)?;
    let model = &read.model;
    let graph = &model.graph;
    Ok(ModelInspection {
        schema: 1,
        path: path.to_owned(),
        ir_version: model.ir_version,
        opsets: model.opset_imports.iter().map(|(d, v)| (domain_name(d).to_owned(), *v)).collect(),
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
        operators: operators(graph),
        parameters: apply::parameters(model),
        dtypes: dtypes(graph),
        external_bytes: external_bytes(graph),
        sites: sites(graph),
        branches: branches(graph),
        applied: apply::applied(model)?,
        unknown_fields: read.unknown_fields.iter().map(ToString::to_string).collect(),
    })
}

fn domain_name(domain: &str) -> &str {
    if domain.is_empty() { "ai.onnx" } else { domain }
}

fn signature(graph: &Graph, value: ValueId) -> Signature {
    let ty = graph.value_type(value);
    let shape =
        ty.as_ref().and_then(Type::shape).map(|s| s.iter().map(ToString::to_string).collect());
    Signature {
        name: graph.value(value).name().to_owned(),
        dtype: ty.and_then(|t| t.dtype()).map(|d| d.name()),
        shape,
    }
}

fn operators(graph: &Graph) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (_, op) in graph.ops() {
        let name = match op.domain.as_str() {
            "" => op.op_type.clone(),
            domain => format!("{domain}.{}", op.op_type),
        };
        *counts.entry(name).or_default() += 1;
    }
    counts
}

fn stored_bytes(tensor: &Tensor) -> u64 {
    match &tensor.data {
        TensorData::Strings(strings) => strings.iter().map(|s| s.len() as u64).sum(),
        TensorData::Sparse(sparse) => stored_bytes(&sparse.values) + stored_bytes(&sparse.indices),
        _ => tensor.byte_len().unwrap_or(0),
    }
}

fn dtypes(graph: &Graph) -> Vec<DtypeSize> {
    let mut sizes: Vec<DtypeSize> = Vec::new();
    for (_, tensor) in graph.initializers() {
        let dtype = tensor.dtype.name();
        let at = sizes.iter().position(|s| s.dtype == dtype).unwrap_or_else(|| {
            sizes.push(DtypeSize { dtype, tensors: 0, elements: 0, bytes: 0 });
            sizes.len() - 1
        });
        sizes[at].tensors += 1;
        // A sparse tensor can say to have nearly any number of elements.
        let elements = tensor.element_count().unwrap_or(0);
        sizes[at].elements = sizes[at].elements.saturating_add(elements);
        sizes[at].bytes += stored_bytes(tensor);
    }
    sizes.sort_by_key(|s| std::cmp::Reverse(s.bytes));
    sizes
}

fn external_bytes(graph: &Graph) -> u64 {
    let external = |tensor: &Tensor| match &tensor.data {
        TensorData::File(slice) => slice.len(),
        _ => 0,
    };
    graph.initializers().iter().map(|(_, tensor)| external(tensor)).sum()
}

fn sites(graph: &Graph) -> Vec<Site> {
    let sites = Sites::find(graph);
    let site = |s: &crate::adapter::LinearSite| Site {
        module: s.module.clone(),
        op: graph.node(s.node).op().map(|op| op.op_type.clone()).unwrap_or_default(),
        weight: graph.value(s.weight.value).name().to_owned(),
        dtype: s.dtype.name(),
        in_features: s.in_features,
        out_features: s.out_features,
        bias: s.bias.is_some(),
        output_head: s.is_output_head,
    };
    sites.all().iter().map(site).collect()
}

fn branches(graph: &Graph) -> Vec<Branch> {
    let mut found: BTreeMap<&str, Branch> = BTreeMap::new();
    for (id, op) in graph.ops() {
        let Some(role) = op.metadata.get("peftc.role") else { continue };
        let read = graph.node_inputs(id).into_iter().flatten().filter_map(|v| graph.constant(v));
        let branch = found.entry(role).or_insert_with(|| Branch {
            role: role.to_owned(),
            nodes: 0,
            parameters: 0,
        });
        branch.nodes += 1;
        branch.parameters =
            read.filter_map(Tensor::element_count).fold(branch.parameters, u64::saturating_add);
    }
    found.into_values().collect()
}

impl ModelInspection {
    /// The share of parameters that stand in side branches: what would be trained.
    pub fn branch_parameters(&self) -> u64 {
        self.branches.iter().map(|b| b.parameters).fold(0, u64::saturating_add)
    }
}
