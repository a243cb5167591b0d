//! Elements that have a shorter way to compute them.

use super::group::{Element, Group, Inst, InstId};
use crate::kernel::Type;
use std::f64::consts::SQRT_2;

/// Replaces what exporters write GELU with, ½·x·(1 + erf(x/√2)) (Hendrycks and Gimpel, 2016), by one
/// function. What is needed no more is computed no more.
pub(super) fn simplify(group: &mut Group) {
    for id in 0..group.insts.len() {
        if let Some(x) = gelu(group, id) {
            group.insts[id] = Inst::Math(|x| x.gelu(), x);
        }
    }
}

fn element<'g>(group: &'g Group, id: InstId, name: &str) -> Option<&'g Element> {
    match &group.insts[id] {
        Inst::Element(element) if element.op.op_type == name && element.op.domain.is_empty() => {
            Some(element)
        }
        _ => None,
    }
}

fn two(element: &Element) -> Option<[InstId; 2]> {
    match element.arguments[..] {
        [Some(x), Some(y)] => Some([x, y]),
        _ => None,
    }
}

fn number(group: &Group, id: InstId) -> Option<f64> {
    match group.insts[id] {
        Inst::Constant(_, number) => Some(number),
        _ => None,
    }
}

/// Whether a constant is a number, as far as its type tells it from others.
fn is_near(group: &Group, id: InstId, wanted: f64) -> bool {
    match group.insts[id] {
        Inst::Constant(ty, number) => {
            let most = if ty == Type::F64 { 1e-15 } else { 1e-6 };
            (number - wanted).abs() <= most * wanted
        }
        _ => false,
    }
}

/// x of ½·x·(1 + erf(x/√2)).
fn gelu(group: &Group, id: InstId) -> Option<InstId> {
    element(group, id, "Mul")?;
    let (mut numbers, mut factors) = (1.0, Vec::new());
    let mut todo = vec![id];
    while let Some(id) = todo.pop() {
        match (number(group, id), element(group, id, "Mul").and_then(two)) {
            (Some(number), _) => numbers *= number,
            (None, Some(pair)) if factors.len() < 3 => todo.extend(pair),
            _ => factors.push(id),
        }
    }
    let [a, b] = factors[..] else { return None };
    let is_half = (numbers - 0.5f64).abs() <= 1e-6;
    let of = |sum: InstId, x: InstId| is_half && shifted_erf(group, sum) == Some(x);
    if of(a, b) { Some(b) } else { of(b, a).then_some(a) }
}

/// x of 1 + erf(x/√2).
fn shifted_erf(group: &Group, id: InstId) -> Option<InstId> {
    let [a, b] = two(element(group, id, "Add")?)?;
    let erf = if number(group, a) == Some(1.0) { b } else { a };
    let one = if erf == b { a } else { b };
    let of = element(group, erf, "Erf")?.arguments[0]?;
    if number(group, one) != Some(1.0) {
        return None;
    }
    if let Some([x, by]) = element(group, of, "Div").and_then(two) {
        return is_near(group, by, SQRT_2).then_some(x);
    }
    let [x, by] = two(element(group, of, "Mul")?)?;
    let (x, by) = if number(group, x).is_some() { (by, x) } else { (x, by) };
    is_near(group, by, 1.0 / SQRT_2).then_some(x)
}
