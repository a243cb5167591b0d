//! Sums of products, as an equation of labels says.

use super::Number;
use crate::error::{Error, Result};
use crate::ops::numbers::{Numbers, numbers, of_numbers};
use crate::ops::shape::{dims, filled, places, sizes, strides};
use crate::ops::{Call, Value};

/// A letter; or an axis that an ellipsis stands for, counted from the last.
type Label = usize;

/// An operand with a label for each axis.
#[derive(Clone)]
struct Term<T> {
    labels: Vec<Label>,
    shape: Vec<usize>,
    values: Vec<T>,
}

pub(super) fn einsum(call: &Call<'_>) -> Result<Vec<Value>> {
    let tensors = call.tensors()?;
    let shapes: Vec<Vec<usize>> = tensors.iter().map(|tensor| sizes(tensor)).collect();
    let ranks: Vec<usize> = shapes.iter().map(Vec::len).collect();
    let (inputs, output) = labels_of(&call.string("equation")?, &ranks)?;
    let labelled = || inputs.iter().cloned().zip(shapes.iter().cloned());
    let all = tensors.iter().map(|tensor| numbers(tensor)).collect::<Result<Vec<_>>>()?;
    let (mut floats, mut integers) = (Vec::new(), Vec::new());
    for ((labels, shape), values) in labelled().zip(all) {
        match values {
            Numbers::Floats(values) => floats.push(Term { labels, shape, values }),
            Numbers::Integers(values) => integers.push(Term { labels, shape, values }),
        }
    }
    let (shape, y) = match (floats.is_empty(), integers.is_empty()) {
        (false, true) => {
            let y = contract(floats, &output)?;
            (y.shape, Numbers::Floats(y.values))
        }
        (true, false) => {
            let y = contract(integers, &output)?;
            (y.shape, Numbers::Integers(y.values))
        }
        _ => return Err(Error::input("inputs are all of floats, or all of integers")),
    };
    Ok(vec![of_numbers(call.input(0)?.dtype, &dims(&shape), &y)?.into()])
}

/// The labels of inputs of these ranks, and of the output.
pub(crate) fn labels_of(equation: &str, ranks: &[usize]) -> Result<(Vec<Vec<Label>>, Vec<Label>)> {
    let wrong = |what: String| Error::input(format!("equation {equation:?}: {what}"));
    let bare = equation.replace(' ', "");
    let (left, right) = match bare.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (bare.as_str(), None),
    };
    let terms: Vec<&str> = left.split(',').collect();
    if terms.len() != ranks.len() {
        return Err(wrong(format!("{} terms for {} inputs", terms.len(), ranks.len())));
    }
    let mut inputs = Vec::new();
    let mut dots = 0;
    for (term, rank) in terms.iter().zip(ranks) {
        let letters = term.replace("...", "").len();
        let own = rank.checked_sub(letters).filter(|&own| own == 0 || term.contains("..."));
        let own = own.ok_or_else(|| wrong(format!("term {term:?} for rank {rank}")))?;
        dots = dots.max(own);
        inputs.push(labels(term, own).map_err(&wrong)?);
    }
    let output = match right {
        Some(term) => labels(term, dots).map_err(&wrong)?,
        None => {
            let once = |label: &Label| inputs.iter().flatten().filter(|l| *l == label).count() == 1;
            let letters = (usize::from(b'A')..=usize::from(b'z')).filter(once);
            (0..dots).rev().chain(letters).collect()
        }
    };
    let is_known = |label: &Label| inputs.iter().any(|input| input.contains(label));
    if !output.iter().all(is_known) {
        return Err(wrong("the output has a label that no input has".into()));
    }
    if output.iter().enumerate().any(|(at, label)| output[..at].contains(label)) {
        return Err(wrong("the output has a label twice".into()));
    }
    Ok((inputs, output))
}

/// The labels of a term whose ellipsis stands for some axes.
fn labels(term: &str, dots: usize) -> Result<Vec<Label>, String> {
    let (before, dots, after) = match term.split_once("...") {
        Some((before, after)) => (before, dots, after),
        None => (term, 0, ""),
    };
    match before.chars().chain(after.chars()).find(|c| !c.is_ascii_alphabetic()) {
        Some(other) => Err(format!("{other:?} is no label")),
        None => {
            let letters = |text: &str| text.bytes().map(usize::from).collect::<Vec<_>>();
            let ellipsis = (0..dots).rev().collect();
            Ok([letters(before), ellipsis, letters(after)].concat())
        }
    }
}

