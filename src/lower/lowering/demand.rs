//! What is lowered: what outputs need.

use super::{Lowering, MOVES};
use crate::error::Result;
use crate::ir::{NodeId, NodeKind, Op, ValueId};
use std::collections::{BTreeSet, HashSet};

impl Lowering<'_> {
    /// Nodes whose results are read, in order.
    pub(in crate::lower) fn needed(&self) -> Vec<NodeId> {
        let mut found = HashSet::new();
        let mut todo: Vec<ValueId> =
            self.graph.outputs().iter().filter_map(|&id| self.graph.node_input(id, 0)).collect();
        while let Some(value) = todo.pop() {
            let node = self.graph.value(value).producer();
            let NodeKind::Op(op) = &self.graph.node(node).kind else { continue };
            if !self.constants.contains_key(&value) && found.insert(node) {
                todo.extend(self.reads(node, op));
            }
        }
        let mut found: Vec<NodeId> =
            found.into_iter().filter(|id| !self.inside.contains(id)).collect();
        found.sort_by_key(|id| self.place[id]);
        found
    }

    /// The values that a node's lowering will most likely read.
    pub(in crate::lower) fn reads(&self, node: NodeId, op: &Op) -> Vec<ValueId> {
        let inputs = self.graph.node_inputs(node);
        let outputs: Vec<ValueId> =
            self.graph.node(node).outputs().iter().flatten().copied().collect();
        if outputs.iter().all(|&value| self.sizes_of(value).is_some()) {
            return Vec::new();
        }
        if let Some(found) = self.attentions.get(&node) {
            return found.reads();
        }
        let is_view = MOVES.contains(&op.op_type.as_str());
        let is_known = outputs.iter().all(|&value| self.known(value).is_some());
        match is_view && is_known {
            true => inputs.into_iter().take(1).flatten().collect(),
            false => inputs.into_iter().chain(self.graph.node_captures(node)).flatten().collect(),
        }
    }

    /// Lowers what a value needs and is not lowered yet.
    pub(in crate::lower) fn ensure(&mut self, value: ValueId) -> Result<()> {
        let mut missing = BTreeSet::new();
        let mut todo = vec![value];
        while let Some(value) = todo.pop() {
            let node = self.graph.value(value).producer();
            let is_there = self.homes.contains_key(&value) || self.constants.contains_key(&value);
            let NodeKind::Op(op) = &self.graph.node(node).kind else { continue };
            if !is_there && missing.insert((self.place[&node], node)) {
                todo.extend(self.reads(node, op));
            }
        }
        missing.into_iter().try_for_each(|(_, node)| self.node(node))
    }
}
