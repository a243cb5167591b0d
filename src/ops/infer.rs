//! What is known of values before a model runs: types, sizes, and the elements of small tensors of
//! integers, which mostly are sizes.
//!
//! Each operator has a rule (`Operator::infer`); rules stand here by theme. A fact holds in every run
//! that does not end with an error, with these exceptions, which only a wrong model makes: a size that a
//! model declares of a value is believed where nothing else is known, and a size in the shape of a
//! Reshape is taken for a size even where it is 0 in a run, which would stand for another.

pub(in crate::ops) mod attention;
pub(in crate::ops) mod control;
pub(in crate::ops) mod create;
mod declared;
pub(in crate::ops) mod elements;
pub(in crate::ops) mod elementwise;
pub(in crate::ops) mod features;
pub(in crate::ops) mod movement;
pub(in crate::ops) mod normalize;
pub(in crate::ops) mod product;
pub(in crate::ops) mod recurrent;
pub(in crate::ops) mod reduce;
pub(in crate::ops) mod reshape;
pub(in crate::ops) mod sample;
mod site;
pub(in crate::ops) mod slice;
pub(in crate::ops) mod window;

pub(in crate::ops) use site::{Made, Site};

use super::size::{Atom, Size};
use crate::ir::{AttributeValue, DataType, Graph, NodeId, NodeKind, Op, Tensor, ValueId};
use declared::{declared, of_tensor};
use std::cell::Cell;
use std::collections::HashMap;

/// What is known of a value before a model runs; nothing of one that is no tensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fact {
    /// Its element type.
    pub(crate) dtype: Option<DataType>,
    /// Its sizes; none where the rank is not known.
    pub(crate) shape: Option<Vec<Size>>,
    /// The elements of an integer or boolean, or of a vector of at most [`ELEMENTS`] of them.
    pub(crate) elements: Option<Vec<Size>>,
}

/// What is known of all values of a graph.
pub(crate) type Facts = HashMap<ValueId, Fact>;

/// What a rule says of the outputs of a node, by slot; none where it says nothing.
pub(in crate::ops) type Infer = fn(&Site<'_>) -> Option<Vec<Made>>;

/// How many elements of a vector are followed.
const ELEMENTS: usize = 1024;
/// How many of them where nothing is known of any.
const UNKNOWN_ELEMENTS: usize = 16;

/// Facts of all values of a main graph.
pub(crate) fn infer(graph: &Graph, opsets: &[(String, i64)]) -> Facts {
    infer_with(graph, opsets, Facts::new())
}

/// The same, where more is known of inputs or captures than the graph declares: their atoms are names,
/// or of values of this graph.
pub(crate) fn infer_with(graph: &Graph, opsets: &[(String, i64)], given: Facts) -> Facts {
    let scope = Scope { graph, opsets, inner: None };
    scope.facts(given)
}

/// A rule of an operator of which nothing is known but the types of its outputs.
pub(in crate::ops) fn unknown(_: &Site<'_>) -> Option<Vec<Made>> {
    None
}

/// A graph that is inferred.
#[derive(Clone, Copy)]
struct Scope<'s> {
    graph: &'s Graph,
    opsets: &'s [(String, i64)],
    /// In a subgraph, how many atoms of subgraphs there are.
    inner: Option<&'s Cell<u32>>,
}

impl<'s> Scope<'s> {
    fn facts(self, given: Facts) -> Facts {
        let graph = self.graph;
        let mut facts = given;
        let mut constants: HashMap<ValueId, &Tensor> = HashMap::new();
        for value in graph.value_ids() {
            match &graph.node(graph.value(value).producer()).kind {
                NodeKind::Initializer(tensor) => {
                    facts.insert(value, of_tensor(tensor));
                    constants.insert(value, tensor);
                }
                NodeKind::Op(_) => {}
                _ if facts.contains_key(&value) => {}
                _ => {
                    let fact = self.fact(value, None, None);
                    facts.insert(value, fact);
                }
            }
        }
        for (id, op) in graph.ops() {
            let made = self.node(id, op, &facts, &constants);
            if let Some(tensor) = constant(op) {
                constants.extend(graph.output(id).map(|value| (value, tensor)));
            }
            facts.extend(made);
        }
        facts
    }

