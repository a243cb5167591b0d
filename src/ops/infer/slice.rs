//! Parts of tensors, and tensors as parts of larger ones.

use super::elementwise::broadcast_shapes;
use super::site::all;
use super::{ELEMENTS, Made, Site, count};
use crate::ops::shape::{axes, axis};
use crate::ops::size::Size;

/// From here on a place is behind all elements: no axis is so long.
pub(super) const END: i64 = i32::MAX as i64;

/// Slice.
pub(in crate::ops) fn slice(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let mut shape = all(own);
    let starts = site.sizes(1, "starts");
    let count = starts.as_ref().map(Vec::len).or(site.length(1)).or(site.length(2));
    let chosen = match site.has_numbers(3, "axes") {
        true => site.numbers(3, "axes"),
        false => count.map(|count| (0..count.min(own.len()) as i64).collect()),
    };
    let Some(chosen) = chosen.and_then(|list| axes(&list, own.len()).ok()) else {
        return Some(vec![Made::rank(own.len())]);
    };
    let ends = site.sizes(2, "ends");
    let steps = match site.has_numbers(4, "steps") {
        true => site.numbers(4, "steps"),
        false => Some(vec![1; chosen.len()]),
    };
    let part = |at: usize, axis: usize| {
        let (start, end) = (starts.as_ref()?.get(at)?, ends.as_ref()?.get(at)?);
        part(&own[axis], start, end, *steps.as_ref()?.get(at)?)
    };
    for (at, &axis) in chosen.iter().enumerate() {
        shape[axis] = part(at, axis);
    }
    let elements = match (site.elements(0), &starts, &ends, steps.as_deref()) {
        (Some(data), Some(starts), Some(ends), Some([step])) => cut(data, starts, ends, *step),
        _ => None,
    };
    Some(vec![Made::sizes(shape).with(elements)])
}

/// How many elements of an axis are taken.
fn part(size: &Size, start: &Size, end: &Size, step: i64) -> Option<Size> {
    let (zero, last) = (Size::from(0), size - &1.into());
    let place = |at: &Size| match at.known() {
        Some(END..) => Some(size.clone()),
        Some(number) if number <= -END => Some((-END).into()),
        Some(number) if number < 0 => Some(size + at),
        _ if at.least().is_some_and(|least| least >= 0) => Some(at.clone()),
        _ => (-at).least().is_some_and(|least| least > 0).then(|| size + at),
    };
    let (start, end) = (place(start)?, place(end)?);
    if step > 0 {
        // A size is at least 0, also where that is not seen.
        let within = |at: Size| match at == *size || at == zero {
            true => at,
            false => at.larger(&zero).smaller(size),
        };
        let (start, end) = (within(start), within(end));
        let length = &end - &start;
        let is_sure = start == zero || end == *size;
        let length = if is_sure { length } else { length.larger(&zero) };
        return Some(length.quotient_up(&step.into()));
    }
    // No elements have no last one.
    let within = |at: Size, low: &Size| match at == last || at == *size {
        true => last.clone(),
        false => at.larger(low).smaller(&last),
    };
    let low = Size::from(-1);
    let (start, end) =
        (within(start, &zero), if end == (-END).into() { low } else { within(end, &low) });
    let step = step.checked_neg().filter(|&step| step > 0)?;
    Some((&start - &end).quotient_up(&step.into()).larger(&zero))
}

/// Elements of a vector.
fn cut(data: &[Size], starts: &[Size], ends: &[Size], step: i64) -> Option<Vec<Option<Size>>> {
    let ([start], [end]) = (starts, ends) else { return None };
    let length = data.len() as i64;
    let taken = part(&length.into(), start, end, step)?.known()?;
    let start = start.known()?;
    let start = if start < 0 { start.saturating_add(length) } else { start };
    let start = start.clamp(0, if step > 0 { length } else { (length - 1).max(0) });
    let element = |at: i64| data.get(usize::try_from(start + at * step).ok()?).cloned();
    Some((0..taken).map(element).collect())
}

/// Expand: to the sizes that the data's and the given ones are broadcast to.
pub(in crate::ops) fn expand(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let Some(sizes) = site.elements(1) else {
        return Some(vec![Made::rank(own.len().max(site.length(1)?))]);
    };
    let shape = broadcast_shapes(&[own, sizes]);
    let elements = repeated(site, count(&shape));
    Some(vec![Made::of(shape).with(elements)])
}

/// Tile.
pub(in crate::ops) fn tile(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let Some(repeats) = site.elements(1).filter(|repeats| repeats.len() == own.len()) else {
        return Some(vec![Made::rank(own.len())]);
    };
    let size = |(own, repeats)| Size::product([own, repeats]);
    let shape: Vec<Option<Size>> = own.iter().zip(repeats).map(size).collect();
    let known: Option<Vec<Size>> = shape.iter().cloned().collect();
    let elements = repeated(site, known.and_then(|shape| count(&shape)));
    Some(vec![Made::sizes(shape).with(elements)])
}

