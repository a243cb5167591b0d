//! What is known of values before a model runs: types, sizes, and the elements of small tensors of
//! integers, which mostly are sizes. What is made of constants is computed.
//!
//! Each operator has a rule (`Operator::infer`); rules stand here by theme. A fact holds in every run
//! that does not end with an error, but for what is believed:
//!
//! - a size that a model declares of a value, where nothing else is known of it;
//! - that a size in the shape of a Reshape is one, also where it is 0 in a run, which stands for another;
//! - that a Scan of no elements makes tensors of the sizes of any other;
//! - that no axis has 2³¹ elements;
//! - that sums and products of elements are numbers of i64, and those of sizes of the type they are in.
//!
//! A node that calls a function of the model is not told from an operator of that name: functions are
//! inlined before.

pub(in crate::ops) mod attention;
pub(in crate::ops) mod control;
pub(in crate::ops) mod create;
mod declared;
pub(in crate::ops) mod elements;
pub(in crate::ops) mod elementwise;
pub(in crate::ops) mod features;
mod fold;
mod graph;
pub(in crate::ops) mod movement;
pub(in crate::ops) mod normalize;
pub(in crate::ops) mod product;
pub(in crate::ops) mod recurrent;
pub(in crate::ops) mod reduce;
pub(in crate::ops) mod reshape;
pub(in crate::ops) mod sample;
pub(in crate::ops) mod sequence;
mod site;
pub(in crate::ops) mod slice;
pub(in crate::ops) mod window;

pub(in crate::ops) use site::{Made, Site};
pub(crate) use window::slid;

use super::numbers;
use super::size::{Atom, Size};
use crate::ir::{DataType, Graph, ValueId};
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
/// How much is inferred of subgraphs, in nodes and atoms: a loop in a loop is inferred again and again.
const INNER: u32 = 1 << 17;

/// Facts of all values of a main graph.
pub(crate) fn infer(graph: &Graph, opsets: &[(String, i64)]) -> Facts {
    infer_with(graph, opsets, Facts::new())
}

/// The same of any graph, where more is known of its inputs or captures than it declares. Atoms of what
/// is given are names, or of values of this graph.
pub(crate) fn infer_with(graph: &Graph, opsets: &[(String, i64)], given: Facts) -> Facts {
    graph::Scope { graph, opsets, inner: &Cell::new(0), is_main: true }.facts(given)
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
            let followed = size.and_then(Size::followed);
            followed.unwrap_or_else(|| own(is_size, at as u32).into())
        };
        all.into_iter().enumerate().map(one).collect()
    };
    let dtype = made.dtype;
    let shape = made.shape.map(|shape| fill(true, shape));
    let count = shape.as_deref().and_then(count);
    // Numbers of the engine are i64: not all elements of uint64 are.
    let is_followed = |&dtype: &DataType| numbers::is_integer(dtype) && dtype != DataType::U64;
    let count = count.filter(|_| dtype.as_ref().is_some_and(is_followed));
    let elements = match (made.elements, count) {
        (Some(mut all), Some(count)) if all.len() == count && count <= ELEMENTS => {
            all.iter_mut().for_each(|x| drop(x.take_if(|x| !fits(x, dtype))));
            Some(all)
        }
        (_, Some(count)) if count <= UNKNOWN_ELEMENTS => Some(vec![None; count]),
        _ => None,
    };
    Fact { dtype, shape, elements: elements.map(|elements| fill(false, elements)) }
}

/// Whether a type of integers has a number, or is believed to. What else may wrap around is not followed.
fn fits(element: &Size, dtype: Option<DataType>) -> bool {
    match (element.known(), dtype) {
        (Some(number), Some(dtype)) => {
            let (least, most) = numbers::limits(dtype);
            (least..=most).contains(&number.into())
        }
        (None, Some(DataType::I64)) => true,
        (None, Some(DataType::I32)) => element.least().is_some(),
        (None, Some(DataType::U32)) => element.least() >= Some(0),
        _ => false,
    }
}

/// How many elements a scalar or a vector of known size has.
fn count(shape: &[Size]) -> Option<usize> {
    match shape {
        [] => Some(1),
        [size] => usize::try_from(size.known()?).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
