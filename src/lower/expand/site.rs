//! A node that is rewritten.

use super::build::Made;
use super::copy::Copy;
use crate::ir::{DataType, Graph, Names, NodeId, Op, Tensor, ValueId};
use crate::ops::Call;
use crate::ops::infer::{Fact, Facts};
use crate::ops::schema::Schema;
use crate::ops::size::Size;

/// A node that is rewritten, and where what replaces it is built.
pub(super) struct Site<'s, 'g> {
    pub(super) copy: &'s mut Copy<'g>,
    /// Of values of the graph that is copied.
    pub(super) facts: &'s Facts,
    pub(super) to: &'s mut Graph,
    pub(super) made: &'s mut Made,
    pub(super) names: &'s mut Names,
    pub(super) opsets: &'s [(String, i64)],
    pub(super) id: NodeId,
    pub(super) op: &'s Op,
    pub(super) schema: &'static Schema,
}

/// Reading the node. All is none where it is not known or not there.
impl<'g> Site<'_, 'g> {
    fn given(&self, slot: usize) -> Option<ValueId> {
        self.copy.from.node_input(self.id, slot)
    }

    /// Whether an input is there.
    pub(super) fn has(&self, slot: usize) -> bool {
        self.given(slot).is_some()
    }

    /// An input, in the graph that is built.
    pub(super) fn input(&mut self, slot: usize) -> Option<ValueId> {
        let value = self.given(slot)?;
        self.copy.value(self.to, value)
    }

    /// The tensor of an input that is constant.
    pub(super) fn constant(&self, slot: usize) -> Option<&'g Tensor> {
        self.copy.from.constant(self.given(slot)?)
    }

    fn fact(&self, slot: usize) -> Option<&Fact> {
        self.facts.get(&self.given(slot)?)
    }

    /// The type of an input's elements.
    pub(super) fn dtype(&self, slot: usize) -> Option<DataType> {
        self.fact(slot)?.dtype
    }

    /// The sizes of an input.
    pub(super) fn sizes(&self, slot: usize) -> Option<Vec<Size>> {
        self.fact(slot)?.shape.clone()
    }

    /// The rank of an input.
    pub(super) fn rank(&self, slot: usize) -> Option<usize> {
        Some(self.sizes(slot)?.len())
    }

    /// The size of an input's axis.
    pub(super) fn size(&self, slot: usize, axis: usize) -> Option<Size> {
        self.sizes(slot)?.get(axis).cloned()
    }

    /// The size of an input's axis, where it is a number.
    pub(super) fn known(&self, slot: usize, axis: usize) -> Option<i64> {
        self.size(slot, axis)?.known()
    }

    /// Whether something reads an output.
    pub(super) fn is_read(&self, slot: usize) -> bool {
        let value = self.copy.from.node(self.id).outputs().get(slot).copied().flatten();
        value.is_some_and(|value| !self.copy.from.uses(value).is_empty())
    }

    /// The node without its inputs, to read its attributes.
    pub(super) fn call(&self) -> Call<'_> {
        Call::without_inputs(self.op, self.schema)
    }

    /// An integer attribute, or its default.
    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.call().int(name).ok()
    }

    /// An integer attribute, or 0.
    pub(super) fn int_or_0(&self, name: &str) -> i64 {
        self.int(name).unwrap_or(0)
    }

    /// A float attribute, or its default.
    pub(super) fn float(&self, name: &str) -> Option<f64> {
        self.call().float(name).ok()
    }
}
