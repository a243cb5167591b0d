//! The loops of a kernel: the axes of an index space, those joined that lie one in the other.

use super::view::{View, is_one};
use crate::ops::size::Size;

/// A loop: how often, and how far each access moves by a pass.
#[derive(Clone, Debug)]
pub(super) struct Loop {
    pub(super) extent: Size,
    /// One for each access.
    pub(super) strides: Vec<Size>,
}

/// How axes become loops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// As few as can be.
    Any,
    /// The last axis stays alone.
    Rows,
    /// Rows and columns.
    Matrix,
    /// Each axis is a loop.
    Axes,
}

/// The loops over a space in which these views lie; none where it is not a matrix but must be.
pub(super) fn loops(space: &[Size], accesses: &[&View], shape: Shape) -> Option<Vec<Loop>> {
    let axis = |at: usize| Loop {
        extent: space[at].clone(),
        strides: accesses.iter().map(|view| view.strides[at].clone()).collect(),
    };
    if shape == Shape::Axes && !space.is_empty() {
        return Some((0..space.len()).map(axis).collect());
    }
    let single = || Loop { extent: 1.into(), strides: vec![0.into(); accesses.len()] };
    let (leading, last) = match (shape, space.len().checked_sub(1)) {
        (Shape::Any, _) | (_, None) => (space.len(), None),
        (_, Some(last)) => (last, Some(axis(last))),
    };
    let mut joined: Vec<Loop> = Vec::new();
    for next in (0..leading).map(axis).filter(|next| !is_one(&next.extent)) {
        match joined.last_mut() {
            Some(outer) if nests(outer, &next) => {
                next.strides.clone_into(&mut outer.strides);
                outer.extent = &outer.extent * &next.extent;
            }
            _ => joined.push(next),
        }
    }
    if shape == Shape::Matrix && joined.is_empty() {
        joined.push(single());
    }
    joined.extend(last);
    if joined.is_empty() {
        joined.push(single());
    }
    (shape != Shape::Matrix || joined.len() == 2).then_some(joined)
}

/// Whether a pass of the outer loop moves each access as far as all passes of the inner one.
fn nests(outer: &Loop, inner: &Loop) -> bool {
    let mut strides = outer.strides.iter().zip(&inner.strides);
    strides.all(|(outer, own)| *outer == own * &inner.extent)
}
