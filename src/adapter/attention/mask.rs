//! From a Softmax back to the product that makes the scores, and what masks them on the way.

use super::super::shapes::{Shapes, Size, floats, literal, scalar};
use super::way::other_than_scalar;
use crate::ir::{DataType, Graph, NodeId, Tensor, ValueId};
use std::collections::HashSet;

/// What a mask does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MaskKind {
    /// It is added to the scores.
    Additive,
    /// True keeps a score.
    Keep,
    /// True masks a score.
    Drop,
}

/// A mask of the scores.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    /// Where it is applied.
    pub node: NodeId,
    /// Its slot there.
    pub slot: usize,
    /// What it does.
    pub kind: MaskKind,
    /// Its rank; 0 if it is not known.
    pub rank: usize,
    /// Its element type.
    pub dtype: DataType,
    /// Whether one column stands for all keys.
    pub is_one_column: bool,
    /// Whether it has a bias of positions, learned, of slopes (ALiBi) or a constant window, that is none of
    /// relative positions as T5's is.
    pub has_bias: bool,
}

/// Where a learned bias of relative positions is made: the positions of keys less those of queries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Relative {
    /// The Sub.
    pub node: NodeId,
    /// The slot of the positions of keys, `[1, keys]`, with more axes of size 1 before it.
    pub key_slot: usize,
    /// The slot of the positions of queries, `[queries, 1]`.
    pub query_slot: usize,
    /// The rank of the positions of keys.
    pub rank: usize,
    /// The element type of positions.
    pub dtype: DataType,
}

/// The product behind a Softmax.
pub(super) struct Scores {
    pub(super) product: NodeId,
    pub(super) masks: Vec<Mask>,
    pub(super) relative: Vec<Relative>,
    /// What the product is multiplied by; none if that is not constant.
    pub(super) scale: Option<f64>,
}

/// A longer way from the product to the Softmax is none.
const MOST_STEPS: usize = 12;

/// The product of two computed values that a value is, behind scales, masks and casts.
pub(super) fn scores(graph: &Graph, shapes: &Shapes<'_>, value: ValueId) -> Option<Scores> {
    scores_within(graph, shapes, value, MOST_STEPS)
}

fn scores_within(
    graph: &Graph,
    shapes: &Shapes<'_>,
    value: ValueId,
    steps: usize,
) -> Option<Scores> {
    let steps = steps.checked_sub(1)?;
    let node = graph.value(value).producer();
    let op = graph.node(node).op().filter(|op| op.domain.is_empty())?;
    let input = |slot| graph.node_input(node, slot);
    let behind = |slot| scores_within(graph, shapes, input(slot)?, steps);
    let masked = |slot, mask_slot, kind| {
        let mut found: Scores = behind(slot)?;
        take_apart(graph, shapes, node, mask_slot, kind, &mut found);
        Some(found)
    };
    match op.op_type.as_str() {
        "MatMul" => {
            let is_computed = |slot| {
                input(slot).is_some_and(|v| graph.constant(v).is_none() && shapes.rank(v) > Some(2))
            };
            (is_computed(0) && is_computed(1)).then(|| Scores {
                product: node,
                masks: Vec::new(),
                relative: Vec::new(),
                scale: Some(1.0),
            })
        }
        "Cast" | "Identity" | "Tanh" => behind(0),
        "Reshape" => {
            let keeps = shapes.sizes(input(0)?)?.last() == shapes.sizes(value)?.last();
            if keeps { behind(0) } else { None }
        }
        "Mul" | "Div" => {
            let slot = other_than_scalar(graph, shapes, node, op)?;
            let factor = scalar(graph, input(1 - slot)?);
            let mut found = behind(slot)?;
            let factor = factor.map(|f| if op.is("Div") { f.recip() } else { f });
            found.scale = found.scale.zip(factor).map(|(a, b)| a * b);
            Some(found)
        }
        "Add" => masked(0, 1, MaskKind::Additive).or_else(|| masked(1, 0, MaskKind::Additive)),
        "Where" => masked(1, 0, MaskKind::Keep).or_else(|| masked(2, 0, MaskKind::Drop)),
        _ => None,
    }
}

/// The masks that the value in a slot is made of; a learned bias of relative positions is none.
fn take_apart(
    graph: &Graph,
    shapes: &Shapes<'_>,
    node: NodeId,
    slot: usize,
    kind: MaskKind,
    found: &mut Scores,
) {
    let Some(value) = graph.node_input(node, slot) else { return };
    if kind != MaskKind::Additive || !has_bias(graph, value, kind) {
        return found.masks.extend(mask(graph, shapes, node, slot, kind));
    }
    let maker = graph.value(value).producer();
    let is_biased = |slot| graph.node_input(maker, slot).is_some_and(|v| has_bias(graph, v, kind));
    let mut each = |slots: [(usize, MaskKind); 2]| {
        for (slot, kind) in slots {
            take_apart(graph, shapes, maker, slot, kind, found);
        }
    };
    match graph.node(maker).op() {
        Some(op) if op.is("Add") => each([(0, MaskKind::Additive), (1, MaskKind::Additive)]),
        Some(op) if op.is("Where") && is_biased(1) => {
            each([(0, MaskKind::Keep), (1, MaskKind::Additive)]);
        }
        Some(op) if op.is("Where") => each([(0, MaskKind::Drop), (2, MaskKind::Additive)]),
        _ => match relative(graph, shapes, value) {
            Some(relative) => found.relative.push(relative),
            None => found.masks.extend(mask(graph, shapes, node, slot, kind)),
        },
    }
}

