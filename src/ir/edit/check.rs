//! Checking an edit list against the graph it is for, before anything is changed.

use super::{Edit, Edits};
use crate::ir::{DataType, Dim, Graph, NodeId, NodeKind, Slot, Tensor, Use, ValueId};
use std::collections::HashMap;
use std::fmt::Display;

/// All that is wrong with a list, each problem naming the edit it is about.
pub(super) fn check(graph: &Graph, edits: &Edits) -> Vec<String> {
    let (redirected, removed) = (HashMap::new(), HashMap::new());
    let mut check = Check { graph, edits, redirected, removed, problems: Vec::new() };
    for (number, edit) in edits.list.iter().enumerate() {
        check.edit(number, edit);
    }
    check.removed_values_are_unused();
    check.problems
}

struct Check<'a> {
    graph: &'a Graph,
    edits: &'a Edits,
    /// The edit that redirects a use.
    redirected: HashMap<Use, usize>,
    /// The edit that removes a node.
    removed: HashMap<NodeId, usize>,
    problems: Vec<String>,
}

impl Check<'_> {
    fn edit(&mut self, number: usize, edit: &Edit) {
        match edit {
            Edit::AddInitializer { value, .. } | Edit::AddInput { value, .. } => {
                self.name_is_free(number, *value);
            }
            Edit::SetDefault { input, by } => self.set_default(number, *input, *by),
            Edit::AddNode { inputs, first, outputs, .. } => {
                inputs.iter().flatten().for_each(|&v| self.is_value(number, v));
                (*first..first + outputs).for_each(|v| self.name_is_free(number, v));
            }
            Edit::ReplaceUses { old, by } => self.replace_uses(number, *old, *by),
            Edit::ReplaceInput { at, by } => {
                self.is_value(number, *by);
                self.redirect(number, *at);
            }
            Edit::ReplaceWeight { old, uses, by } => self.replace_weight(number, *old, uses, *by),
            Edit::RemoveNode { node } => self.remove(number, *node),
        }
    }

    fn problem(&mut self, number: usize, what: impl Display) {
        let edit = self.describe(number);
        self.problems.push(format!("{edit}: {what}"));
    }

    /// Names are free in the snapshot that a list was made for.
    fn name_is_free(&mut self, number: usize, value: usize) {
        if self.graph.value_named(&self.edits.added[value].name).is_some() {
            self.problem(number, "the name is taken: the list was made for another graph");
        }
    }

    fn is_value(&mut self, number: usize, value: ValueId) {
        let known = match value.as_added() {
            Some(_) => self.edits.get_added(value).is_some(),
            None => self.graph.get_value(value).is_some(),
        };
        if !known {
            self.problem(number, format!("{value:?} is not a value of this graph"));
        }
    }

    fn set_default(&mut self, number: usize, input: ValueId, by: ValueId) {
        let producer = self.graph.get_value(input).map(|v| &self.graph.node(v.producer()).kind);
        if !matches!(producer, Some(NodeKind::Input { default: None })) {
            let name = self.name(input);
            self.problem(number, format!("{name} is no graph input without a default"));
        }
        let is_same =
            |edit: &Edit| matches!(edit, Edit::SetDefault { input: i, .. } if *i == input);
        if let Some(earlier) = self.edits.list[..number].iter().position(is_same) {
            let earlier = self.describe(earlier);
            self.problem(number, format!("it has a default already: {earlier}"));
        }
        let Some(tensor) = self.edits.added_tensor(by) else {
            return self.problem(number, "the default is no initializer that this list adds");
        };
        let declared = self.graph.value_type(input);
        let shape = declared.as_ref().and_then(|ty| ty.shape());
        let fits = |shape: &[Dim]| {
            let fits =
                |(declared, &size): (&Dim, &i64)| declared.as_known().is_none_or(|d| d == size);
            shape.len() == tensor.dims.len() && shape.iter().zip(&tensor.dims).all(fits)
        };
        let is_type = declared.as_ref().and_then(|ty| ty.dtype()).is_none_or(|d| d == tensor.dtype);
        if !is_type || !shape.is_none_or(fits) {
            let (dtype, dims) = (tensor.dtype, &tensor.dims);
            self.problem(number, format!("a default {dtype} {dims:?} is not of the declared type"));
        }
    }

    fn redirect(&mut self, number: usize, at: Use) {
        let exists = self.graph.get_node(at.node).is_some_and(|node| match at.slot {
            Slot::Input(i) => (i as usize) < node.input_count(),
            Slot::Capture(i) => (i as usize) < node.capture_count(),
        });
        if !exists {
            let place = self.place(at);
            return self.problem(number, format!("there is no {place}"));
        }
        if let Some(earlier) = self.redirected.insert(at, number) {
            let (place, earlier) = (self.place(at), self.describe(earlier));
            self.problem(number, format!("{place} was already redirected by {earlier}"));
        }
    }

    fn replace_uses(&mut self, number: usize, old: ValueId, by: ValueId) {
        self.is_value(number, by);
        if self.graph.get_value(old).is_none() {
            return self.problem(number, format!("{old:?} is not a value of this graph"));
        }
        if let (Some(a), Some(b)) = (self.graph.dtype(old), self.dtype(by))
            && a != b
        {
            self.problem(number, format!("the old value is {a}, the new one {b}"));
        }
        for at in self.graph.uses(old) {
            self.redirect(number, at);
        }
    }

    fn replace_weight(&mut self, number: usize, old: ValueId, uses: &[Use], by: ValueId) {
        let Some((dtype, dims)) = self.added_type(by) else {
            let what =
                "the new weight is no initializer or value of a declared type that this list adds";
            return self.problem(number, what);
        };
        let Some(tensor) = self.graph.constant(old) else {
            let name = self.name(old);
            let what = format!("{name} is no initializer, or one that callers can override");
            return self.problem(number, what);
        };
        if (tensor.dtype, &tensor.dims) != (dtype, &dims) {
            let Tensor { dtype: old_dtype, dims: old_dims, .. } = tensor;
            let what =
                format!("the weight is {old_dtype} {old_dims:?}, the new one {dtype} {dims:?}");
            self.problem(number, what);
        }
        if uses.is_empty() {
            self.problem(number, "no use of the weight is named");
        }
        let by_is_taken = self.edits.list[..number].iter().position(
            |edit| matches!(edit, Edit::ReplaceWeight { old: o, by: b, .. } if *b == by && *o != old),
        );
        if let Some(earlier) = by_is_taken {
            let earlier = self.describe(earlier);
            self.problem(number, format!("the new weight replaces another one already: {earlier}"));
        }
        let known = self.graph.uses(old);
        for &at in uses {
            if known.binary_search(&at).is_err() {
                let place = self.place(at);
                self.problem(number, format!("{place} does not use the weight"));
            } else {
                self.redirect(number, at);
            }
        }
    }

    fn remove(&mut self, number: usize, node: NodeId) {
        match self.graph.get_node(node).map(|n| &n.kind) {
            None => return self.problem(number, format!("{node:?} is not a node of this graph")),
            Some(NodeKind::Op(_) | NodeKind::Initializer(_)) => {}
            Some(_) => self.problem(number, "inputs, outputs and captures cannot be removed"),
        }
        if let Some(earlier) = self.removed.insert(node, number) {
            let earlier = self.describe(earlier);
            self.problem(number, format!("the node was already removed by {earlier}"));
        }
    }

    fn removed_values_are_unused(&mut self) {
        let mut removed: Vec<_> = self.removed.iter().map(|(&n, &edit)| (edit, n)).collect();
        removed.sort_unstable();
        for (number, node) in removed {
            let values = self.graph.node(node).outputs();
            for value in values.iter().copied().flatten() {
                let left = self.graph.uses(value).into_iter().find(|at| {
                    !self.redirected.contains_key(at) && !self.removed.contains_key(&at.node)
                });
                if let Some(at) = left {
                    let (name, place) = (self.name(value), self.place(at));
                    self.problem(number, format!("{name} is still used: {place}"));
                }
            }
        }
        let heirs = self.edits.heirs(self.graph);
        for (number, edit) in self.edits.list.iter().enumerate() {
            let is_inherited =
                |v: &ValueId| matches!(edit, Edit::AddNode { .. }) && heirs.contains_key(v);
            for value in read_by(edit).into_iter().filter(|v| !is_inherited(v)) {
                let producer = self.graph.get_value(value).map(|v| v.producer());
                if let Some(&remover) = producer.and_then(|p| self.removed.get(&p)) {
                    let (name, remover) = (self.name(value), self.describe(remover));
                    self.problem(number, format!("{name} is gone: {remover}"));
                }
            }
        }
    }

    /// Element type and sizes of a value that this list adds, as far as it says them.
    fn added_type(&self, value: ValueId) -> Option<(DataType, Vec<i64>)> {
        let added = self.edits.get_added(value)?;
        if let Some(tensor) = &added.tensor {
            return Some((tensor.dtype, tensor.dims.clone()));
        }
        let ty = added.info.as_ref()?.ty.as_ref()?;
        let dims = ty.shape()?.iter().map(Dim::as_known).collect::<Option<_>>()?;
        Some((ty.dtype()?, dims))
    }

    fn dtype(&self, value: ValueId) -> Option<DataType> {
        let Some(added) = self.edits.get_added(value) else {
            self.graph.get_value(value)?;
            return self.graph.dtype(value);
        };
        let declared = || added.info.as_ref()?.ty.as_ref()?.dtype();
        added.tensor.as_ref().map(|t| t.dtype).or_else(declared)
    }

    fn describe(&self, number: usize) -> String {
        let name = |v: ValueId| self.name(v);
        let added = |i: usize| &self.edits.added[i].name;
        let what = match &self.edits.list[number] {
            Edit::AddInitializer { value, .. } => format!("add initializer {:?}", added(*value)),
            Edit::AddInput { value, .. } => format!("add input {:?}", added(*value)),
            Edit::SetDefault { input, by } => {
                format!("set default of {} to {}", name(*input), name(*by))
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
            Edit::RemoveNode { node } => format!("remove {}", self.node(*node)),
        };
        format!("edit {number} ({what})")
    }

    fn name(&self, value: ValueId) -> String {
        let in_graph = || self.graph.get_value(value).map(|v| v.name());
        let name = self.edits.added_name(value).or_else(in_graph);
        name.map_or_else(|| format!("{value:?}"), |n| format!("{n:?}"))
    }

    fn node(&self, id: NodeId) -> String {
        if self.graph.get_node(id).is_some() { self.graph.describe(id) } else { format!("{id:?}") }
    }

    fn place(&self, at: Use) -> String {
        let node = self.node(at.node);
        match at.slot {
            Slot::Input(i) => format!("input {i} of {node}"),
            Slot::Capture(i) => format!("capture {i} of {node}"),
        }
    }
}

/// The values that an edit brings into use.
fn read_by(edit: &Edit) -> Vec<ValueId> {
    match edit {
        Edit::AddNode { inputs, .. } => inputs.iter().copied().flatten().collect(),
        Edit::ReplaceUses { by, .. } | Edit::ReplaceInput { by, .. } => vec![*by],
        _ => Vec::new(),
    }
}
