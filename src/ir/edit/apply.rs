//! Checking an edit list whole, and applying it whole.

use super::super::{Graph, NodeId, NodeKind, Slot, Use, ValueId, verify};
use super::{Edit, Edits};
use std::collections::HashMap;

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
    /// Every violation, each naming the edit it is about. The graph is then as it was.
    pub fn apply(&mut self, edits: Edits) -> Result<Applied, Vec<String>> {
        let problems = Check::new(self, &edits).run();
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut next = self.clone();
        let applied = Apply { graph: &mut next, edits: &edits, applied: Applied::default() }.run();
        let violations = verify(&next);
        if !violations.is_empty() {
            return Err(violations.iter().map(ToString::to_string).collect());
        }
        *self = next;
        Ok(applied)
    }
}

struct Check<'a> {
    graph: &'a Graph,
    edits: &'a Edits,
    redirected: HashMap<Use, usize>,
    problems: Vec<String>,
}

impl<'a> Check<'a> {
    fn new(graph: &'a Graph, edits: &'a Edits) -> Self {
        Self { graph, edits, redirected: HashMap::new(), problems: Vec::new() }
    }

    fn run(mut self) -> Vec<String> {
        for (number, edit) in self.edits.list.iter().enumerate() {
            match edit {
                Edit::AddInitializer { .. } | Edit::AddInput { .. } => {}
                Edit::AddNode { inputs, .. } => {
                    inputs.iter().flatten().for_each(|&v| self.check_value(number, v));
                }
                Edit::ReplaceUses { old, by } => self.check_replace_uses(number, *old, *by),
                Edit::ReplaceInput { at, by } => {
                    self.check_value(number, *by);
                    self.redirect(number, *at);
                }
                Edit::ReplaceWeight { old, uses, by } => {
                    self.check_replace_weight(number, *old, uses, *by);
                }
                Edit::RemoveNode { node } => self.check_remove(number, *node),
            }
        }
        self.check_removed_are_unused();
        self.problems
    }

    fn problem(&mut self, number: usize, what: impl std::fmt::Display) {
        let edit = self.describe(number);
        self.problems.push(format!("{edit}: {what}"));
    }

    fn describe(&self, number: usize) -> String {
        let name = |v: ValueId| self.name(v);
        let what = match &self.edits.list[number] {
            Edit::AddInitializer { value, .. } => {
                format!("add initializer {:?}", self.edits.added[*value].name)
            }
            Edit::AddInput { value, .. } => {
                format!("add input {:?}", self.edits.added[*value].name)
            }
            Edit::AddNode { op, .. } => format!("add node {:?} ({})", op.name, op.op_type),
            Edit::ReplaceUses { old, by } => {
                format!("replace uses of {} by {}", name(*old), name(*by))
            }
            Edit::ReplaceInput { at, by } => {
                format!("replace {} by {}", self.place(*at), name(*by))
            }
            Edit::ReplaceWeight { old, by, .. } => {
                format!("replace weight {} by {}", name(*old), name(*by))
            }
            Edit::RemoveNode { node } => format!("remove node {node:?}"),
        };
        format!("edit {number} ({what})")
    }

    fn name(&self, value: ValueId) -> String {
        let added = value.as_added().and_then(|i| self.edits.added.get(i)).map(|a| a.name.as_str());
        let name = added.or_else(|| self.graph.get_value(value).map(|v| v.name()));
        name.map_or_else(|| format!("{value:?}"), |n| format!("{n:?}"))
    }

    fn place(&self, at: Use) -> String {
        let node = match self.graph.get_node(at.node).map(|n| &n.kind) {
            Some(NodeKind::Op(op)) => format!("node {:?} ({})", op.name, op.op_type),
            Some(NodeKind::Output) => "graph output".to_owned(),
            _ => format!("{:?}", at.node),
        };
        match at.slot {
            Slot::Input(i) => format!("input {i} of {node}"),
            Slot::Capture(i) => format!("capture {i} of {node}"),
        }
    }

    fn check_value(&mut self, number: usize, value: ValueId) {
        let known = match value.as_added() {
            Some(index) => index < self.edits.added.len(),
            None => self.graph.get_value(value).is_some(),
        };
        if !known {
            self.problem(number, format!("{value:?} is not a value of this graph"));
        }
    }

    fn redirect(&mut self, number: usize, at: Use) {
        let fed = self.graph.get_node(at.node).is_some_and(|node| match at.slot {
            Slot::Input(i) => (i as usize) < node.input_count(),
            Slot::Capture(i) => (i as usize) < node.capture_count(),
        });
        if !fed {
            return self.problem(number, format!("there is no {}", self.place(at)));
        }
        if let Some(earlier) = self.redirected.insert(at, number) {
            let (place, earlier) = (self.place(at), self.describe(earlier));
            self.problem(number, format!("{place} was already redirected by {earlier}"));
        }
    }

    fn check_replace_uses(&mut self, number: usize, old: ValueId, by: ValueId) {
        self.check_value(number, by);
        if self.graph.get_value(old).is_none() {
            return self.problem(number, format!("{old:?} is not a value of this graph"));
        }
        let by_type = match by.as_added() {
            Some(_) => self.edits.added_tensor(by).map(|t| t.dtype),
            None => self.graph.get_value(by).and_then(|_| self.graph.dtype(by)),
        };
        if let (Some(a), Some(b)) = (self.graph.dtype(old), by_type)
            && a != b
        {
            self.problem(number, format!("the old value is {a}, the new one {b}"));
        }
        for at in self.graph.uses(old) {
            self.redirect(number, at);
        }
    }