    /// What a node makes.
    fn node<'g>(
        self,
        id: NodeId,
        op: &'g Op,
        facts: &Facts,
        constants: &HashMap<ValueId, &'g Tensor>,
    ) -> Vec<(ValueId, Fact)> {
        let inputs = self.graph.node_inputs(id);
        let outputs = self.graph.node(id).outputs();
        let schema = super::schema_of(op, self.opsets);
        let mut made = Vec::new();
        let mut dtypes = vec![None; outputs.len()];
        if let (Some(operator), Some(schema)) = (super::find(&op.domain, &op.op_type), schema) {
            let first = self.inner.map_or(0, Cell::get);
            let count = Cell::new(first);
            let inner = self.inner.unwrap_or(&count);
            let run = |graph: &Graph, inputs: Vec<Fact>| {
                let captures = self.graph.node_captures(id);
                let capture = |slot: u32| facts.get(captures.get(slot as usize)?.as_ref()?);
                subgraph(graph, self.opsets, inputs, &capture, inner)
            };
            let site =
                Site::new(op, schema, outputs.len(), &inputs, facts, constants, (inner, &run));
            made = (operator.infer)(&site).unwrap_or_default();
            if inner.get() > first {
                made.iter_mut().for_each(|made| made.forget_inner(first));
            }
            if op.subgraphs().next().is_none() {
                let given: Vec<Option<DataType>> =
                    (0..inputs.len()).map(|slot| site.dtype(slot)).collect();
                dtypes = (0..outputs.len()).map(|slot| schema.output_dtype(slot, &given)).collect();
            }
        }
        let mut made = made.into_iter();
        let each = outputs.iter().zip(dtypes).map(|(value, dtype)| (*value, dtype, made.next()));
        each.filter_map(|(value, dtype, made)| Some((value?, self.fact(value?, dtype, made))))
            .collect()
    }

    /// What is known of a value: what a rule says, then what is declared, then that it has a size.
    fn fact(self, value: ValueId, dtype: Option<DataType>, made: Option<Made>) -> Fact {
        let made = made.unwrap_or_default();
        let declared = declared(self.graph, value);
        let dtype = made.dtype.or(dtype).or(declared.dtype);
        let shape = match (made.shape, declared.shape) {
            (Some(shape), Some(declared)) if declared.len() == shape.len() => {
                Some(shape.into_iter().zip(declared).map(|(own, other)| own.or(other)).collect())
            }
            (Some(shape), _) => Some(shape),
            (None, declared) => declared,
        };
        let made = Made { dtype, shape, elements: made.elements };
        match self.inner {
            Some(inner) => filled(made, |is_size, _| inner_atom(inner, is_size)),
            None => filled(made, |is_size, at| match is_size {
                true => Atom::Axis(value, at),
                false => Atom::Element(value, at),
            }),
        }
    }
}

/// A size or an element of a subgraph that nothing else says.
fn inner_atom(inner: &Cell<u32>, is_size: bool) -> Atom {
    let number = inner.replace(inner.get().saturating_add(1));
    if is_size { Atom::Inner(number) } else { Atom::InnerElement(number) }
}

/// What is made, and where it is not known these atoms: whether of a size, and its place.
fn filled(made: Made, own: impl Fn(bool, u32) -> Atom) -> Fact {
    let fill = |is_size: bool, all: Vec<Option<Size>>| -> Vec<Size> {
        let one = |(at, size): (usize, Option<Size>)| {
            let followed = size.filter(|size| size.weight() <= Size::LONGEST);
            followed.unwrap_or_else(|| own(is_size, at as u32).into())
        };
        all.into_iter().enumerate().map(one).collect()
    };
    let dtype = made.dtype;
    let shape = made.shape.map(|shape| fill(true, shape));
    let count = shape.as_deref().and_then(count);
    let count = count.filter(|_| dtype.is_some_and(super::numbers::is_integer));
    let fits = |x: i64| {
        dtype.is_some_and(|dtype| {
            let (least, most) = super::numbers::limits(dtype);
            (least..=most).contains(&x.into())
        })
    };
    let elements = match (made.elements, count) {
        (Some(mut all), Some(count)) if all.len() == count && count <= ELEMENTS => {
            all.iter_mut().for_each(|x| drop(x.take_if(|x| x.known().is_some_and(|x| !fits(x)))));
            Some(all)
        }
        (_, Some(count)) if count <= UNKNOWN_ELEMENTS => Some(vec![None; count]),
        _ => None,
    };
    Fact { dtype, shape, elements: elements.map(|elements| fill(false, elements)) }
}

/// How many elements a scalar or a vector of known size has.
fn count(shape: &[Size]) -> Option<usize> {
    match shape {
        [] => Some(1),
        [size] => usize::try_from(size.known()?).ok(),
        _ => None,
    }
}

/// What a subgraph makes of inputs.
fn subgraph<'f>(
    graph: &Graph,
    opsets: &[(String, i64)],
    inputs: Vec<Fact>,
    capture: &dyn Fn(u32) -> Option<&'f Fact>,
    inner: &Cell<u32>,
) -> Vec<Fact> {
    let mut given = Facts::new();
    for id in graph.captures() {
        let NodeKind::Capture { slot } = graph.node(id).kind else { continue };
        given.extend(graph.output(id).zip(capture(slot).cloned()));
    }
    for (&id, fact) in graph.inputs().iter().zip(inputs) {
        given.extend(graph.output(id).map(|value| (value, fact)));
    }
    let facts = Scope { graph, opsets, inner: Some(inner) }.facts(given);
    let output = |&id: &NodeId| {
        graph.node_input(id, 0).and_then(|value| facts.get(&value).cloned()).unwrap_or_default()
    };
    graph.outputs().iter().map(output).collect()
}

/// The tensor that a Constant is.
fn constant(op: &Op) -> Option<&Tensor> {
    match op.attribute("value")? {
        AttributeValue::Tensor(tensor) if op.is("Constant") => Some(tensor),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
