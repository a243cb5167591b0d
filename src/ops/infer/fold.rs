//! What is made of constants, computed by the operator itself.

use super::graph::Known;
use super::{ELEMENTS, Fact};
use crate::ir::{Op, Tensor, ValueId};
use crate::ops::size::Size;
use crate::ops::{Call, Value, find, schema_of};
use std::borrow::Cow;

/// The outputs of a node whose inputs are known whole, where they are no larger than what is followed.
pub(super) fn folded<'s>(
    op: &'s Op,
    opsets: &[(String, i64)],
    inputs: &[Option<ValueId>],
    outputs: &[Option<ValueId>],
    known: &Known<'s>,
    made: &[(ValueId, Fact)],
) -> Option<Vec<(ValueId, Cow<'s, Tensor>)>> {
    let is_made = inputs.iter().flatten().next().is_some() || op.is("Constant");
    let is_small = |fact: &Fact| {
        let shape = fact.shape.as_ref()?.iter().map(Size::known).collect::<Option<Vec<i64>>>()?;
        (crate::ir::element_count(&shape)? <= ELEMENTS as u64).then_some(())
    };
    is_made.then_some(())?;
    made.iter().map(|(_, fact)| is_small(fact)).collect::<Option<()>>()?;
    let constant = |value: &Option<ValueId>| match value {
        Some(value) => {
            let tensor = known.constants.get(value)?;
            let is_small = tensor.element_count()? <= ELEMENTS as u64;
            is_small.then(|| Some(Value::from(tensor.clone().into_owned())))
        }
        None => Some(None),
    };
    let inputs: Vec<Option<Value>> = inputs.iter().map(constant).collect::<Option<_>>()?;
    let (operator, schema) = (find(&op.domain, &op.op_type)?, schema_of(op, opsets)?);
    if schema.is_random() || op.subgraphs().next().is_some() {
        return None;
    }
    let call = Call {
        inputs: inputs.iter().map(Option::as_ref).collect(),
        outputs: outputs.len(),
        ..Call::without_inputs(op, schema)
    };
    let computed = (operator.compute)(&call).ok()?;
    let tensor = |(value, made): (&Option<ValueId>, Value)| match made {
        Value::Tensor(tensor) => Some((*value).map(|value| (value, Cow::Owned(tensor)))),
        _ => None,
    };
    let tensors: Option<Vec<_>> = outputs.iter().zip(computed).map(tensor).collect();
    Some(tensors?.into_iter().flatten().collect())
}
