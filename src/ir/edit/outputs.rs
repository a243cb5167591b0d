//! Graph outputs keep their names and declarations when other values take their place.

use super::names::Names;
use crate::ir::{Graph, NodeId, NodeKind, Op, Use, ValueId, ValueInfo};
use std::collections::HashMap;

/// The names of a graph's outputs, and what is declared about them.
pub(super) struct OutputNames {
    outputs: Vec<(NodeId, String, Option<ValueInfo>)>,
    names: HashMap<NodeId, String>,
}

impl OutputNames {
    pub(super) fn of(graph: &Graph) -> Self {
        let output = |&node: &NodeId| {
            let value = graph.value(graph.node_input(node, 0)?);
            Some((node, value.name().to_owned(), value.info.clone()))
        };
        let outputs: Vec<_> = graph.outputs().iter().filter_map(output).collect();
        let names = outputs.iter().map(|(node, name, _)| (*node, name.clone())).collect();
        Self { outputs, names }
    }

    /// Gives the values that stand at the outputs now the outputs' names. A value that has to
    /// keep its own name gets an Identity behind it.
    ///
    /// # Errors
    /// Outputs whose name belongs to a value that has to keep it.
    pub(super) fn keep(self, graph: &mut Graph, fresh: &mut Names) -> Result<(), Vec<String>> {
        let mut problems = Vec::new();
        for (node, name, info) in &self.outputs {
            let Some(value) = graph.node_input(*node, 0) else { continue };
            if graph.value(value).name() == name {
                continue;
            }
            if let Some(holder) = graph.value_named(name) {
                if self.is_pinned(graph, holder) {
                    let by = graph.value(value).name();
                    problems.push(format!(
                        "graph output {name:?}: it cannot become {by:?}, as a graph input or \
                         another output keeps the name {name:?}"
                    ));
                    continue;
                }
                graph.rename(holder, &fresh.fresh(name));
            }
            let value = if self.is_pinned(graph, value) || graph.constant(value).is_some() {
                let copy = identity(graph, value, *node, &fresh.fresh(name));
                graph.rename(copy, name);
                copy
            } else {
                graph.rename(value, name);
                value
            };
            if info.is_some() {
                graph.value_mut(value).info.clone_from(info);
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Whether others know a value by its name: it is an input, a capture, or another output.
    fn is_pinned(&self, graph: &Graph, id: ValueId) -> bool {
        let value = graph.value(id);
        let is_input = matches!(
            graph.node(value.producer()).kind,
            NodeKind::Input { .. } | NodeKind::Capture { .. }
        );
        let is_output = |at: Use| self.names.get(&at.node).is_some_and(|n| n == value.name());
        is_input || graph.uses(id).into_iter().any(is_output)
    }
}

/// Puts an Identity between a value and a graph output, and gives its value.
fn identity(graph: &mut Graph, value: ValueId, output: NodeId, name: &str) -> ValueId {
    let op = Op { op_type: "Identity".to_owned(), ..Op::default() };
    let node = graph.add_op(op, 1, &[Some(name)]);
    graph.connect(value, Use::input(node, 0));
    graph.place_behind_producers(node);
    let copy = graph.output(node).expect("an operator with one output was added");
    graph.connect(copy, Use::input(output, 0));
    copy
}
