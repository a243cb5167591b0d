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
        Inst::Element(element) if element.op.is(name) => Some(element),
        _ => None,
    }
}

fn two(element: &Element) -> Option<[InstId; 2]> {
    match element.arguments[..] {
        [Some(x), Some(y)] => Some([x, y]),
        _ => None,
    }
}

fn number(group: &Group, id: InstId) -> Option<(Type, f64)> {
    match group.insts[id] {
        Inst::Constant(ty, number) => Some((ty, number)),
        _ => None,
    }
}

/// Whether a number of a type is another, as far as the type tells it from others.
fn is_near((ty, number): (Type, f64), wanted: f64) -> bool {
    let most = if ty == Type::F64 { 1e-15 } else { 1e-6 };
    (number - wanted).abs() <= most * wanted
}

/// x of ½·x·(1 + erf(x/√2)).
fn gelu(group: &Group, id: InstId) -> Option<InstId> {
    element(group, id, "Mul")?;
    let (mut numbers, mut factors) = ((Type::F32, 1.0), Vec::new());
    let mut todo = vec![id];
    while let Some(id) = todo.pop() {
        match (number(group, id), element(group, id, "Mul").and_then(two)) {
            (Some((ty, number)), _) => numbers = (ty, numbers.1 * number),
            (None, Some(pair)) if factors.len() < 3 => todo.extend(pair),
            _ => factors.push(id),
        }
    }
    let [a, b] = factors[..] else { return None };
    let of = |sum: InstId, x: InstId| is_near(numbers, 0.5) && shifted_erf(group, sum) == Some(x);
    if of(a, b) { Some(b) } else { of(b, a).then_some(a) }
}

/// x of 1 + erf(x/√2).
fn shifted_erf(group: &Group, id: InstId) -> Option<InstId> {
    let [a, b] = two(element(group, id, "Add")?)?;
    let (one, erf) = if number(group, a).is_some() { (a, b) } else { (b, a) };
    let of = element(group, erf, "Erf")?.arguments[0]?;
    if number(group, one)?.1 != 1.0 {
        return None;
    }
    if let Some([x, by]) = element(group, of, "Div").and_then(two) {
        return is_near(number(group, by)?, SQRT_2).then_some(x);
    }
    let [x, by] = two(element(group, of, "Mul")?)?;
    let (x, by) = if number(group, x).is_some() { (by, x) } else { (x, by) };
    is_near(number(group, by)?, 1.0 / SQRT_2).then_some(x)
}
