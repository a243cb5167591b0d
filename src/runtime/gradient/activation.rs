//! Derivatives of activations.

use super::elementwise::{broadcast, quadratic, unary};
use super::rule::{Derivative, Rule};
use crate::error::Result;
use crate::ir::{AttributeValue, ValueId};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, PI};

pub(super) static RULES: &[(&str, Derivative)] = &[
    ("Celu", |r, _| {
        let alpha = r.float("alpha", 1.0);
        below_zero(r, |r, x| {
            let x = r.times(x, 1.0 / alpha);
            r.op("Exp", &[x])
        })
    }),
    ("Clip", |r, slot| match slot {
        0 => {
            let x = r.input(0)?;
            let is_within = r.op("Equal", &[x, r.y]);
            masked(r, is_within)
        }
        _ => bound(r, slot),
    }),
    ("Elu", |r, _| {
        let alpha = r.float("alpha", 1.0);
        below_zero(r, |r, x| exponential(r, x, alpha))
    }),
    ("Gelu", |r, _| {
        let is_tanh =
            matches!(r.op.attribute("approximate"), Some(AttributeValue::String(s)) if s == "tanh");
        unary(r, if is_tanh { gelu_tanh } else { gelu })
    }),
    ("HardSigmoid", |r, _| {
        let alpha = r.float("alpha", 0.2);
        let slope = r.times(r.g, alpha);
        inside(r, r.y, 0.0, 1.0, slope)
    }),
    ("HardSwish", |r, _| {
        let x = r.input(0)?;
        let gate =
            r.op_with("HardSigmoid", vec![("alpha", AttributeValue::Float(1.0 / 6.0))], &[x]);
        let slope = r.times(x, 1.0 / 6.0);
        let zero = r.number(0.0);
        let is_inside = between(r, x, -3.0, 3.0);
        let slope = r.op("Where", &[is_inside, slope, zero]);
        let factor = r.op("Add", &[gate, slope]);
        Ok(Some(r.op("Mul", &[r.g, factor])))
    }),
    ("LeakyRelu", |r, _| {
        let alpha = r.float("alpha", 0.01);
        below_zero(r, |r, _| r.number(alpha))
    }),
    ("LogSoftmax", |r, _| softmax(r, true)),
    ("Mish", |r, _| {
        unary(r, |r, x| {
            let softplus = r.op("Softplus", &[x]);
            let tanh = r.op("Tanh", &[softplus]);
            let slope = quadratic(r, tanh, -1.0, 1.0);
            let sigmoid = r.op("Sigmoid", &[x]);
            let slope = r.op("Mul", &[slope, sigmoid]);
            plus_x_times(r, tanh, x, slope)
        })
    }),
    ("PRelu", |r, slot| {
        let (x, slope, zero) = (r.input(0)?, r.input(1)?, r.number(0.0));
        let is_below = r.op("Less", &[x, zero]);
        let factor = r.op("Mul", &[r.g, if slot == 0 { slope } else { x }]);
        let above = if slot == 0 { r.g } else { zero };
        let part = r.op("Where", &[is_below, factor, above]);
        broadcast(r, part, slot)
    }),
    ("Relu", |r, _| above(r, 0.0)),
    ("Selu", |r, _| {
        let alpha = r.float("alpha", f64::from(1.673_263_2_f32));
        let gamma = r.float("gamma", f64::from(1.050_701_f32));
        r.g = r.times(r.g, gamma);
        below_zero(r, |r, x| exponential(r, x, alpha))
    }),
    ("Sigmoid", |r, _| {
        unary(r, |r, _| {
            let square = r.op("Mul", &[r.y, r.y]);
            r.op("Sub", &[r.y, square])
        })
    }),
    ("Softmax", |r, _| softmax(r, false)),
    ("Softplus", |r, _| unary(r, |r, x| r.op("Sigmoid", &[x]))),
    ("Softsign", |r, _| {
        unary(r, |r, x| {
            let (size, one) = (r.op("Abs", &[x]), r.number(1.0));
            let root = r.op("Add", &[size, one]);
            let square = r.op("Mul", &[root, root]);
            r.op("Reciprocal", &[square])
        })
    }),
    ("Swish", |r, _| {
        let alpha = r.float("alpha", 1.0);
        unary(r, |r, x| {
            let scaled = r.times(x, alpha);
            let sigmoid = r.op("Sigmoid", &[scaled]);
            let square = r.op("Mul", &[sigmoid, sigmoid]);
            let slope = r.op("Sub", &[sigmoid, square]);
            let slope = r.times(slope, alpha);
            plus_x_times(r, sigmoid, x, slope)
        })
    }),
    ("ThresholdedRelu", |r, _| {
        let alpha = r.float("alpha", 1.0);
        above(r, alpha)
    }),
];

/// The gradient where a condition holds, and else 0.
fn masked(r: &mut Rule<'_, '_>, condition: ValueId) -> Result<Option<ValueId>> {
    let zero = r.number(0.0);
    Ok(Some(r.op("Where", &[condition, r.g, zero])))
}

fn above(r: &mut Rule<'_, '_>, limit: f64) -> Result<Option<ValueId>> {
    let (x, limit) = (r.input(0)?, r.number(limit));
    let is_above = r.op("Greater", &[x, limit]);
    masked(r, is_above)
}

