//! Where positions go into the computation: rotary embedding, and learned position embeddings.

use super::super::module::module_path;
use super::super::shapes::{Shapes, integers, literal};
use super::{AttentionSite, Stack};
use crate::ir::{DataType, Graph, NodeId, NodeKind, ValueId};
use std::collections::HashSet;

/// What positions are used for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PositionKind {
    /// They become angles of rotary embedding.
    Rotary,
    /// They are the index of a table of embeddings.
    Learned,
}

/// An input slot that reads positions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// What for.
    pub kind: PositionKind,
    /// The node that reads them.
    pub node: NodeId,
    /// Its slot.
    pub slot: usize,
    /// How many rows a table of embeddings has.
    pub rows: Option<i64>,
    /// The element type of the positions.
    pub dtype: DataType,
    /// The stack whose tokens they are of, for learned embeddings.
    pub stack: Stack,
}

impl Position {
    fn new(
        graph: &Graph,
        shapes: &Shapes<'_>,
        kind: PositionKind,
        node: NodeId,
        slot: usize,
    ) -> Self {
        let value = graph.node_input(node, slot);
        let dtype = value.and_then(|v| shapes.dtype(v)).unwrap_or(DataType::I64);
        Self { kind, node, slot, rows: None, dtype, stack: Stack::Only }
    }
}

/// Where the rotary embedding of a value gets positions from; linear layers end the search.
pub(super) fn rotary(
    graph: &Graph,
    shapes: &Shapes<'_>,
    value: ValueId,
    is_linear: &dyn Fn(NodeId) -> bool,
) -> Vec<Position> {
    let rotary = |node, slot| Position::new(graph, shapes, PositionKind::Rotary, node, slot);
    let is_float = |node| {
        let dtype = graph.node_input(node, 0).and_then(|v| shapes.dtype(v));
        dtype.is_some_and(|d| d.is_float())
    };
    let mut found = Vec::new();
    for node in ancestors(graph, value, is_linear) {
        let Some(op) = graph.node(node).op() else { continue };
        match op.op_type.as_str() {
            "Cos" | "Sin" => found.extend(to_integers(graph, shapes, node)),
            "RotaryEmbedding" if op.domain.is_empty() && graph.node_input(node, 3).is_some() => {
                found.push(rotary(node, 3));
            }
            "RotaryEmbedding" if op.domain == "com.microsoft" => {
                found.push(rotary(node, 1));
            }
            "Gather" if is_table(graph, node) => {
                found.push(rotary(node, 1));
            }
            // A table that was repeated for each row of the batch.
            "GatherElements" if is_float(node) => {
                found.push(rotary(node, 1));
            }
            _ => {}
        }
    }
    found.sort_by_key(|p: &Position| (p.node, p.slot));
    found.dedup();
    found
}

/// The nodes a value is made by, linear layers left out.
fn ancestors(graph: &Graph, value: ValueId, is_linear: &dyn Fn(NodeId) -> bool) -> Vec<NodeId> {
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    let mut values = vec![value];
    while let Some(value) = values.pop() {
        let node = graph.value(value).producer();
        let is_data = graph.node(node).op().is_some_and(|op| !op.is("Shape"));
        if !is_data || is_linear(node) || !seen.insert(node) {
            continue;
        }
        found.push(node);
        values.extend(graph.node_inputs(node).into_iter().flatten());
    }
    found
}

/// The Casts from integers to floats behind a node, and the look-ups in tables of floats.
fn to_integers(graph: &Graph, shapes: &Shapes<'_>, node: NodeId) -> Vec<Position> {
    let mut found = Vec::new();
    let mut nodes = vec![node];
    let mut seen = HashSet::new();
    while let Some(node) = nodes.pop() {
        if !seen.insert(node) {
            continue;
        }
        for (slot, value) in graph.node_inputs(node).into_iter().enumerate() {
            let Some(value) = value else { continue };
            let is_float = shapes.dtype(value).is_none_or(|d| d.is_float());
            let producer = graph.value(value).producer();
            let Some(op) = graph.node(node).op() else { continue };
            match is_float {
                true => nodes.push(producer),
                false if op.is("Cast") && literal(graph, value).is_none() => {
                    found.push(Position::new(graph, shapes, PositionKind::Rotary, node, slot));
                }
                false => {}
            }
        }
    }
    found
}

/// Whether a Gather looks computed integers up in a constant table of floats.
fn is_table(graph: &Graph, node: NodeId) -> bool {
    let table = graph.node_input(node, 0).and_then(|v| literal(graph, v));
    let index = graph.node_input(node, 1).map(|v| literal(graph, v).is_none());
    table.is_some_and(|t| t.dtype.is_float() && t.dims.len() == 2) && index == Some(true)
}

