//! Changes to a graph, as data: recorded against a snapshot, checked whole, applied whole.

mod apply;
mod captures;
mod check;
mod names;
mod outputs;

pub use apply::Applied;
pub(crate) use names::Names;

use super::{Function, Graph, NodeId, Op, Tensor, TensorData, Use, ValueId, ValueInfo};
use bytes::Bytes;
use std::collections::{HashMap, HashSet};

/// A list of changes to one snapshot of a graph.
///
/// Ids of the snapshot stay valid while changes are recorded; what is added gets ids that only
/// this list understands. Names that are taken get a number behind them.
#[derive(Clone, Debug)]
pub struct Edits {
    list: Vec<Edit>,
    added: Vec<AddedValue>,
    value_names: Names,
    node_names: Names,
    /// For values that deltas are added to: the edit that redirects their uses.
    deltas: HashMap<ValueId, usize>,
    /// Functions that the model needs for what is added.
    functions: Vec<Function>,
    /// Values whose declared sizes hold no longer.
    forgotten: HashSet<ValueId>,
}

#[derive(Clone, Debug)]
enum Edit {
    AddInitializer { value: usize, tensor: Tensor },
    AddInput { value: usize, default: Option<Tensor> },
    SetDefault { input: ValueId, by: ValueId },
    AddNode { op: Op, inputs: Vec<Option<ValueId>>, first: usize, outputs: usize },
    ReplaceUses { old: ValueId, by: ValueId },
    ReplaceInput { at: Use, by: ValueId },
    ReplaceWeight { old: ValueId, uses: Vec<Use>, by: ValueId },
    RemoveNode { node: NodeId },
}

#[derive(Clone, Debug)]
struct AddedValue {
    name: String,
    /// The tensor, for initializers: what a later edit or a weight task may read.
    tensor: Option<Tensor>,
    /// What was declared about it.
    info: Option<ValueInfo>,
    /// A value of the snapshot that has the same type, as it stands in its place.
    like: Option<ValueId>,
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
        let (value_names, node_names) = Names::of(snapshot);
        let (list, added, deltas) = (Vec::new(), Vec::new(), HashMap::new());
        let (functions, forgotten) = (Vec::new(), HashSet::new());
        Self { list, added, value_names, node_names, deltas, functions, forgotten }
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many edits were recorded.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Adds a function that the model needs for what this list adds.
    pub fn add_function(&mut self, function: Function) {
        self.functions.push(function);
    }

    /// The domains of the operators that this list adds.
    pub(super) fn domains(&self) -> impl Iterator<Item = &str> {
        self.list.iter().filter_map(|edit| match edit {
            Edit::AddNode { op, .. } => Some(op.domain.as_str()),
            _ => None,
        })
    }

    /// For values whose nodes the list removes: what the list replaces their uses by. Added nodes
    /// that are given such a value read what replaces it.
    fn heirs(&self, graph: &Graph) -> HashMap<ValueId, ValueId> {
        let removed: HashSet<NodeId> = self
            .list
            .iter()
            .filter_map(|edit| match edit {
                Edit::RemoveNode { node } => Some(*node),
                _ => None,
            })
            .collect();
        let is_removed =
            |id: ValueId| graph.get_value(id).is_some_and(|v| removed.contains(&v.producer()));
        let heir = |edit: &Edit| match *edit {
            Edit::ReplaceUses { old, by } if is_removed(old) => Some((old, by)),
            _ => None,
        };
        self.list.iter().filter_map(heir).collect()
    }

    /// Takes the functions out of the list.
    pub(super) fn take_functions(&mut self) -> Vec<Function> {
        std::mem::take(&mut self.functions)
    }

    /// Whether this list adds the value.
    pub fn adds(&self, value: ValueId) -> bool {
        value.as_added().is_some_and(|i| i < self.added.len())
    }

    /// Gives an initializer that this list adds its elements; other values are left alone.
    pub fn fill(&mut self, value: ValueId, bytes: Bytes) {
        let added = value.as_added();
        if let Some(tensor) = added.and_then(|i| self.added.get_mut(i)?.tensor.as_mut()) {
            tensor.data = TensorData::Bytes(bytes.clone());
        }
        for edit in &mut self.list {
            if let Edit::AddInitializer { value, tensor } = edit
                && Some(*value) == added
            {
                tensor.data = TensorData::Bytes(bytes.clone());
            }
        }
    }

    /// Adds an initializer.
    pub fn add_initializer(&mut self, name: &str, tensor: Tensor) -> ValueId {
        let value = self.add_value(name);
        self.added[value].tensor = Some(tensor.clone());
        self.list.push(Edit::AddInitializer { value, tensor });
        ValueId::added(value)
    }

    /// Adds a graph input behind those that are there.
    pub fn add_input(&mut self, name: &str, info: ValueInfo, default: Option<Tensor>) -> ValueId {
        let value = self.add_value(name);
        self.added[value].info = Some(info);
        self.list.push(Edit::AddInput { value, default });
        ValueId::added(value)
    }