/// The difference of positions that a bias is looked up by. One that is a product of the query or of
/// the key with embeddings of positions, as DeBERTa's, is none.
fn relative(graph: &Graph, shapes: &Shapes<'_>, value: ValueId) -> Option<Relative> {
    let (mut values, mut seen, mut found) = (vec![value], HashSet::new(), None);
    while let Some(value) = values.pop() {
        let node = graph.value(value).producer();
        let Some(op) = graph.node(node).op().filter(|op| !op.is("Shape")) else { continue };
        if !seen.insert(node) {
            continue;
        }
        match () {
            () if op.is("MatMul") => return None,
            () if op.is("Sub") && found.is_none() => found = difference(graph, shapes, node),
            () => {}
        }
        values.extend(graph.node_inputs(node).into_iter().flatten());
    }
    found
}

/// A Sub of `[1, keys]` and `[queries, 1]`, one way or the other.
fn difference(graph: &Graph, shapes: &Shapes<'_>, node: NodeId) -> Option<Relative> {
    let sizes = |slot| shapes.sizes(graph.node_input(node, slot)?);
    let (left, right) = (sizes(0)?, sizes(1)?);
    let is_keys = |sizes: &[Size]| match sizes {
        [before @ .., last] => {
            !before.is_empty()
                && before.iter().all(|s| *s == Size::Known(1))
                && *last != Size::Known(1)
        }
        [] => false,
    };
    let is_queries = |sizes: &[Size]| sizes.len() > 1 && sizes.last() == Some(&Size::Known(1));
    let (key_slot, query_slot, rank) = match () {
        () if is_keys(left) && is_queries(right) => (0, 1, left.len()),
        () if is_queries(left) && is_keys(right) => (1, 0, right.len()),
        () => return None,
    };
    let dtype = shapes.dtype(graph.node_input(node, key_slot)?)?;
    Some(Relative { node, key_slot, query_slot, rank, dtype })
}

/// The mask in a slot; none if it is the same for all scores.
pub(super) fn mask(
    graph: &Graph,
    shapes: &Shapes<'_>,
    node: NodeId,
    slot: usize,
    kind: MaskKind,
) -> Option<Mask> {
    let value = graph.node_input(node, slot)?;
    if shapes.is_scalar(value) {
        return None;
    }
    let sizes = shapes.sizes(value);
    let dtype = match kind {
        MaskKind::Additive => shapes.dtype(value).unwrap_or(DataType::F32),
        MaskKind::Keep | MaskKind::Drop => DataType::Bool,
    };
    Some(Mask {
        node,
        slot,
        kind,
        rank: sizes.map_or(0, <[Size]>::len),
        dtype,
        is_one_column: sizes.is_some_and(|s| s.last() == Some(&Size::Known(1))),
        has_bias: has_bias(graph, value, kind),
    })
}

/// Whether a mask is made of a bias of positions: of rows of a constant table of floats, of numbers
/// that neither keep a score nor mask it, as the slopes of ALiBi are, or of a constant window.
fn has_bias(graph: &Graph, value: ValueId, kind: MaskKind) -> bool {
    let is_additive = kind == MaskKind::Additive;
    let mut values = vec![value];
    let mut seen = HashSet::new();
    while let Some(value) = values.pop() {
        if !seen.insert(value) || seen.len() > 256 {
            continue;
        }
        if literal(graph, value).is_some_and(|t| is_window(t) || is_additive && is_bias(t)) {
            return true;
        }
        let node = graph.value(value).producer();
        let Some(op) = graph.node(node).op().filter(|op| !op.is("Shape")) else { continue };
        let table = graph.node_input(node, 0).and_then(|v| literal(graph, v));
        if is_additive && op.is("Gather") && table.is_some_and(|t| t.dtype.is_float()) {
            return true;
        }
        values.extend(graph.node_inputs(node).into_iter().flatten());
    }
    false
}

/// Whether a tensor of more than one float has one that is no mask's.
fn is_bias(tensor: &Tensor) -> bool {
    tensor.dims.iter().product::<i64>() > 1
        && floats(tensor).is_some_and(|mut f| f.any(|x| x != 0.0 && x != 1.0 && x > LEAST_BIAS))
}

/// Whether a square of booleans treats keys before a query in two ways.
fn is_window(tensor: &Tensor) -> bool {
    let [.., rows, columns] = tensor.dims[..] else { return false };
    let bytes =
        tensor.bytes().filter(|_| tensor.dtype == DataType::Bool && rows == columns && rows > 0);
    let Some(bytes) = bytes.filter(|bytes| bytes.len() as i64 == rows * columns) else {
        return false;
    };
    let before =
        bytes.chunks_exact(rows as usize).enumerate().flat_map(|(row, keys)| &keys[..=row]);
    before.clone().any(|&seen| seen != bytes[0])
}

/// Less than this masks a score.
const LEAST_BIAS: f64 = -1e4;
