//! The graph as it is stored, for the verifier and the order: ids that may not fit are given as they are.

use super::{Graph, Slot};
use crate::ir::{NodeId, ValueId};
use petgraph::stable_graph::{EdgeIndex, NodeIndex};
use petgraph::visit::{EdgeRef, IntoEdgeReferences, NodeIndexable};

/// An edge: a use as it is stored.
pub(in crate::ir) struct RawEdge {
    pub(in crate::ir) index: EdgeIndex,
    pub(in crate::ir) from: NodeId,
    pub(in crate::ir) output: u32,
    pub(in crate::ir) to: NodeId,
    pub(in crate::ir) slot: Slot,
}

impl Graph {
    /// All uses, in the order of their edges.
    pub(in crate::ir) fn raw_edges(&self) -> impl Iterator<Item = RawEdge> {
        self.nodes.edge_references().map(|edge| RawEdge {
            index: edge.id(),
            from: self.id_of(edge.source()),
            output: edge.weight().output,
            to: self.id_of(edge.target()),
            slot: edge.weight().slot,
        })
    }

    /// The nodes a node feeds, once for every use.
    pub(in crate::ir) fn fed_nodes(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        self.nodes.neighbors(NodeIndex::new(id.index as usize)).map(|index| self.id_of(index))
    }

    /// The nodes that feed a node, once for every use.
    pub(in crate::ir) fn feeding_nodes(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let index = NodeIndex::new(id.index as usize);
        self.nodes
            .neighbors_directed(index, petgraph::Direction::Incoming)
            .map(|index| self.id_of(index))
    }

    /// The value that lookups by this name find.
    pub(in crate::ir) fn names(&self) -> impl Iterator<Item = (&str, ValueId)> {
        self.by_name.iter().map(|(name, &id)| (name.as_str(), id))
    }

    /// One more than the greatest index of a node.
    pub(in crate::ir) fn node_bound(&self) -> usize {
        self.nodes.node_bound()
    }
}
