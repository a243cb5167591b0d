//! Convolutions of small images: columnsᵀ · filtersᵀ, whose result is then transposed.

use super::super::gemm::{
    Aligned, MatrixMut, Panels, Place, Product, Source, panels_len, with_kept,
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
    let tiles = filters.tiles();
    let (depth, total) =
        (sizes.channels * places(&sizes.window), sizes.images * outputs(&sizes.window));
    let at_once = total.div_ceil((total * depth).div_ceil(AT_ONCE).max(1)).max(1);
    let parts = |group| (0..total).step_by(at_once).map(move |first| (group, first));
    for (group, first) in (0..sizes.groups).flat_map(parts) {
        let rows = at_once.min(total - first);
        let height = rows.div_ceil(rows.div_ceil(tiles.mr));
        let columns = Columns {
            split: x,
            first: group * sizes.channels,
            image_step: sizes.groups * sizes.channels,
            window: &sizes.window,
            width: height,
            set: tiles.set,
        };
        let floats = panels_len(depth, rows, height);
        with_kept(&COLUMNS, floats, |left| {
            with_kept(&OUTPUTS, rows * sizes.filters, |c| {
                let panels = Place(left);
                pool.run(rows.div_ceil(height), &|tile| {
                    let of = tile * height..rows.min((tile + 1) * height);
                    let to = panels.at(tile * height * depth);
                    // SAFETY: the places are those of the images; each call writes its own panel.
                    unsafe { columns.make(first + of.start..first + of.end, 0..depth, to) };
                });
                let product = Product {
                    tiles,
                    rows,
                    columns: sizes.filters,
                    depth,
                    height,
                    left: Panels::packed(left, depth, height),
                    right: Source::Ready(Panels::packed(filters.of(group), depth, tiles.nr)),
                    bias: None,
                    c: MatrixMut { pointer: c, row_stride: sizes.filters as isize },
                };
                let output = Output {
                    sizes,
                    group,
                    first,
                    from: Place(c),
                    bias: bias.map(|b| Place(b.cast_mut())),
                    y: Place(y),
                };
                // SAFETY: the panels are those that were made; the output is as the caller says.
                unsafe { product.run(pool, &|rows, filters| output.write(rows, filters, done)) };
            });
        });
    }
}

/// Outputs, place by place, on their way to where they belong.
struct Output<'a> {
    sizes: &'a Sizes,
    group: usize,
    /// The place of the first row.
    first: usize,
    from: Place,
    bias: Option<Place>,
    y: Place,
}

impl Output<'_> {
    /// Writes some filters' outputs for some rows, and tells of them.
    fn write(&self, rows: Range<usize>, filters: Range<usize>, done: Done<'_>) {
        let outputs = outputs(&self.sizes.window);
        let channels = self.sizes.groups * self.sizes.filters;
        let first_filter = self.group * self.sizes.filters;
        let mut start = rows.start;
        while start < rows.end {
            let (image, place) = ((self.first + start) / outputs, (self.first + start) % outputs);
            let count = (outputs - place).min(rows.end - start);
            for filter in filters.clone() {
                let channel = first_filter + filter;
                let from = self.from.at(start * self.sizes.filters + filter);
                let to = self.y.at((image * channels + channel) * outputs + place);
                // SAFETY: the caller of `conv` vouches for the bias and the output, and the rows and
                // filters are those of the product.
                unsafe {
                    let bias = self.bias.map_or(0.0, |bias| *bias.at(channel));
                    for index in 0..count {
                        *to.add(index) = *from.add(index * self.sizes.filters) + bias;
                    }
                }
            }
            let channels = first_filter + filters.start..first_filter + filters.end;
            done(image, channels, place..place + count);
            start += count;
        }
    }
}
