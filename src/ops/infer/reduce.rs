//! Reductions, and what is chosen along an axis.

use super::elementwise::OfElements;
use super::site::all;
use super::{Made, Site};
use crate::ops::shape::axes;
use crate::ops::size::Size;

/// Reductions of which no elements are followed.
pub(in crate::ops) fn reduce(site: &Site<'_>) -> Option<Vec<Made>> {
    reduced(site, |_| None)
}

/// ReduceMax.
pub(in crate::ops) fn max(site: &Site<'_>) -> Option<Vec<Made>> {
    reduced(site, |x| Size::largest(x.iter().copied()))
}

/// ReduceMin.
pub(in crate::ops) fn min(site: &Site<'_>) -> Option<Vec<Made>> {
    reduced(site, |x| Size::smallest(x.iter().copied()))
}

/// ReduceProd.
pub(in crate::ops) fn product(site: &Site<'_>) -> Option<Vec<Made>> {
    reduced(site, |x| Size::product(x.iter().copied()))
}

/// ReduceSum.
pub(in crate::ops) fn sum(site: &Site<'_>) -> Option<Vec<Made>> {
    reduced(site, |x| Size::sum(x.iter().copied()))
}

fn reduced(site: &Site<'_>, of: OfElements) -> Option<Vec<Made>> {
    const NOOP: &str = "noop_with_empty_axes";
    let own = site.shape(0)?;
    let keeps = site.flag("keepdims")?;
    let list = match site.has_numbers(1, "axes") {
        true => site.numbers(1, "axes"),
        false => Some(Vec::new()),
    };
    let Some(list) = list else {
        return keeps.then(|| vec![Made::rank(own.len())]);
    };
    let is_noop = site.call.schema.attribute(NOOP).is_some() && site.flag(NOOP)?;
    let along: Vec<usize> = match list.is_empty() && !is_noop {
        true => (0..own.len()).collect(),
        false => axes(&list, own.len()).ok()?,
    };
    let elements = site.elements(0).map(|all| match along.is_empty() {
        true => all.iter().map(|x| of(&[x])).collect(),
        false => vec![of(&all.iter().collect::<Vec<_>>())],
    });
    Some(vec![Made::of(without(own, &along, keeps)).with(elements)])
}

/// Sizes without these axes, or with 1 in their place.
pub(super) fn without(own: &[Size], along: &[usize], keeps: bool) -> Vec<Size> {
    let size = |axis: usize| if along.contains(&axis) { Size::from(1) } else { own[axis].clone() };
    (0..own.len()).filter(|axis| keeps || !along.contains(axis)).map(size).collect()
}

/// ArgMax and ArgMin.
pub(in crate::ops) fn argument(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    Some(vec![Made::of(without(own, &[site.axis(own.len())?], site.flag("keepdims")?))])
}

/// TopK: values and indices.
pub(in crate::ops) fn top(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let along = site.axis(own.len())?;
    let mut shape = all(own);
    shape[along] = site.sizes(1, "k").and_then(|k| k.first().cloned());
    Some(vec![Made::sizes(shape); 2])
}
