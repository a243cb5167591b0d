//! The same elements with other sizes, and sizes as elements.

use super::site::all;
use super::{Made, Site};
use crate::ops::shape::axes;
use crate::ops::size::Size;

/// Shape.
pub(in crate::ops) fn shape(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let rank = own.len() as i64;
    let place = |name: &str, default: i64| {
        let at = if site.call.has(name) { site.int(name)? } else { default };
        Some(if at < 0 { at.saturating_add(rank) } else { at }.clamp(0, rank) as usize)
    };
    let part = own.get(place("start", 0)?..place("end", rank)?).unwrap_or(&[]);
    let count = Size::from(part.len() as i64);
    Some(vec![Made::of([count]).with(Some(all(part)))])
}

/// Size.
pub(in crate::ops) fn size(site: &Site<'_>) -> Option<Vec<Made>> {
    let count = site.shape(0).and_then(Size::product);
    Some(vec![Made::of([]).with(Some(vec![count]))])
}

/// Reshape.
pub(in crate::ops) fn reshape(site: &Site<'_>) -> Option<Vec<Made>> {
    let sizes = match site.call.since() < 5 {
        true => site.call.ints("shape").ok()??.into_iter().map(Size::from).collect(),
        false => match site.elements(1) {
            Some(sizes) => sizes.to_vec(),
            None => return Some(vec![Made::rank(site.length(1)?)]),
        },
    };
    let allows_zero = site.call.has("allowzero") && site.flag("allowzero")?;
    let shape = reshaped(site.shape(0), &sizes, allows_zero);
    Some(vec![Made::sizes(shape).with(site.elements(0).map(all))])
}

/// A size of 0 is that of the input, and −1 what is left.
fn reshaped(from: Option<&[Size]>, to: &[Size], allows_zero: bool) -> Vec<Option<Size>> {
    let mut rest: Option<Vec<Size>> = from.map(<[Size]>::to_vec);
    let mut given: Vec<Size> = Vec::new();
    let mut shape: Vec<Option<Size>> = Vec::new();
    let (mut is_open, mut may_be_empty, mut unknown) = (false, false, 0);
    for (axis, size) in to.iter().enumerate() {
        shape.push(match size.known() {
            Some(0) if !allows_zero => {
                let own = rest.as_mut().and_then(|rest| rest.get_mut(axis));
                own.map(|own| std::mem::replace(own, 1.into()))
            }
            Some(-1) => {
                is_open = true;
                None
            }
            // It might be −1, or 0.
            _ if size.least().is_none_or(|least| least < 0) => None,
            _ => {
                given.push(size.clone());
                Some(size.clone())
            }
        });
        match &shape[axis] {
            None => unknown += 1,
            Some(size) => may_be_empty |= size.least() < Some(1),
        }
    }
    // One that is not said is what is left, also where it will be said: of no elements if it is −1.
    if let (1, true, Some(rest)) = (unknown, is_open || !may_be_empty, rest)
        && let Some(open) = shape.iter().position(Option::is_none)
        && (is_open || to[open].known().is_none())
    {
        shape[open] = left(rest, given);
    }
    shape
}

/// A product of sizes by another, without what both have.
fn left(mut of: Vec<Size>, mut by: Vec<Size>) -> Option<Size> {
    by.retain(|size| match of.iter().position(|own| own == size) {
        Some(at) if size.known() != Some(0) => {
            of.swap_remove(at);
            false
        }
        _ => true,
    });
    Some(Size::product(&of)?.quotient(&Size::product(&by)?))
}

/// Flatten.
pub(in crate::ops) fn flatten(site: &Site<'_>) -> Option<Vec<Made>> {
    let (own, axis) = (site.shape(0)?, site.int("axis")?);
    let place = if axis < 0 { axis.saturating_add(own.len() as i64) } else { axis };
    let (before, after) = own.split_at_checked(usize::try_from(place).ok()?)?;
    Some(vec![Made::sizes([Size::product(before), Size::product(after)])])
}

/// Squeeze.
pub(in crate::ops) fn squeeze(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let dropped = match site.has_numbers(1, "axes") {
        true => match site.numbers(1, "axes") {
            Some(list) => axes(&list, own.len()).ok()?,
            None => return Some(vec![Made::rank(own.len().checked_sub(site.length(1)?)?)]),
        },
        // Whether one of them has one element is known of all, or the rank is not known.
        false => {
            let one = Size::from(1);
            own.iter().all(|size| *size == one || size.differs(&one)).then_some(())?;
            (0..own.len()).filter(|&axis| own[axis] == one).collect()
        }
    };
    let left = (0..own.len()).filter(|axis| !dropped.contains(axis)).map(|axis| own[axis].clone());
    Some(vec![Made::of(left.collect::<Vec<_>>()).with(site.elements(0).map(all))])
}

/// Unsqueeze.
pub(in crate::ops) fn unsqueeze(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let Some(list) = site.numbers(1, "axes") else {
        return Some(vec![Made::rank(own.len() + site.length(1)?)]);
    };
    let rank = own.len() + list.len();
    let added = axes(&list, rank).ok()?;
    let mut rest = own.iter().cloned();
    let size = |axis| if added.contains(&axis) { Some(Size::from(1)) } else { rest.next() };
    let shape: Vec<Size> = (0..rank).map_while(size).collect();
    Some(vec![Made::of(shape).with(site.elements(0).map(all))])
}

/// Transpose.
pub(in crate::ops) fn transpose(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let order: Vec<usize> = match site.call.ints("perm").ok()? {
        Some(perm) => axes(&perm, own.len()).ok()?,
        None => (0..own.len()).rev().collect(),
    };
    let shape: Vec<Size> = order.iter().map(|&axis| own[axis].clone()).collect();
    Some(vec![Made::of(shape).with(site.elements(0).map(all))])
}

/// BitCast: elements of the same size.
pub(in crate::ops) fn bit_cast(site: &Site<'_>) -> Option<Vec<Made>> {
    Some(vec![Made::of(site.shape(0)?).typed(site.named("to"))])
}

/// DepthToSpace and SpaceToDepth.
pub(in crate::ops) fn blocks(site: &Site<'_>) -> Option<Vec<Made>> {
    let [n, c, h, w] = site.shape(0)? else { return None };
    let block = Size::from(site.int("blocksize").filter(|block| (1..1 << 16).contains(block))?);
    let square = &block * &block;
    Some(vec![Made::of(match site.call.op.is("DepthToSpace") {
        true => [n.clone(), c.quotient(&square), h * &block, w * &block],
        false => [n.clone(), c * &square, h.quotient(&block), w.quotient(&block)],
    })])
}
