//! Elements by their indices.

use super::elementwise::like;
use super::site::all;
use super::{Made, Site};
use crate::ops::numbers::i64s;
use crate::ops::shape::axis;
use crate::ops::size::Size;

/// Gather.
pub(in crate::ops) fn gather(site: &Site<'_>) -> Option<Vec<Made>> {
    let (data, at) = (site.shape(0)?, site.shape(1)?);
    let along = site.axis(data.len())?;
    let shape = [&data[..along], at, &data[along + 1..]].concat();
    Some(vec![Made::of(shape).with(picked(site))])
}

/// Elements of a vector by those of another.
fn picked(site: &Site<'_>) -> Option<Vec<Option<Size>>> {
    let (data, indices) = (site.elements(0)?, site.elements(1)?);
    let pick = |index: &Size| data.get(axis(index.known()?, data.len()).ok()?).cloned();
    Some(indices.iter().map(pick).collect())
}

/// GatherElements.
pub(in crate::ops) fn gather_elements(site: &Site<'_>) -> Option<Vec<Made>> {
    Some(vec![like(site, 1)?.with(picked(site))])
}

/// GatherND.
pub(in crate::ops) fn gather_nd(site: &Site<'_>) -> Option<Vec<Made>> {
    let (data, (depth, rows)) = (site.shape(0)?, site.shape(1)?.split_last()?);
    let batch = if site.call.since() < 12 { 0 } else { site.int("batch_dims")? };
    let rest = usize::try_from(batch.checked_add(depth.known()?)?).ok()?;
    Some(vec![Made::of([rows, data.get(rest..)?].concat())])
}

/// Scatter, ScatterElements: the data, with other elements.
pub(in crate::ops) fn scatter_elements(site: &Site<'_>) -> Option<Vec<Made>> {
    let indices = site.elements(1).and_then(|all| all.iter().map(Size::known).collect());
    Some(vec![like(site, 0)?.with(scattered(site, indices))])
}

/// ScatterND.
pub(in crate::ops) fn scatter_nd(site: &Site<'_>) -> Option<Vec<Made>> {
    let indices = site.constant(1).and_then(|indices| i64s(indices).ok());
    Some(vec![like(site, 0)?.with(scattered(site, indices))])
}

/// A vector whose elements at these indices are others.
fn scattered(site: &Site<'_>, indices: Option<Vec<i64>>) -> Option<Vec<Option<Size>>> {
    let replaces = !site.call.has("reduction") || site.call.string("reduction").ok()? == "none";
    let (indices, updates) = (indices.filter(|_| replaces)?, site.elements(2)?);
    let mut data = all(site.elements(0)?);
    (site.rank(0) == Some(1) && indices.len() == updates.len()).then_some(())?;
    for (&index, update) in indices.iter().zip(updates) {
        let at = axis(index, data.len()).ok()?;
        data[at] = Some(update.clone());
    }
    Some(data)
}

/// Compress: how many are chosen is not known.
pub(in crate::ops) fn compress(site: &Site<'_>) -> Option<Vec<Made>> {
    Some(vec![open_axis(site)?])
}

/// Unique: nor is how many there are; the inverse has an index for each.
pub(in crate::ops) fn unique(site: &Site<'_>) -> Option<Vec<Made>> {
    let inverse = match (site.call.has("axis"), site.shape(0)) {
        (true, Some(own)) => Some(own[site.axis(own.len())?].clone()),
        (false, Some(own)) => Size::product(own),
        (_, None) => None,
    };
    Some(vec![
        open_axis(site).unwrap_or_default(),
        Made::rank(1),
        Made::sizes([inverse]),
        Made::rank(1),
    ])
}

/// The data with another size along the axis; without one as a vector.
fn open_axis(site: &Site<'_>) -> Option<Made> {
    if !site.call.has("axis") {
        return Some(Made::rank(1));
    }
    let own = site.shape(0)?;
    let along = site.axis(own.len())?;
    Some(Made::sizes((0..own.len()).map(|axis| (axis != along).then(|| own[axis].clone()))))
}

/// NonZero: a row for each axis.
pub(in crate::ops) fn non_zero(site: &Site<'_>) -> Option<Vec<Made>> {
    let rank = site.rank(0).map(|rank| Size::from(rank as i64));
    let zeros = site.elements(0).map(|all| all.iter().map(|x| x.known().map(|x| x != 0)));
    let count = zeros.and_then(|mut all| all.try_fold(0, |sum, x| Some(sum + i64::from(x?))));
    Some(vec![Made::sizes([rank, count.map(Size::from)])])
}
