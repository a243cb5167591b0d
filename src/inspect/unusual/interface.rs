//! Rules on the inputs and outputs of the main graph.

use super::{Facts, found};
use crate::ir::{NodeId, NodeKind};

/// Initializers are inputs too.
pub(super) fn overridable(facts: &Facts<'_>) -> Option<String> {
    let graph = facts.survey.main();
    found(
        &inputs(facts, |id| matches!(graph.node(id).kind, NodeKind::Input { default: Some(_) })),
        "initializer is a graph input too, so callers can override it and no adapter is merged into it",
        "initializers are graph inputs too, so callers can override them and no adapter is merged into them",
    )
}

/// Inputs have no effect.
pub(super) fn unread_inputs(facts: &Facts<'_>) -> Option<String> {
    let graph = facts.survey.main();
    let is_unread = |id| graph.output(id).is_some_and(|value| graph.uses(value).is_empty());
    found(
        &inputs(facts, is_unread),
        "graph input is read by nothing",
        "graph inputs are read by nothing",
    )
}

/// The names of the inputs that are so.
fn inputs(facts: &Facts<'_>, is_so: impl Fn(NodeId) -> bool) -> Vec<String> {
    let graph = facts.survey.main();
    let nodes = graph.inputs().iter().filter(|&&id| is_so(id));
    nodes.filter_map(|&id| Some(format!("{:?}", graph.value(graph.output(id)?).name()))).collect()
}

/// Outputs are inputs or constants.
pub(super) fn passed_through(facts: &Facts<'_>) -> Option<String> {
    let graph = facts.survey.main();
    let outputs = graph.outputs().iter().filter_map(|&id| graph.node_input(id, 0));
    let computed = |producer: NodeId| graph.node(producer).op().is_some();
    let passed = outputs.map(|id| graph.value(id)).filter(|value| !computed(value.producer()));
    found(
        &passed.map(|value| format!("{:?}", value.name())).collect::<Vec<_>>(),
        "graph output is a graph input or an initializer as it is",
        "graph outputs are graph inputs or initializers as they are",
    )
}
