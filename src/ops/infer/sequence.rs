//! Sequences whose length is known.

use super::{ELEMENTS, Made, Site};
use crate::ops::shape::axis;
use crate::ops::size::Size;

fn of(items: Vec<Made>) -> Option<Vec<Made>> {
    Some(vec![Made { items: Some(items), ..Made::default() }])
}

/// The place that an input says, of `count`; `default` where it is left out.
fn place(site: &Site<'_>, slot: usize, count: usize, default: usize) -> Option<usize> {
    match site.has_input(slot) {
        true => axis(site.element(slot)?.known()?, count).ok(),
        false => Some(default),
    }
}

/// SequenceConstruct.
pub(in crate::ops) fn construct(site: &Site<'_>) -> Option<Vec<Made>> {
    of((0..site.inputs.len()).filter_map(|slot| site.input(slot)).map(Made::from).collect())
}

/// SequenceEmpty.
pub(in crate::ops) fn empty(_: &Site<'_>) -> Option<Vec<Made>> {
    of(Vec::new())
}

/// SequenceLength.
pub(in crate::ops) fn length(site: &Site<'_>) -> Option<Vec<Made>> {
    let length = site.items(0).map(|items| Size::from(items.len() as i64));
    Some(vec![Made::of([]).with(Some(vec![length]))])
}

/// SequenceAt.
pub(in crate::ops) fn at(site: &Site<'_>) -> Option<Vec<Made>> {
    let items = site.items(0)?;
    Some(vec![items.get(place(site, 1, items.len(), 0)?)?.clone()])
}

/// SequenceErase.
pub(in crate::ops) fn erase(site: &Site<'_>) -> Option<Vec<Made>> {
    let mut items = site.items(0)?.to_vec();
    let last = items.len().checked_sub(1)?;
    items.remove(place(site, 1, items.len(), last)?);
    of(items)
}

/// SequenceInsert, at the end.
pub(in crate::ops) fn insert(site: &Site<'_>) -> Option<Vec<Made>> {
    let mut items =
        site.items(0).filter(|items| items.len() < ELEMENTS && !site.has_input(2))?.to_vec();
    items.push(Made::from(site.input(1)?));
    of(items)
}

/// SplitToSequence: parts of lengths that are listed, or all of one length but for the last.
pub(in crate::ops) fn split(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let along = site.axis(own.len())?;
    let (is_listed, each) = match site.has_input(1) {
        true => (site.rank(1)? == 1, site.elements(1)?.to_vec()),
        false => (false, vec![Size::from(1)]),
    };
    let lengths = match (is_listed, &each[..]) {
        (true, _) => each,
        (false, [each]) => {
            let (size, each) = (own[along].known()?, each.known().filter(|&each| each > 0)?);
            let count = Some(size.checked_add(each - 1)? / each);
            let count = count.filter(|&count| count <= ELEMENTS as i64)?;
            (0..count).map(|at| Size::from((size - at * each).min(each))).collect()
        }
        _ => return None,
    };
    let drops_axis = !site.has_input(1) && !site.flag("keepdims")?;
    let part = |length: Size| {
        let mut shape = own.to_vec();
        match drops_axis {
            true => drop(shape.remove(along)),
            false => shape[along] = length,
        }
        Made::of(shape).typed(site.dtype(0))
    };
    of(lengths.into_iter().map(part).collect())
}

/// ConcatFromSequence.
pub(in crate::ops) fn concat(site: &Site<'_>) -> Option<Vec<Made>> {
    let items = site.items(0)?;
    let shape = |item: &Made| item.shape.clone()?.into_iter().collect();
    let shapes: Vec<Vec<Size>> = items.iter().map(shape).collect::<Option<_>>()?;
    let mut shape = shapes.first()?.clone();
    let is_new = site.flag("new_axis")?;
    let along = axis(site.int("axis")?, shape.len() + usize::from(is_new)).ok()?;
    match is_new {
        true => shape.insert(along, Size::from(items.len() as i64)),
        false => {
            let lengths = shapes.iter().filter_map(|shape| shape.get(along));
            shape[along] = Size::sum(lengths)?;
        }
    }
    Some(vec![Made::of(shape).typed(items[0].dtype)])
}
