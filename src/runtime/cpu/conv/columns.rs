//! What the outputs of a convolution see of an image, as columns of a matrix.

use super::super::gemm::Set;
use super::lanes::{Lanes, Tap};
use super::split::Split;
use super::{Window, places};
use std::ops::Range;

/// The columns of images, in panels of `width`: row c·places + p is place p of the window in channel c.
pub(super) struct Columns<'a> {
    pub(super) split: &'a Split<'a>,
    /// The plane of the first channel of the first image.
    pub(super) first: usize,
    /// From image to image, in planes.
    pub(super) image_step: usize,
    pub(super) window: &'a Window,
    /// From row to row of a panel.
    pub(super) width: usize,
    /// The instructions that copy.
    pub(super) set: Set,
}

impl Columns<'_> {
    /// Writes some rows of the columns of at most [`super::lanes::LANES`] outputs, counted through all
    /// images; the panel's further columns are not written.
    ///
    /// # Safety
    /// The images can be read, and `width` floats for each row be written. This processor has the set.
    pub(super) unsafe fn make(&self, of: Range<usize>, rows: Range<usize>, to: *mut f32) {
        let step = self.split.step();
        let lanes = Lanes::new(self.window, self.split, self.image_step * step, of);
        let taps = places(self.window);
        let [_, height, width] = self.window;
        for place in 0..taps {
            // The channels whose row for this place is among the rows.
            let channels = rows.start.saturating_sub(place).div_ceil(taps)
                ..rows.end.saturating_sub(place).div_ceil(taps);
            if channels.is_empty() {
                continue;
            }
            let (row, x) = (place / width.kernel, place % width.kernel);
            let (sight, offset) = self.split.sight([row / height.kernel, row % height.kernel, x]);
            let first_row = channels.start * taps + place - rows.start;
            let plane = self.split.plane(self.first + channels.start);
            let tap = Tap {
                sight,
                from: plane.wrapping_offset(offset),
                from_step: step,
                count: channels.len(),
                to: to.wrapping_add(first_row * self.width),
                to_step: taps * self.width,
            };
            // SAFETY: the channels are those of the images, and their rows are among the rows.
            unsafe { lanes.copy(&tap, self.set) };
        }
    }
}
