//! How the gradient of what an operator reads follows from that of what it makes.

use super::tape::{Attributes, Tape};
use super::{activation, elementwise, movement, product, reduce};
use crate::error::{Error, Result};
use crate::ir::{AttributeValue, Op, ValueId};
use crate::ops::{self, NEWEST};

/// The gradient of an input slot; none where the operator has none by it, or it is 0 everywhere.
pub(super) type Derivative = fn(&mut Rule<'_, '_>, usize) -> Result<Option<ValueId>>;

/// An operator between `xs` and `y`, and the gradient of `y` by one of its outputs.
pub(super) struct Rule<'t, 'g> {
    pub(super) tape: &'t mut Tape<'g>,
    pub(super) op: &'t Op,
    pub(super) opsets: &'t [(String, i64)],
    /// Its inputs by slot.
    pub(super) x: Vec<Option<ValueId>>,
    /// The output.
    pub(super) y: ValueId,
    /// Its gradient.
    pub(super) g: ValueId,
    /// Which output it is.
    pub(super) output: usize,
    /// How many there are.
    pub(super) outputs: usize,
}

/// Operators whose outputs do not change with their inputs, or in steps.
static CONSTANT: &[&str] = &[
    "And",
    "ArgMax",
    "ArgMin",
    "Ceil",
    "ConstantOfShape",
    "Equal",
    "EyeLike",
    "Floor",
    "Greater",
    "GreaterOrEqual",
    "IsInf",
    "IsNaN",
    "Less",
    "LessOrEqual",
    "NonZero",
    "Not",
    "OneHot",
    "Or",
    "Range",
    "Round",
    "Shape",
    "Sign",
    "Size",
    "Xor",
];

fn is_own(op: &Op) -> bool {
    matches!(op.domain.as_str(), "" | "ai.onnx" | NEWEST)
}

/// Whether an operator's derivative is 0 wherever it has one.
pub(super) fn is_constant(op: &Op) -> bool {
    is_own(op) && CONSTANT.contains(&op.op_type.as_str())
}

/// The rule of an operator.
///
/// # Errors
/// None is known.
pub(super) fn of(op: &Op) -> Result<Derivative> {
    let tables =
        [activation::RULES, elementwise::RULES, movement::RULES, product::RULES, reduce::RULES];
    let known = tables.into_iter().flatten().find(|(name, _)| *name == op.op_type);
    match known {
        Some((_, derivative)) if is_own(op) => Ok(*derivative),
        _ => Err(Error::input(format!("the derivative of {} is not known", op.op_type))),
    }
}

impl Rule<'_, '_> {
    /// An input that must be there.
    pub(super) fn input(&self, slot: usize) -> Result<ValueId> {
        let input = self.x.get(slot).copied().flatten();
        input.ok_or_else(|| Error::input(format!("input {slot} is missing")))
    }

    /// The first operator set that has the operator so.
    pub(super) fn since(&self) -> Result<i64> {
        Ok(ops::operator(self.op, self.opsets)?.1.since)
    }

    /// An operator that makes one value.
    pub(super) fn op(&mut self, name: &str, inputs: &[ValueId]) -> ValueId {
        self.op_with(name, Vec::new(), inputs)
    }

    /// The same with attributes.
    pub(super) fn op_with(
        &mut self,
        name: &str,
        attributes: Attributes,
        inputs: &[ValueId],
    ) -> ValueId {
        let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
        self.tape.add(name, attributes, &inputs)
    }

    /// The operator itself on other inputs, with some attributes of other values; the output that the
    /// rule is about.
    pub(super) fn again(
        &mut self,
        inputs: Vec<Option<ValueId>>,
        attributes: Attributes,
    ) -> ValueId {
        let mut op = self.op.clone();
        for (name, value) in attributes {
            op.attributes.retain(|(known, _)| known != name);
            op.attributes.push((name.to_owned(), value.into()));
        }
        self.tape.copy(op, inputs, self.outputs)[self.output]
    }

    /// A scalar of the gradient's element type.
    pub(super) fn number(&mut self, number: f64) -> ValueId {
        self.tape.number(number, self.g)
    }

    /// A value times a number.
    pub(super) fn times(&mut self, value: ValueId, number: f64) -> ValueId {
        let number = self.number(number);
        self.op("Mul", &[value, number])
    }

    /// A float attribute, or its default.
    pub(super) fn float(&self, name: &str, default: f64) -> f64 {
        self.op.float(name).map_or(default, f64::from)
    }

    /// An integer attribute, or its default.
    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.op.int(name).unwrap_or(default)
    }

    /// A value in the shape of another that has as many elements.
    pub(super) fn shaped(&mut self, value: ValueId, like: ValueId) -> ValueId {
        let shape = self.op("Shape", &[like]);
        self.reshaped(value, shape)
    }

    /// A value in a shape that may have sizes of 0.
    pub(super) fn reshaped(&mut self, value: ValueId, shape: ValueId) -> ValueId {
        self.op_with("Reshape", vec![("allowzero", AttributeValue::Int(1))], &[value, shape])
    }

    /// A list of i64.
    pub(super) fn integers(&mut self, list: &[i64]) -> ValueId {
        self.tape.integers(list)
    }

    /// Tensors behind each other along their only axis.
    pub(super) fn joined(&mut self, parts: &[ValueId]) -> ValueId {
        self.op_with("Concat", vec![("axis", AttributeValue::Int(0))], parts)
    }

    /// As many ones as a scalar says.
    pub(super) fn ones(&mut self, count: ValueId) -> ValueId {
        let one = self.integers(&[1]);
        let count = self.reshape_to_list(count);
        self.op("Expand", &[one, count])
    }

    /// A scalar as a list of one.
    pub(super) fn reshape_to_list(&mut self, scalar: ValueId) -> ValueId {
        let shape = self.integers(&[1]);
        self.op("Reshape", &[scalar, shape])
    }

    /// How many axes a value has.
    pub(super) fn rank(&mut self, value: ValueId) -> ValueId {
        let shape = self.op("Shape", &[value]);
        self.op("Size", &[shape])
    }

    /// A value of a shape that another was broadcast to: summed to the shape of that other.
    pub(super) fn sum_to(&mut self, value: ValueId, like: ValueId) -> ValueId {
        let (whole, own) = (self.rank(value), self.op("Shape", &[like]));
        let own_rank = self.op("Size", &[own]);
        let missing = self.op("Sub", &[whole, own_rank]);
        let ones = self.ones(missing);
        let sizes = self.joined(&[ones, own]);
        let one = self.integers(&[1]);
        let is_one = self.op("Equal", &[sizes, one]);
        let axes = self.op("NonZero", &[is_one]);
        let list = self.integers(&[-1]);
        let axes = self.op("Reshape", &[axes, list]);
        let keep = vec![("noop_with_empty_axes", AttributeValue::Int(1))];
        let sum = self.op_with("ReduceSum", keep, &[value, axes]);
        self.reshaped(sum, own)
    }
}
