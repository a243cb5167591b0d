//! Applying an edit list whole, or not at all.

use super::check::check;
use super::outputs::OutputNames;
use super::{Edit, Edits, captures};
use crate::ir::{Graph, Model, NodeId, NodeKind, Storage, Use, ValueId, ValueInfo, verify};

/// What applying a list did.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The ids of the values that were added, in the order they were recorded.
    pub values: Vec<ValueId>,
    /// Weights that others still use: (the weight that stays, the copy, uses that stay).
    pub copied: Vec<(String, String, usize)>,
}

impl Graph {
    /// Checks all edits against this graph, then applies all of them, or none.
    ///
    /// # Errors
    /// Every violation, each naming the edit or the place it is about. The graph is then as it was.
    pub fn apply(&mut self, edits: Edits) -> Result<Applied, Vec<String>> {
        let problems = check(self, &edits);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut next = self.clone();
        let applied = Apply { graph: &mut next, edits, applied: Applied::default() }.run()?;
        let violations = verify(&next);
        if !violations.is_empty() {
            return Err(violations.iter().map(ToString::to_string).collect());
        }
        *self = next;
        Ok(applied)
    }
}

impl Model {
    /// Adds the functions of the list and imports the domains of its operators, as version 1
    /// where they are not imported; then applies it to the main graph. All of it, or nothing.
    ///
    /// # Errors
    /// As [`Graph::apply`]; a function of that name is there, and says something else.
    pub fn apply(&mut self, mut edits: Edits) -> Result<Applied, Vec<String>> {
        let functions = edits.take_functions();
        let (count, imports) = (self.functions.len(), self.opset_imports.len());
        let domains: Vec<String> = edits.domains().map(str::to_owned).collect();
        domains.into_iter().for_each(|domain| self.import(domain));
        let added: Result<(), String> =
            functions.into_iter().try_for_each(|f| self.add_function(f));
        let applied = added.map_err(|problem| vec![problem]).and_then(|()| self.graph.apply(edits));
        if applied.is_err() {
            self.functions.truncate(count);
            self.opset_imports.truncate(imports);
        }
        applied
    }
}

struct Apply<'a> {
    graph: &'a mut Graph,
    edits: Edits,
    applied: Applied,
}

