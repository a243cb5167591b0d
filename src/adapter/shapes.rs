//! What is known of the sizes of values: numbers, names of sizes, or the size of an axis of
//! another value. Exporters say little of it, so it is inferred, operator by operator.

mod infer;
mod literal;
mod longer;
mod matching;

pub(super) use infer::quotient;
pub(super) use literal::{floats, integers, literal, scalar};
pub use longer::lengths_behind;
pub(super) use matching::matching;

use crate::ir::{DataType, DimSize, Graph, NodeId, ValueId};
use std::collections::{BTreeSet, HashMap};

/// A size. Equal ones are equal numbers at run time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Size {
    /// A number.
    Known(i64),
    /// The model calls it so.
    Symbol(String),
    /// Whatever this axis of this value has.
    Of(ValueId, usize),
    /// Whatever this element of this vector, or this scalar, is.
    Element(ValueId, usize),
    /// A number times others, none of which is a number or a product.
    Product(i64, Vec<Size>),
    /// The axis whose growth [`Shapes::stated`] follows.
    Grown,
}

impl Size {
    /// The product of a number and others.
    fn product(number: i64, mut others: Vec<Self>) -> Self {
        others.sort();
        match (number, &mut others[..]) {
            (_, []) | (0, _) => Self::Known(number),
            (1, [one]) => std::mem::replace(one, Self::Grown),
            _ => Self::Product(number, others),
        }
    }

    /// The product of sizes, as a number and others; none where the number is too large.
    fn factors(sizes: &[Self]) -> Option<(i64, Vec<&Self>)> {
        let (mut number, mut others) = (1i64, Vec::new());
        for size in sizes {
            match size {
                Self::Known(n) => number = number.checked_mul(*n)?,
                Self::Product(n, rest) => {
                    number = number.checked_mul(*n)?;
                    others.extend(rest);
                }
                other => others.push(other),
            }
        }
        Some((number, others))
    }
}

/// What is known of one value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known {
    pub(super) sizes: Option<Vec<Size>>,
    /// The elements of a vector of sizes, or of an integer scalar.
    pub(super) elements: Option<Vec<Size>>,
    pub(super) dtype: Option<DataType>,
}

/// An input slot that says the length of an axis in numbers of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stated {
    /// The Reshape or Expand.
    pub node: NodeId,
    /// The slot of its shape.
    pub slot: usize,
    /// The element of the shape.
    pub axis: usize,
    /// How many elements the shape has.
    pub rank: usize,
}

/// What is known of all values of a graph.
pub(super) struct Shapes<'g> {
    graph: &'g Graph,
    order: Vec<NodeId>,
    place: HashMap<NodeId, usize>,
    known: HashMap<ValueId, Known>,
}

impl<'g> Shapes<'g> {
    pub(super) fn of(graph: &'g Graph) -> Self {
        let order: Vec<NodeId> = graph.ops().into_iter().map(|(id, _)| id).collect();
        let place = order.iter().enumerate().map(|(i, &id)| (id, i)).collect();
        let mut known = HashMap::new();
        for value in graph.value_ids() {
            if graph.node(graph.value(value).producer()).op().is_none() {
                known.insert(value, declared(graph, value));
            }
        }
        for &node in &order {
            let inferred = infer::outputs(graph, node, &|value| known.get(&value));
            for (value, mut inferred) in inferred {
                refine(graph, value, &mut inferred);
                known.insert(value, inferred);
            }
        }
        Self { graph, order, place, known }
    }

    /// The sizes of a value; none if not even its rank is known.
    pub(super) fn sizes(&self, value: ValueId) -> Option<&[Size]> {
        self.known.get(&value)?.sizes.as_deref()
    }

    pub(super) fn dtype(&self, value: ValueId) -> Option<DataType> {
        self.known.get(&value)?.dtype
    }

    pub(super) fn rank(&self, value: ValueId) -> Option<usize> {
        self.sizes(value).map(<[Size]>::len)
    }

    /// Whether a value has one element.
    pub(super) fn is_scalar(&self, value: ValueId) -> bool {
        self.sizes(value).is_some_and(|s| s.iter().all(|d| *d == Size::Known(1)))
    }

