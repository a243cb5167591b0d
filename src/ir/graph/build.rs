//! Building a graph, and the changes that an edit list makes.

use super::{Edge, Graph, Slot, Slotted, Use, Value, ValueInfo};
use crate::ir::node::Order;
use crate::ir::{Node, NodeId, NodeKind, Op, Tensor, ValueId};
use petgraph::Direction::Outgoing;
use petgraph::stable_graph::{EdgeIndex, NodeIndex};
use petgraph::visit::EdgeRef;

/// Building. Nodes are appended: they come after those that are there.
impl Graph {
    /// Adds a graph input.
    ///
    /// # Panics
    /// If the name is taken: readers and edits check names before. So do all `add_*`.
    pub fn add_input(&mut self, name: &str, info: ValueInfo, default: Option<Tensor>) -> ValueId {
        self.add_source(NodeKind::Input { default }, name, Some(info))
    }

    /// Gives a graph input a default, which stands behind the initializers that are there.
    ///
    /// # Panics
    /// If the value is no graph input.
    pub fn set_default(&mut self, id: ValueId, tensor: Tensor) {
        self.added += 1;
        let order = Order { place: self.added, added: self.added };
        let producer = self.value(id).producer();
        let node = self.node_mut(producer);
        node.order = order;
        match &mut node.kind {
            NodeKind::Input { default } => *default = Some(tensor),
            _ => panic!("{id:?} is no graph input"),
        }
    }

    /// Adds an initializer.
    pub fn add_initializer(&mut self, name: &str, tensor: Tensor) -> ValueId {
        self.add_source(NodeKind::Initializer(tensor), name, None)
    }

    /// Adds a capture, in a subgraph, under the name of the outer value it stands for.
    pub fn add_capture(&mut self, name: &str, slot: u32) -> ValueId {
        self.add_source(NodeKind::Capture { slot }, name, None)
    }

    /// Adds an operator with unconnected inputs and these outputs; none leaves one out.
    ///
    /// [`Graph::connect`] feeds its inputs, which may be made by nodes that come later.
    pub fn add_op(&mut self, op: Op, inputs: usize, outputs: &[Option<&str>]) -> NodeId {
        outputs.iter().flatten().for_each(|name| self.assert_free(name));
        self.add_op_unchecked(op, inputs, outputs)
    }

    /// Adds a graph output, which is the value `of`.
    pub fn add_graph_output(&mut self, of: ValueId) -> NodeId {
        let node = self.add_unfed_output();
        self.connect(of, Use::input(node, 0));
        node
    }

    /// Feeds a use with a value, in place of what feeds it. A capture slot that a node does not
    /// have is added.
    ///
    /// # Panics
    /// If an id is not of this graph, or the node has no such input slot.
    pub fn connect(&mut self, value: ValueId, at: Use) {
        self.disconnect(at);
        let Value { producer, slot, .. } = *self.value(value);
        let to = NodeIndex::new(at.node.index as usize);
        let edge = Edge { output: slot, slot: at.slot };
        let edge = self.nodes.add_edge(NodeIndex::new(producer.index as usize), to, edge);
        *self.slot_mut(at) = Some(edge);
    }

