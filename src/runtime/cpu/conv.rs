//! Convolutions and pools in float32, of images as ONNX has them: N × C × spatial axes.
//!
//! A convolution is a product of its filters and of columns that hold what each output sees of the image.
//! The columns are never made as a whole: a panel of them is made where it is used. Images that are small
//! beside their filters are the left matrix, so that the filters are read once; else they are the right
//! one, whose product is the output as it stands in memory. Where each channel is filtered alone, and in
//! pools, rows are summed directly.

mod columns;
mod filters;
mod lanes;
mod planes;
mod pools;
mod small;
mod split;
mod strip;
#[cfg(test)]
mod tests;
mod windows;

pub(crate) use filters::Filters;
pub(crate) use pools::{Count, Images, average_pool, max_pool};

use super::gemm::{MatrixMut, Panels, Place, Product, Source};
use super::pool::Pool;
use columns::Columns;
use split::Split;
use std::ops::Range;

/// How a window slides along one spatial axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    /// The size of the input.
    pub(crate) input: usize,
    /// The size of the output.
    pub(crate) output: usize,
    /// The size of the kernel.
    pub(crate) kernel: usize,
    /// From output to output.
    pub(crate) stride: usize,
    /// From place to place of the kernel.
    pub(crate) dilation: usize,
    /// The padding in front. That behind follows from the sizes: what is outside of the input is padding.
    pub(crate) begin: usize,
}

impl Axis {
    /// An axis that is not there.
    pub(crate) const ONE: Self =
        Self { input: 1, output: 1, kernel: 1, stride: 1, dilation: 1, begin: 0 };

    /// Where a place of the kernel lies for an output; outside of the input it is padding.
    fn at(&self, output: usize, place: usize) -> isize {
        (output * self.stride + place * self.dilation) as isize - self.begin as isize
    }

    /// The places of the input, its padding among them, that so many outputs see.
    fn span(&self, outputs: usize) -> usize {
        let last = outputs.saturating_sub(1).saturating_mul(self.stride);
        let extent = (self.kernel - 1).saturating_mul(self.dilation).saturating_add(1);
        last.saturating_add(extent)
    }
}

/// A window over three spatial axes, the last of which is contiguous; where there are fewer, the first are
/// [`Axis::ONE`]. It [is countable](is_countable).
pub(crate) type Window = [Axis; 3];

/// Whether 31 bits count the places of each axis, its padding among them, and what a row of outputs sees.
pub(crate) fn is_countable(window: &Window) -> bool {
    let [depth, height, width] = window;
    let row = height.span(1).saturating_mul(width.span(width.output));
    let counts = window.iter().flat_map(|axis| [axis.input, axis.begin, axis.span(axis.output)]);
    counts.chain([row.saturating_mul(depth.kernel)]).all(|count| i32::try_from(count).is_ok())
}

/// The places of the input.
fn inputs(window: &Window) -> usize {
    window.iter().map(|axis| axis.input).product()
}

/// The places of the output.
fn outputs(window: &Window) -> usize {
    window.iter().map(|axis| axis.output).product()
}

/// The places of the window.
fn places(window: &Window) -> usize {
    window.iter().map(|axis| axis.kernel).product()
}

/// The sizes of a convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// The images of the batch.
    pub(crate) images: usize,
    /// The groups into which channels and filters are divided.
    pub(crate) groups: usize,
    /// The input's channels of a group.
    pub(crate) channels: usize,
    /// The output's channels of a group.
    pub(crate) filters: usize,
    /// The spatial axes.
    pub(crate) window: Window,
}

/// Called for each finished part of the output: the image, its channels (of all groups) and its places, on
/// the thread that made it.
pub(crate) type Done<'a> = &'a (dyn Fn(usize, Range<usize>, Range<usize>) + Sync);

/// Conv: `x` is N × C × spatial axes, `y` N × M × spatial axes, both contiguous; `bias` has M numbers.
///
/// # Safety
/// The elements of `x` and `bias` can be read, those of `y` be written, by all threads, and nothing else
/// uses `y` meanwhile, but `done` its part.
///
/// # Panics
/// Where the filters are those of other sizes.
pub(crate) unsafe fn conv(
    pool: &Pool,
    sizes: &Sizes,
    x: *const f32,
    filters: &Filters,
    bias: Option<*const f32>,
    y: *mut f32,
    done: Done<'_>,
) {
    filters.check(sizes);
    if sizes.images * sizes.groups * sizes.filters * outputs(&sizes.window) == 0 {
        return;
    }
    // SAFETY: as the caller says.
    unsafe {
        if filters.is_depthwise() {
            return planes::depthwise(pool, sizes, x, filters, bias, y, done);
        }
        Split::with(pool, sizes, x, |x| {
            if filters.is_left() {
                by_filters(pool, sizes, x, filters, bias, y, done);
            } else {
                small::by_places(pool, sizes, x, filters, bias, y, done);
            }
        });
    }
}

/// Filters · columns, for each image and group.
///
/// # Safety
/// That of [`conv`].
unsafe fn by_filters(
    pool: &Pool,
    sizes: &Sizes,
    x: &Split<'_>,
    filters: &Filters,
    bias: Option<*const f32>,
    y: *mut f32,
    done: Done<'_>,
) {
    let outputs = outputs(&sizes.window);
    let (tiles, depth) = (filters.tiles(), sizes.channels * places(&sizes.window));
    let y = MatrixMut { pointer: y, row_stride: outputs as isize };
    let bias = bias.map(|bias| Place(bias.cast_mut()));
    let product = |index: usize| {
        let (image, group) = (index / sizes.groups, index % sizes.groups);
        let columns = Columns {
            split: x,
            first: index * sizes.channels,
            image_step: 0,
            window: &sizes.window,
            width: tiles.nr,
            set: tiles.set,
        };
        let make = |panel: usize, depth: Range<usize>, to: *mut f32| {
            let first = panel * tiles.nr;
            let places = first..outputs.min(first + tiles.nr);
            // SAFETY: the columns are those of the image, and `to` has room for the panel.
            unsafe { columns.make(places, depth, to) };
        };
        let first = group * sizes.filters;
        let product = Product {
            tiles,
            rows: sizes.filters,
            columns: outputs,
            depth,
            height: filters.width(),
            left: Panels::packed(filters.of(group), depth, filters.width()),
            right: Source::Made(&make),
            bias: bias.map(|bias| bias.at(first).cast_const()),
            c: MatrixMut { pointer: y.at(index * sizes.filters, 0), ..y },
        };
        // SAFETY: as the caller says.
        unsafe {
            product.run(pool, &|rows, places| {
                done(image, first + rows.start..first + rows.end, places)
            });
        }
    };
    pool.run_each(sizes.images * sizes.groups, &product);
}
