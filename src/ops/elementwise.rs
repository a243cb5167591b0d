//! Operators of each element alone.

pub(super) mod binary;
pub(super) mod unary;

pub(super) use binary::{max, min};

use super::numbers::{Numbers, numbers};
use super::shape::{broadcast, broadcast_strides, dims, places, sizes};
use super::{Operator, op};
use crate::error::Result;
use crate::ir::Tensor;

pub(super) static OPERATORS: &[Operator] = &[
    op("Abs", |c| unary::both(c, f64::abs, i128::abs)),
    op("Acos", |c| unary::float(c, f64::acos)),
    op("Acosh", |c| unary::float(c, f64::acosh)),
    op("Asin", |c| unary::float(c, f64::asin)),
    op("Asinh", |c| unary::float(c, f64::asinh)),
    op("Atan", |c| unary::float(c, f64::atan)),
    op("Atanh", |c| unary::float(c, f64::atanh)),
    op("BitwiseNot", |c| unary::integer(c, |x| !x)),
    op("Ceil", |c| unary::float(c, f64::ceil)),
    op("Cos", |c| unary::float(c, f64::cos)),
    op("Cosh", |c| unary::float(c, f64::cosh)),
    op("Erf", |c| unary::float(c, libm::erf)),
    op("Exp", |c| unary::float(c, f64::exp)),
    op("Floor", |c| unary::float(c, f64::floor)),
    op("Identity", unary::identity),
    op("IsInf", unary::is_inf),
    op("IsNaN", |c| unary::test(c, f64::is_nan)),
    op("Log", |c| unary::float(c, f64::ln)),
    op("Neg", |c| unary::both(c, |x| -x, |x| -x)),
    op("Not", unary::not),
    op("Reciprocal", |c| unary::float(c, f64::recip)),
    op("Round", |c| unary::float(c, f64::round_ties_even)),
    op("Sign", |c| unary::both(c, unary::sign, i128::signum)),
    op("Sin", |c| unary::float(c, f64::sin)),
    op("Sinh", |c| unary::float(c, f64::sinh)),
    op("Sqrt", |c| unary::float(c, f64::sqrt)),
    op("Tan", |c| unary::float(c, f64::tan)),
    op("Tanh", |c| unary::float(c, f64::tanh)),
    op("Add", |c| binary::arithmetic(c, |x, y| x + y, |x, y| Some(x + y))),
    op("And", |c| binary::logic(c, |x, y| x && y)),
    op("BitwiseAnd", |c| binary::integer(c, |x, y| x & y)),
    op("BitwiseOr", |c| binary::integer(c, |x, y| x | y)),
    op("BitwiseXor", |c| binary::integer(c, |x, y| x ^ y)),
    op("BitShift", binary::shift),
    op("Div", |c| binary::arithmetic(c, |x, y| x / y, i128::checked_div)),
    op("Equal", binary::equal),
    op("Greater", |c| binary::compare(c, |x, y| x > y, |x, y| x > y)),
    op("GreaterOrEqual", |c| binary::compare(c, |x, y| x >= y, |x, y| x >= y)),
    op("Less", |c| binary::compare(c, |x, y| x < y, |x, y| x < y)),
    op("LessOrEqual", |c| binary::compare(c, |x, y| x <= y, |x, y| x <= y)),
    op("Max", |c| binary::fold(c, binary::max, i128::max)),
    op("Mean", binary::mean),
    op("Min", |c| binary::fold(c, binary::min, i128::min)),
    op("Mod", binary::modulo),
    op("Mul", |c| binary::arithmetic(c, |x, y| x * y, |x, y| Some(x.wrapping_mul(y)))),
    op("Or", |c| binary::logic(c, |x, y| x || y)),
    op("Pow", binary::pow),
    op("PRelu", |c| {
        binary::arithmetic(c, binary::prelu, |x, y| Some(if x < 0 { x * y } else { x }))
    }),
    op("Sub", |c| binary::arithmetic(c, |x, y| x - y, |x, y| Some(x - y))),
    op("Sum", |c| binary::fold(c, |x, y| x + y, |x, y| x + y)),
    op("Xor", |c| binary::logic(c, |x, y| x != y)),
];

/// The numbers of tensors, each read as of the shape that all are broadcast to.
fn broadcast_numbers(tensors: &[&Tensor]) -> Result<(Vec<i64>, Vec<Numbers>)> {
    let shapes: Vec<Vec<usize>> = tensors.iter().map(|t| sizes(t)).collect();
    let shape = broadcast(&shapes.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
    let spread = |(tensor, own): (&&Tensor, &Vec<usize>)| {
        let numbers = numbers(tensor)?;
        if *own == shape {
            return Ok(numbers);
        }
        let strides = broadcast_strides(own, &shape);
        let places = places(&shape, &strides);
        Ok(match numbers {
            Numbers::Floats(x) => Numbers::Floats(places.map(|place| x[place]).collect()),
            Numbers::Integers(x) => Numbers::Integers(places.map(|place| x[place]).collect()),
        })
    };
    let all = tensors.iter().zip(&shapes).map(spread).collect::<Result<_>>()?;
    Ok((dims(&shape), all))
}