    /// The slots on a way that would say a wrong length once the value at its beginning has grown
    /// along `axis`. `path` are the nodes of the way and the slots it comes in by; `next_axes` are
    /// the axes that grow in what all but the last of them make.
    pub(super) fn stated(
        &self,
        path: &[(NodeId, usize)],
        axis: usize,
        next_axes: &[usize],
    ) -> Vec<Stated> {
        let mut stated = Vec::new();
        let Some((&(first, slot), last)) = path.first().zip(path.last()) else { return stated };
        let mut overlay: HashMap<ValueId, Known> = HashMap::new();
        let Some(mut grown) =
            self.graph.node_input(first, slot).and_then(|v| self.known.get(&v).cloned())
        else {
            return stated;
        };
        grow(&mut grown, axis);
        let on_path: BTreeSet<NodeId> = path.iter().map(|(node, _)| *node).collect();
        let range = self.place[&first]..=self.place[&last.0];
        let mut steps = path.iter().zip(next_axes);
        for &node in self.order.get(range).unwrap_or_default() {
            if on_path.contains(&node) {
                let Some((&(_, slot), &next)) = steps.next() else { break };
                if let Some(found) = self.states(node, next, &overlay) {
                    stated.push(found);
                }
                let data = self.graph.node_input(node, slot);
                let lookup = |value: ValueId| {
                    if Some(value) == data {
                        Some(&grown)
                    } else {
                        overlay.get(&value).or_else(|| self.known.get(&value))
                    }
                };
                let outputs = infer::outputs(self.graph, node, &lookup);
                for (value, mut known) in outputs {
                    grow(&mut known, next);
                    grown = known.clone();
                    overlay.insert(value, known);
                }
            } else if self.graph.node_inputs(node).iter().flatten().any(|v| overlay.contains_key(v))
            {
                let lookup =
                    |value: ValueId| overlay.get(&value).or_else(|| self.known.get(&value));
                let outputs = infer::outputs(self.graph, node, &lookup);
                overlay.extend(outputs);
            }
        }
        stated
    }

    /// Whether a Reshape or an Expand says the size of an axis of its output by a number that does
    /// not grow.
    fn states(
        &self,
        node: NodeId,
        axis: usize,
        overlay: &HashMap<ValueId, Known>,
    ) -> Option<Stated> {
        let op = self.graph.node(node).op()?;
        let is_expand = op.is("Expand");
        if !is_expand && !op.is("Reshape") {
            return None;
        }
        let shape = self.graph.node_input(node, 1)?;
        let known = overlay.get(&shape).or_else(|| self.known.get(&shape));
        let elements = known.and_then(|k| k.elements.as_deref());
        let rank = self.rank(self.graph.output(node)?)?;
        let own = elements.map_or(rank, <[Size]>::len);
        // An Expand may have a shorter shape than its input.
        let axis = (axis + own).checked_sub(rank)?;
        let copies = op.int("allowzero").unwrap_or(0) == 0;
        let follows = match elements.and_then(|e| e.get(axis)) {
            Some(Size::Grown) => true,
            Some(Size::Known(-1)) => !is_expand,
            Some(Size::Known(0)) => !is_expand && copies,
            Some(Size::Known(1)) => is_expand,
            _ => false,
        };
        (!follows).then_some(Stated { node, slot: 1, axis, rank: own })
    }
}

fn grow(known: &mut Known, axis: usize) {
    if let Some(size) = known.sizes.as_mut().and_then(|sizes| sizes.get_mut(axis)) {
        *size = Size::Grown;
    }
}

/// What the model says of a value.
fn declared(graph: &Graph, value: ValueId) -> Known {
    let ty = graph.value_type(value);
    let size = |(axis, dim): (usize, &crate::ir::Dim)| match &dim.size {
        DimSize::Known(size) => Size::Known(*size),
        DimSize::Symbol(name) => Size::Symbol(name.clone()),
        DimSize::Unknown => Size::Of(value, axis),
    };
    let sizes =
        ty.as_ref().and_then(|t| t.shape()).map(|s| s.iter().enumerate().map(size).collect());
    let elements = graph.constant(value).and_then(integers);
    Known {
        sizes,
        elements: elements.map(|e| e.into_iter().map(Size::Known).collect()),
        dtype: ty.and_then(|t| t.dtype()),
    }
}

/// Adds what the model says of a value where nothing was inferred.
fn refine(graph: &Graph, value: ValueId, inferred: &mut Known) {
    let said = declared(graph, value);
    inferred.dtype = said.dtype.or(inferred.dtype);
    match (&mut inferred.sizes, said.sizes) {
        (Some(sizes), Some(said)) if sizes.len() == said.len() => {
            for (size, said) in sizes.iter_mut().zip(said) {
                if matches!(size, Size::Of(v, _) if *v == value) {
                    *size = said;
                }
            }
        }
        (sizes @ None, said) => *sizes = said,
        _ => {}
    }
}
