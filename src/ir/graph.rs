//! The graph: nodes, values, and the edges that are their uses.

use super::{DataType, Dim, Metadata, Node, NodeId, NodeKind, Op, Tensor, Type, ValueId};
use bytes::Bytes;
use petgraph::Direction::{Incoming, Outgoing};
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::{EdgeRef, IntoNodeReferences};
use std::collections::HashMap;

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
struct Edge {
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
    next_order: u64,
}

/// Room between the order keys of nodes that were read, for nodes that edits put between.
const ORDER_STEP: u64 = 1 << 20;

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
        let mut ops: Vec<_> = self.sorted(|n| n.op().is_some());
        super::order::sort(self, &mut ops);
        ops.into_iter().filter_map(|id| Some((id, self.node(id).op()?))).collect()
    }

    /// The initializers, in the order of the file.
    pub fn initializers(&self) -> Vec<(ValueId, &Tensor)> {
        self.sorted(|n| n.initializer().is_some())
            .into_iter()
            .filter_map(|id| Some((self.output(id)?, self.node(id).initializer()?)))
            .collect()
    }

    /// The capture nodes, in order.
    pub fn captures(&self) -> Vec<NodeId> {
        self.sorted(|n| matches!(n.kind, NodeKind::Capture { .. }))
    }

    fn sorted(&self, keep: impl Fn(&Node) -> bool) -> Vec<NodeId> {
        let mut ids: Vec<_> = self.node_ids().filter(|&id| keep(self.node(id))).collect();
        ids.sort_by_key(|&id| self.order_key(id));
        ids
    }

    pub(super) fn order_key(&self, id: NodeId) -> (u64, u32) {
        (self.node(id).order, id.index)
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
        self.fed(id, self.node(id).input_count, |slot| match slot {
            Slot::Input(i) => Some(i),
            Slot::Capture(_) => None,
        })
    }

    /// The value in one input slot of a node.
    pub fn node_input(&self, id: NodeId, slot: usize) -> Option<ValueId> {
        self.nodes
            .edges_directed(NodeIndex::new(id.index as usize), Incoming)
            .find(|e| e.weight().slot == Slot::Input(slot as u32))
            .and_then(|e| self.nodes[e.source()].outputs[e.weight().output as usize])
    }

    /// The outer values that a control node's subgraphs capture, by capture slot.
    pub fn node_captures(&self, id: NodeId) -> Vec<Option<ValueId>> {
        self.fed(id, self.node(id).capture_count, |slot| match slot {
            Slot::Capture(i) => Some(i),
            Slot::Input(_) => None,
        })
    }

    fn fed(
        &self,
        id: NodeId,
        count: u32,
        place: impl Fn(Slot) -> Option<u32>,
    ) -> Vec<Option<ValueId>> {
        let mut values = vec![None; count as usize];
        for edge in self.nodes.edges_directed(NodeIndex::new(id.index as usize), Incoming) {
            if let Some(i) = place(edge.weight().slot) {
                values[i as usize] =
                    self.nodes[edge.source()].outputs[edge.weight().output as usize];
            }
        }
        values
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
            NodeKind::Initializer(tensor) => {
                let dims = tensor.dims.iter().map(|&d| Dim::known(d)).collect();
                Some(Type::tensor(tensor.dtype, dims))
            }
            _ => value.info.as_ref()?.ty.clone(),
        }
    }

    /// The element type of a value, where it is known.
    pub fn dtype(&self, id: ValueId) -> Option<DataType> {
        self.value_type(id)?.dtype()
    }

    fn id_of(&self, index: NodeIndex) -> NodeId {
        NodeId::new(index.index(), self.generations[index.index()])
    }
}

/// Building. Nodes are appended: they come after those that are there.
impl Graph {
    /// Adds a graph input.
    pub fn add_input(&mut self, name: &str, info: ValueInfo, default: Option<Tensor>) -> ValueId {
        let node = self.add_node(NodeKind::Input { default }, 0);
        self.inputs.push(node);
        self.add_output(node, Some(name), Some(info))
    }

    /// Adds an initializer.
    pub fn add_initializer(&mut self, name: &str, tensor: Tensor) -> ValueId {
        let node = self.add_node(NodeKind::Initializer(tensor), 0);
        self.add_output(node, Some(name), None)
    }

    /// Adds a capture, in a subgraph.
    pub fn add_capture(&mut self, name: &str, slot: u32) -> ValueId {
        let node = self.add_node(NodeKind::Capture { slot }, 0);
        self.add_output(node, Some(name), None)
    }

