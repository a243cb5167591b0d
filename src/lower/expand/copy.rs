//! A graph that is copied, node by node, into another.

use crate::error::{Error, Result};
use crate::ir::{Graph, Names, NodeId, NodeKind, Op, Slot, Tensor, Use, ValueId, ValueInfo};
use std::collections::HashMap;

/// For a capture slot of the original: that of the copy and the name of what feeds it; none where
/// nothing does.
pub(super) type Captured = Option<(u32, String)>;

/// A graph that is copied, and what stands for its values so far.
pub(super) struct Copy<'g> {
    pub(super) from: &'g Graph,
    values: HashMap<ValueId, Option<ValueId>>,
    /// Constants that operators make: they become initializers, where they are used.
    constants: HashMap<ValueId, Tensor>,
    /// The names that differ.
    names: HashMap<ValueId, String>,
    is_renamed: bool,
}

impl<'g> Copy<'g> {
    /// One whose values keep their names.
    pub(super) fn new(from: &'g Graph) -> Self {
        let (values, constants, names) = Default::default();
        Self { from, values, constants, names, is_renamed: false }
    }

    /// One whose values get names that are free, or these.
    pub(super) fn renamed(
        from: &'g Graph,
        free: &mut Names,
        mut names: HashMap<ValueId, String>,
    ) -> Self {
        for value in from.value_ids() {
            names.entry(value).or_insert_with(|| free.fresh(from.value(value).name()));
        }
        Self { names, is_renamed: true, ..Self::new(from) }
    }

    /// The name of a copied value.
    pub(super) fn name(&self, value: ValueId) -> &str {
        self.names.get(&value).map_or_else(|| self.from.value(value).name(), String::as_str)
    }

    /// What is declared of a copied value: in a renamed graph names of sizes mean nothing.
    pub(super) fn info(&self, value: ValueId) -> Option<ValueInfo> {
        let mut info = self.from.value(value).info.clone()?;
        if self.is_renamed {
            info.ty.iter_mut().for_each(|ty| ty.forget_sizes());
        }
        Some(info)
    }

    /// Says what stands for a value.
    pub(super) fn set(&mut self, value: ValueId, copy: Option<ValueId>) {
        self.values.insert(value, copy);
    }

    /// Says that a value is a constant.
    pub(super) fn set_constant(&mut self, value: ValueId, tensor: Tensor) {
        self.constants.insert(value, tensor);
    }

    /// What stands for a value; none where it is never there. Initializers are copied when they are
    /// asked for.
    pub(super) fn value(&mut self, to: &mut Graph, value: ValueId) -> Option<ValueId> {
        if let Some(known) = self.values.get(&value) {
            return *known;
        }
        let stored = || self.from.node(self.from.value(value).producer()).stored_tensor();
        let tensor = self.constants.get(&value).or_else(stored)?.clone();
        let copy = to.add_initializer(self.name(value), tensor);
        to.value_mut(copy).info = self.info(value);
        self.set(value, Some(copy));
        Some(copy)
    }

    /// What stands for the inputs of a node.
    pub(super) fn inputs(&mut self, to: &mut Graph, id: NodeId) -> Vec<Option<ValueId>> {
        let inputs = self.from.node_inputs(id).into_iter();
        inputs.map(|value| value.and_then(|value| self.value(to, value))).collect()
    }

    /// The copy with its inputs and captures alone.
    pub(super) fn start(&mut self, captured: &[Captured]) -> Graph {
        let from = self.from;
        let mut to = Graph::default();
        (to.name, to.doc_string) = (from.name.clone(), from.doc_string.clone());
        (to.metadata, to.carried) = (from.metadata.clone(), from.carried.clone());
        for id in from.captures() {
            let NodeKind::Capture { slot } = from.node(id).kind else { continue };
            let Some(value) = from.output(id) else { continue };
            let outer = captured.get(slot as usize).and_then(Option::as_ref);
            let copy = outer.map(|(slot, name)| {
                to.value_named(name).unwrap_or_else(|| to.add_capture(name, *slot))
            });
            self.set(value, copy);
        }
        for &id in from.inputs() {
            let Some(value) = from.output(id) else { continue };
            let default = from.node(id).stored_tensor().cloned();
            let info = self.info(value).unwrap_or_default();
            let copy = to.add_input(self.name(value), info, default);
            self.set(value, Some(copy));
        }
        to
    }

    /// Copies an operator, in place of which `op` stands, and its subgraphs by `subgraph`.
    pub(super) fn op(
        &mut self,
        to: &mut Graph,
        id: NodeId,
        mut op: Op,
        mut subgraph: impl FnMut(&Graph, &[Captured]) -> Result<Graph>,
    ) -> Result<()> {
        let inputs = self.inputs(to, id);
        let mut outer: Vec<ValueId> = Vec::new();
        let captured = self.from.node_captures(id).into_iter().map(|value| {
            let value = self.value(to, value?)?;
            let slot = outer.iter().position(|&known| known == value).unwrap_or_else(|| {
                outer.push(value);
                outer.len() - 1
            });
            Some((slot as u32, to.value(value).name().to_owned()))
        });
        let captured: Vec<Captured> = captured.collect();
        for inner in op.subgraphs_mut() {
            *inner = subgraph(inner, &captured)?;
        }
        let made = self.from.node(id).outputs();
        let names: Vec<_> = made.iter().map(|value| value.map(|v| self.name(v))).collect();
        let node = to.add_op(op, inputs.len(), &names);
        for (slot, value) in inputs.into_iter().enumerate() {
            value.into_iter().for_each(|value| to.connect(value, Use::input(node, slot)));
        }
        for (slot, value) in outer.into_iter().enumerate() {
            to.connect(value, Use { node, slot: Slot::Capture(slot as u32) });
        }
        let copies = to.node(node).outputs().to_vec();
        for (&value, copy) in made.iter().zip(copies) {
            let (Some(value), Some(copy)) = (value, copy) else { continue };
            to.value_mut(copy).info = self.info(value);
            self.set(value, Some(copy));
        }
        Ok(())
    }

    /// Adds the outputs, under their names.
    ///
    /// # Errors
    /// One is never there.
    pub(super) fn finish(&mut self, to: &mut Graph) -> Result<()> {
        for &output in self.from.outputs() {
            let value = self.from.node_input(output, 0);
            let Some((value, copy)) = value.and_then(|v| Some((v, self.value(to, v)?))) else {
                return Err(Error::input("an output is missing").within(self.from.describe(output)));
            };
            let producer = self.from.value(value).producer();
            let is_capture = matches!(self.from.node(producer).kind, NodeKind::Capture { .. });
            let copy = match self.name(value) {
                name if is_capture || to.value(copy).name() == name => copy,
                name => {
                    let op = Op { op_type: "Identity".to_owned(), ..Op::default() };
                    let node = to.add_op(op, 1, &[Some(name)]);
                    to.connect(copy, Use::input(node, 0));
                    let named = to.output(node).unwrap_or(copy);
                    to.value_mut(named).info = self.info(value);
                    self.set(value, Some(named));
                    named
                }
            };
            to.add_graph_output(copy);
        }
        Ok(())
    }
}