    /// Declares a value, behind those that were declared so before.
    ///
    /// # Panics
    /// If the id is not of this graph, or stale.
    pub fn declare(&mut self, id: ValueId, info: ValueInfo) {
        self.value_mut(id).info = Some(info);
        self.declared.push(id);
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

    /// The tensor of an initializer, to fill in what was computed; none for other values.
    pub fn initializer_mut(&mut self, id: ValueId) -> Option<&mut Tensor> {
        let producer = self.get_value(id)?.producer();
        match &mut self.node_mut(producer).kind {
            NodeKind::Initializer(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// An operator, to build or change its attributes and subgraphs; none for other nodes.
    pub fn op_mut(&mut self, id: NodeId) -> Option<&mut Op> {
        match &mut self.node_mut(id).kind {
            NodeKind::Op(op) => Some(op),
            _ => None,
        }
    }

    /// Adds a node without inputs that makes one value.
    fn add_source(&mut self, kind: NodeKind, name: &str, info: Option<ValueInfo>) -> ValueId {
        self.assert_free(name);
        self.add_source_unchecked(kind, name, info)
    }

    fn assert_free(&self, name: &str) {
        assert!(!self.by_name.contains_key(name), "the value name {name:?} is taken");
    }
}

/// What the text form needs to build graphs that are wrong, for the verifier to find.
impl Graph {
    pub(in crate::ir) fn add_source_unchecked(
        &mut self,
        kind: NodeKind,
        name: &str,
        info: Option<ValueInfo>,
    ) -> ValueId {
        let is_input = matches!(kind, NodeKind::Input { .. });
        let node = self.add_node(kind, 0);
        if is_input {
            self.inputs.push(node);
        }
        self.add_output(node, name, info)
    }

    pub(in crate::ir) fn add_op_unchecked(
        &mut self,
        op: Op,
        inputs: usize,
        outputs: &[Option<&str>],
    ) -> NodeId {
        let node = self.add_node(NodeKind::Op(op), inputs);
        for name in outputs {
            match name {
                Some(name) => drop(self.add_output(node, name, None)),
                None => self.node_mut(node).outputs.push(None),
            }
        }
        node
    }

    pub(in crate::ir) fn add_unfed_output(&mut self) -> NodeId {
        let node = self.add_node(NodeKind::Output, 1);
        self.outputs.push(node);
        node
    }

    pub(in crate::ir) fn set_capture_count(&mut self, id: NodeId, count: usize) {
        self.node_mut(id).captures.resize(count, None);
    }
}

/// Changing; only edits that were checked, and what builds a graph, get here.
impl Graph {
    /// Puts an operator right behind the operators that feed it.
    pub(in crate::ir) fn place_behind_producers(&mut self, id: NodeId) {
        let producers = self.feeding_nodes(id).map(|from| self.node(from));
        let place = producers.filter(|n| n.op().is_some()).map(|n| n.order.place).max();
        self.set_place(id, place.unwrap_or(0));
    }

    /// Puts a node at the place of another one, behind what is already there.
    pub(in crate::ir) fn set_place(&mut self, id: NodeId, place: u64) {
        self.node_mut(id).order.place = place;
    }

    /// Removes a node and the values it makes, which nothing that stays may use.
    pub(crate) fn remove_node(&mut self, id: NodeId) {
        let index = NodeIndex::new(id.index as usize);
        let fed: Vec<_> = self
            .nodes
            .edges_directed(index, Outgoing)
            .map(|e| (e.target(), e.weight().slot))
            .collect();
        for (target, slot) in fed {
            *self.slot_mut(Use { node: self.id_of(target), slot }) = None;
        }
        let Some(node) = self.nodes.remove_node(index) else { return };
        self.generations[id.index as usize] += 1;
        for value in node.outputs.into_iter().flatten() {
            let slotted = &mut self.values[value.index as usize];
            slotted.generation += 1;
            if let Some(gone) = slotted.item.take() {
                self.by_name.remove(&gone.name);
            }
        }
        match node.kind {
            NodeKind::Input { .. } => self.inputs.retain(|&n| n != id),
            NodeKind::Output => self.outputs.retain(|&n| n != id),
            _ => {}
        }
    }

    /// Renames a value to a name that is free.
    pub(crate) fn rename(&mut self, id: ValueId, name: &str) {
        self.rename_all(&[(id, name)]);
    }

    /// Renames values to names that are free, or that one of them gives up.
    pub(in crate::ir) fn rename_all(&mut self, names: &[(ValueId, &str)]) {
        for &(id, name) in names {
            let old = std::mem::replace(&mut self.value_mut(id).name, name.to_owned());
            if self.by_name.get(&old) == Some(&id) {
                self.by_name.remove(&old);
            }
        }
        self.by_name.extend(names.iter().map(|&(id, name)| (name.to_owned(), id)));
    }

    /// Leaves a use unfed.
    pub(in crate::ir) fn disconnect(&mut self, at: Use) {
        if let Some(old) = self.slot_mut(at).take() {
            self.nodes.remove_edge(old);
        }
    }

    pub(in crate::ir) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[NodeIndex::new(id.index as usize)]
    }

    fn slot_mut(&mut self, at: Use) -> &mut Option<EdgeIndex> {
        let node = self.node_mut(at.node);
        match at.slot {
            Slot::Input(slot) => &mut node.inputs[slot as usize],
            Slot::Capture(slot) => {
                let slot = slot as usize;
                if slot >= node.captures.len() {
                    node.captures.resize(slot + 1, None);
                }
                &mut node.captures[slot]
            }
        }
    }

    fn add_node(&mut self, kind: NodeKind, inputs: usize) -> NodeId {
        self.added += 1;
        let order = Order { place: self.added, added: self.added };
        let (inputs, captures) = (vec![None; inputs], Vec::new());
        let index =
            self.nodes.add_node(Node { kind, outputs: Vec::new(), inputs, captures, order });
        if index.index() == self.generations.len() {
            self.generations.push(1);
        }
        self.id_of(index)
    }

    /// Adds a value behind those that a node makes. Of two values of one name, lookups find the first.
    fn add_output(&mut self, node: NodeId, name: &str, info: Option<ValueInfo>) -> ValueId {
        let slot = self.node(node).outputs.len() as u32;
        let id = ValueId::new(self.values.len(), 1);
        self.by_name.entry(name.to_owned()).or_insert(id);
        let value = Value { name: name.to_owned(), info, producer: node, slot };
        self.values.push(Slotted { generation: 1, item: Some(value) });
        self.node_mut(node).outputs.push(Some(id));
        id
    }
}