    /// Adds an operator with unconnected inputs and these outputs; none leaves one out.
    ///
    /// [`Graph::connect`] feeds its inputs, which may be made by nodes that come later.
    pub fn add_op(&mut self, op: Op, inputs: usize, outputs: &[Option<&str>]) -> NodeId {
        let node = self.add_node(NodeKind::Op(op), inputs);
        for name in outputs {
            match name {
                Some(name) => drop(self.add_output(node, Some(name), None)),
                None => self.node_mut(node).outputs.push(None),
            }
        }
        node
    }

    /// Adds a graph output, which is the value `of`.
    pub fn add_graph_output(&mut self, of: ValueId) -> NodeId {
        let node = self.add_node(NodeKind::Output, 1);
        self.outputs.push(node);
        self.connect(of, Use::input(node, 0));
        node
    }

    /// Feeds a use with a value, in place of what feeds it. A capture slot that a node does not have is added.
    pub fn connect(&mut self, value: ValueId, at: Use) {
        self.disconnect(at);
        if let Slot::Capture(slot) = at.slot {
            let node = self.node_mut(at.node);
            node.capture_count = node.capture_count.max(slot + 1);
        }
        let Value { producer, slot, .. } = *self.value_mut(value);
        let (from, to) =
            (NodeIndex::new(producer.index as usize), NodeIndex::new(at.node.index as usize));
        self.nodes.add_edge(from, to, Edge { output: slot, slot: at.slot });
    }

    fn disconnect(&mut self, at: Use) {
        let old = self
            .nodes
            .edges_directed(NodeIndex::new(at.node.index as usize), Incoming)
            .find(|e| e.weight().slot == at.slot)
            .map(|e| e.id());
        if let Some(old) = old {
            self.nodes.remove_edge(old);
        }
    }

    fn add_node(&mut self, kind: NodeKind, inputs: usize) -> NodeId {
        self.next_order += ORDER_STEP;
        let order = self.next_order;
        let node =
            Node { kind, outputs: Vec::new(), input_count: inputs as u32, capture_count: 0, order };
        let index = self.nodes.add_node(node);
        if index.index() == self.generations.len() {
            self.generations.push(1);
        }
        self.id_of(index)
    }

    /// # Panics
    /// If the name is taken: readers and edits check names before.
    fn add_output(&mut self, node: NodeId, name: Option<&str>, info: Option<ValueInfo>) -> ValueId {
        let name = name.unwrap_or_default().to_owned();
        let slot = self.node(node).outputs.len() as u32;
        let id = ValueId::new(self.values.len(), 1);
        let taken = self.by_name.insert(name.clone(), id);
        assert!(taken.is_none(), "the value name {name:?} is taken");
        let value = Value { name, info, producer: node, slot };
        self.values.push(Slotted { generation: 1, item: Some(value) });
        self.node_mut(node).outputs.push(Some(id));
        id
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[NodeIndex::new(id.index as usize)]
    }

    /// The value, to set what is declared about it.
    ///
    /// # Panics
    /// If the id is not of this graph, or stale.
    pub fn value_mut(&mut self, id: ValueId) -> &mut Value {
        let slotted = &mut self.values[id.index as usize];
        assert_eq!(slotted.generation, id.generation, "{id:?} is stale");
        slotted.item.as_mut().expect("a live generation has an item")
    }

    /// The subgraphs of a control node, to build or change them.
    pub fn op_mut(&mut self, id: NodeId) -> Option<&mut Op> {
        match &mut self.node_mut(id).kind {
            NodeKind::Op(op) => Some(op),
            _ => None,
        }
    }
}

/// Changing; only edits that were checked get here.
impl Graph {
    /// Moves a node right behind another one.
    pub(super) fn set_order(&mut self, id: NodeId, order: u64) {
        self.node_mut(id).order = order;
    }

    /// Removes a node and the values it makes, which nothing may use.
    pub(super) fn remove_node(&mut self, id: NodeId) {
        for value in self.node(id).outputs.clone().into_iter().flatten() {
            let slotted = &mut self.values[value.index as usize];
            slotted.generation += 1;
            if let Some(gone) = slotted.item.take() {
                self.by_name.remove(&gone.name);
            }
        }
        self.nodes.remove_node(NodeIndex::new(id.index as usize));
        self.generations[id.index as usize] += 1;
        self.inputs.retain(|&n| n != id);
        self.outputs.retain(|&n| n != id);
    }

    /// Renames a value to a name that is free.
    pub(super) fn rename(&mut self, id: ValueId, name: &str) {
        let old = std::mem::replace(&mut self.value_mut(id).name, name.to_owned());
        self.by_name.remove(&old);
        self.by_name.insert(name.to_owned(), id);
    }
}
