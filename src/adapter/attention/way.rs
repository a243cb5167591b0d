//! The way of K and V to the product: back to where they are narrowest.

use super::super::shapes::{Shapes, Size, Stated, matching};
use crate::ir::{AttributeValue, Graph, NodeId, NodeKind, Op, ValueId};

/// K or V of a site, `[batch, …]` with axes for heads, the sequence and the features of a head.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyValues {
    /// The value.
    pub tensor: ValueId,
    /// The node through which it comes to the product.
    pub node: NodeId,
    /// Its slot there.
    pub slot: usize,
    /// The axis of heads.
    pub head_axis: usize,
    /// The axis of the sequence.
    pub sequence_axis: usize,
    /// The axis of a head's features.
    pub feature_axis: usize,
    /// Heads.
    pub heads: i64,
    /// Features of a head.
    pub features: i64,
    /// Shapes on the way to the product that say the length in numbers of their own.
    pub stated: Vec<Stated>,
    /// The graph input that comes before it along the sequence.
    pub past: Option<ValueId>,
    /// Whether the value is a graph output.
    pub is_present: bool,
}

/// The axes of sequence and features.
type Axes = [usize; 2];

/// The longest way that is followed.
const MOST_STEPS: usize = 24;

/// A value on the way, the node and slot it goes into, and its axes there.
struct Step {
    value: ValueId,
    node: NodeId,
    slot: usize,
    axes: Axes,
}

/// K or V of the product that reads it in this slot with these axes.
pub(super) fn key_values(
    graph: &Graph,
    shapes: &Shapes<'_>,
    node: NodeId,
    slot: usize,
    axes: Axes,
) -> Option<KeyValues> {
    let steps = way(graph, shapes, node, slot, axes)?;
    let (at, (head_axis, heads, features)) =
        (0..steps.len()).rev().find_map(|at| Some((at, heads(shapes, &steps[at])?)))?;
    let Step { value, node, slot, axes: [sequence_axis, feature_axis] } = steps[at];
    let path: Vec<(NodeId, usize)> = steps[..=at].iter().rev().map(|s| (s.node, s.slot)).collect();
    let next: Vec<usize> = steps[..at].iter().rev().map(|s| s.axes[0]).collect();
    let stated = shapes.stated(&path, sequence_axis, &next);
    let is_output = |at: &crate::ir::Use| matches!(graph.node(at.node).kind, NodeKind::Output);
    Some(KeyValues {
        tensor: value,
        node,
        slot,
        head_axis,
        sequence_axis,
        feature_axis,
        heads,
        features,
        stated,
        past: past(graph, value, sequence_axis),
        is_present: graph.uses(value).iter().any(is_output),
    })
}

/// The axis of heads of a value of four axes, the first of which is the batch; how many heads, and
/// of how many features.
fn heads(shapes: &Shapes<'_>, step: &Step) -> Option<(usize, i64, i64)> {
    let [sequence, feature] = step.axes;
    let sizes =
        shapes.sizes(step.value).filter(|s| s.len() == 4 && sequence != 0 && feature != 0)?;
    let axis = (1..4).find(|axis| *axis != sequence && *axis != feature)?;
    match (&sizes[axis], &sizes[feature]) {
        (Size::Known(heads), Size::Known(features)) => Some((axis, *heads, *features)),
        _ => None,
    }
}

/// The steps from a slot back through operators that only turn, repeat, cast or scale.
fn way(
    graph: &Graph,
    shapes: &Shapes<'_>,
    node: NodeId,
    slot: usize,
    axes: Axes,
) -> Option<Vec<Step>> {
    let mut steps = vec![Step { value: graph.node_input(node, slot)?, node, slot, axes }];
    while let Some(last) = steps.last().filter(|_| steps.len() < MOST_STEPS) {
        let producer = graph.value(last.value).producer();
        let Some((slot, axes)) = back(graph, shapes, producer, last.value, last.axes) else {
            break;
        };
        let Some(value) = graph.node_input(producer, slot) else { break };
        steps.push(Step { value, node: producer, slot, axes });
    }
    Some(steps)
}

