//! Derivatives of arithmetic, with shapes that are broadcast.

use super::rule::{Derivative, Rule};
use crate::error::Result;
use crate::ir::{AttributeValue, DataType, ValueId};
use crate::ops::numbers::is_float;
use std::f64::consts::PI;

pub(super) static RULES: &[(&str, Derivative)] = &[
    ("Abs", |r, _| unary(r, |r, x| r.op("Sign", &[x]))),
    ("Acos", |r, _| unary(r, |r, x| inverse_root(r, x, -1.0, 1.0, -1.0))),
    ("Acosh", |r, _| unary(r, |r, x| inverse_root(r, x, 1.0, -1.0, 1.0))),
    ("Add", |r, slot| sum(r, slot, 1.0)),
    ("Asin", |r, _| unary(r, |r, x| inverse_root(r, x, -1.0, 1.0, 1.0))),
    ("Asinh", |r, _| unary(r, |r, x| inverse_root(r, x, 1.0, 1.0, 1.0))),
    ("Atan", |r, _| {
        unary(r, |r, x| {
            let square = quadratic(r, x, 1.0, 1.0);
            r.op("Reciprocal", &[square])
        })
    }),
    ("Atanh", |r, _| {
        unary(r, |r, x| {
            let square = quadratic(r, x, -1.0, 1.0);
            r.op("Reciprocal", &[square])
        })
    }),
    ("Cast", cast),
    ("CastLike", |r, slot| Ok((slot == 0).then(|| like(r)))),
    ("Cos", |r, _| {
        unary(r, |r, x| {
            let sin = r.op("Sin", &[x]);
            r.op("Neg", &[sin])
        })
    }),
    ("Cosh", |r, _| unary(r, |r, x| r.op("Sinh", &[x]))),
    ("Div", divide),
    ("Erf", |r, _| {
        unary(r, |r, x| {
            let exponent = quadratic(r, x, -1.0, 0.0);
            let bell = r.op("Exp", &[exponent]);
            r.times(bell, 2.0 / PI.sqrt())
        })
    }),
    ("Exp", |r, _| unary(r, |r, _| r.y)),
    ("Identity", |r, _| Ok(Some(r.g))),
    ("Log", |r, _| unary(r, |r, x| r.op("Reciprocal", &[x]))),
    ("Max", extreme),
    ("Mean", |r, slot| sum(r, slot, 1.0 / r.x.len() as f64)),
    ("Min", extreme),
    ("Mul", |r, slot| {
        let other = r.input(1 - slot.min(1))?;
        let part = r.op("Mul", &[r.g, other]);
        broadcast(r, part, slot)
    }),
    ("Neg", |r, _| Ok(Some(r.op("Neg", &[r.g])))),
    ("Pow", power),
    ("Reciprocal", |r, _| unary(r, |r, _| quadratic(r, r.y, -1.0, 0.0))),
    ("Sin", |r, _| unary(r, |r, x| r.op("Cos", &[x]))),
    ("Sinh", |r, _| unary(r, |r, x| r.op("Cosh", &[x]))),
    ("Sqrt", |r, _| {
        unary(r, |r, _| {
            let half = r.op("Reciprocal", &[r.y]);
            r.times(half, 0.5)
        })
    }),
    ("Sub", |r, slot| sum(r, slot, if slot == 0 { 1.0 } else { -1.0 })),
    ("Sum", |r, slot| sum(r, slot, 1.0)),
    ("Tan", |r, _| unary(r, |r, _| quadratic(r, r.y, 1.0, 1.0))),
    ("Tanh", |r, _| unary(r, |r, _| quadratic(r, r.y, -1.0, 1.0))),
    ("Where", choose),
];

/// The gradient times a derivative that is a function of x.
pub(super) fn unary(
    r: &mut Rule<'_, '_>,
    derivative: impl Fn(&mut Rule<'_, '_>, ValueId) -> ValueId,
) -> Result<Option<ValueId>> {
    let x = r.input(0)?;
    let factor = derivative(r, x);
    Ok(Some(r.op("Mul", &[r.g, factor])))
}

/// a·x² + b.
pub(super) fn quadratic(r: &mut Rule<'_, '_>, x: ValueId, a: f64, b: f64) -> ValueId {
    let square = r.op("Mul", &[x, x]);
    let scaled = if a == 1.0 { square } else { r.times(square, a) };
    let b = r.number(b);
    r.op("Add", &[scaled, b])
}

