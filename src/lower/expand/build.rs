//! What replaces nodes: operators that are built, each once.

use super::site::Site;
use crate::ir::{AttributeValue, DataType, Graph, NodeId, Op, Tensor, Use, ValueId};
use crate::ops;
use crate::ops::numbers::{of_floats, of_i64s};
use crate::ops::size::Size;
use std::collections::{HashMap, HashSet};

/// A size.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Len {
    /// That is a number.
    Known(i64),
    /// That a value says, i64 `[1]`.
    Of(ValueId),
}

/// What rewrites have added to a graph.
#[derive(Default)]
pub(super) struct Made {
    nodes: Vec<NodeId>,
    /// What operators with the same inputs and attributes make: it is made once.
    known: HashMap<String, Vec<ValueId>>,
    /// Values of sizes.
    sizes: HashMap<Size, ValueId>,
    /// The values that have names of the original.
    named: HashSet<ValueId>,
}

impl Made {
    /// How many nodes there are.
    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Names a value after what it replaces, if one of the nodes from `first` on makes it and it
    /// has no such name yet.
    pub(super) fn names(
        &mut self,
        first: usize,
        graph: &mut Graph,
        value: ValueId,
        name: &str,
    ) -> bool {
        let producer = graph.value(value).producer();
        let is_free = self.nodes[first..].contains(&producer) && self.named.insert(value);
        if is_free {
            graph.rename(value, name);
        }
        is_free
    }

    /// Removes nodes and constants that nothing reads: those of rewrites that were given up.
    pub(super) fn sweep(&self, graph: &mut Graph) {
        for &id in self.nodes.iter().rev() {
            let made = graph.node(id).outputs().iter().flatten();
            if made.into_iter().all(|&value| graph.uses(value).is_empty()) {
                graph.remove_node(id);
            }
        }
        for &value in self.known.values().flatten() {
            if graph.constant(value).is_some() && graph.uses(value).is_empty() {
                graph.remove_node(graph.value(value).producer());
            }
        }
    }
}

/// An attribute.
type Given<'a> = (&'a str, AttributeValue);

