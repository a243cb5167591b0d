//! Layer norms and RMS norms: one operator, or the operators that older exports make of one.

use crate::ir::{Graph, NodeId, Op, ValueId};

/// What a norm computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NormKind {
    /// (x − mean) / deviation · weight + bias
    Layer,
    /// x / root mean square · weight
    Rms,
}

/// A norm over the last axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Norm {
    /// What it computes.
    pub kind: NormKind,
    /// Its operators, each behind those it reads.
    pub nodes: Vec<NodeId>,
    /// What it normalizes.
    pub input: ValueId,
    /// What it makes.
    pub output: ValueId,
}

/// The norms of a value.
pub(super) fn norms_of(graph: &Graph, input: ValueId) -> Vec<Norm> {
    let mut found = Vec::new();
    for (node, op) in users(graph, input) {
        found.extend(match op.op_type.as_str() {
            "Cast" => graph
                .output(node)
                .into_iter()
                .flat_map(|cast| {
                    let behind = |n: &Norm| Norm {
                        nodes: [&[node], &n.nodes[..]].concat(),
                        input,
                        ..n.clone()
                    };
                    direct(graph, cast).iter().map(behind).collect::<Vec<_>>()
                })
                .collect(),
            _ => Vec::new(),
        });
    }
    found.extend(direct(graph, input));
    found
}

/// The norms whose first operators read the value.
fn direct(graph: &Graph, input: ValueId) -> Vec<Norm> {
    let mut found = Vec::new();
    for (node, op) in users(graph, input) {
        let norm = match op.op_type.as_str() {
            "LayerNormalization" => single(graph, node, input, NormKind::Layer),
            "RMSNormalization" | "SimplifiedLayerNormalization" => {
                single(graph, node, input, NormKind::Rms)
            }
            "Pow" | "Mul" => rms_from(graph, input, node),
            "ReduceMean" => layer_from(graph, input, node),
            _ => None,
        };
        found.extend(norm);
    }
    found
}

fn single(graph: &Graph, node: NodeId, input: ValueId, kind: NormKind) -> Option<Norm> {
    let is_input = graph.node_input(node, 0) == Some(input);
    let output = graph.output(node).filter(|_| is_input)?;
    Some(Norm { kind, nodes: vec![node], input, output })
}

/// Pow → ReduceMean → Add → Sqrt → Reciprocal or Div → Mul (→ Cast) → Mul by the weight
fn rms_from(graph: &Graph, input: ValueId, square: NodeId) -> Option<Norm> {
    let mut path = Path::from(graph, square)?;
    path.step(&["ReduceMean"])?;
    path.step(&["Add"])?;
    path.step(&["Sqrt"])?;
    if let Some(step) = path
        .next(&["Reciprocal"])
        .or_else(|| path.next(&["Div"]).filter(|&d| !reads(graph, d, input)))
    {
        path.take(step)?;
    }
    let scaled = path.next(&["Mul", "Div"]).filter(|&node| reads(graph, node, input))?;
    path.take(scaled)?;
    if let Some(cast) = path.next(&["Cast"]) {
        path.take(cast)?;
    }
    let weighted = path.next(&["Mul"]).filter(|&node| reads_constant(graph, node))?;
    path.take(weighted)?;
    Some(Norm { kind: NormKind::Rms, nodes: path.nodes, input, output: path.value })
}

/// ReduceMean → Sub → Pow → ReduceMean → Add → Sqrt → Div → Mul by the weight → Add of the bias
fn layer_from(graph: &Graph, input: ValueId, mean: NodeId) -> Option<Norm> {
    let mut path = Path::from(graph, mean)?;
    let centered = path.next(&["Sub"]).filter(|&node| reads(graph, node, input))?;
    path.take(centered)?;
    let centered = path.value;
    path.step(&["Pow", "Mul"])?;
    path.step(&["ReduceMean"])?;
    path.step(&["Add"])?;
    path.step(&["Sqrt"])?;
    let scaled = path.next(&["Div"]).filter(|&node| reads(graph, node, centered))?;
    path.take(scaled)?;
    let weighted = path.next(&["Mul"]).filter(|&node| reads_constant(graph, node))?;
    path.take(weighted)?;
    let shifted = path.next(&["Add"]).filter(|&node| reads_constant(graph, node))?;
    path.take(shifted)?;
    Some(Norm { kind: NormKind::Layer, nodes: path.nodes, input, output: path.value })
}

/// Operators one behind another.
struct Path<'g> {
    graph: &'g Graph,
    nodes: Vec<NodeId>,
    value: ValueId,
}

impl<'g> Path<'g> {
    fn from(graph: &'g Graph, node: NodeId) -> Option<Self> {
        Some(Self { graph, nodes: vec![node], value: graph.output(node)? })
    }

    /// The first of these operators that reads the value.
    fn next(&self, operators: &[&str]) -> Option<NodeId> {
        let is_one = |(_, op): &(NodeId, &Op)| operators.iter().any(|name| op.is(name));
        users(self.graph, self.value).find(is_one).map(|(node, _)| node)
    }

    fn take(&mut self, node: NodeId) -> Option<()> {
        self.value = self.graph.output(node)?;
        self.nodes.push(node);
        Some(())
    }

    fn step(&mut self, operators: &[&str]) -> Option<()> {
        let node = self.next(operators)?;
        self.take(node)
    }
}

/// The operators that read a value.
fn users(graph: &Graph, value: ValueId) -> impl Iterator<Item = (NodeId, &Op)> {
    graph.uses(value).into_iter().filter_map(|at| Some((at.node, graph.node(at.node).op()?)))
}

fn reads(graph: &Graph, node: NodeId, value: ValueId) -> bool {
    graph.node_inputs(node).contains(&Some(value))
}

fn reads_constant(graph: &Graph, node: NodeId) -> bool {
    (0..graph.node(node).input_count())
        .any(|slot| crate::adapter::parameter::Trail::follow(graph, node, slot).is_some())
}