/// The sum over all labels that the output does not have: one input after the other, each label
/// summed as soon as no other input has it.
fn contract<T: Number>(mut terms: Vec<Term<T>>, output: &[Label]) -> Result<Term<T>> {
    for at in 0..terms.len() {
        let others: Vec<Label> = terms[..at].iter().flat_map(|t| t.labels.clone()).collect();
        let kept = kept(&[&terms[at]], &[&others, output], &terms[at + 1..]);
        terms[at] = sum_of_products(&[&terms[at]], &kept)?;
    }
    let mut terms = terms.into_iter();
    let mut sum = terms.next().ok_or_else(|| Error::input("there is no input"))?;
    while let Some(next) = terms.next() {
        let kept = kept(&[&sum, &next], &[output], terms.as_slice());
        sum = sum_of_products(&[&sum, &next], &kept)?;
    }
    sum_of_products(&[&sum], output)
}

/// The labels of some terms that are still needed.
fn kept<T>(terms: &[&Term<T>], needed: &[&[Label]], later: &[Term<T>]) -> Vec<Label> {
    let mut kept: Vec<Label> = Vec::new();
    for label in terms.iter().flat_map(|term| &term.labels) {
        let is_needed = needed.iter().any(|needed| needed.contains(label))
            || later.iter().any(|term| term.labels.contains(label));
        if is_needed && !kept.contains(label) {
            kept.push(*label);
        }
    }
    kept
}

/// Multiplies terms and sums over all labels but these.
fn sum_of_products<T: Number>(terms: &[&Term<T>], output: &[Label]) -> Result<Term<T>> {
    let mut summed: Vec<Label> = Vec::new();
    for label in terms.iter().flat_map(|term| &term.labels) {
        if !output.contains(label) && !summed.contains(label) {
            summed.push(*label);
        }
    }
    let outer = output.iter().map(|&label| size(terms, label)).collect::<Result<Vec<_>>>()?;
    let inner = summed.iter().map(|&label| size(terms, label)).collect::<Result<Vec<_>>>()?;
    let mut values = filled(&outer, T::ZERO)?;
    let walk = |shape: &[usize], labels: &[Label]| -> Vec<Vec<usize>> {
        let walk = |term: &&Term<T>| places(shape, &label_strides(term, labels)).collect();
        terms.iter().map(walk).collect()
    };
    let (outer_places, inner_places) = (walk(&outer, output), walk(&inner, &summed));
    let steps = inner_places.first().map_or(0, Vec::len);
    for (at, value) in values.iter_mut().enumerate() {
        let product = |step: usize| {
            let factor = |(n, term): (usize, &&Term<T>)| {
                term.values[outer_places[n][at] + inner_places[n][step]]
            };
            terms.iter().enumerate().map(factor).fold(T::ONE, T::times)
        };
        *value = (0..steps).map(product).fold(T::ZERO, T::plus);
    }
    Ok(Term { labels: output.to_vec(), shape: outer, values })
}

/// The size of a label's axes, of which some may be 1.
fn size<T>(terms: &[&Term<T>], label: Label) -> Result<usize> {
    let mut size = 1;
    for term in terms {
        for (_, &own) in term.labels.iter().zip(&term.shape).filter(|(l, _)| **l == label) {
            match (size, own) {
                (a, b) if a == b || b == 1 => {}
                (1, b) => size = b,
                (a, b) => return Err(Error::input(format!("a label has sizes {a} and {b}"))),
            }
        }
    }
    Ok(size)
}

/// How far a step along a label goes in a term: along all axes that have it.
fn label_strides<T>(term: &Term<T>, labels: &[Label]) -> Vec<usize> {
    let own = strides(&term.shape);
    let step = |label: &Label| {
        let axes = (0..own.len()).filter(|&axis| term.labels[axis] == *label);
        axes.filter(|&axis| term.shape[axis] != 1).map(|axis| own[axis]).sum()
    };
    labels.iter().map(step).collect()
}