/// The slot a value comes from, and its axes there.
fn back(
    graph: &Graph,
    shapes: &Shapes<'_>,
    node: NodeId,
    value: ValueId,
    axes: Axes,
) -> Option<(usize, Axes)> {
    let op = graph.node(node).op().filter(|op| op.domain.is_empty())?;
    let input = |slot| graph.node_input(node, slot);
    let sizes = |slot| shapes.sizes(input(slot)?);
    match op.op_type.as_str() {
        "Identity" | "Cast" | "Dropout" => Some((0, axes)),
        "Mul" | "Div" => {
            let slot = other_than_scalar(graph, shapes, node, op)?;
            (shapes.rank(input(slot)?) == shapes.rank(value)).then_some((slot, axes))
        }
        "Transpose" => {
            let AttributeValue::Ints(perm) = op.attribute("perm")? else { return None };
            let from = |axis: usize| usize::try_from(*perm.get(axis)?).ok();
            Some((0, [from(axes[0])?, from(axes[1])?]))
        }
        "Unsqueeze" | "Expand" => {
            let added = shapes.rank(value)?.checked_sub(sizes(0)?.len())?;
            let from = |axis: usize| match op.is("Expand") {
                true => axis.checked_sub(added),
                false => unsqueezed(shapes.sizes(value)?, sizes(0)?, axis),
            };
            Some((0, [from(axes[0])?, from(axes[1])?]))
        }
        "Reshape" => {
            let (from, to) = (sizes(0)?, shapes.sizes(value)?);
            Some((0, [matching(from, to, axes[0])?, matching(from, to, axes[1])?]))
        }
        "Slice" => (sizes(0)? == shapes.sizes(value)?).then_some((0, axes)),
        _ => None,
    }
}

/// The slot of a Mul or Div by a scalar that is not the scalar.
pub(super) fn other_than_scalar(
    graph: &Graph,
    shapes: &Shapes<'_>,
    node: NodeId,
    op: &Op,
) -> Option<usize> {
    let is_scalar = |slot| graph.node_input(node, slot).is_some_and(|v| shapes.is_scalar(v));
    match (is_scalar(0), is_scalar(1)) {
        (false, true) => Some(0),
        (true, false) if op.is("Mul") => Some(1),
        _ => None,
    }
}

/// The axis behind an Unsqueeze's output axis, which is none of the added ones.
fn unsqueezed(to: &[Size], from: &[Size], axis: usize) -> Option<usize> {
    let added = to.len() - from.len();
    let leading = (0..from.len()).take_while(|&i| to[i] == from[i]).count();
    match axis < leading {
        true => Some(axis),
        false => axis.checked_sub(added).filter(|&i| to[axis] == from[i]),
    }
}

/// The graph input that a Concat puts before the rest.
fn past(graph: &Graph, value: ValueId, sequence_axis: usize) -> Option<ValueId> {
    let node = graph.value(value).producer();
    let op = graph.node(node).op().filter(|op| op.is("Concat"))?;
    let axis = op.int("axis")?;
    if axis != sequence_axis as i64 && axis + 4 != sequence_axis as i64 {
        return None;
    }
    let mut first = graph.node_input(node, 0)?;
    for _ in 0..4 {
        let producer = graph.value(first).producer();
        match &graph.node(producer).kind {
            NodeKind::Input { .. } => return Some(first),
            NodeKind::Op(op) if ["Identity", "Cast"].iter().any(|name| op.is(name)) => {}
            NodeKind::Op(op) if op.is("Concat") && graph.node(producer).input_count() == 1 => {}
            _ => return None,
        }
        first = graph.node_input(producer, 0)?;
    }
    None
}