fn between(r: &mut Rule<'_, '_>, x: ValueId, least: f64, most: f64) -> ValueId {
    let (least, most) = (r.number(least), r.number(most));
    let (low, high) = (r.op("Greater", &[x, least]), r.op("Less", &[x, most]));
    r.op("And", &[low, high])
}

/// A gradient where a value lies between two numbers, and else 0.
fn inside(
    r: &mut Rule<'_, '_>,
    of: ValueId,
    least: f64,
    most: f64,
    gradient: ValueId,
) -> Result<Option<ValueId>> {
    let (is_inside, zero) = (between(r, of, least, most), r.number(0.0));
    Ok(Some(r.op("Where", &[is_inside, gradient, zero])))
}

/// A bound of Clip has the gradient of all elements that it holds back.
fn bound(r: &mut Rule<'_, '_>, slot: usize) -> Result<Option<ValueId>> {
    let (x, bound, zero) = (r.input(0)?, r.input(slot)?, r.number(0.0));
    let (is_free, is_bound) = (r.op("Equal", &[x, r.y]), r.op("Equal", &[r.y, bound]));
    let held = r.op("Where", &[is_bound, r.g, zero]);
    let part = r.op("Where", &[is_free, zero, held]);
    broadcast(r, part, slot)
}

/// The gradient, times a derivative where x is below 0.
fn below_zero(
    r: &mut Rule<'_, '_>,
    derivative: impl Fn(&mut Rule<'_, '_>, ValueId) -> ValueId,
) -> Result<Option<ValueId>> {
    let (x, zero) = (r.input(0)?, r.number(0.0));
    let is_below = r.op("Less", &[x, zero]);
    let factor = derivative(r, x);
    let below = r.op("Mul", &[r.g, factor]);
    Ok(Some(r.op("Where", &[is_below, below, r.g])))
}

/// α·exp(x).
fn exponential(r: &mut Rule<'_, '_>, x: ValueId, alpha: f64) -> ValueId {
    let power = r.op("Exp", &[x]);
    r.times(power, alpha)
}

/// a + x·b.
fn plus_x_times(r: &mut Rule<'_, '_>, a: ValueId, x: ValueId, b: ValueId) -> ValueId {
    let product = r.op("Mul", &[x, b]);
    r.op("Add", &[a, product])
}

/// Φ(x) + x·φ(x), Φ the normal distribution and φ its density.
fn gelu(r: &mut Rule<'_, '_>, x: ValueId) -> ValueId {
    let scaled = r.times(x, FRAC_1_SQRT_2);
    let error = r.op("Erf", &[scaled]);
    let distribution = half_plus_half(r, error);
    let exponent = quadratic(r, scaled, -1.0, 0.0);
    let bell = r.op("Exp", &[exponent]);
    let density = r.times(bell, 1.0 / (2.0 * PI).sqrt());
    plus_x_times(r, distribution, x, density)
}

/// (1 + t)/2 + x·(1 − t²)/2·u′(x), t = tanh(u(x)), u(x) = √(2/π)·(x + 0.044715·x³).
fn gelu_tanh(r: &mut Rule<'_, '_>, x: ValueId) -> ValueId {
    let root = FRAC_2_PI.sqrt();
    let inner = quadratic(r, x, 0.044_715 * root, root);
    let inner = r.op("Mul", &[x, inner]);
    let tanh = r.op("Tanh", &[inner]);
    let slope = quadratic(r, tanh, -0.5, 0.5);
    let inner = quadratic(r, x, 3.0 * 0.044_715 * root, root);
    let slope = r.op("Mul", &[slope, inner]);
    let gate = half_plus_half(r, tanh);
    plus_x_times(r, gate, x, slope)
}

/// (1 + x)/2.
fn half_plus_half(r: &mut Rule<'_, '_>, x: ValueId) -> ValueId {
    let half = r.number(0.5);
    let x = r.op("Mul", &[x, half]);
    r.op("Add", &[x, half])
}

/// y·(g − Σ g·y); of the logarithm, g − exp(y)·Σ g. Before opset 13 rows go over all axes from `axis` on.
fn softmax(r: &mut Rule<'_, '_>, is_log: bool) -> Result<Option<ValueId>> {
    let is_one_axis = r.since()? >= 13;
    let axis = r.int("axis", if is_one_axis { -1 } else { 1 });
    let flat = |r: &mut Rule<'_, '_>, value: ValueId| match is_one_axis {
        true => value,
        false => r.op_with("Flatten", vec![("axis", AttributeValue::Int(axis))], &[value]),
    };
    let (g, y) = (flat(r, r.g), flat(r, r.y));
    let axes = r.integers(&[if is_one_axis { axis } else { 1 }]);
    let product = r.op("Mul", &[g, y]);
    let sum = r.op("ReduceSum", &[if is_log { g } else { product }, axes]);
    let part = if is_log {
        let probability = r.op("Exp", &[y]);
        let share = r.op("Mul", &[probability, sum]);
        r.op("Sub", &[g, share])
    } else {
        let share = r.op("Mul", &[y, sum]);
        r.op("Sub", &[product, share])
    };
    let x = r.input(0)?;
    Ok(Some(r.shaped(part, x)))
}
