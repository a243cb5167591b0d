//! Of [`elementwise`](crate::ops::elementwise), but for operations on bits.

use super::Body::{Any, Fold, One, Two};
use super::{Element, Inputs, Lowering, input, op};
use crate::kernel::{Scalar, Type};

pub(super) static LOWERINGS: &[Lowering] = &[
    op("Abs", One(|x| x.abs())),
    op("Acos", One(|x| x.acos())),
    op("Acosh", One(|x| x.acosh())),
    op("Asin", One(|x| x.asin())),
    op("Asinh", One(|x| x.asinh())),
    op("Atan", One(|x| x.atan())),
    op("Atanh", One(|x| x.atanh())),
    op("Ceil", One(|x| x.ceil())),
    op("Cos", One(|x| x.cos())),
    op("Cosh", One(|x| x.cosh())),
    op("Erf", One(|x| x.erf())),
    op("Exp", One(|x| x.exp())),
    op("Floor", One(|x| x.floor())),
    op("Identity", One(|x| x)),
    op("IsInf", Any(is_inf)),
    op("IsNaN", One(|x| x.is_nan())),
    op("Log", One(|x| x.ln())),
    op("Neg", One(|x| -x)),
    op("Not", One(|x| !x)),
    op("Reciprocal", One(|x| x.recip())),
    op("Round", One(|x| x.nearest())),
    op("Sign", One(|x| x.sign())),
    op("Sin", One(|x| x.sin())),
    op("Sinh", One(|x| x.sinh())),
    op("Sqrt", One(|x| x.sqrt())),
    op("Tan", One(|x| x.tan())),
    op("Tanh", One(|x| x.tanh())),
    op("Add", Two(|x, y| x + y)),
    op("And", Two(|x, y| x & y)),
    op("Div", Two(|x, y| x / y)),
    op("Equal", Two(|x, y| x.equal(y))),
    op("Greater", Two(|x, y| y.less(x))),
    op("GreaterOrEqual", Two(|x, y| y.less_equal(x))),
    op("Less", Two(|x, y| x.less(y))),
    op("LessOrEqual", Two(|x, y| x.less_equal(y))),
    op("Max", Fold(|x, y| x.max(y))),
    op("Mean", Any(mean)),
    op("Min", Fold(|x, y| x.min(y))),
    op("Mod", Any(modulo)),
    op("Mul", Two(|x, y| x * y)),
    op("Or", Two(|x, y| x | y)),
    op("Pow", Any(pow)),
    op("PRelu", Two(|x, slope| x.less(0.0).select(x * slope, x))),
    op("Sub", Two(|x, y| x - y)),
    op("Sum", Fold(|x, y| x + y)),
    op("Where", Any(choose)),
    op("Xor", Two(|x, y| !x.equal(y))),
];

fn is_inf<'b>(element: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    let x = input(inputs, 0)?;
    let none = x.constant(Type::Bool, 0.0);
    let is = |flag, number: f64| Some(if element.flag(flag)? { x.equal(number) } else { none });
    Some(is("detect_negative", f64::NEG_INFINITY)? | is("detect_positive", f64::INFINITY)?)
}

fn mean<'b>(_: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    let sum = inputs.iter().flatten().copied().reduce(|x, y| x + y)?;
    Some(sum / inputs.len() as f64)
}

fn modulo<'b>(element: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    let (x, y) = (input(inputs, 0)?, input(inputs, 1)?);
    Some(match (element.flag("fmod")?, x.ty()) {
        (false, _) => x.modulo(y),
        (true, Type::I64) => x % y,
        (true, _) => x.fmod(y),
    })
}

/// Of integers only by a constant.
fn pow<'b>(_: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    let (x, y) = (input(inputs, 0)?, input(inputs, 1)?);
    if x.ty() != Type::I64 {
        return Some(x.pow(y));
    }
    let whole = y.number().filter(|y| y.fract() == 0.0 && (0.0..=64.0).contains(y))?;
    Some(x.power(whole as u32))
}

fn choose<'b>(_: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    Some(input(inputs, 0)?.select(input(inputs, 1)?, input(inputs, 2)?))
}
