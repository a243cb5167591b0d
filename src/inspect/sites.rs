//! Linear sites, and the side branches that peftc added.

use crate::adapter::{LinearSite, Sites, is_of_layer};
use crate::ir::{Graph, NodeId, Tensor, ValueId};
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// A linear site.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Site {
    /// Module path; none if unknown.
    pub module: Option<String>,
    /// The operator.
    pub op: String,
    /// The weight.
    pub weight: String,
    /// The weight's element type; where it is quantized, the one it stands for.
    pub dtype: &'static str,
    /// The format of a quantized weight, such as `nf4`.
    pub quantized: Option<String>,
    /// Bits that each element of a quantized weight takes with all that is its own: scales, and
    /// what belongs to them; not code books that several weights share.
    pub bits_per_weight: Option<f64>,
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

/// The linear sites of a graph, in its order.
pub(super) fn sites(graph: &Graph) -> Vec<Site> {
    let sites = Sites::find(graph);
    let site = |s: &LinearSite| Site {
        module: s.module.clone(),
        op: graph.node(s.node).op().map(|op| op.op_type.clone()).unwrap_or_default(),
        weight: graph.value(s.weight.value).name().to_owned(),
        dtype: s.dtype.name(),
        bits_per_weight: s.quantized.as_ref().and_then(|_| bits_per_weight(graph, s)),
        quantized: s.quantized.clone(),
        in_features: s.in_features,
        out_features: s.out_features,
        bias: s.bias.is_some(),
        output_head: s.is_output_head,
    };
    sites.all().iter().map(site).collect()
}

/// Bits that each element of a quantized weight takes.
fn bits_per_weight(graph: &Graph, site: &LinearSite) -> Option<f64> {
    let bytes = match graph.constant(site.weight.value) {
        // The operator reads the codes itself, behind the activations, and what scales them.
        Some(_) => constants(graph, graph.node_inputs(site.node).into_iter().take(4)),
        None => stored_bytes(graph, site.weight.value, &mut HashSet::new()),
    };
    let elements = u64::try_from(site.in_features.checked_mul(site.out_features)?).ok()?;
    (elements > 0).then(|| 8.0 * bytes as f64 / elements as f64)
}

/// Bytes of all constants that a weight's value is made of.
fn stored_bytes(graph: &Graph, value: ValueId, seen: &mut HashSet<NodeId>) -> u64 {
    let producer = graph.value(value).producer();
    if graph.node(producer).op().is_none() || !seen.insert(producer) {
        return 0;
    }
    let inputs: Vec<_> = graph.node_inputs(producer);
    let own = constants(graph, inputs.iter().copied());
    inputs
        .into_iter()
        .flatten()
        .fold(own, |sum, v| sum.saturating_add(stored_bytes(graph, v, seen)))
}

fn constants(graph: &Graph, values: impl Iterator<Item = Option<ValueId>>) -> u64 {
    let own = values.flatten().filter(|&v| graph.uses(v).len() == 1);
    let tensors = own.filter_map(|v| graph.constant(v));
    tensors.filter_map(Tensor::byte_len).fold(0, u64::saturating_add)
}

/// The side branches of a graph, by what their nodes are for.
pub(super) fn branches(graph: &Graph) -> Vec<Branch> {
    let mut found: BTreeMap<&str, Branch> = BTreeMap::new();
    for (id, op) in graph.ops() {
        let Some(role) = op.metadata.get("peftc.role").filter(|r| !is_of_layer(r)) else {
            continue;
        };
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