/// The look-ups of learned position embeddings: in tables `[rows, hidden]`, by name or by what the
/// index is made of. What rotary embedding, masks and biases of relative positions look up is none.
pub(super) fn learned(
    graph: &Graph,
    shapes: &Shapes<'_>,
    sites: &[AttentionSite],
) -> Vec<Position> {
    let mut others: HashSet<NodeId> =
        sites.iter().flat_map(|s| &s.rotary).map(|p| p.node).collect();
    let masks = sites.iter().flat_map(|s| &s.masks);
    for mask in masks.filter_map(|m| graph.node_input(m.node, m.slot)) {
        others.extend(ancestors(graph, mask, &|_| false));
    }
    let relative: HashSet<NodeId> =
        sites.iter().flat_map(|s| &s.relative).map(|r| r.node).collect();
    let is_relative = |node: NodeId| {
        let index = graph.node_input(node, 1);
        index.is_some_and(|v| ancestors(graph, v, &|_| false).iter().any(|n| relative.contains(n)))
    };
    let is_position = |node: NodeId| {
        let name = module_path(graph, node).unwrap_or_default().to_lowercase();
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_named = last.contains("pos") || last == "wpe";
        is_named || graph.node_input(node, 1).is_some_and(|index| counts(graph, index))
    };
    let stack = stack_of(graph, sites);
    let ops = graph.ops().into_iter().filter(|(_, op)| op.is("Gather")).map(|(id, _)| id);
    ops.filter(|&node| is_table(graph, node) && !others.contains(&node))
        .filter(|&node| is_position(node) && !is_relative(node))
        .map(|node| {
            let table = graph.node_input(node, 0).and_then(|v| literal(graph, v));
            let rows = table.and_then(|t| t.dims.first().copied());
            let (at, slot) = masked_sum(graph, (node, 1), false, MOST_STEPS).unwrap_or((node, 1));
            Position {
                rows,
                stack: stack(node),
                ..Position::new(graph, shapes, PositionKind::Learned, at, slot)
            }
        })
        .collect()
}

/// A longer way from positions to a running sum is none.
const MOST_STEPS: usize = 12;

/// The slot that reads a running sum, where that is multiplied with a mask on the way to a slot that
/// reads positions: what is added to positions is not to be added to those of masked tokens.
fn masked_sum(
    graph: &Graph,
    (node, slot): (NodeId, usize),
    is_masked: bool,
    steps: usize,
) -> Option<(NodeId, usize)> {
    const PASSES: [&str; 9] =
        ["Add", "Sub", "Mul", "Cast", "Identity", "Slice", "Squeeze", "Unsqueeze", "Reshape"];
    let maker = graph.value(graph.node_input(node, slot)?).producer();
    let op = graph.node(maker).op()?;
    if op.is("CumSum") {
        return is_masked.then_some((node, slot));
    }
    let steps = steps.checked_sub(1).filter(|_| PASSES.iter().any(|name| op.is(name)))?;
    let slots = if ["Add", "Mul"].iter().any(|name| op.is(name)) { 2 } else { 1 };
    let is_masked = is_masked || op.is("Mul");
    (0..slots).find_map(|slot| masked_sum(graph, (maker, slot), is_masked, steps))
}

/// What tells the stack that a node of no site belongs to: the encoder's are behind it.
fn stack_of(graph: &Graph, sites: &[AttentionSite]) -> impl Fn(NodeId) -> Stack {
    let of = |stack| sites.iter().filter(move |s| s.stack == stack);
    let results = of(Stack::Encoder).filter_map(|s| graph.output(s.context));
    let encoder: HashSet<NodeId> =
        results.flat_map(|value| ancestors(graph, value, &|_| false)).collect();
    let rest = if of(Stack::Cross).next().is_some() { Stack::Decoder } else { Stack::Only };
    move |node| if encoder.contains(&node) { Stack::Encoder } else { rest }
}

/// Whether integers are positions: a Range, a running sum, a constant that counts, or the input
/// `position_ids`.
fn counts(graph: &Graph, index: ValueId) -> bool {
    let mut values = vec![index];
    let mut seen = HashSet::new();
    while let Some(value) = values.pop() {
        if !seen.insert(value) || seen.len() > 64 {
            continue;
        }
        let node = graph.value(value).producer();
        match &graph.node(node).kind {
            NodeKind::Input { .. } if graph.value(value).name() == "position_ids" => return true,
            NodeKind::Op(op) if op.is("Range") || op.is("CumSum") => return true,
            NodeKind::Op(op) if ["Shape", "Size"].iter().any(|name| op.is(name)) => {}
            // What is looked up by positions may be anything, such as types of tokens.
            NodeKind::Op(op) if op.op_type.starts_with("Gather") => {
                values.extend(graph.node_input(node, 0));
            }
            NodeKind::Op(_) => values.extend(graph.node_inputs(node).into_iter().flatten()),
            NodeKind::Initializer(tensor) if is_count(tensor) => return true,
            _ => {}
        }
    }
    false
}

/// Whether a tensor is 0, 1, 2, ….
fn is_count(tensor: &crate::ir::Tensor) -> bool {
    let flat = crate::ir::Tensor {
        dims: vec![tensor.dims.iter().product::<i64>().min(64)],
        ..tensor.clone()
    };
    let elements = tensor.dims.iter().product::<i64>();
    elements > 1
        && integers(&flat)
            .is_some_and(|e| e.iter().take(64).enumerate().all(|(i, &e)| e == i as i64))
}
