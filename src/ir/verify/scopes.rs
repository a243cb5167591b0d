//! What a subgraph and the graphs around it know of each other: captures and names.

use super::Verifier;
use crate::ir::{NodeId, NodeKind};
use std::collections::HashSet;

impl Verifier<'_> {
    pub(super) fn scopes(&mut self) {
        for id in self.graph.node_ids() {
            let node = self.graph.node(id);
            match node.kind {
                NodeKind::Capture { slot } => self.capture(id, slot),
                NodeKind::Op(_) => self.slots_are_captured(id),
                _ => {}
            }
        }
        if !self.outer.is_empty() {
            self.nothing_is_shadowed();
        }
    }

    fn capture(&mut self, id: NodeId, slot: u32) {
        let Some((outer, owner)) = self.owner else {
            return self.report_node(id, "captures stand only in subgraphs");
        };
        let node = outer.node(owner);
        let Some(edge) = node.captures.get(slot as usize) else {
            let (owner, count) = (outer.describe(owner), node.capture_count());
            let message = format!("it stands for capture {slot}, but {owner} has {count} captures");
            return self.report_node(id, message);
        };
        let fed = outer.fed_by(*edge).and_then(|v| outer.get_value(v));
        let own = self.graph.output(id).and_then(|v| self.graph.get_value(v));
        if let (Some(fed), Some(own)) = (fed, own)
            && fed.name() != own.name()
        {
            let message =
                format!("the outer value at capture {slot} is {:?}, another name", fed.name());
            self.report_node(id, message);
        }
    }

    fn slots_are_captured(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        let Some(op) = node.op().filter(|_| node.capture_count() > 0) else { return };
        let captured: HashSet<u32> = op
            .subgraphs()
            .flat_map(|sub| sub.node_ids().map(move |n| &sub.node(n).kind))
            .filter_map(|kind| match kind {
                NodeKind::Capture { slot } => Some(*slot),
                _ => None,
            })
            .collect();
        for slot in (0..node.capture_count()).filter(|&slot| !captured.contains(&(slot as u32))) {
            self.report_node(id, format!("none of its subgraphs captures its capture {slot}"));
        }
    }

    fn nothing_is_shadowed(&mut self) {
        for id in self.graph.value_ids() {
            let value = self.graph.value(id);
            let producer = self.graph.get_node(value.producer()).map(|n| &n.kind);
            let is_capture = matches!(producer, Some(NodeKind::Capture { .. }));
            let is_outside = |outer: &&crate::ir::Graph| outer.value_named(value.name()).is_some();
            if !is_capture && self.outer.iter().any(is_outside) {
                self.report_value(id, "a value outside the subgraph has this name too");
            }
        }
    }
}
