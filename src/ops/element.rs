//! Operators of each element alone, as kernel operations: what compiled kernels compute of one element.
//!
//! It is what the reference computes, but for roundings: float16 and bfloat16 are computed in float32, and
//! integers are those of 64 bits, wrapped to the width of the result. A division of integers by 0, which
//! the reference refuses, is 0.

mod activation;
mod arithmetic;
mod cast;

use super::schema::Schema;
use super::{Call, schema};
use crate::error::Result;
use crate::ir::{DataType, Op};
use crate::kernel::{Builder, Scalar, Type, ValueId};
use std::collections::HashMap;
use std::sync::LazyLock;

/// One element of a node's output.
pub(crate) struct Element<'a> {
    /// The operator with its attributes.
    pub(crate) op: &'a Op,
    /// What its version says of it.
    pub(crate) schema: &'static Schema,
    /// The types of inputs by slot; none where one is left out.
    pub(crate) from: &'a [Option<DataType>],
    /// The type of the output.
    pub(crate) to: DataType,
}

/// Values by slot.
type Inputs<'s, 'b> = &'s [Option<Scalar<'b>>];

/// What makes an element.
#[derive(Clone, Copy)]
enum Body {
    One(for<'b> fn(Scalar<'b>) -> Scalar<'b>),
    Two(for<'b> fn(Scalar<'b>, Scalar<'b>) -> Scalar<'b>),
    /// All inputs, two at a time.
    Fold(for<'b> fn(Scalar<'b>, Scalar<'b>) -> Scalar<'b>),
    /// With attributes, or inputs that may be left out.
    Any(for<'b> fn(&Element<'_>, Inputs<'_, 'b>) -> Option<Scalar<'b>>),
}

/// An operator that has elements of its own: its domain and its name.
pub(crate) struct Lowering {
    pub(crate) domain: &'static str,
    pub(crate) name: &'static str,
    body: Body,
}

const fn op(name: &'static str, body: Body) -> Lowering {
    Lowering { domain: "", name, body }
}

const fn microsoft(name: &'static str, body: Body) -> Lowering {
    Lowering { domain: "com.microsoft", name, body }
}

/// All such operators.
pub(crate) fn lowerings() -> impl Iterator<Item = &'static Lowering> {
    [arithmetic::LOWERINGS, activation::LOWERINGS, cast::LOWERINGS].into_iter().flatten()
}

static BY_NAME: LazyLock<HashMap<String, &Lowering>> = LazyLock::new(|| {
    lowerings().map(|lowering| (schema::key(lowering.domain, lowering.name), lowering)).collect()
});

/// The operator of a domain and a name, where its elements are independent of each other.
pub(crate) fn element(domain: &str, name: &str) -> Option<&'static Lowering> {
    BY_NAME.get(&schema::key(domain, name)).copied()
}

impl Lowering {
    /// Appends the operations of one element. Inputs come by slot in the types in which their elements are
    /// computed ([`Type::of_stored`]), so does the result, in which float16 and bfloat16 are not rounded.
    /// None where attributes or types are not lowered: what was appended then has no use.
    pub(crate) fn lower(
        &self,
        builder: &mut Builder,
        element: &Element<'_>,
        inputs: &[Option<ValueId>],
    ) -> Option<ValueId> {
        let ty = Type::of_stored(element.to)?;
        for (slot, dtype) in element.from.iter().enumerate() {
            let parameter = element.schema.input(slot)?;
            let is_known = |dtype| {
                element.schema.accepts(parameter, dtype) && Type::of_stored(dtype).is_some()
            };
            dtype.is_none_or(is_known).then_some(())?;
        }
        builder.compute_some(inputs, |inputs| {
            let result = self.body(element, inputs)?;
            let is_signed = matches!(element.to, DataType::I8 | DataType::I16 | DataType::I32);
            let result = match ty {
                Type::I64 => result.wrapped(element.to.bits()? as u32, is_signed),
                _ => result,
            };
            (result.ty() == ty).then_some(result)
        })
    }

    fn body<'b>(&self, element: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
        match (self.body, inputs) {
            (Body::One(function), &[Some(x)]) => Some(function(x)),
            (Body::Two(function), &[Some(x), Some(y)]) => Some(function(x, y)),
            (Body::Fold(function), inputs) => inputs.iter().flatten().copied().reduce(function),
            (Body::Any(function), inputs) => function(element, inputs),
            _ => None,
        }
    }
}

impl Element<'_> {
    /// A call without inputs, which attributes are read of.
    fn attributes<T>(&self, read: impl FnOnce(&Call<'_>) -> Result<T>) -> Option<T> {
        read(&Call::without_inputs(self.op, self.schema)).ok()
    }

    fn float(&self, name: &str) -> Option<f64> {
        self.attributes(|call| call.float(name))
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.attributes(|call| call.flag(name))
    }
}

/// An input that must be there.
fn input<'b>(inputs: Inputs<'_, 'b>, slot: usize) -> Option<Scalar<'b>> {
    inputs.get(slot).copied().flatten()
}