    /// Gives the graph input `input`, which has no default, that of the added initializer `by`. Its
    /// declared type stays.
    pub fn set_default(&mut self, input: ValueId, by: ValueId) {
        self.list.push(Edit::SetDefault { input, by });
    }

    /// Adds an operator and gives the values it makes.
    pub fn add_node(&mut self, node: NewNode) -> Vec<ValueId> {
        let NewNode { mut op, inputs, outputs } = node;
        if !op.name.is_empty() {
            op.name = self.node_names.fresh(&op.name);
        }
        let first = self.added.len();
        for name in &outputs {
            self.add_value(name);
        }
        self.list.push(Edit::AddNode { op, inputs, first, outputs: outputs.len() });
        (first..first + outputs.len()).map(ValueId::added).collect()
    }

    /// Declares what is known of a value that this list adds; values of other lists are left alone.
    ///
    /// Where nothing is declared, a value that takes over the uses of another has its type.
    pub fn declare(&mut self, value: ValueId, info: ValueInfo) {
        if let Some(added) = value.as_added().and_then(|i| self.added.get_mut(i)) {
            added.info = Some(info);
        }
    }

    /// Forgets the sizes that are declared of a value of the snapshot, since what the list changes
    /// makes it larger or smaller; or those that an added value takes over with the uses of another. Its rank stays, and of a graph output the batch and a last size that
    /// is a number.
    pub fn forget_sizes(&mut self, value: ValueId) {
        self.forgotten.insert(value);
    }

    /// Redirects the uses that `old` has in the snapshot to `by`, graph outputs and captures
    /// included. Inputs of added nodes stay as they were given, unless the node that makes `old`
    /// is removed.
    ///
    /// A graph output keeps its name: `by` takes it over, and `old` gets a number behind its own.
    pub fn replace_uses(&mut self, old: ValueId, by: ValueId) {
        self.set_like(by, old);
        self.list.push(Edit::ReplaceUses { old, by });
    }

    /// Redirects one use.
    pub fn replace_input(&mut self, at: Use, by: ValueId) {
        self.list.push(Edit::ReplaceInput { at, by });
    }

    /// Replaces the weight `old` for these uses by the added initializer `by`, or by an added
    /// value that is declared with the type of `old`. Where no use of `old` is left it goes, and an
    /// initializer takes its name and place; otherwise it stays as it is beside it. An initializer
    /// has the documentation and the properties of `old` either way.
    pub fn replace_weight(&mut self, old: ValueId, uses: Vec<Use>, by: ValueId) {
        self.list.push(Edit::ReplaceWeight { old, uses, by });
    }

    /// Removes a node whose values nothing uses any more; what only it read goes too.
    pub fn remove_node(&mut self, node: NodeId) {
        self.list.push(Edit::RemoveNode { node });
    }

    /// Adds `delta` to a value of the snapshot for all its uses, and gives the sum. Several
    /// deltas on one value add up, in the order they come. `sum` is the Add to insert: its
    /// inputs are set here, and of its outputs the first is kept.
    pub fn add_delta(&mut self, to: ValueId, delta: ValueId, mut sum: NewNode) -> ValueId {
        sum.inputs = vec![Some(self.current(to)), Some(delta)];
        sum.outputs.resize_with(1, String::new);
        let by = self.add_node(sum)[0];
        self.set_like(by, to);
        match self.deltas.get(&to) {
            Some(&edit) => self.list[edit] = Edit::ReplaceUses { old: to, by },
            None => {
                self.deltas.insert(to, self.list.len());
                self.list.push(Edit::ReplaceUses { old: to, by });
            }
        }
        by
    }

    /// What stands for a value of the snapshot after the deltas that were added to it so far.
    pub fn current(&self, value: ValueId) -> ValueId {
        match self.deltas.get(&value).map(|&edit| &self.list[edit]) {
            Some(Edit::ReplaceUses { by, .. }) => *by,
            _ => value,
        }
    }

    /// The tensor of an initializer that this list adds.
    pub fn added_tensor(&self, value: ValueId) -> Option<&Tensor> {
        self.get_added(value)?.tensor.as_ref()
    }

    /// The name of a value that this list adds.
    pub fn added_name(&self, value: ValueId) -> Option<&str> {
        Some(&self.get_added(value)?.name)
    }

    fn get_added(&self, value: ValueId) -> Option<&AddedValue> {
        self.added.get(value.as_added()?)
    }

    fn set_like(&mut self, value: ValueId, like: ValueId) {
        if let Some(added) = value.as_added().and_then(|i| self.added.get_mut(i)) {
            added.like.get_or_insert(like);
        }
    }

    fn add_value(&mut self, name: &str) -> usize {
        let name = self.value_names.fresh(name);
        self.added.push(AddedValue { name, tensor: None, info: None, like: None });
        self.added.len() - 1
    }
}
