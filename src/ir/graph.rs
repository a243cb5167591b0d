//! The graph: nodes, values, and the edges that are their uses.

mod build;
mod raw;

use super::{DataType, Metadata, Node, NodeId, NodeKind, Op, Tensor, Type, ValueId};
use bytes::Bytes;
use petgraph::Direction::Outgoing;
use petgraph::stable_graph::{EdgeIndex, NodeIndex, StableDiGraph};
use petgraph::visit::{EdgeRef, IntoNodeReferences};
use std::collections::{HashMap, HashSet};

/// Where a node uses a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Slot {
    /// An input of the node.
    Input(u32),
    /// An outer value that the node's subgraphs capture.
    Capture(u32),
}

/// One use of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Use {
    /// The node that uses it.
    pub node: NodeId,
    /// Where.
    pub slot: Slot,
}

impl Use {
    /// The use of an input slot.
    pub fn input(node: NodeId, slot: usize) -> Self {
        Self { node, slot: Slot::Input(slot as u32) }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    output: u32,
    slot: Slot,
}

/// A value: what a node makes in one of its output slots.
#[derive(Clone, Debug)]
pub struct Value {
    /// Its name, unique in the graph.
    pub(super) name: String,
    /// What the file or a pass says of it; an initializer's type is its tensor's.
    pub info: Option<ValueInfo>,
    /// The node that makes it.
    pub(super) producer: NodeId,
    /// Which of its outputs.
    pub(super) slot: u32,
}

impl Value {
    /// Its name, unique in the graph.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node that makes it.
    pub fn producer(&self) -> NodeId {
        self.producer
    }

    /// Which of the producer's outputs it is.
    pub fn slot(&self) -> usize {
        self.slot as usize
    }
}

/// What is declared about a value.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ValueInfo {
    /// Its type.
    pub ty: Option<Type>,
    /// Documentation.
    pub doc_string: String,
    /// Named properties.
    pub metadata: Metadata,
}

#[derive(Clone, Debug)]
struct Slotted<T> {
    generation: u32,
    item: Option<T>,
}

/// A graph.
///
/// Only [`Graph::apply`] changes one that others hold; the `add_*` methods are for building.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Its name.
    pub name: String,
    /// Documentation.
    pub doc_string: String,
    /// Named properties.
    pub metadata: Metadata,
    /// Fields that only the file format knows, encoded; written back as they are.
    pub carried: Bytes,
    nodes: StableDiGraph<Node, Edge>,
    generations: Vec<u32>,
    values: Vec<Slotted<Value>>,
    by_name: HashMap<String, ValueId>,
    inputs: Vec<NodeId>,
    outputs: Vec<NodeId>,
    /// The values whose declarations have an order of their own, in that order.
    declared: Vec<ValueId>,
    /// How many nodes were ever added.
    added: u64,
}

/// Reading.
impl Graph {
    /// The node, if the id is of this graph and the node still there.
    pub fn get_node(&self, id: NodeId) -> Option<&Node> {
        let index = id.index as usize;
        (self.generations.get(index) == Some(&id.generation))
            .then(|| self.nodes.node_weight(NodeIndex::new(index)))?
    }

    /// The node.
    ///
    /// # Panics
    /// If the id is not of this graph, or stale.
    pub fn node(&self, id: NodeId) -> &Node {
        self.get_node(id).unwrap_or_else(|| panic!("{id:?} is not a node of this graph"))
    }

    /// The value, if the id is of this graph and the value still there.
    pub fn get_value(&self, id: ValueId) -> Option<&Value> {
        let slotted = self.values.get(id.index as usize)?;
        (slotted.generation == id.generation).then_some(slotted.item.as_ref())?
    }

    /// The value.
    ///
    /// # Panics
    /// If the id is not of this graph, or stale.
    pub fn value(&self, id: ValueId) -> &Value {
        self.get_value(id).unwrap_or_else(|| panic!("{id:?} is not a value of this graph"))
    }

    /// The value of this name.
    pub fn value_named(&self, name: &str) -> Option<ValueId> {
        self.by_name.get(name).copied()
    }

