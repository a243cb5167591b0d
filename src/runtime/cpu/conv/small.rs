//! Convolutions of small images: columnsᵀ · filtersᵀ, whose result is then transposed.

use super::super::gemm::{
    Aligned, Matrix, MatrixMut, Panels, Place, Product, Source, pack_panel, panels_len, with_kept,
};
use super::super::pool::Pool;
use super::columns::Columns;
use super::split::Split;
use super::{Done, Filters, Sizes, outputs, places};
use std::cell::Cell;
use std::ops::Range;

thread_local! {
    /// The columns of some places.
    static COLUMNS: Cell<Aligned> = Cell::default();
    /// The outputs of some places.
    static OUTPUTS: Cell<Aligned> = Cell::default();
}

/// The floats of columns that are made at once.
const AT_ONCE: usize = 256 * 1024;

/// The convolution, place by place, of all images.
///
/// # Safety
/// That of [`super::conv`].
pub(super) unsafe fn by_places(
    pool: &Pool,
    sizes: &Sizes,
    x: &Split<'_>,
    filters: &Filters,
    bias: Option<*const f32>,
    y: *mut f32,
    done: Done<'_>,
) {
    let (tiles, outputs) = (filters.tiles(), outputs(&sizes.window));
    let (bias, y) = (bias.map(|bias| Place(bias.cast_mut())), Place(y));
    let depth = sizes.channels * places(&sizes.window);
    let job = Job { pool, sizes, filters, depth, bias, y, done };
    for group in 0..sizes.groups {
        if x.is_columns() {
            for image in 0..sizes.images {
                let plane = x.plane((image * sizes.groups + group) * sizes.channels);
                let left = Panels::plain(plane, outputs, tiles.height(outputs));
                // SAFETY: the planes are the columns of the image; the rest is as the caller says.
                unsafe { job.run(group, image * outputs, outputs, left) };
            }
            continue;
        }
        let total = sizes.images * outputs;
        let at_once = total.div_ceil((total * depth).div_ceil(AT_ONCE).max(1)).max(1);
        for first in (0..total).step_by(at_once) {
            let rows = at_once.min(total - first);
            let height = tiles.height(rows);
            let columns = Columns {
                split: x,
                first: group * sizes.channels,
                image_step: sizes.groups * sizes.channels,
                window: &sizes.window,
                width: height,
                set: tiles.set,
            };
            with_kept(&COLUMNS, panels_len(depth, rows, height), |left| {
                let panels = Place(left);
                pool.run(rows.div_ceil(height), &|tile| {
                    let of = first + tile * height..first + rows.min((tile + 1) * height);
                    // SAFETY: the places are those of the images; each call writes its own panel.
                    unsafe { columns.make(of, 0..depth, panels.at(tile * height * depth)) };
                });
                // SAFETY: the panels are those that were made; the rest is as the caller says.
                unsafe { job.run(group, first, rows, Panels::packed(left, depth, height)) };
            });
        }
    }
}

/// What is the same for all places.
struct Job<'a> {
    pool: &'a Pool,
    sizes: &'a Sizes,
    filters: &'a Filters,
    depth: usize,
    bias: Option<Place>,
    y: Place,
    done: Done<'a>,
}

impl Job<'_> {
    /// From place to place of the outputs, so that those of a filter do not share a set of the cache.
    fn stride(&self) -> usize {
        self.sizes.filters.next_multiple_of(16) + 16
    }

    /// Makes the outputs of some places, counted through all images, of their columns.
    ///
    /// # Safety
    /// That of [`super::conv`]; the columns are in panels as high as tiles.
    unsafe fn run(&self, group: usize, first: usize, rows: usize, left: Panels) {
        let (tiles, columns) = (self.filters.tiles(), self.sizes.filters);
        let stride = self.stride();
        with_kept(&OUTPUTS, rows * stride, |c| {
            let right = Panels::packed(self.filters.of(group), self.depth, tiles.nr);
            let product = Product {
                tiles,
                rows,
                columns,
                depth: self.depth,
                height: tiles.height(rows),
                left,
                right: Source::Ready(right),
                bias: None,
                c: MatrixMut { pointer: c, row_stride: stride as isize },
            };
            let from = Place(c);
            // SAFETY: as the caller says.
            unsafe {
                product.run(self.pool, &|rows, filters| {
                    self.write(group, first, rows, filters, from);
                });
            }
        });
    }

    /// Writes some filters' outputs for some rows to where they belong, and tells of them.
    fn write(
        &self,
        group: usize,
        first: usize,
        rows: Range<usize>,
        filters: Range<usize>,
        from: Place,
    ) {
        let outputs = outputs(&self.sizes.window);
        let channels = self.sizes.groups * self.sizes.filters;
        let first_channel = group * self.sizes.filters + filters.start;
        let mut start = rows.start;
        while start < rows.end {
            let (image, place) = ((first + start) / outputs, (first + start) % outputs);
            let count = (outputs - place).min(rows.end - start);
            let matrix = Matrix {
                pointer: from.at(start * self.stride() + filters.start).cast_const(),
                rows: filters.len(),
                columns: count,
                row_stride: 1,
                column_stride: self.stride() as isize,
            };
            let to = self.y.at((image * channels + first_channel) * outputs + place);
            // SAFETY: the caller of `conv` vouches for the bias and the output; the rows and filters are
            // those of the product.
            unsafe {
                pack_panel(matrix, outputs, to);
                if let Some(bias) = self.bias {
                    for filter in 0..filters.len() {
                        let bias = *bias.at(first_channel + filter);
                        let row = std::slice::from_raw_parts_mut(to.add(filter * outputs), count);
                        row.iter_mut().for_each(|y| *y += bias);
                    }
                }
            }
            (self.done)(image, first_channel..first_channel + filters.len(), place..place + count);
            start += count;
        }
    }
}
