//! Subgraphs that run once, or again and again.

use super::parts::stack;
use crate::error::{Error, Result};
use crate::ir::{DataType, DimSize, Graph, Tensor};
use crate::ops::elements::of_strings;
use crate::ops::numbers::{bools, i64s, of_bools, of_i64s, one, tensor};
use crate::ops::shape;
use crate::ops::{Call, Value};

pub(super) fn choose(call: &Call<'_>) -> Result<Vec<Value>> {
    let branch = if condition(call.input(0)?)? { "then_branch" } else { "else_branch" };
    (call.run_graph)(call.graph(branch)?, Vec::new())
}

/// A boolean of one element.
fn condition(tensor: &Tensor) -> Result<bool> {
    one("the condition", &bools(tensor)?)
}

/// A condition that is not given does not end a loop of a given number of rounds.
pub(super) fn repeat(call: &Call<'_>) -> Result<Vec<Value>> {
    let body = call.graph("body")?;
    let rounds = call.optional(0)?.map(|rounds| one("M", &i64s(rounds)?)).transpose()?;
    let given = call.optional(1)?.map(condition).transpose()?;
    let mut goes_on = given.unwrap_or(true);
    let mut carried: Vec<Value> =
        (2..call.inputs.len()).map(|slot| call.value(slot).cloned()).collect::<Result<_>>()?;
    check(body, carried.len() + 2, carried.len() + 1)?;
    let mut made: Vec<Vec<Value>> = vec![Vec::new(); body.outputs().len() - 1 - carried.len()];
    let mut round = 0;
    while goes_on && rounds.is_none_or(|rounds| round < rounds) {
        let mut inputs = vec![of_i64s(&[], &[round]).into(), of_bools(&[], &[goes_on]).into()];
        inputs.append(&mut carried);
        let mut outputs = (call.run_graph)(body, inputs)?.into_iter();
        let next = outputs.next().ok_or_else(|| Error::input("the body has no outputs"))?;
        if given.is_some() || rounds.is_none() {
            goes_on = condition(next.tensor()?)?;
        }
        carried.extend(outputs.by_ref().take(call.inputs.len() - 2));
        made.iter_mut().zip(outputs).for_each(|(all, one)| all.push(one));
        round += 1;
    }
    let first = 1 + carried.len();
    for (slot, all) in made.iter().enumerate() {
        carried.push(gathered(body, first + slot, all, 0)?.into());
    }
    Ok(carried)
}

/// Whether a body has so many inputs, and at least so many outputs.
pub(super) fn check(body: &Graph, inputs: usize, outputs: usize) -> Result<()> {
    let (own_inputs, own_outputs) = (body.inputs().len(), body.outputs().len());
    if own_inputs != inputs || own_outputs < outputs {
        return Err(Error::input(format!(
            "the body has {own_inputs} inputs and {own_outputs} outputs, \
             it needs {inputs} and at least {outputs}"
        )));
    }
    Ok(())
}

/// What a body's output was in all rounds, along a new axis.
pub(super) fn gathered(body: &Graph, slot: usize, all: &[Value], axis: i64) -> Result<Tensor> {
    if all.is_empty() {
        return nothing(body, slot, axis);
    }
    let tensors: Vec<&Tensor> = all.iter().map(Value::tensor).collect::<Result<_>>()?;
    let axis = shape::axis(axis, tensors[0].dims.len() + 1)?;
    stack(&tensors, axis).map_err(|e| e.within(format!("output {slot} of the body")))
}

/// What no round has made: of the type that the body declares, sizes that it leaves open 0.
fn nothing(body: &Graph, slot: usize, axis: i64) -> Result<Tensor> {
    let declared = body.node_input(body.outputs()[slot], 0).and_then(|id| body.value_type(id));
    let dtype = declared.as_ref().and_then(|ty| ty.dtype()).ok_or_else(|| {
        Error::input(format!("no round made output {slot} of the body, and it declares no type"))
    })?;
    let dim = |size: &DimSize| if let DimSize::Known(size) = size { *size } else { 0 };
    let declared = declared.as_ref().and_then(|ty| ty.shape()).unwrap_or_default();
    let mut dims: Vec<i64> = declared.iter().map(|d| dim(&d.size)).collect();
    dims.insert(shape::axis(axis, dims.len() + 1)?, 0);
    Ok(match dtype {
        DataType::String => of_strings(dims, Vec::new()),
        _ => tensor(dtype, &dims, Vec::new()),
    })
}

pub(super) fn map(call: &Call<'_>) -> Result<Vec<Value>> {
    let body = call.graph("body")?;
    let length = call.value(0)?.sequence()?.len();
    check(body, call.inputs.len(), 1)?;
    let mut made: Vec<Vec<Value>> = vec![Vec::new(); body.outputs().len()];
    for at in 0..length {
        let input = |slot: usize| match call.value(slot)? {
            Value::Sequence(values) => values.get(at).cloned().ok_or_else(|| {
                let found = values.len();
                Error::input(format!("input {slot} has {found} elements, the first {length}"))
            }),
            value => Ok(value.clone()),
        };
        let inputs = (0..call.inputs.len()).map(input).collect::<Result<_>>()?;
        let outputs = (call.run_graph)(body, inputs)?;
        made.iter_mut().zip(outputs).for_each(|(all, one)| all.push(one));
    }
    Ok(made.into_iter().map(Value::Sequence).collect())
}
