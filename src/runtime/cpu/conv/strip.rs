//! The rows of a plane that some rows of outputs see, with their padding.
//!
//! The places of each residue modulo the stride stand together, so that what neighbouring outputs see is
//! contiguous.

use super::split::every;
use super::{Axis, Window};
use std::ops::Range;

/// The floats of padded rows up to which rows of outputs are made together.
const AT_ONCE: usize = 8 * 1024;
/// The floats behind the rows that may be read, and are not used.
const SLACK: usize = 64;

/// The input's rows that some rows of outputs see.
pub(super) struct Strip {
    /// How many rows of outputs.
    pub(super) rows: usize,
    /// The floats of one residue of a row.
    pub(super) residue: usize,
    /// The floats of a row.
    pub(super) row: usize,
    /// The floats of all rows of one place of the first axis.
    pub(super) plane: usize,
    /// From place to place of the window on the last axis: floats from residue to residue, and places of
    /// one residue.
    pub(super) step: (usize, usize),
    /// All floats.
    pub(super) floats: usize,
}

impl Strip {
    pub(super) fn new(window: &Window) -> Self {
        let [depth, height, width] = window;
        let span = width.span(width.output);
        let residue = span.div_ceil(width.stride);
        let row = residue * width.stride.min(span);
        let floats = |rows: usize| depth.kernel * height.span(rows) * row;
        let mut rows = height.output;
        while rows > 1 && floats(rows) > AT_ONCE {
            rows = rows.div_ceil(2);
        }
        let (plane, floats) = (height.span(rows) * row, floats(rows) + SLACK);
        let step = (width.dilation % width.stride * residue, width.dilation / width.stride);
        Self { rows, residue, row, plane, step, floats }
    }

    /// Copies the rows that some outputs see.
    ///
    /// # Safety
    /// The plane `x` can be read, and the strip's floats be written.
    pub(super) unsafe fn fill(
        &self,
        window: &Window,
        padding: f32,
        x: *const f32,
        z: usize,
        outputs: Range<usize>,
        to: *mut f32,
    ) {
        let [depth, height, width] = window;
        for place in 0..depth.kernel {
            for row in 0..height.span(outputs.len()) {
                let z = depth.at(z, place);
                let y = height.at(outputs.start, 0) + row as isize;
                let is_inside = is_in(z, depth) && is_in(y, height);
                // SAFETY: the row is one of the plane, if it is inside, and one of the strip.
                unsafe {
                    let to = to.add(place * self.plane + row * self.row);
                    let to = std::slice::from_raw_parts_mut(to, self.row);
                    if is_inside {
                        let row = z as usize * height.input + y as usize;
                        let from = x.add(row * width.input);
                        let from = std::slice::from_raw_parts(from, width.input);
                        fill_row(from, to, self.residue, width, padding);
                    } else {
                        to.fill(padding);
                    }
                }
            }
        }
    }
}

fn is_in(place: isize, axis: &Axis) -> bool {
    (0..axis.input as isize).contains(&place)
}

/// Copies a row with its padding, by residues modulo the stride.
fn fill_row(from: &[f32], to: &mut [f32], residue: usize, axis: &Axis, padding: f32) {
    for (rest, to) in to.chunks_exact_mut(residue).enumerate() {
        if axis.stride == 1 {
            let (front, to) = to.split_at_mut(axis.begin.min(residue));
            let (to, behind) = to.split_at_mut(from.len().min(to.len()));
            front.fill(padding);
            to.copy_from_slice(&from[..to.len()]);
            return behind.fill(padding);
        }
        // Of the place i · stride + rest − begin, the first that is inside, and the first behind it.
        let first = axis.begin.saturating_sub(rest).div_ceil(axis.stride).min(residue);
        let end = (from.len() + axis.begin).saturating_sub(rest).div_ceil(axis.stride);
        let end = end.clamp(first, residue);
        to[..first].fill(padding);
        to[end..].fill(padding);
        let to = &mut to[first..end];
        if to.is_empty() {
            continue;
        }
        let from = &from[first * axis.stride + rest - axis.begin..];
        every(from, axis.stride, to);
    }
}