    /// All nodes, in the order of their indices.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.node_references().map(|(index, _)| self.id_of(index))
    }

    /// All values.
    pub fn value_ids(&self) -> impl Iterator<Item = ValueId> {
        self.values
            .iter()
            .enumerate()
            .filter(|(_, s)| s.item.is_some())
            .map(|(i, s)| ValueId::new(i, s.generation))
    }

    /// How many nodes there are, of all kinds.
    pub fn node_count(&self) -> usize {
        self.nodes.node_count()
    }

    /// The operators, in the order of the file as far as edits left it.
    pub fn ops(&self) -> Vec<(NodeId, &Op)> {
        let ops = super::order::sort(self, self.sorted(|n| n.op().is_some()));
        ops.into_iter().filter_map(|id| Some((id, self.node(id).op()?))).collect()
    }

    /// The initializers, in the order of the file.
    pub fn initializers(&self) -> Vec<(ValueId, &Tensor)> {
        self.sorted(|n| n.initializer().is_some())
            .into_iter()
            .filter_map(|id| Some((self.output(id)?, self.node(id).initializer()?)))
            .collect()
    }

    /// The initializers and the defaults of graph inputs, in the order of the file.
    pub fn stored_tensors(&self) -> Vec<(ValueId, &Tensor)> {
        self.sorted(|n| n.stored_tensor().is_some())
            .into_iter()
            .filter_map(|id| Some((self.output(id)?, self.node(id).stored_tensor()?)))
            .collect()
    }

    /// The values that are declared: those of [`Graph::declare`] in the order they were, then the
    /// others.
    pub fn declared_values(&self) -> Vec<ValueId> {
        let is_declared = |&id: &ValueId| self.get_value(id).is_some_and(|v| v.info.is_some());
        let first: HashSet<ValueId> = self.declared.iter().copied().collect();
        let others = self.value_ids().filter(|id| !first.contains(id));
        self.declared.iter().copied().chain(others).filter(is_declared).collect()
    }

    /// The capture nodes, in order.
    pub fn captures(&self) -> Vec<NodeId> {
        self.sorted(|n| matches!(n.kind, NodeKind::Capture { .. }))
    }

    fn sorted(&self, keep: impl Fn(&Node) -> bool) -> Vec<NodeId> {
        let mut nodes: Vec<_> = self
            .nodes
            .node_references()
            .filter(|(_, node)| keep(node))
            .map(|(index, node)| (node.order, self.id_of(index)))
            .collect();
        nodes.sort_unstable();
        nodes.into_iter().map(|(_, id)| id).collect()
    }

    /// The input nodes, in the order of the signature.
    pub fn inputs(&self) -> &[NodeId] {
        &self.inputs
    }

    /// The output nodes, in the order of the signature.
    pub fn outputs(&self) -> &[NodeId] {
        &self.outputs
    }

    /// The first value that a node makes: that of inputs, initializers and captures.
    pub fn output(&self, id: NodeId) -> Option<ValueId> {
        self.node(id).outputs.first().copied().flatten()
    }

    /// What stands in a node's input slots; none where an optional one is left out.
    pub fn node_inputs(&self, id: NodeId) -> Vec<Option<ValueId>> {
        self.node(id).inputs.iter().map(|&edge| self.fed_by(edge)).collect()
    }

    /// The value in one input slot of a node; none where it is left out or there is no such slot.
    pub fn node_input(&self, id: NodeId, slot: usize) -> Option<ValueId> {
        self.fed_by(*self.node(id).inputs.get(slot)?)
    }

    /// The outer values that a control node's subgraphs capture, by capture slot.
    pub fn node_captures(&self, id: NodeId) -> Vec<Option<ValueId>> {
        self.node(id).captures.iter().map(|&edge| self.fed_by(edge)).collect()
    }

    pub(super) fn fed_by(&self, edge: Option<EdgeIndex>) -> Option<ValueId> {
        let (from, _) = self.nodes.edge_endpoints(edge?)?;
        let output = self.nodes.edge_weight(edge?)?.output;
        self.nodes[from].outputs.get(output as usize).copied().flatten()
    }

    /// The uses of a value, graph outputs and captures included, sorted.
    pub fn uses(&self, id: ValueId) -> Vec<Use> {
        let value = self.value(id);
        let mut uses: Vec<Use> = self
            .nodes
            .edges_directed(NodeIndex::new(value.producer.index as usize), Outgoing)
            .filter(|e| e.weight().output == value.slot)
            .map(|e| Use { node: self.id_of(e.target()), slot: e.weight().slot })
            .collect();
        uses.sort();
        uses
    }

    /// The constant tensor that a value is; none for overridable initializers.
    pub fn constant(&self, id: ValueId) -> Option<&Tensor> {
        self.get_node(self.get_value(id)?.producer)?.initializer()
    }

    /// The type of a value, as far as it is declared or is that of a tensor.
    pub fn value_type(&self, id: ValueId) -> Option<Type> {
        let value = self.value(id);
        match &self.node(value.producer).kind {
            NodeKind::Initializer(tensor) => Some(tensor.ty()),
            _ => value.info.as_ref()?.ty.clone(),
        }
    }

    /// The element type of a value, where it is known.
    pub fn dtype(&self, id: ValueId) -> Option<DataType> {
        let value = self.value(id);
        match &self.node(value.producer).kind {
            NodeKind::Initializer(tensor) => Some(tensor.dtype),
            _ => value.info.as_ref()?.ty.as_ref()?.dtype(),
        }
    }

    /// What a message calls a node: `node "/q/MatMul" (MatMul)`, or its first value where it has no name.
    pub fn describe(&self, id: NodeId) -> String {
        let node = self.node(id);
        let value = |id: ValueId| self.get_value(id).map(|v| format!("{:?}", v.name()));
        let made = || node.outputs.iter().flatten().find_map(|&v| value(v));
        match &node.kind {
            NodeKind::Op(op) if !op.name.is_empty() => {
                format!("node {:?} ({})", op.name, op.op_type)
            }
            NodeKind::Op(op) => match made() {
                Some(made) => format!("the {} that makes {made}", op.op_type),
                None => format!("a {} without outputs", op.op_type),
            },
            NodeKind::Input { .. } => format!("graph input {}", made().unwrap_or_default()),
            NodeKind::Initializer(_) => format!("initializer {}", made().unwrap_or_default()),
            NodeKind::Capture { .. } => format!("capture {}", made().unwrap_or_default()),
            NodeKind::Output => match self.node_input(id, 0).and_then(value) {
                Some(fed) => format!("graph output {fed}"),
                None => "an unfed graph output".to_owned(),
            },
        }
    }

    fn id_of(&self, index: NodeIndex) -> NodeId {
        NodeId::new(index.index(), self.generations[index.index()])
    }
}
