//! Linear sites, and the side branches that peftc added.

use crate::adapter::{LinearSite, Sites};
use crate::ir::{Graph, Tensor};
use serde::Serialize;
use std::collections::BTreeMap;

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

/// The linear sites of a graph, in its order.
pub(super) fn sites(graph: &Graph) -> Vec<Site> {
    let sites = Sites::find(graph);
    let site = |s: &LinearSite| Site {
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

/// The side branches of a graph, by what their nodes are for.
pub(super) fn branches(graph: &Graph) -> Vec<Branch> {
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
