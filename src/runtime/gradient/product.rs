//! Derivatives of products.

use super::rule::{Derivative, Rule};
use crate::error::{Error, Result};
use crate::ir::{AttributeValue, ValueId};

pub(super) static RULES: &[(&str, Derivative)] =
    &[("Einsum", einsum), ("Gemm", gemm), ("MatMul", matmul)];

/// Of Y = A·B: ∂A is G·Bᵀ, ∂B is Aᵀ·G. A vector is a matrix of one row or one column.
fn matmul(r: &mut Rule<'_, '_>, slot: usize) -> Result<Option<ValueId>> {
    let (a, b) = (r.input(0)?, r.input(1)?);
    let (rows, left) = matrix(r, a, true);
    let (columns, right) = matrix(r, b, false);
    // The sizes of Y before those of its rows and columns, which vectors do not have.
    let (all, y_rank) = (r.op("Shape", &[r.y]), r.rank(r.y));
    let (zero, own) = (r.integers(&[0]), r.op("Add", &[left.is_matrix, right.is_matrix]));
    let end = r.op("Sub", &[y_rank, own]);
    let end = r.reshape_to_list(end);
    let batch = r.op("Slice", &[all, zero, end]);
    let shape = r.joined(&[batch, left.size, right.size]);
    let g = r.reshaped(r.g, shape);
    let equation = if slot == 0 { "...ij,...kj->...ik" } else { "...ij,...ik->...jk" };
    let (first, second, of, x) =
        if slot == 0 { (g, columns, rows, a) } else { (rows, g, columns, b) };
    let equation = vec![("equation", AttributeValue::String(equation.into()))];
    let part = r.op_with("Einsum", equation, &[first, second]);
    let part = r.sum_to(part, of);
    Ok(Some(r.shaped(part, x)))
}

/// What an operand of MatMul gives its result.
struct Side {
    /// The rows of the left one, or the columns of the right one, as a list of one.
    size: ValueId,
    /// 1, or 0 for a vector.
    is_matrix: ValueId,
}

/// An operand as a matrix, or several.
fn matrix(r: &mut Rule<'_, '_>, x: ValueId, is_left: bool) -> (ValueId, Side) {
    let (shape, rank) = (r.op("Shape", &[x]), r.rank(x));
    let one = r.integers(&[1]);
    let rank = r.reshape_to_list(rank);
    let others = r.op("Sub", &[rank, one]);
    let is_matrix = r.op("Min", &[others, one]);
    let missing = r.op("Sub", &[one, is_matrix]);
    let ones = r.op("Expand", &[one, missing]);
    let shape = r.joined(&if is_left { [ones, shape] } else { [shape, ones] });
    let place = r.integers(&[if is_left { -2 } else { -1 }]);
    let size = r.op("Gather", &[shape, place]);
    (r.reshaped(x, shape), Side { size, is_matrix })
}

/// Of Y = α·A′·B′ + β·C, A′ and B′ transposed or not.
fn gemm(r: &mut Rule<'_, '_>, slot: usize) -> Result<Option<ValueId>> {
    let (a, b) = (r.input(0)?, r.input(1)?);
    let (trans_a, trans_b) = (r.int("transA", 0) != 0, r.int("transB", 0) != 0);
    if slot == 2 {
        let beta = r.float("beta", 1.0);
        let (part, c) = (r.times(r.g, beta), r.input(2)?);
        return Ok(Some(r.sum_to(part, c)));
    }
    let (first, of_first, second, of_second) = match (slot, trans_a, trans_b) {
        (0, false, _) => (r.g, false, b, !trans_b),
        (0, true, _) => (b, trans_b, r.g, true),
        (_, _, false) => (a, !trans_a, r.g, false),
        (_, _, true) => (r.g, true, a, trans_a),
    };
    let flag = |is: bool| AttributeValue::Int(is.into());
    let alpha = AttributeValue::Float(r.float("alpha", 1.0) as f32);
    let attributes =
        vec![("alpha", alpha), ("transA", flag(of_first)), ("transB", flag(of_second))];
    Ok(Some(r.op_with("Gemm", attributes, &[first, second])))
}

/// The product of the gradient and of all other operands, with the indices of the operand. Ones stand
/// for indices that it alone has.
fn einsum(r: &mut Rule<'_, '_>, slot: usize) -> Result<Option<ValueId>> {
    let equation = match r.op.attribute("equation") {
        Some(AttributeValue::String(text)) => String::from_utf8_lossy(text).replace(' ', ""),
        _ => return Err(Error::input("attribute \"equation\" is missing, or no string")),
    };
    let (terms, result) = match equation.split_once("->") {
        Some((terms, result)) => (terms, result.to_owned()),
        None => (equation.as_str(), implicit(&equation)),
    };
    let terms: Vec<&str> = terms.split(',').collect();
    let Some(&own) = terms.get(slot) else {
        return Err(Error::input(format!("equation {equation:?} has no operand {slot}")));
    };
    let letters = own.replace("...", "");
    if letters.chars().any(|letter| letters.matches(letter).count() > 1) {
        let what = format!("the derivative of a diagonal ({own} in {equation:?}) is not known");
        return Err(Error::input(what));
    }
    let (mut inputs, mut from) = (vec![r.g], vec![result]);
    for (at, term) in terms.iter().enumerate().filter(|&(at, _)| at != slot) {
        inputs.push(r.input(at)?);
        from.push((*term).to_owned());
    }
    let x = r.input(slot)?;
    let has = |part: &str| from.iter().any(|term| term.contains(part));
    if !letters.chars().all(|letter| has(&letter.to_string()))
        || (own.contains("...") && !has("..."))
    {
        let one = r.number(1.0);
        inputs.push(r.tape.full(one, x));
        from.push(own.to_owned());
    }
    let equation = AttributeValue::String(format!("{}->{own}", from.join(",")).into());
    if has_ellipsis_alone(&from, own) {
        return Err(Error::input("the derivative of a sum over ... is not known"));
    }
    let part = r.op_with("Einsum", vec![("equation", equation)], &inputs);
    Ok(Some(r.sum_to(part, x)))
}

/// Whether there is an ellipsis that the result has not.
fn has_ellipsis_alone(from: &[String], own: &str) -> bool {
    !own.contains("...") && from.iter().any(|term| term.contains("..."))
}

/// The result of an equation that does not say it: the ellipsis, then each letter that stands once.
fn implicit(terms: &str) -> String {
    let mut letters: Vec<char> = terms.chars().filter(|c| c.is_alphabetic()).collect();
    letters.sort_unstable();
    let once = |letter: &&char| terms.matches(**letter).count() == 1;
    let ellipsis = if terms.contains("...") { "..." } else { "" };
    ellipsis.chars().chain(letters.iter().filter(once).copied()).collect()
}
