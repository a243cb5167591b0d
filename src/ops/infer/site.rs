//! A node, as its rule sees it, and what the rule says.

use super::graph::Known;
use super::{ELEMENTS, Fact, count, filled, inner_atom};
use crate::ir::{DataType, Graph, Op, Tensor, ValueId};
use crate::ops::schema::Schema;
use crate::ops::size::{Atom, Size};
use crate::ops::{Call, shape};
use std::borrow::Cow;
use std::cell::Cell;

/// What a subgraph makes of inputs of which this is known.
type RunGraph<'a> = &'a dyn Fn(&Graph, Vec<Fact>) -> Vec<Fact>;

/// A node of which a rule is asked. All it says is none where it is not known or not there.
pub(in crate::ops) struct Site<'a> {
    /// The node without its inputs, to read its attributes.
    pub(in crate::ops) call: Call<'a>,
    /// By slot; none where an optional one is left out.
    pub(super) inputs: Vec<Option<&'a Fact>>,
    values: Vec<Option<ValueId>>,
    known: &'a Known<'a>,
    inner: &'a Cell<u32>,
    pub(super) run_graph: RunGraph<'a>,
}

static NOTHING: Fact = Fact { dtype: None, shape: None, elements: None };

/// What a rule says of an output; what it does not say is filled in.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::ops) struct Made {
    pub(super) dtype: Option<DataType>,
    pub(super) shape: Option<Vec<Option<Size>>>,
    pub(super) elements: Option<Vec<Option<Size>>>,
    /// Of a sequence of known length.
    pub(super) items: Option<Vec<Made>>,
}

impl<'a> Site<'a> {
    pub(super) fn new(
        op: &'a Op,
        schema: &'static Schema,
        outputs: usize,
        inputs: &[Option<ValueId>],
        known: &'a Known<'a>,
        (inner, run_graph): (&'a Cell<u32>, RunGraph<'a>),
    ) -> Self {
        let call = Call { outputs, ..Call::without_inputs(op, schema) };
        let fact = |value: ValueId| known.facts.get(&value).unwrap_or(&NOTHING);
        Self {
            call,
            inputs: inputs.iter().map(|value| value.map(fact)).collect(),
            values: inputs.to_vec(),
            known,
            inner,
            run_graph,
        }
    }

    /// What is made, as an input of a subgraph.
    pub(super) fn fact(&self, made: Made) -> Fact {
        filled(made, |is_size, _| inner_atom(self.inner, is_size))
    }

    /// Whether an input is there.
    pub(super) fn has_input(&self, slot: usize) -> bool {
        self.input(slot).is_some()
    }

    pub(super) fn input(&self, slot: usize) -> Option<&'a Fact> {
        self.inputs.get(slot).copied().flatten()
    }

    pub(super) fn dtype(&self, slot: usize) -> Option<DataType> {
        self.input(slot)?.dtype
    }

    pub(super) fn shape(&self, slot: usize) -> Option<&'a [Size]> {
        self.input(slot)?.shape.as_deref()
    }

    pub(super) fn rank(&self, slot: usize) -> Option<usize> {
        self.shape(slot).map(<[Size]>::len)
    }

    pub(super) fn elements(&self, slot: usize) -> Option<&'a [Size]> {
        self.input(slot)?.elements.as_deref()
    }

    /// How many elements a vector has, where they are followed.
    pub(super) fn length(&self, slot: usize) -> Option<usize> {
        count(self.shape(slot)?.get(..1)?).filter(|&count| count <= ELEMENTS)
    }

    /// The only element.
    pub(super) fn element(&self, slot: usize) -> Option<&'a Size> {
        match self.elements(slot)? {
            [one] => Some(one),
            _ => None,
        }
    }

    /// An input that is a constant.
    pub(super) fn constant(&self, slot: usize) -> Option<&'a Tensor> {
        self.known.constants.get(&(*self.values.get(slot)?)?).map(Cow::as_ref)
    }

    /// The elements of a sequence.
    pub(super) fn items(&self, slot: usize) -> Option<&'a [Made]> {
        self.known.items.get(&(*self.values.get(slot)?)?).map(Vec::as_slice)
    }

    /// Integers of an input, or in older operator sets of an attribute.
    pub(super) fn numbers(&self, slot: usize, name: &str) -> Option<Vec<i64>> {
        self.sizes(slot, name)?.iter().map(Size::known).collect()
    }

    /// The same, where they may be sizes.
    pub(super) fn sizes(&self, slot: usize, name: &str) -> Option<Vec<Size>> {
        match self.call.has(name) {
            true => {
                Some(self.call.numbers(slot, name).ok()??.into_iter().map(Size::from).collect())
            }
            false => self.elements(slot).map(<[Size]>::to_vec),
        }
    }

    /// Whether there are integers as an input, or as an attribute.
    pub(super) fn has_numbers(&self, slot: usize, name: &str) -> bool {
        self.call.has(name) || self.has_input(slot)
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.call.int(name).ok()
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.call.flag(name).ok()
    }

    /// The type that an attribute names; 0 is none.
    pub(super) fn named(&self, attribute: &str) -> Option<DataType> {
        self.call.dtype(attribute).ok()
    }

    /// The attribute `axis` as one of so many axes.
    pub(super) fn axis(&self, rank: usize) -> Option<usize> {
        shape::axis(self.int("axis")?, rank).ok()
    }
}

/// Sizes or elements, all of them known.
pub(super) fn all(sizes: &[Size]) -> Vec<Option<Size>> {
    sizes.iter().cloned().map(Some).collect()
}

impl Made {
    /// Of these sizes.
    pub(super) fn of(sizes: impl Into<Vec<Size>>) -> Self {
        Self::sizes(sizes.into().into_iter().map(Some))
    }

    /// Of these sizes, as far as they are known.
    pub(super) fn sizes(sizes: impl IntoIterator<Item = Option<Size>>) -> Self {
        Self { shape: Some(sizes.into_iter().collect()), ..Self::default() }
    }

    /// Of so many axes.
    pub(super) fn rank(rank: usize) -> Self {
        Self::sizes(vec![None; rank])
    }

    /// With this type; without one that of the schema.
    pub(super) fn typed(self, dtype: Option<DataType>) -> Self {
        Self { dtype, ..self }
    }

    /// With these elements.
    pub(super) fn with(self, elements: Option<Vec<Option<Size>>>) -> Self {
        Self { elements, ..self }
    }

    /// Forgets what speaks of values of subgraphs, numbered from `first` on.
    pub(super) fn forget_inner(&mut self, first: u32) {
        let is_inner = |atom: &Atom| match atom {
            Atom::Inner(number) | Atom::InnerElement(number) => *number >= first,
            _ => false,
        };
        for size in self.shape.iter_mut().chain(&mut self.elements).flatten() {
            size.take_if(|size| size.mentions(&is_inner));
        }
    }
}

impl From<&Fact> for Made {
    fn from(fact: &Fact) -> Self {
        Self {
            dtype: fact.dtype,
            shape: fact.shape.as_deref().map(all),
            elements: fact.elements.as_deref().map(all),
            items: None,
        }
    }
}
