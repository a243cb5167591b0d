//! The version of the ONNX IR that a model needs.

use crate::ir::{Graph, Metadata, Model, Node, NodeKind};

/// The model's version of the IR, raised to the least that what it says needs.
pub(super) fn ir_version(model: &Model) -> i64 {
    let mut needed = 0;
    if !model.functions.is_empty() {
        needed = 8;
    }
    let bodies = model.functions.iter().map(|f| &f.body);
    let has_metadata =
        model.functions.iter().any(|f| !f.metadata.is_empty() || !f.overload.is_empty());
    if has_metadata || std::iter::once(&model.graph).chain(bodies).any(needs_ir_10) {
        needed = 10;
    }
    model.ir_version.max(needed)
}

/// Whether a graph has named properties or overloads, which came with IR 10.
fn needs_ir_10(graph: &Graph) -> bool {
    let props = |m: &Metadata| !m.is_empty();
    let node = |node: &Node| match &node.kind {
        NodeKind::Op(op) => {
            props(&op.metadata) || !op.overload.is_empty() || op.subgraphs().any(needs_ir_10)
        }
        _ => node.stored_tensor().is_some_and(|tensor| props(&tensor.metadata)),
    };
    props(&graph.metadata)
        || graph.node_ids().any(|id| node(graph.node(id)))
        || graph
            .value_ids()
            .any(|id| graph.value(id).info.as_ref().is_some_and(|i| props(&i.metadata)))
}
