//! Operators of each element alone, or of elements that are broadcast against each other.

use super::{Fact, Made, Site, count};
use crate::ops::size::Size;

/// Of an element of each input.
pub(super) type OfElements = fn(&[&Size]) -> Option<Size>;

/// The output has the sizes of the first input.
pub(in crate::ops) fn same(site: &Site<'_>) -> Option<Vec<Made>> {
    Some(vec![like(site, 0)?])
}

/// The output is the first input, which may be a sequence.
pub(in crate::ops) fn identity(site: &Site<'_>) -> Option<Vec<Made>> {
    let items = site.items(0).map(<[Made]>::to_vec);
    Some(vec![Made { items, ..Made::from(site.input(0)?) }])
}

/// Of the sizes of an input.
pub(super) fn like(site: &Site<'_>, slot: usize) -> Option<Made> {
    Some(Made::of(site.shape(slot)?))
}

/// Inputs are broadcast against each other.
pub(in crate::ops) fn broadcast(site: &Site<'_>) -> Option<Vec<Made>> {
    elementwise(site, |_| None)
}

/// The same, where elements of integers are followed.
pub(super) fn elementwise(site: &Site<'_>, of: OfElements) -> Option<Vec<Made>> {
    // Before operator set 7 the second input is broadcast to the first.
    if site.call.schema.attribute("broadcast").is_some() {
        return same(site);
    }
    let inputs: Vec<&Fact> = site.inputs.iter().copied().flatten().collect();
    let shapes: Vec<&[Size]> =
        inputs.iter().map(|fact| fact.shape.as_deref()).collect::<Option<_>>()?;
    let shape = broadcast_shapes(&shapes);
    let elements = inputs.iter().map(|fact| fact.elements.as_deref()).collect::<Option<Vec<_>>>();
    let elements = count(&shape).zip(elements).map(|(count, all)| {
        let at = |at: usize| {
            let one = |list: &'_ [Size]| if list.len() == 1 { 0 } else { at };
            let all: Vec<&Size> =
                all.iter().map(|list| list.get(one(list))).collect::<Option<_>>()?;
            of(&all)
        };
        (0..count.min(super::ELEMENTS)).map(at).collect()
    });
    Some(vec![Made::of(shape).with(elements)])
}

/// The shape that shapes are broadcast to.
pub(super) fn broadcast_shapes(shapes: &[&[Size]]) -> Vec<Size> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let mut result = vec![Size::from(1); rank];
    for shape in shapes {
        for (own, size) in result[rank - shape.len()..].iter_mut().zip(*shape) {
            // What is too long is not followed, whatever it becomes.
            if own.weight() <= Size::LONGEST {
                *own = own.broadcast(size);
            }
        }
    }
    result
}
