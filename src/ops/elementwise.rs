//! Operators of each element alone.

pub(super) mod binary;
pub(super) mod unary;

pub(super) use binary::{max, min};

use super::numbers::{Numbers, numbers};
use super::shape::{broadcast, broadcast_strides, dims, places, sizes};
use super::{Operator, infer, op};
use crate::error::Result;
use crate::ir::Tensor;

pub(super) static OPERATORS: &[Operator] = &[
    op("Abs", |c| unary::both(c, f64::abs, i128::abs)).infer(infer::elements::abs),
    op("Acos", |c| unary::float(c, f64::acos)).infer(infer::elementwise::same),
    op("Acosh", |c| unary::float(c, f64::acosh)).infer(infer::elementwise::same),
    op("Asin", |c| unary::float(c, f64::asin)).infer(infer::elementwise::same),
    op("Asinh", |c| unary::float(c, f64::asinh)).infer(infer::elementwise::same),
    op("Atan", |c| unary::float(c, f64::atan)).infer(infer::elementwise::same),
    op("Atanh", |c| unary::float(c, f64::atanh)).infer(infer::elementwise::same),
    op("BitwiseNot", |c| unary::integer(c, |x| !x)).infer(infer::elementwise::same),
    op("Ceil", |c| unary::float(c, f64::ceil)).infer(infer::elementwise::same),
    op("Cos", |c| unary::float(c, f64::cos)).infer(infer::elementwise::same),
    op("Cosh", |c| unary::float(c, f64::cosh)).infer(infer::elementwise::same),
    op("Erf", |c| unary::float(c, libm::erf)).infer(infer::elementwise::same),
    op("Exp", |c| unary::float(c, f64::exp)).infer(infer::elementwise::same),
    op("Floor", |c| unary::float(c, f64::floor)).infer(infer::elementwise::same),
    op("Identity", unary::identity).infer(infer::elementwise::identity),
    op("IsInf", unary::is_inf).infer(infer::elementwise::same),
    op("IsNaN", |c| unary::test(c, f64::is_nan)).infer(infer::elementwise::same),
    op("Log", |c| unary::float(c, f64::ln)).infer(infer::elementwise::same),
    op("Neg", |c| unary::both(c, |x| -x, |x| -x)).infer(infer::elements::neg),
    op("Not", unary::not).infer(infer::elements::not),
    op("Reciprocal", |c| unary::float(c, f64::recip)).infer(infer::elementwise::same),
    op("Round", |c| unary::float(c, f64::round_ties_even)).infer(infer::elementwise::same),
    op("Sign", |c| unary::both(c, unary::sign, i128::signum)).infer(infer::elementwise::same),
    op("Sin", |c| unary::float(c, f64::sin)).infer(infer::elementwise::same),
    op("Sinh", |c| unary::float(c, f64::sinh)).infer(infer::elementwise::same),
    op("Sqrt", |c| unary::float(c, f64::sqrt)).infer(infer::elementwise::same),
    op("Tan", |c| unary::float(c, f64::tan)).infer(infer::elementwise::same),
    op("Tanh", |c| unary::float(c, f64::tanh)).infer(infer::elementwise::same),
    op("Add", |c| binary::arithmetic(c, |x, y| x + y, |x, y| Some(x + y)))
        .infer(infer::elements::add),
    op("And", |c| binary::logic(c, |x, y| x && y)).infer(infer::elements::and),
    op("BitwiseAnd", |c| binary::integer(c, |x, y| x & y)).infer(infer::elementwise::broadcast),
    op("BitwiseOr", |c| binary::integer(c, |x, y| x | y)).infer(infer::elementwise::broadcast),
    op("BitwiseXor", |c| binary::integer(c, |x, y| x ^ y)).infer(infer::elementwise::broadcast),
    op("BitShift", binary::shift).infer(infer::elementwise::broadcast),
    op("Div", |c| binary::arithmetic(c, |x, y| x / y, i128::checked_div))
        .infer(infer::elements::div),
    op("Equal", binary::equal).infer(infer::elements::equal),
    op("Greater", |c| binary::compare(c, |x, y| x > y, |x, y| x > y))
        .infer(infer::elements::greater),
    op("GreaterOrEqual", |c| binary::compare(c, |x, y| x >= y, |x, y| x >= y))
        .infer(infer::elements::greater_or_equal),
    op("Less", |c| binary::compare(c, |x, y| x < y, |x, y| x < y)).infer(infer::elements::less),
    op("LessOrEqual", |c| binary::compare(c, |x, y| x <= y, |x, y| x <= y))
        .infer(infer::elements::less_or_equal),
    op("Max", |c| binary::fold(c, binary::max, i128::max)).infer(infer::elements::max),
    op("Mean", binary::mean).infer(infer::elementwise::broadcast),
    op("Min", |c| binary::fold(c, binary::min, i128::min)).infer(infer::elements::min),
    op("Mod", binary::modulo).infer(infer::elements::modulo),
    op("Mul", |c| binary::arithmetic(c, |x, y| x * y, |x, y| Some(x.wrapping_mul(y))))
        .infer(infer::elements::mul),
    op("Or", |c| binary::logic(c, |x, y| x || y)).infer(infer::elements::or),
    op("Pow", binary::pow).infer(infer::elements::pow),
    op("PRelu", |c| {
        binary::arithmetic(c, binary::prelu, |x, y| Some(if x < 0 { x * y } else { x }))
    })
    .infer(infer::elementwise::same),
    op("Sub", |c| binary::arithmetic(c, |x, y| x - y, |x, y| Some(x - y)))
        .infer(infer::elements::sub),
    op("Sum", |c| binary::fold(c, |x, y| x + y, |x, y| x + y)).infer(infer::elements::sum),
    op("Xor", |c| binary::logic(c, |x, y| x != y)).infer(infer::elements::xor),
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