impl Apply<'_> {
    fn run(mut self) -> Result<Applied, Vec<String>> {
        let outputs = OutputNames::of(self.graph);
        let uses = self.uses_of_snapshot();
        self.forget();
        self.add();
        self.declare();
        self.redirect(uses);
        self.settle_weights();
        self.set_defaults();
        self.remove();
        outputs.keep(self.graph, &mut self.edits.value_names)?;
        captures::settle(self.graph);
        Ok(self.applied)
    }

    fn forget(&mut self) {
        for &value in self.edits.forgotten.iter().filter(|v| v.as_added().is_none()) {
            let is_output = |at: &Use| matches!(self.graph.node(at.node).kind, NodeKind::Output);
            let is_output = self.graph.uses(value).iter().any(is_output);
            let info = self.graph.value_mut(value).info.as_mut();
            match info.and_then(|info| info.ty.as_mut()) {
                Some(ty) if is_output => ty.forget_inner_sizes(),
                Some(ty) => ty.forget_sizes(),
                None => {}
            }
        }
    }

    /// The id in the graph of a value of the snapshot or of the list.
    fn resolve(&self, value: ValueId) -> ValueId {
        value.as_added().map_or(value, |i| self.applied.values[i])
    }

    /// The uses each edit redirects, before any edit is applied.
    fn uses_of_snapshot(&self) -> Vec<Vec<Use>> {
        let uses = |edit: &Edit| match edit {
            Edit::ReplaceUses { old, .. } => self.graph.uses(*old),
            Edit::ReplaceInput { at, .. } => vec![*at],
            Edit::ReplaceWeight { uses, .. } => uses.clone(),
            _ => Vec::new(),
        };
        self.edits.list.iter().map(uses).collect()
    }

    /// Adds values and nodes. Added values are numbered in the order of the list.
    fn add(&mut self) {
        let mut nodes = Vec::new();
        for edit in &self.edits.list {
            let name = |i: usize| self.edits.added[i].name.as_str();
            match edit {
                Edit::AddInitializer { value, tensor } => {
                    let id = self.graph.add_initializer(name(*value), tensor.clone());
                    self.applied.values.push(id);
                }
                Edit::AddInput { value, default } => {
                    let info = ValueInfo::default();
                    let id = self.graph.add_input(name(*value), info, default.clone());
                    self.applied.values.push(id);
                }
                Edit::AddNode { op, inputs, first, outputs } => {
                    let names: Vec<_> = (*first..first + outputs).map(|i| Some(name(i))).collect();
                    let node = self.graph.add_op(op.clone(), inputs.len(), &names);
                    self.applied.values.extend(self.graph.node(node).outputs().iter().flatten());
                    nodes.push((node, inputs.clone()));
                }
                _ => {}
            }
        }
        let heirs = self.edits.heirs(self.graph);
        for (node, inputs) in nodes {
            for (slot, value) in inputs.into_iter().enumerate() {
                if let Some(value) = value {
                    let value = self.resolve(heirs.get(&value).copied().unwrap_or(value));
                    self.graph.connect(value, Use::input(node, slot));
                }
            }
            self.graph.place_behind_producers(node);
        }
    }

    /// Declares what is known of the added values: what was said, or the type they stand in for.
    fn declare(&mut self) {
        for (i, (added, &id)) in self.edits.added.iter().zip(&self.applied.values).enumerate() {
            let like = || {
                let mut ty = self.graph.value_type(added.like?)?;
                if self.edits.forgotten.contains(&ValueId::added(i)) {
                    ty.forget_sizes();
                }
                Some(ValueInfo { ty: Some(ty), ..ValueInfo::default() })
            };
            let is_initializer = added.tensor.is_some();
            let info = added.info.clone().or_else(|| if is_initializer { None } else { like() });
            if info.is_some() {
                self.graph.value_mut(id).info = info;
            }
        }
    }

    /// Newest uses first: petgraph keeps edges so, and unlinks the first one at once.
    fn redirect(&mut self, uses: Vec<Vec<Use>>) {
        for (edit, uses) in self.edits.list.iter().zip(uses) {
            let by = match edit {
                Edit::ReplaceUses { by, .. }
                | Edit::ReplaceInput { by, .. }
                | Edit::ReplaceWeight { by, .. } => self.resolve(*by),
                _ => continue,
            };
            uses.into_iter().rev().for_each(|at| self.graph.connect(by, at));
        }
    }

    fn set_defaults(&mut self) {
        for edit in &self.edits.list {
            let Edit::SetDefault { input, by } = edit else { continue };
            let by = self.resolve(*by);
            if let Some(tensor) = self.graph.constant(by).cloned() {
                self.graph.set_default(*input, tensor);
            }
        }
    }

    /// A weight nobody uses any more gives its name and place to what replaced it.
    fn settle_weights(&mut self) {
        for edit in &self.edits.list {
            let Edit::ReplaceWeight { old, by, .. } = edit else { continue };
            let by = self.resolve(*by);
            let Some(value) = self.graph.get_value(*old) else { continue };
            let (name, producer) = (value.name().to_owned(), value.producer());
            let info = value.info.clone();
            let old_tensor = self.graph.constant(*old);
            if let Some((doc, metadata, storage)) =
                old_tensor.map(|t| (t.doc_string.clone(), t.metadata.clone(), t.storage))
                && let Some(tensor) = self.graph.initializer_mut(by)
            {
                (tensor.doc_string, tensor.metadata) = (doc, metadata);
                if storage == Storage::External {
                    tensor.storage = storage;
                }
            }
            let left = self.graph.uses(*old).len();
            if left > 0 {
                let copy = self.graph.value(by).name().to_owned();
                self.applied.copied.push((name, copy, left));
                continue;
            }
            let place = self.graph.node(producer).order.place;
            self.graph.remove_node(producer);
            if self.graph.constant(by).is_none() {
                continue;
            }
            self.graph.rename(by, &name);
            let by = self.graph.value_mut(by);
            by.info = info;
            let producer = by.producer();
            self.graph.set_place(producer, place);
        }
    }

    /// Removes what the list says, and added initializers that nothing reads: results of weight
    /// tasks that other tasks alone need.
    fn remove(&mut self) {
        for edit in &self.edits.list {
            let Edit::AddInitializer { value, .. } = edit else { continue };
            let id = self.applied.values[*value];
            let producer = self.graph.get_value(id).map(|v| v.producer());
            if let Some(producer) = producer.filter(|_| self.graph.uses(id).is_empty()) {
                self.graph.remove_node(producer);
            }
        }
        let removed = self.edits.list.iter().filter_map(|edit| match edit {
            Edit::RemoveNode { node } => Some(*node),
            _ => None,
        });
        let removed: Vec<NodeId> = removed.collect();
        removed.into_iter().for_each(|node| self.remove_with_what_it_read(node));
    }

    /// Removes a node, and the initializers and operators that nothing reads any more then.
    fn remove_with_what_it_read(&mut self, node: NodeId) {
        let mut dead = vec![node];
        while let Some(node) = dead.pop() {
            if self.graph.get_node(node).is_none() {
                continue;
            }
            let (inputs, captures) = (self.graph.node_inputs(node), self.graph.node_captures(node));
            let read: Vec<ValueId> = inputs.into_iter().chain(captures).flatten().collect();
            self.graph.remove_node(node);
            let producers =
                read.into_iter().filter_map(|v| Some(self.graph.get_value(v)?.producer()));
            dead.extend(producers.filter(|&producer| self.is_dead(producer)));
        }
    }

    /// Whether an initializer or an operator makes nothing that is read.
    fn is_dead(&self, node: NodeId) -> bool {
        let kind = &self.graph.node(node).kind;
        matches!(kind, NodeKind::Initializer(_) | NodeKind::Op(_))
            && self
                .graph
                .node(node)
                .outputs()
                .iter()
                .flatten()
                .all(|&v| self.graph.uses(v).is_empty())
    }
}
