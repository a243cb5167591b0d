//! Facts of a graph, node after node.

use super::declared::{declared, of_tensor};
use super::fold::folded;
use super::{Fact, Facts, INNER, Made, Site, filled, inner_atom};
use crate::ir::{Graph, NodeId, NodeKind, Op, Tensor, ValueId};
use crate::ops::numbers::of_integers;
use crate::ops::size::{Atom, Size};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;

/// A graph that is inferred.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub(super) graph: &'s Graph,
    pub(super) opsets: &'s [(String, i64)],
    /// How many nodes and atoms of subgraphs there were.
    pub(super) inner: &'s Cell<u32>,
    /// Whether it is no subgraph.
    pub(super) is_main: bool,
}

/// What is known so far.
#[derive(Default)]
pub(super) struct Known<'s> {
    pub(super) facts: Facts,
    /// Tensors that are known whole.
    pub(super) constants: HashMap<ValueId, Cow<'s, Tensor>>,
    /// Elements of sequences.
    pub(super) items: HashMap<ValueId, Vec<Made>>,
}

impl<'s> Scope<'s> {
    /// Facts of all values, where those of inputs and captures may be given.
    pub(super) fn facts(self, given: Facts) -> Facts {
        let graph = self.graph;
        let mut known = Known { facts: given, ..Known::default() };
        for value in graph.value_ids() {
            match &graph.node(graph.value(value).producer()).kind {
                NodeKind::Initializer(tensor) => {
                    known.facts.insert(value, of_tensor(tensor));
                    known.constants.insert(value, Cow::Borrowed(tensor));
                }
                NodeKind::Op(_) => {}
                _ => {
                    let own = || self.fact(value, Made::default());
                    let fact = known.facts.entry(value).or_insert_with(own);
                    known.constants.extend(whole(fact).map(|tensor| (value, tensor)));
                }
            }
        }
        let ops = graph.ops();
        if !self.is_main {
            self.inner.set(self.inner.get().saturating_add(ops.len() as u32));
        }
        for (id, op) in ops {
            self.node(id, op, &mut known);
        }
        known.facts
    }

    /// Adds what a node makes.
    fn node(self, id: NodeId, op: &'s Op, known: &mut Known<'s>) {
        let outputs = self.graph.node(id).outputs();
        let made = self.made(id, op, known);
        let mut all = Vec::with_capacity(outputs.len());
        for (value, mut made) in outputs.iter().zip(made) {
            let Some(value) = *value else { continue };
            known.items.extend(made.items.take().map(|items| (value, items)));
            all.push((value, self.fact(value, made)));
        }
        match folded(op, self.opsets, &self.graph.node_inputs(id), outputs, known, &all) {
            Some(tensors) => {
                for (value, tensor) in tensors {
                    known.facts.insert(value, of_tensor(&tensor));
                    known.constants.insert(value, tensor);
                }
            }
            None => {
                let constant = |(value, fact): &(ValueId, Fact)| Some((*value, whole(fact)?));
                known.constants.extend(all.iter().filter_map(constant));
                known.facts.extend(all);
            }
        }
    }

    /// What the rule of a node says of all outputs, with the types that follow from the schema.
    fn made(self, id: NodeId, op: &Op, known: &Known<'s>) -> Vec<Made> {
        let count = self.graph.node(id).outputs().len();
        let operator = crate::ops::find(&op.domain, &op.op_type);
        let schema = crate::ops::schema_of(op, self.opsets);
        let (Some(operator), Some(schema)) = (operator, schema) else {
            return vec![Made::default(); count];
        };
        let (inner, first) = (self.inner, self.inner.get());
        let run = |graph: &Graph, inputs: Vec<Fact>| {
            let captures = self.graph.node_captures(id);
            let capture = |slot: u32| known.facts.get(captures.get(slot as usize)?.as_ref()?);
            subgraph(graph, self.opsets, inputs, &capture, inner)
        };
        let inputs = self.graph.node_inputs(id);
        let site = Site::new(op, schema, count, &inputs, known, (inner, &run));
        let mut made = operator.infer.and_then(|rule| rule(&site)).unwrap_or_default();
        if inner.get() > first {
            made.iter_mut().for_each(|made| made.forget_inner(first));
        }
        made.resize(count, Made::default());
        // Outputs of one parameter of a control node may differ in type.
        if op.subgraphs().next().is_none() {
            let given: Vec<_> = (0..inputs.len()).map(|slot| site.dtype(slot)).collect();
            for (slot, made) in made.iter_mut().enumerate().filter(|(_, made)| made.dtype.is_none())
            {
                made.dtype = schema.output_dtype(slot, &given);
            }
        }
        made
    }

    /// What is known of a value: what a rule says, then what is declared, then that it has a size.
    fn fact(self, value: ValueId, mut made: Made) -> Fact {
        let declared = declared(self.graph, value, self.is_main);
        made.dtype = made.dtype.or(declared.dtype);
        made.shape = match (made.shape, declared.shape) {
            (Some(shape), Some(declared)) if declared.len() == shape.len() => {
                Some(shape.into_iter().zip(declared).map(|(own, other)| own.or(other)).collect())
            }
            (shape, declared) => shape.or(declared),
        };
        filled(made, |is_size, at| match (self.is_main, is_size) {
            (false, _) => inner_atom(self.inner, is_size),
            (true, true) => Atom::Axis(value, at),
            (true, false) => Atom::Element(value, at),
        })
    }
}

/// A tensor whose elements are all known.
fn whole<'t>(fact: &Fact) -> Option<Cow<'t, Tensor>> {
    let elements: Option<Vec<i128>> =
        fact.elements.as_ref()?.iter().map(|x| x.known().map(i128::from)).collect();
    let dims: Option<Vec<i64>> = fact.shape.as_ref()?.iter().map(Size::known).collect();
    of_integers(fact.dtype?, &dims?, &elements?).ok().map(Cow::Owned)
}

/// What a subgraph makes of inputs.
fn subgraph<'f>(
    graph: &Graph,
    opsets: &[(String, i64)],
    inputs: Vec<Fact>,
    capture: &dyn Fn(u32) -> Option<&'f Fact>,
    inner: &Cell<u32>,
) -> Vec<Fact> {
    if inner.get() > INNER {
        return Vec::new();
    }
    let mut given = Facts::new();
    for id in graph.captures() {
        let NodeKind::Capture { slot } = graph.node(id).kind else { continue };
        given.extend(graph.output(id).zip(capture(slot).cloned()));
    }
    for (&id, fact) in graph.inputs().iter().zip(inputs) {
        given.extend(graph.output(id).map(|value| (value, fact)));
    }
    let facts = Scope { graph, opsets, inner, is_main: false }.facts(given);
    let output = |&id: &NodeId| {
        graph.node_input(id, 0).and_then(|value| facts.get(&value).cloned()).unwrap_or_default()
    };
    graph.outputs().iter().map(output).collect()
}
