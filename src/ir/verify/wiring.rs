//! Edges and slots, what kinds of node take and make, and the lists of inputs and outputs.

use super::Verifier;
use crate::ir::{Node, NodeId, NodeKind, Slot};
use std::collections::HashSet;

impl Verifier<'_> {
    pub(super) fn wiring(&mut self) {
        self.edges();
        for id in self.graph.node_ids() {
            self.slots(id);
            self.shape_of_kind(id);
        }
        self.listed("inputs()", self.graph.inputs(), |n| matches!(n.kind, NodeKind::Input { .. }));
        self.listed("outputs()", self.graph.outputs(), |n| matches!(n.kind, NodeKind::Output));
    }

    fn edges(&mut self) {
        for edge in self.graph.raw_edges() {
            let outputs = self.graph.node(edge.from).outputs();
            if outputs.get(edge.output as usize).copied().flatten().is_none() {
                let from = self.graph.describe(edge.from);
                let message = format!(
                    "{} is fed by output {} of {from}, which has no value",
                    name(edge.slot),
                    edge.output
                );
                self.report_node(edge.to, message);
            }
            let (slots, number) = slots(self.graph.node(edge.to), edge.slot);
            match slots.get(number as usize) {
                None => {
                    let count = slots.len();
                    let message = format!("{} is fed, but there are only {count}", name(edge.slot));
                    self.report_node(edge.to, message);
                }
                Some(listed) if *listed != Some(edge.index) => {
                    let message = format!("{} is fed more than once", name(edge.slot));
                    self.report_node(edge.to, message);
                }
                Some(_) => {}
            }
        }
    }

    fn slots(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        let fed = node.inputs.iter().chain(&node.captures).flatten().count();
        if fed > self.graph.feeding_nodes(id).count() {
            self.report_node(id, "a slot is said to be fed by an edge that is not there");
        }
        for (i, _) in node.captures.iter().enumerate().filter(|(_, edge)| edge.is_none()) {
            self.report_node(id, format!("capture {i} is fed by nothing"));
        }
    }

    fn shape_of_kind(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        let (takes, makes) = match &node.kind {
            NodeKind::Op(op) => {
                if op.op_type.is_empty() {
                    self.report_node(id, "it has no operator type");
                }
                return;
            }
            NodeKind::Output => (1, 0),
            _ => (0, 1),
        };
        let (taken, made) =
            (node.inputs.iter().flatten().count(), node.outputs().iter().flatten().count());
        if (taken, node.inputs.len(), node.captures.len()) != (takes, takes, 0) {
            self.report_node(id, format!("it takes {taken} values, but has to take {takes}"));
        }
        if (made, node.outputs().len()) != (makes, makes) {
            self.report_node(id, format!("it makes {made} values, but has to make {makes}"));
        }
    }

    fn listed(&mut self, list: &str, nodes: &[NodeId], belongs: impl Fn(&Node) -> bool) {
        let mut seen = HashSet::new();
        for &id in nodes {
            match self.graph.get_node(id) {
                None => self.report(format!("{id:?}"), format!("{list} lists it, but it is gone")),
                Some(node) if !belongs(node) => {
                    self.report_node(id, format!("{list} lists it, but it does not belong there"));
                }
                Some(_) if !seen.insert(id) => {
                    self.report_node(id, format!("{list} lists it more than once"));
                }
                Some(_) => {}
            }
        }
        let missing: Vec<_> = self
            .graph
            .node_ids()
            .filter(|id| belongs(self.graph.node(*id)) && !seen.contains(id))
            .collect();
        for id in missing {
            self.report_node(id, format!("{list} does not list it"));
        }
    }
}

fn slots(node: &Node, slot: Slot) -> (&[Option<petgraph::stable_graph::EdgeIndex>], u32) {
    match slot {
        Slot::Input(number) => (&node.inputs, number),
        Slot::Capture(number) => (&node.captures, number),
    }
}

fn name(slot: Slot) -> String {
    match slot {
        Slot::Input(number) => format!("input {number}"),
        Slot::Capture(number) => format!("capture {number}"),
    }
}
