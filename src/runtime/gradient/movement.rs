//! Derivatives of what moves elements.

use super::rule::{Derivative, Rule};
use crate::error::{Error, Result};
use crate::ir::{AttributeValue, ValueId};

pub(super) static RULES: &[(&str, Derivative)] = &[
    ("Compress", moved),
    ("Concat", part_of_join),
    ("DepthToSpace", moved),
    ("Expand", |r, slot| summed(r, slot)),
    ("Flatten", same_elements),
    ("Gather", moved),
    ("GatherElements", moved),
    ("GatherND", moved),
    ("Pad", moved),
    ("Reshape", same_elements),
    ("ReverseSequence", moved),
    ("ScatterElements", scattered),
    ("Slice", moved),
    ("SpaceToDepth", moved),
    ("Split", moved),
    ("Squeeze", same_elements),
    ("Tile", moved),
    ("Transpose", transposed),
    ("Trilu", moved),
    ("Unsqueeze", same_elements),
];

fn same_elements(r: &mut Rule<'_, '_>, slot: usize) -> Result<Option<ValueId>> {
    let x = r.input(0)?;
    Ok((slot == 0).then(|| r.shaped(r.g, x)))
}

fn summed(r: &mut Rule<'_, '_>, slot: usize) -> Result<Option<ValueId>> {
    let x = r.input(0)?;
    Ok((slot == 0).then(|| r.sum_to(r.g, x)))
}

fn transposed(r: &mut Rule<'_, '_>, _: usize) -> Result<Option<ValueId>> {
    let Some(AttributeValue::Ints(order)) = r.op.attribute("perm") else {
        return Ok(Some(r.op("Transpose", &[r.g])));
    };
    let place = |axis: usize| order.iter().position(|&from| from == axis as i64);
    let back: Option<Vec<i64>> =
        (0..order.len()).map(|axis| place(axis).map(|at| at as i64)).collect();
    let back = back.ok_or_else(|| Error::input(format!("perm is {order:?}, no order of axes")))?;
    Ok(Some(r.op_with("Transpose", vec![("perm", AttributeValue::Ints(back))], &[r.g])))
}

/// A list of one size: that of an axis.
fn size(r: &mut Rule<'_, '_>, value: ValueId, axis: ValueId) -> ValueId {
    let shape = r.op("Shape", &[value]);
    r.op("Gather", &[shape, axis])
}

fn part_of_join(r: &mut Rule<'_, '_>, slot: usize) -> Result<Option<ValueId>> {
    let axis = r.int("axis", 1);
    let axis = r.integers(&[axis]);
    let mut start = r.integers(&[0]);
    for before in 0..slot {
        let x = r.input(before)?;
        let size = size(r, x, axis);
        start = r.op("Add", &[start, size]);
    }
    let x = r.input(slot)?;
    let size = size(r, x, axis);
    let end = r.op("Add", &[start, size]);
    Ok(Some(r.op("Slice", &[r.g, start, end, axis])))
}

/// The operator moves the numbers of the elements, from 1 on, as it moves the elements: so it is known
/// where each comes from, and 0 says that it is none of them. What an element became is summed.
fn moved(r: &mut Rule<'_, '_>, slot: usize) -> Result<Option<ValueId>> {
    match (slot, r.op.op_type.as_str()) {
        (0, _) => {}
        (2, "Pad") => return Err(Error::input("the derivative of Pad by its value is not known")),
        _ => return Ok(None),
    }
    let x = r.input(0)?;
    let (size, one, list) = (r.op("Size", &[x]), r.integers(&[1]), r.integers(&[-1]));
    let room = r.op("Add", &[size, one]);
    let one_index = scalar(r, 1);
    let end = r.op("Add", &[size, one_index]);
    let numbers = r.op("Range", &[one_index, end, one_index]);
    let mut inputs = r.x.clone();
    inputs[0] = Some(r.shaped(numbers, x));
    let from = if r.op.op_type == "Pad" { padded(r, inputs) } else { r.again(inputs, Vec::new()) };
    let from = r.op("Reshape", &[from, list]);
    let parts = r.op("Reshape", &[r.g, list]);
    let zero = r.number(0.0);
    let zeros = r.op("Expand", &[zero, room]);
    let add = vec![("reduction", AttributeValue::String("add".into()))];
    let sums = r.op_with("ScatterElements", add, &[zeros, from, parts]);
    let end = r.op("Reshape", &[end, one]);
    let sums = r.op("Slice", &[sums, one, end]);
    Ok(Some(r.shaped(sums, x)))
}

/// The padding of element numbers: what is filled in is 0. Before opset 11 paddings were an attribute.
fn padded(r: &mut Rule<'_, '_>, mut inputs: Vec<Option<ValueId>>) -> ValueId {
    if let Some(AttributeValue::Ints(pads)) = r.op.attribute("pads") {
        inputs.push(Some(r.integers(pads)));
    }
    if let Some(value) = inputs.get_mut(2) {
        *value = None;
    }
    let mode = r.op.attribute("mode").cloned().map(|mode| ("mode", mode));
    r.tape.add("Pad", mode.into_iter().collect(), &inputs)
}

/// A scalar of i64.
fn scalar(r: &mut Rule<'_, '_>, number: i64) -> ValueId {
    let (list, shape) = (r.integers(&[number]), r.integers(&[]));
    r.op("Reshape", &[list, shape])
}

fn scattered(r: &mut Rule<'_, '_>, slot: usize) -> Result<Option<ValueId>> {
    let (indices, axis) = (r.input(1)?, r.int("axis", 0));
    let along = || vec![("axis", AttributeValue::Int(axis))];
    let reduction = match r.op.attribute("reduction") {
        Some(AttributeValue::String(name)) => String::from_utf8_lossy(name).into_owned(),
        _ => "none".to_owned(),
    };
    match (slot, reduction.as_str()) {
        (0, "add") => Ok(Some(r.g)),
        (0, "none") => {
            let (updates, zero) = (r.input(2)?, r.number(0.0));
            let zeros = r.tape.full(zero, updates);
            Ok(Some(r.op_with("ScatterElements", along(), &[r.g, indices, zeros])))
        }
        (2, "add" | "none") => Ok(Some(r.op_with("GatherElements", along(), &[r.g, indices]))),
        (1, _) => Ok(None),
        _ => {
            let what = format!("the derivative of ScatterElements with {reduction:?} is not known");
            Err(Error::input(what))
        }
    }
}