/// So many elements: those of the input, again and again.
fn repeated(site: &Site<'_>, count: Option<usize>) -> Option<Vec<Option<Size>>> {
    let own = site.elements(0).filter(|own| !own.is_empty())?;
    let count = count.filter(|&count| count <= ELEMENTS)?;
    Some(own.iter().cycle().take(count).cloned().map(Some).collect())
}

/// Concat.
pub(in crate::ops) fn concat(site: &Site<'_>) -> Option<Vec<Made>> {
    let slots = 0..site.inputs.len();
    let known: Vec<&[Size]> = slots.clone().filter_map(|slot| site.shape(slot)).collect();
    let rank = known.first()?.len();
    if known.iter().any(|shape| shape.len() != rank) {
        return None;
    }
    let along = site.axis(rank)?;
    let mut shape: Vec<Option<Size>> = (0..rank).map(|axis| agreed(&known, axis)).collect();
    let is_all = known.len() == site.inputs.iter().flatten().count();
    let lengths = known.iter().map(|shape| &shape[along]);
    shape[along] = if is_all { Size::sum(lengths) } else { None };
    let is_followed = shape[along].as_ref().and_then(Size::known) <= Some(ELEMENTS as i64);
    let parts: Option<Vec<&[Size]>> = slots.map(|slot| site.elements(slot)).collect();
    let elements = parts.filter(|_| is_followed).map(|parts| all(&parts.concat()));
    Some(vec![Made::sizes(shape).with(elements)])
}

/// A size that all have on an axis: a number, if one has it.
pub(super) fn agreed(shapes: &[&[Size]], axis: usize) -> Option<Size> {
    let sizes = || shapes.iter().map(|shape| &shape[axis]);
    sizes().find(|size| size.known().is_some()).or(sizes().next()).cloned()
}

/// Split.
pub(in crate::ops) fn split(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let along = site.axis(own.len())?;
    let outputs = site.call.outputs;
    let parts: Vec<Option<Size>> = match site.has_numbers(1, "split") {
        true => match site.sizes(1, "split") {
            Some(parts) => parts.into_iter().map(Some).collect(),
            None => vec![None; outputs],
        },
        false => equal_parts(site, &own[along]),
    };
    let mut start = Some(0);
    let part = |part: &Option<Size>| {
        let mut shape = all(own);
        shape[along] = part.clone();
        let length = part.as_ref().and_then(Size::known).and_then(|n| usize::try_from(n).ok());
        let range =
            start.zip(length).and_then(|(from, n)| Some(from..usize::checked_add(from, n)?));
        start = range.as_ref().map(|range| range.end);
        let elements = site.elements(0).zip(range).and_then(|(data, range)| data.get(range));
        Made::sizes(shape).with(elements.map(all))
    };
    Some(parts.iter().take(outputs).map(part).collect())
}

/// As many parts as outputs; since operator set 18 the last ones may be smaller.
fn equal_parts(site: &Site<'_>, size: &Size) -> Vec<Option<Size>> {
    let outputs = site.call.outputs;
    let number = Size::from(outputs as i64);
    if let Some(each) = size.divided(&number) {
        return vec![Some(each); outputs];
    }
    if site.call.since() < 18 {
        return vec![Some(size.quotient(&number)); outputs];
    }
    let each = size.quotient_up(&number);
    let part = |at: i64| match at {
        0 => each.clone(),
        _ => each.smaller(&(size - &(&each * &at.into())).larger(&0.into())),
    };
    (0..outputs as i64).map(part).map(Some).collect()
}

/// Pad.
pub(in crate::ops) fn pad(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let mut shape = all(own);
    let chosen = match site.has_input(3) {
        true => site.numbers(3, "").and_then(|list| axes(&list, own.len()).ok()),
        false => Some((0..own.len()).collect()),
    };
    let pads = site.sizes(1, "pads");
    let (Some(chosen), Some(pads)) = (chosen, pads) else {
        return Some(vec![Made::rank(own.len())]);
    };
    if pads.len() != 2 * chosen.len() {
        return None;
    }
    let (before, after) = pads.split_at(chosen.len());
    for (at, &axis) in chosen.iter().enumerate() {
        shape[axis] = Size::sum([&own[axis], &before[at], &after[at]]);
    }
    Some(vec![Made::sizes(shape)])
}

/// CenterCropPad.
pub(in crate::ops) fn center_crop_pad(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let Some(sizes) = site.elements(1) else { return Some(vec![Made::rank(own.len())]) };
    let mut shape = own.to_vec();
    let chosen = site.call.ints("axes").ok()?;
    let chosen = chosen.unwrap_or_else(|| (0..own.len() as i64).collect());
    for (&at, size) in chosen.iter().zip(sizes) {
        shape[axis(at, own.len()).ok()?] = size.clone();
    }
    Some(vec![Made::of(shape)])
}
