//! Linear sites: the places of a graph that multiply by a weight, by structure.
//!
//! - MatMul whose right operand is a constant matrix, as `[in, out]`, or transposed on the way;
//! - Gemm with a constant matrix, in every transposition (`Linear` with two-dimensional input,
//!   GPT-2's `Conv1D`);
//! - the same with what stands for a quantized matrix: a value that a node with the role
//!   `weight.FORMAT` makes;
//! - `com.microsoft` MatMulBnb4 and MatMulNBits.
//!
//! The bias is Gemm's third input, or the constant `[out]` that an Add puts on the output.
//! Nodes that peftc added (`peftc.role`) are branches, not layers.

use super::module::module_path;
use super::parameter::{LINEAR_ROLE, Parameter, Trail, WEIGHT_ROLE, quantized_role};
use crate::ir::{DataType, Graph, NodeId, NodeKind, Op, Use, ValueId};
use std::collections::{BTreeMap, HashSet};

/// A place that computes `y = x · Wᵀ (+ b)` with PyTorch's W `[out, in]`.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearSite {
    /// Its module path, as far as the exporter left it.
    pub module: Option<String>,
    /// The MatMul or Gemm.
    pub node: NodeId,
    /// x.
    pub input: ValueId,
    /// Whether the node reads x transposed (Gemm `transA`).
    pub transposed_input: bool,
    /// The node's output; a bias that an Add puts on comes after it.
    pub output: ValueId,
    /// What the layer gives: the output with the bias, and with what passes added to it.
    pub result: ValueId,
    /// Whether passes added deltas to its output.
    pub has_delta: bool,
    /// W.
    pub weight: Parameter,
    /// b.
    pub bias: Option<Parameter>,
    /// Input features.
    pub in_features: i64,
    /// Output features.
    pub out_features: i64,
    /// The element type of the weight, what it stands for where it is quantized, and of the
    /// activations.
    pub dtype: DataType,
    /// The format of the weight where it is quantized, such as `nf4`; the weight is then no constant.
    pub quantized: Option<String>,
    /// Whether it is the output head, which PEFT's `all-linear` leaves out: its result reaches
    /// a graph output with nothing but changes of shape and a bias between, and it is named as a
    /// head or has the shape of an embedding of the model.
    pub is_output_head: bool,
}

/// The linear sites of a graph, and its modules.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    sites: Vec<LinearSite>,
    /// The operators of each module.
    pub(super) modules: BTreeMap<String, Vec<NodeId>>,
}

impl Sites {
    /// Finds all linear sites, in the order of the graph.
    pub fn find(graph: &Graph) -> Self {
        let mut found = Self::default();
        let embeddings = embedding_shapes(graph);
        for (id, op) in graph.ops() {
            let role = op.metadata.get("peftc.role");
            if role.is_some_and(|role| !role.starts_with(LINEAR_ROLE)) {
                continue;
            }
            let module = module_path(graph, id);
            if let Some(module) = &module {
                found.modules.entry(module.clone()).or_default().push(id);
            }
            let site = match op.domain.as_str() {
                "com.microsoft" => quantized_site(graph, id, op, module),
                _ => site(graph, id, op, module, &embeddings),
            };
            found.sites.extend(site);
        }
        join_calls(&mut found.sites);
        found
    }

    /// All sites, in the order of the graph.
    pub fn all(&self) -> &[LinearSite] {
        &self.sites
    }
}

/// Calls of one module have one name. TorchScript numbers them, `query`, `query_1`, …; they read the
/// same weight.
fn join_calls(sites: &mut [LinearSite]) {
    let key = |site: &LinearSite| Some((site.module.clone()?, site.weight.value));
    let called: HashSet<(String, ValueId)> = sites.iter().filter_map(key).collect();
    for site in sites {
        let first = site.module.as_deref().and_then(|m| m.rsplit_once('_'));
        let Some((first, number)) = first else { continue };
        let is_number = number.bytes().all(|b| b.is_ascii_digit());
        if is_number && called.contains(&(first.to_owned(), site.weight.value)) {
            site.module = Some(first.to_owned());
        }
    }
}

