//! Rules on tensors: who reads them, what they hold, how they are stored.

use super::{Facts, found};
use crate::inspect::survey::PlacedTensor;
use crate::ir::{DataType, NodeId, Storage, Tensor, TensorData};
use std::collections::{BTreeMap, HashSet};

/// From this size on it matters that a tensor cannot be mapped.
const LARGE: u64 = 1 << 20;

/// Initializers have no effect.
pub(super) fn unread(facts: &Facts<'_>) -> Option<String> {
    let mut unread = Vec::new();
    for part in &facts.survey.parts {
        let initializers = part.graph.initializers().into_iter();
        let values = initializers.map(|(id, _)| id).filter(|&id| part.graph.uses(id).is_empty());
        unread.extend(values.map(|id| part.value(id)));
    }
    found(&unread, "initializer is read by nothing", "initializers are read by nothing")
}

/// Weights of the main graph are read by several nodes; those with the most readers come first.
pub(super) fn several_users(facts: &Facts<'_>) -> Option<String> {
    let graph = facts.survey.main();
    let is_weight =
        |t: &Tensor| t.dtype.is_float() && t.element_count().is_some_and(|elements| elements > 1);
    // What peftc added, such as a code book, is no weight that an adapter changes.
    let is_of_model = |t: &Tensor| t.metadata.get("peftc.role").is_none();
    let weights = graph.initializers().into_iter();
    let weights = weights.filter(|(_, tensor)| is_weight(tensor) && is_of_model(tensor));
    let users = |(id, _)| {
        let users: HashSet<NodeId> = graph.uses(id).into_iter().map(|at| at.node).collect();
        (graph.value(id).name(), users.len())
    };
    let mut several: Vec<_> = weights.map(users).filter(|(_, users)| *users > 1).collect();
    several.sort_by_key(|&(_, users)| std::cmp::Reverse(users));
    let shown = |(name, users)| format!("{name:?} ({users} nodes)");
    found(
        &several.into_iter().map(shown).collect::<Vec<_>>(),
        "weight is read by several nodes (tied or deduplicated), and a change for one of them adds a copy",
        "weights are read by several nodes (tied or deduplicated), and a change for one of them adds a copy",
    )
}

/// The places of the tensors that are so.
fn places(facts: &Facts<'_>, is_so: impl Fn(&Tensor) -> bool) -> Vec<String> {
    let tensors = facts.survey.tensors.iter().filter(|t| is_so(t.tensor));
    tensors.map(|t| t.place.to_string()).collect()
}

/// Tensors are sparse.
pub(super) fn sparse(facts: &Facts<'_>) -> Option<String> {
    let tensors = places(facts, |t| matches!(t.data, TensorData::Sparse(_)));
    found(&tensors, "tensor is sparse", "tensors are sparse")
}

/// Tensors hold strings.
pub(super) fn strings(facts: &Facts<'_>) -> Option<String> {
    let tensors = places(facts, |t| t.dtype == DataType::String);
    found(&tensors, "tensor holds strings", "tensors hold strings")
}

/// Tensors have complex elements, or of a type that came to ONNX after bfloat16.
pub(super) fn rare_types(facts: &Facts<'_>) -> Option<String> {
    let is_rare = |dtype: DataType| {
        matches!(dtype, DataType::C64 | DataType::C128)
            || dtype.to_onnx() > DataType::BF16.to_onnx()
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for PlacedTensor { tensor, .. } in &facts.survey.tensors {
        if is_rare(tensor.dtype) {
            *counts.entry(tensor.dtype.name()).or_default() += 1;
        }
    }
    let shown = |(dtype, tensors)| format!("{dtype} (tensors: {tensors})");
    found(
        &counts.into_iter().map(shown).collect::<Vec<_>>(),
        "element type is in use that many runtimes cannot compute with",
        "element types are in use that many runtimes cannot compute with",
    )
}

/// Large tensors are stored number by number.
pub(super) fn large_typed(facts: &Facts<'_>) -> Option<String> {
    let is_so = |t: &Tensor| {
        t.storage == Storage::Typed && t.byte_len().is_some_and(|bytes| bytes >= LARGE)
    };
    found(
        &places(facts, is_so),
        "large tensor is stored in a typed field instead of as raw data, and copied into memory on reading",
        "large tensors are stored in typed fields instead of as raw data, and copied into memory on reading",
    )
}
