//! Changes to a graph, as data: recorded against a snapshot, checked whole, applied whole.

mod apply;

pub use apply::Applied;

use super::{Graph, NodeId, Op, Tensor, Use, ValueId, ValueInfo};
use std::collections::{HashMap, HashSet};

/// A list of changes to one snapshot of a graph.
///
/// Ids of the snapshot stay valid while changes are recorded; what is added gets ids that only
/// this list understands. Names that are taken get a number behind them.
#[derive(Clone, Debug)]
pub struct Edits {
    pub(super) list: Vec<Edit>,
    pub(super) added: Vec<AddedValue>,
    names: HashSet<String>,
    /// For values that helpers redirect more than once: the edit that redirects them.
    deltas: HashMap<ValueId, usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Edit {
    AddInitializer { value: usize, tensor: Tensor },
    AddInput { value: usize, info: ValueInfo, default: Option<Tensor> },
    AddNode { op: Op, inputs: Vec<Option<ValueId>>, first: usize, outputs: usize },
    ReplaceUses { old: ValueId, by: ValueId },
    ReplaceInput { at: Use, by: ValueId },
    ReplaceWeight { old: ValueId, uses: Vec<Use>, by: ValueId },
    RemoveNode { node: NodeId },
}

#[derive(Clone, Debug)]
pub(super) struct AddedValue {
    pub(super) name: String,
    /// The tensor, for initializers: what a later edit or a weight task may read.
    pub(super) tensor: Option<Tensor>,
}

/// An operator to add.
#[derive(Clone, Debug, Default)]
pub struct NewNode {
    /// The operator; its name gets a number behind it where it is taken.
    pub op: Op,
    /// Its inputs; none leaves an optional one out.
    pub inputs: Vec<Option<ValueId>>,
    /// Preferred names of its outputs.
    pub outputs: Vec<String>,
}

impl Edits {
    /// An empty list against this snapshot.
    pub fn new(snapshot: &Graph) -> Self {
        let mut names = HashSet::new();
        collect_names(snapshot, &mut names);
        Self { list: Vec::new(), added: Vec::new(), names, deltas: HashMap::new() }
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds an initializer.
    pub fn add_initializer(&mut self, name: &str, tensor: Tensor) -> ValueId {
        let value = self.add_value(name, Some(tensor.clone()));
        self.list.push(Edit::AddInitializer { value, tensor });
        ValueId::added(value)
    }

    /// Adds a graph input behind those that are there.
    pub fn add_input(&mut self, name: &str, info: ValueInfo, default: Option<Tensor>) -> ValueId {
        let value = self.add_value(name, None);
        self.list.push(Edit::AddInput { value, info, default });
        ValueId::added(value)
    }

    /// Adds an operator and gives the values it makes.
    pub fn add_node(&mut self, node: NewNode) -> Vec<ValueId> {
        let NewNode { mut op, inputs, outputs } = node;
        if !op.name.is_empty() {
            op.name = self.fresh_name(&op.name);
        }
        let first = self.added.len();
        for name in &outputs {
            self.add_value(name, None);
        }
        self.list.push(Edit::AddNode { op, inputs, first, outputs: outputs.len() });
        (first..first + outputs.len()).map(ValueId::added).collect()
    }

    /// Redirects the uses that `old` has in the snapshot to `by`, graph outputs and captures
    /// included. Inputs of added nodes stay as they were given.
    pub fn replace_uses(&mut self, old: ValueId, by: ValueId) {
        self.list.push(Edit::ReplaceUses { old, by });
    }

    /// Redirects one use.
    pub fn replace_input(&mut self, at: Use, by: ValueId) {
        self.list.push(Edit::ReplaceInput { at, by });
    }

    /// Replaces the weight `old` by the added initializer `by` for these uses. Where no use of
    /// `old` is left, `by` takes its name and place; otherwise `old` stays as it is beside it.
    pub fn replace_weight(&mut self, old: ValueId, uses: Vec<Use>, by: ValueId) {
        self.list.push(Edit::ReplaceWeight { old, uses, by });
    }

    /// Removes a node whose values nothing uses any more.
    pub fn remove_node(&mut self, node: NodeId) {
        self.list.push(Edit::RemoveNode { node });
    }

    /// Adds `delta` to a value of the snapshot for all its uses. Several deltas on one value
    /// add up, in the order they come. `sum` is the Add to insert, with no inputs yet.
    pub fn add_delta(&mut self, to: ValueId, delta: ValueId, mut sum: NewNode) {
        let earlier = self.deltas.get(&to).copied();
        let current = match earlier {
            Some(edit) => match self.list[edit] {
                Edit::ReplaceUses { by, .. } => by,
                _ => unreachable!("deltas are recorded as ReplaceUses"),
            },
            None => to,
        };
        sum.inputs = vec![Some(current), Some(delta)];
        let by = self.add_node(sum)[0];
        match earlier {
            Some(edit) => self.list[edit] = Edit::ReplaceUses { old: to, by },
            None => {
                self.deltas.insert(to, self.list.len());
                self.replace_uses(to, by);
            }
        }
    }

    /// The tensor of an initializer that this list adds.
    pub fn added_tensor(&self, value: ValueId) -> Option<&Tensor> {
        self.added.get(value.as_added()?)?.tensor.as_ref()
    }

    fn add_value(&mut self, name: &str, tensor: Option<Tensor>) -> usize {
        let name = self.fresh_name(name);
        self.added.push(AddedValue { name, tensor });
        self.added.len() - 1
    }

    fn fresh_name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 0;
        while name.is_empty() || !self.names.insert(name.clone()) {
            number += 1;
            name = format!("{wanted}.{number}");
        }
        name
    }
}

/// All names of values and nodes, those of subgraphs included: a new name may shadow none of them.
fn collect_names(graph: &Graph, names: &mut HashSet<String>) {
    names.extend(graph.value_ids().map(|v| graph.value(v).name().to_owned()));
    for op in graph.node_ids().filter_map(|id| graph.node(id).op()) {
        names.insert(op.name.clone());
        op.subgraphs().for_each(|sub| collect_names(sub, names));
    }
}