fn site(
    graph: &Graph,
    node: NodeId,
    op: &Op,
    module: Option<String>,
    embeddings: &HashSet<[i64; 2]>,
) -> Option<LinearSite> {
    let (is_gemm, flag) = match () {
        () if op.is("MatMul") => (false, false),
        () if op.is("Gemm") => (true, op.int("transB").unwrap_or(0) != 0),
        () => return None,
    };
    let input = graph.node_input(node, 0).filter(|&x| graph.constant(x).is_none())?;
    let trail = Trail::follow(graph, node, 1)?;
    let [rows, columns] = trail.dims(graph)[..] else { return None };
    let dtype = graph.dtype(trail.constant)?;
    let producer = graph.value(trail.constant).producer();
    let quantized = quantized_role(graph, producer, WEIGHT_ROLE).map(str::to_owned);
    let of_weight = || graph.node(producer).op()?.metadata.get("peftc.site").map(str::to_owned);
    let module = module.or_else(of_weight);
    let alpha = op.float("alpha").filter(|_| is_gemm).unwrap_or(1.0);
    if !dtype.is_float() || alpha == 0.0 {
        return None;
    }
    let transposed = flag == trail.flipped;
    let (in_features, out_features) = if transposed { (rows, columns) } else { (columns, rows) };
    let output = graph.output(node)?;
    let weight = trail.into_parameter(graph, node, transposed, alpha);
    let own_bias = match is_gemm {
        true => gemm_bias(graph, node, op, out_features),
        false => None,
    };
    let Tail { bias, result, has_delta } = tail(graph, output, out_features, own_bias);
    let shape = [out_features, in_features];
    let is_output_head = feeds_graph_output(graph, output)
        && (embeddings.contains(&shape) || module.as_deref().is_some_and(is_head_name));
    Some(LinearSite {
        module,
        node,
        input,
        transposed_input: is_gemm && op.int("transA").unwrap_or(0) != 0,
        output,
        result,
        has_delta,
        weight,
        bias,
        in_features,
        out_features,
        dtype,
        quantized,
        is_output_head,
    })
}

/// The site of an operator that multiplies by a quantized weight.
fn quantized_site(
    graph: &Graph,
    node: NodeId,
    op: &Op,
    module: Option<String>,
) -> Option<LinearSite> {
    let format = match op.op_type.as_str() {
        "MatMulBnb4" if op.int("quant_type") == Some(0) => "fp4",
        "MatMulBnb4" => "nf4",
        "MatMulNBits" if op.int("bits") == Some(8) => "int8",
        "MatMulNBits" => "int4",
        _ => return None,
    };
    let (in_features, out_features) = (op.int("K")?, op.int("N")?);
    let weight = graph.node_input(node, 1)?;
    let scales = graph.constant(graph.node_input(node, 2)?)?;
    let output = graph.output(node)?;
    let is_head = module.as_deref().is_some_and(is_head_name);
    let Tail { bias, result, has_delta } = tail(graph, output, out_features, None);
    Some(LinearSite {
        is_output_head: is_head && feeds_graph_output(graph, output),
        module,
        node,
        input: graph.node_input(node, 0)?,
        transposed_input: false,
        output,
        result,
        has_delta,
        weight: Parameter {
            value: weight,
            uses: vec![Use::input(node, 1)],
            transposed: false,
            factor: 1.0,
            shared_through: None,
        },
        bias,
        in_features,
        out_features,
        dtype: scales.dtype,
        quantized: Some(format.to_owned()),
    })
}