/// Building. All is none where the model's operator set has no such operator.
impl Site<'_, '_> {
    /// An operator with attributes, inputs that may be left out, and some outputs.
    pub(super) fn node(
        &mut self,
        domain: &str,
        op_type: &str,
        inputs: &[Option<ValueId>],
        attributes: &[Given<'_>],
        outputs: usize,
    ) -> Option<Vec<ValueId>> {
        let key = format!("{domain} {op_type} {inputs:?} {attributes:?} {outputs}");
        if let Some(known) = self.made.known.get(&key) {
            return Some(known.clone());
        }
        let owned = |(name, value): &Given<'_>| ((*name).to_owned(), value.clone().into());
        let op = Op {
            domain: domain.to_owned(),
            op_type: op_type.to_owned(),
            attributes: attributes.iter().map(owned).collect(),
            ..Op::default()
        };
        let (_, schema) = ops::operator(&op, self.opsets).ok()?;
        if !attributes.iter().all(|(name, _)| schema.attribute(name).is_some()) {
            return None;
        }
        let names: Vec<String> = (0..outputs).map(|_| self.fresh(op_type)).collect();
        let names: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_str())).collect();
        let id = self.to.add_op(op, inputs.len(), &names);
        for (slot, value) in inputs.iter().enumerate() {
            value.iter().for_each(|&value| self.to.connect(value, Use::input(id, slot)));
        }
        let made: Vec<ValueId> = self.to.node(id).outputs().iter().copied().flatten().collect();
        self.made.nodes.push(id);
        self.made.known.insert(key, made.clone());
        Some(made)
    }

    /// One of ONNX's operators, with one output.
    pub(super) fn with(
        &mut self,
        op_type: &str,
        inputs: &[ValueId],
        attributes: &[Given<'_>],
    ) -> Option<ValueId> {
        let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
        self.node("", op_type, &inputs, attributes, 1)?.first().copied()
    }

    /// One without attributes.
    pub(super) fn make(&mut self, op_type: &str, inputs: &[ValueId]) -> Option<ValueId> {
        self.with(op_type, inputs, &[])
    }

    /// A name that is free, after that of the node's first output.
    fn fresh(&mut self, what: &str) -> String {
        let first = self.copy.from.node(self.id).outputs().iter().flatten().next();
        let base = first.map_or("", |&value| self.copy.name(value));
        self.names.fresh(&format!("{base}/{what}"))
    }

    /// An initializer.
    pub(super) fn initializer(&mut self, tensor: Tensor) -> ValueId {
        let name = self.fresh("constant");
        self.to.add_initializer(&name, tensor)
    }

    /// An initializer that stands once.
    fn shared(&mut self, key: String, tensor: Tensor) -> ValueId {
        if let Some(known) = self.made.known.get(&key).and_then(|known| known.first()) {
            return *known;
        }
        let value = self.initializer(tensor);
        self.made.known.insert(key, vec![value]);
        value
    }

    /// Integers, i64 `[n]`.
    pub(super) fn ints(&mut self, ints: &[i64]) -> ValueId {
        self.shared(format!("ints {ints:?}"), of_i64s(&[ints.len() as i64], ints))
    }

    /// An integer, i64 `[]`.
    pub(super) fn int_scalar(&mut self, int: i64) -> ValueId {
        self.shared(format!("int {int}"), of_i64s(&[], &[int]))
    }

    /// A number, `[]`, rounded to the type.
    pub(super) fn scalar(&mut self, dtype: DataType, number: f64) -> Option<ValueId> {
        let tensor = of_floats(dtype, &[], &[number]).ok()?;
        Some(self.shared(format!("{dtype} {:x}", number.to_bits()), tensor))
    }

    pub(super) fn transpose(&mut self, x: ValueId, order: &[i64]) -> Option<ValueId> {
        if order.iter().copied().eq(0..order.len() as i64) {
            return Some(x);
        }
        self.with("Transpose", &[x], &[("perm", AttributeValue::Ints(order.to_vec()))])
    }

    pub(super) fn concat(&mut self, all: &[ValueId], axis: i64) -> Option<ValueId> {
        self.with("Concat", all, &[("axis", AttributeValue::Int(axis))])
    }

    /// The elements from `start` to before `end` of an axis.
    pub(super) fn slice(&mut self, x: ValueId, axis: i64, range: [i64; 2]) -> Option<ValueId> {
        let [start, end, axis] = [range[0], range[1], axis].map(|int| self.ints(&[int]));
        self.make("Slice", &[x, start, end, axis])
    }

    /// Every second element of the last axis of rank 4, from the first or the second on, up to `end`.
    pub(super) fn every_second(&mut self, x: ValueId, start: i64, end: i64) -> Option<ValueId> {
        let [start, end, axis, step] = [start, end, 3, 2].map(|int| self.ints(&[int]));
        self.make("Slice", &[x, start, end, axis, step])
    }

    pub(super) fn cast(&mut self, x: ValueId, to: DataType) -> Option<ValueId> {
        self.with("Cast", &[x], &[("to", AttributeValue::Int(to.to_onnx().into()))])
    }

    pub(super) fn gather(&mut self, x: ValueId, at: ValueId) -> Option<ValueId> {
        self.make("Gather", &[x, at])
    }

    pub(super) fn unsqueeze(&mut self, x: ValueId, axes: &[i64]) -> Option<ValueId> {
        let axes = self.ints(axes);
        self.make("Unsqueeze", &[x, axes])
    }

    /// Reshapes as ONNX says it: 0 keeps a size, −1 is the rest.
    pub(super) fn reshape(&mut self, x: ValueId, shape: &[i64]) -> Option<ValueId> {
        let shape = self.ints(shape);
        self.make("Reshape", &[x, shape])
    }

    /// Reshapes to sizes.
    pub(super) fn reshape_to(&mut self, x: ValueId, shape: &[Len]) -> Option<ValueId> {
        let open = shape.iter().filter(|len| matches!(len, Len::Of(_))).count();
        if open <= 1 && !shape.contains(&Len::Known(0)) {
            let number = |len: &Len| if let Len::Known(known) = len { *known } else { -1 };
            return self.reshape(x, &shape.iter().map(number).collect::<Vec<_>>());
        }
        let shape: Vec<ValueId> = shape.iter().map(|len| self.vector(len)).collect();
        let shape = self.concat(&shape, 0)?;
        self.with("Reshape", &[x, shape], &[("allowzero", AttributeValue::Int(1))])
    }

    /// The size of an input's axis. Equal sizes are one value.
    pub(super) fn len(&mut self, slot: usize, axis: usize) -> Option<Len> {
        let size = self.size(slot, axis)?;
        if let Some(known) = size.known() {
            return Some(Len::Known(known));
        }
        if let Some(value) = self.made.sizes.get(&size) {
            return Some(Len::Of(*value));
        }
        let x = self.input(slot)?;
        let shape = self.make("Shape", &[x])?;
        let axis = axis as i64;
        let value = self.slice(shape, 0, [axis, axis + 1])?;
        self.made.sizes.insert(size, value);
        Some(Len::Of(value))
    }

    /// A size as i64 `[1]`.
    pub(super) fn vector(&mut self, len: &Len) -> ValueId {
        match len {
            Len::Known(known) => self.ints(&[*known]),
            Len::Of(value) => *value,
        }
    }

    /// The sum of sizes.
    pub(super) fn sum(&mut self, a: &Len, b: &Len) -> Option<Len> {
        match (a, b) {
            (Len::Known(a), Len::Known(b)) => a.checked_add(*b).map(Len::Known),
            (Len::Known(0), other) | (other, Len::Known(0)) => Some(other.clone()),
            _ => {
                let [a, b] = [a, b].map(|len| self.vector(len));
                Some(Len::Of(self.make("Add", &[a, b])?))
            }
        }
    }

    /// The product of sizes.
    pub(super) fn product(&mut self, all: &[Len]) -> Option<Len> {
        let mut product = Len::Known(1);
        for len in all {
            product = match (&product, len) {
                (Len::Known(a), Len::Known(b)) => Len::Known(a.checked_mul(*b)?),
                (Len::Known(1), other) | (other, Len::Known(1)) => other.clone(),
                (a, b) => {
                    let [a, b] = [a, b].map(|len| self.vector(len));
                    Len::Of(self.make("Mul", &[a, b])?)
                }
            };
        }
        Some(product)
    }

    /// The integers from 0 to before a size, i64.
    pub(super) fn range(&mut self, len: &Len) -> Option<ValueId> {
        let end = match len {
            Len::Known(known) => self.int_scalar(*known),
            Len::Of(value) => self.make("Squeeze", &[*value])?,
        };
        let (zero, one) = (self.int_scalar(0), self.int_scalar(1));
        self.make("Range", &[zero, end, one])
    }
}