    fn check_replace_weight(&mut self, number: usize, old: ValueId, uses: &[Use], by: ValueId) {
        let Some(new) = self.edits.added_tensor(by) else {
            return self.problem(number, "the new weight is not an initializer this list adds");
        };
        let Some(tensor) = self.graph.constant(old) else {
            let name = self.name(old);
            return self.problem(
                number,
                format!("{name} is no initializer, or one that callers can override"),
            );
        };
        if (tensor.dtype, &tensor.dims) != (new.dtype, &new.dims) {
            let what = format!(
                "the weight is {} {:?}, the new one {} {:?}",
                tensor.dtype, tensor.dims, new.dtype, new.dims
            );
            self.problem(number, what);
        }
        let known = self.graph.uses(old);
        for &at in uses {
            if !known.contains(&at) {
                let place = self.place(at);
                self.problem(number, format!("{place} does not use the weight"));
            }
            self.redirect(number, at);
        }
    }

    fn check_remove(&mut self, number: usize, node: NodeId) {
        match self.graph.get_node(node).map(|n| &n.kind) {
            None => self.problem(number, format!("{node:?} is not a node of this graph")),
            Some(NodeKind::Op(_) | NodeKind::Initializer(_)) => {}
            Some(_) => self.problem(number, "inputs, outputs and captures cannot be removed"),
        }
    }

    fn check_removed_are_unused(&mut self) {
        let removed: HashMap<NodeId, usize> = self
            .edits
            .list
            .iter()
            .enumerate()
            .filter_map(|(i, e)| match e {
                Edit::RemoveNode { node } => Some((*node, i)),
                _ => None,
            })
            .collect();
        for (&node, &number) in &removed {
            let Some(made) = self.graph.get_node(node) else { continue };
            for value in made.outputs().to_vec().into_iter().flatten() {
                let left = self.graph.uses(value).into_iter().find(|at| {
                    !self.redirected.contains_key(at) && !removed.contains_key(&at.node)
                });
                if let Some(at) = left {
                    let (name, place) = (self.name(value), self.place(at));
                    self.problem(number, format!("{name} is still used: {place}"));
                }
            }
        }
    }
}

struct Apply<'a> {
    graph: &'a mut Graph,
    edits: &'a Edits,
    applied: Applied,
}

impl Apply<'_> {
    fn run(mut self) -> Applied {
        let uses = self.uses_of_snapshot();
        self.add();
        for (edit, uses) in self.edits.list.iter().zip(uses) {
            let by = match edit {
                Edit::ReplaceUses { by, .. }
                | Edit::ReplaceInput { by, .. }
                | Edit::ReplaceWeight { by, .. } => self.resolve(*by),
                _ => continue,
            };
            uses.into_iter().for_each(|at| self.graph.connect(by, at));
        }
        self.settle_weights();
        self.remove();
        self.applied
    }

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
                    self.set(*value, id);
                }
                Edit::AddInput { value, info, default } => {
                    let id = self.graph.add_input(name(*value), info.clone(), default.clone());
                    self.set(*value, id);
                }
                Edit::AddNode { op, inputs, first, outputs } => {
                    let names: Vec<_> = (*first..first + outputs).map(|i| Some(name(i))).collect();
                    let node = self.graph.add_op(op.clone(), inputs.len(), &names);
                    let made = self.graph.node(node).outputs().to_vec();
                    for (i, id) in made.into_iter().flatten().enumerate() {
                        self.set(first + i, id);
                    }
                    nodes.push((node, inputs));
                }
                _ => {}
            }
        }
        for (node, inputs) in nodes {
            let mut order = 0;
            for (slot, value) in inputs.iter().enumerate() {
                let Some(value) = value.map(|v| self.resolve(v)) else { continue };
                self.graph.connect(value, Use::input(node, slot));
                let producer = self.graph.value(value).producer();
                if self.graph.node(producer).op().is_some() {
                    order = order.max(self.graph.order_key(producer).0);
                }
            }
            self.graph.set_order(node, order);
        }
    }

    fn set(&mut self, index: usize, id: ValueId) {
        debug_assert_eq!(index, self.applied.values.len());
        self.applied.values.push(id);
    }

    /// A weight nobody uses any more gives its name and place to what replaced it.
    fn settle_weights(&mut self) {
        for edit in &self.edits.list {
            let Edit::ReplaceWeight { old, by, .. } = edit else { continue };
            let Some(value) = self.graph.get_value(*old) else { continue };
            let (name, node, info) =
                (value.name().to_owned(), value.producer(), value.info.clone());
            let by = self.resolve(*by);
            let left = self.graph.uses(*old).len();
            if left > 0 {
                let copy = self.graph.value(by).name().to_owned();
                self.applied.copied.push((name, copy, left));
                continue;
            }
            let order = self.graph.order_key(node).0;
            self.graph.remove_node(node);
            self.graph.rename(by, &name);
            self.graph.value_mut(by).info = info;
            let producer = self.graph.value(by).producer();
            self.graph.set_order(producer, order);
        }
    }

    /// Removes nodes, those that use others' values first.
    fn remove(&mut self) {
        for edit in &self.edits.list {
            if let Edit::RemoveNode { node } = edit
                && self.graph.get_node(*node).is_some()
            {
                self.graph.remove_node(*node);
            }
        }
    }
}