fn gemm_bias(graph: &Graph, node: NodeId, op: &Op, out: i64) -> Option<Parameter> {
    let trail = Trail::follow(graph, node, 2).filter(|t| t.dims(graph) == [out])?;
    let beta = op.float("beta").unwrap_or(1.0);
    (beta != 0.0).then(|| trail.into_parameter(graph, node, false, beta))
}

/// What stands behind the node of a layer.
struct Tail {
    bias: Option<Parameter>,
    /// The value that leaves the layer.
    result: ValueId,
    /// Whether peftc added deltas.
    has_delta: bool,
}

/// Follows a node's output through deltas and, if the node has no bias of its own, the bias: a
/// constant `[out]` that an Add puts on.
fn tail(graph: &Graph, output: ValueId, out: i64, own_bias: Option<Parameter>) -> Tail {
    let mut tail = Tail { bias: own_bias, result: output, has_delta: false };
    // More additions than nodes: a cycle.
    for _ in 0..graph.node_count() {
        let wants_bias = tail.bias.is_none();
        let Some((bias, next)) = addition(graph, tail.result, out, wants_bias) else { break };
        tail.has_delta |= bias.is_none();
        tail.bias = bias.or(tail.bias);
        tail.result = next;
    }
    tail
}

/// An Add of a delta, or else of a bias, on a value, and what it gives.
fn addition(
    graph: &Graph,
    value: ValueId,
    out: i64,
    wants_bias: bool,
) -> Option<(Option<Parameter>, ValueId)> {
    let uses = graph.uses(value);
    let adds = || uses.iter().map(|at| at.node).filter(|&n| is_op(graph, n, "Add"));
    if let Some(delta) = adds().find(|&node| is_delta(graph, node)) {
        return Some((None, graph.output(delta)?));
    }
    let bias = |node: NodeId| {
        let trails = (0..2).filter_map(|slot| Trail::follow(graph, node, slot));
        let trail = trails.into_iter().find(|trail| trail.dims(graph) == [out])?;
        Some((Some(trail.into_parameter(graph, node, false, 1.0)), graph.output(node)?))
    };
    adds().filter(|_| wants_bias).find_map(bias)
}

fn is_op(graph: &Graph, node: NodeId, op_type: &str) -> bool {
    graph.node(node).op().is_some_and(|op| op.is(op_type))
}

/// Whether a node adds a delta to a layer's output.
fn is_delta(graph: &Graph, node: NodeId) -> bool {
    let role = graph.node(node).op().and_then(|op| op.metadata.get("peftc.role"));
    role.is_some_and(|role| role.ends_with(".add"))
}

/// The shapes of matrices that are looked up in.
fn embedding_shapes(graph: &Graph) -> HashSet<[i64; 2]> {
    let gathers = graph.ops().into_iter().filter(|(_, op)| op.is("Gather"));
    gathers
        .filter_map(|(id, _)| Trail::follow(graph, id, 0))
        .filter_map(|trail| trail.dims(graph).try_into().ok())
        .collect()
}

fn is_head_name(module: &str) -> bool {
    let last = module.rsplit('.').next().unwrap_or(module);
    ["lm_head", "embed_out", "score", "classifier", "qa_outputs"].contains(&last)
}

/// Whether a value reaches a graph output through nothing but shape changes, casts and adds.
fn feeds_graph_output(graph: &Graph, value: ValueId) -> bool {
    const PASSES: [&str; 8] =
        ["Add", "Reshape", "Identity", "Cast", "Slice", "Squeeze", "Unsqueeze", "Transpose"];
    let mut seen = HashSet::new();
    let mut values = vec![value];
    while let Some(value) = values.pop() {
        if !seen.insert(value) || seen.len() > 64 {
            continue;
        }
        for at in graph.uses(value) {
            match &graph.node(at.node).kind {
                NodeKind::Output => return true,
                NodeKind::Op(op) if PASSES.iter().any(|p| op.is(p)) => {
                    values.extend(graph.output(at.node))
                }
                _ => {}
            }
        }
    }
    false
}