/// c/√(a·x² + b).
fn inverse_root(r: &mut Rule<'_, '_>, x: ValueId, a: f64, b: f64, c: f64) -> ValueId {
    let square = quadratic(r, x, a, b);
    let root = r.op("Sqrt", &[square]);
    let c = r.number(c);
    r.op("Div", &[c, root])
}

/// What an input adds to the gradient, summed to its shape.
pub(super) fn broadcast(
    r: &mut Rule<'_, '_>,
    part: ValueId,
    slot: usize,
) -> Result<Option<ValueId>> {
    let x = r.input(slot)?;
    Ok(Some(r.sum_to(part, x)))
}

fn sum(r: &mut Rule<'_, '_>, slot: usize, factor: f64) -> Result<Option<ValueId>> {
    let part = if factor == 1.0 { r.g } else { r.times(r.g, factor) };
    broadcast(r, part, slot)
}

/// ∂(a/b) is ∂a/b − (a/b)·∂b/b.
fn divide(r: &mut Rule<'_, '_>, slot: usize) -> Result<Option<ValueId>> {
    let divisor = r.input(1)?;
    let mut part = r.op("Div", &[r.g, divisor]);
    if slot == 1 {
        part = r.op("Mul", &[part, r.y]);
        part = r.op("Neg", &[part]);
    }
    broadcast(r, part, slot)
}

/// ∂(a^b) is b·a^(b−1)·∂a + a^b·log(a)·∂b; the first is 0 where b is 0, the last where a is.
fn power(r: &mut Rule<'_, '_>, slot: usize) -> Result<Option<ValueId>> {
    let (base, exponent) = (r.input(0)?, r.input(1)?);
    let zero = r.number(0.0);
    let factor = if slot == 0 {
        let exponent = r.op("CastLike", &[exponent, base]);
        let one = r.number(1.0);
        let less = r.op("Sub", &[exponent, one]);
        let power = r.op("Pow", &[base, less]);
        let slope = r.op("Mul", &[exponent, power]);
        let is_zero = r.op("Equal", &[exponent, zero]);
        r.op("Where", &[is_zero, zero, slope])
    } else {
        let is_zero = r.op("Equal", &[base, zero]);
        let log = r.op("Log", &[base]);
        let log = r.op("Where", &[is_zero, zero, log]);
        r.op("Mul", &[r.y, log])
    };
    let part = r.op("Mul", &[r.g, factor]);
    broadcast(r, part, slot)
}

/// The gradient goes to the inputs that are the greatest or least, in equal parts.
fn extreme(r: &mut Rule<'_, '_>, slot: usize) -> Result<Option<ValueId>> {
    let mut masks = Vec::new();
    for at in 0..r.x.len() {
        let x = r.input(at)?;
        let is_it = r.op("Equal", &[x, r.y]);
        masks.push(r.op("CastLike", &[is_it, r.g]));
    }
    let count = r.op("Sum", &masks);
    let share = r.op("Div", &[masks[slot], count]);
    let part = r.op("Mul", &[r.g, share]);
    broadcast(r, part, slot)
}

fn choose(r: &mut Rule<'_, '_>, slot: usize) -> Result<Option<ValueId>> {
    let (condition, zero) = (r.input(0)?, r.number(0.0));
    let part = match slot {
        0 => return Ok(None),
        1 => r.op("Where", &[condition, r.g, zero]),
        _ => r.op("Where", &[condition, zero, r.g]),
    };
    broadcast(r, part, slot)
}

fn like(r: &mut Rule<'_, '_>) -> ValueId {
    let x = r.x[0].unwrap_or(r.g);
    r.op("CastLike", &[r.g, x])
}

/// A cast to floats; others go in steps.
fn cast(r: &mut Rule<'_, '_>, _: usize) -> Result<Option<ValueId>> {
    let to = r.op.attribute("to");
    let to = match to {
        Some(&AttributeValue::Int(to)) => i32::try_from(to).ok().and_then(DataType::from_onnx),
        _ => None,
    };
    Ok(to.filter(|&to| is_float(to)).map(|_| like(r)))
}
