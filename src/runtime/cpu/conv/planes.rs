//! Windows over planes: each output's channel is made of one plane of the input.

use super::super::gemm::{Aligned, Place, Tiles, Vector, with_kept};
use super::super::pool::Pool;
use super::strip::Strip;
use super::windows::{Fold, Windows};
use super::{Done, Filters, Sizes, Window, inputs, outputs, places};
use std::cell::Cell;
use std::ops::Range;

thread_local! {
    /// Rows with their padding.
    static ROWS: Cell<Aligned> = Cell::default();
}

/// The outputs up to which planes are finished together.
const TOGETHER: usize = 4 * 1024;
/// Outputs of fewer places of windows are not shared among threads.
const SMALL: usize = 64 * 1024;

/// Σ weight · value.
struct Weighted;

impl Fold for Weighted {
    #[inline(always)]
    unsafe fn fold<V: Vector>(so_far: V, value: V, weight: *const f32) -> V {
        // SAFETY: as the caller says.
        unsafe { V::splat(*weight).mul_add(value, so_far) }
    }
}

/// Conv with one channel in each group.
///
/// # Safety
/// That of [`super::conv`].
pub(super) unsafe fn depthwise(
    pool: &Pool,
    sizes: &Sizes,
    x: *const f32,
    filters: &Filters,
    bias: Option<*const f32>,
    y: *mut f32,
    done: Done<'_>,
) {
    let planes = Planes {
        tiles: filters.tiles(),
        images: sizes.images,
        channels: sizes.groups * sizes.filters,
        sharing: sizes.filters,
        window: &sizes.window,
        padding: 0.0,
        x: Place(x.cast_mut()),
        y: Place(y),
    };
    let (weights, bias) = (Place(filters.of(0).cast_mut()), bias.map(|b| Place(b.cast_mut())));
    let size = places(&sizes.window);
    let begin = |channel: usize| {
        // SAFETY: the caller vouches for the bias.
        let bias = bias.map_or(0.0, |bias| unsafe { *bias.at(channel) });
        (weights.at(channel * size).cast_const(), bias)
    };
    // SAFETY: as the caller says.
    unsafe { planes.run::<Weighted>(pool, &begin, &|_, _, _| (), done) };
}

/// Planes of an input and of an output.
pub(super) struct Planes<'a> {
    pub(super) tiles: &'static Tiles,
    pub(super) images: usize,
    /// The planes of an image of the output.
    pub(super) channels: usize,
    /// How many of them share one of the input.
    pub(super) sharing: usize,
    pub(super) window: &'a Window,
    /// What stands outside of the input.
    pub(super) padding: f32,
    pub(super) x: Place,
    pub(super) y: Place,
}

/// The weights of a channel and what its outputs begin with.
pub(super) type Begin<'a> = &'a (dyn Fn(usize) -> (*const f32, f32) + Sync);
/// Called for each row of outputs, with its places on the first two axes.
pub(super) type Finish<'a> = &'a (dyn Fn(usize, usize, &mut [f32]) + Sync);

impl Planes<'_> {
    /// Folds all windows.
    ///
    /// # Safety
    /// The planes of `x` can be read, those of `y` be written, and the weights read as `F` does.
    pub(super) unsafe fn run<F: Fold>(
        &self,
        pool: &Pool,
        begin: Begin<'_>,
        finish: Finish<'_>,
        done: Done<'_>,
    ) {
        let outputs = outputs(self.window);
        if self.images * self.channels * outputs == 0 {
            return;
        }
        let strip = Strip::new(self.window);
        let [depth, height, width] = self.window;
        let strips = height.output.div_ceil(strip.rows);
        // A unit is some rows of a plane, or some whole planes.
        let (per_plane, planes) = match depth.output * strips {
            1 => (1, (TOGETHER / outputs).clamp(1, self.channels)),
            more => (more, 1),
        };
        let per_image = self.channels.div_ceil(planes) * per_plane;
        let units = self.images * per_image;
        let is_small = units * planes * outputs / per_plane * places(self.window) < SMALL;
        let parts = if is_small { 1 } else { units.min(8 * pool.threads()) };
        let each = units.div_ceil(parts);
        pool.run(units.div_ceil(each), &|part| {
            with_kept(&ROWS, strip.floats, |memory| {
                for unit in part * each..units.min((part + 1) * each) {
                    let (image, unit) = (unit / per_image, unit % per_image);
                    let (first, row) = (unit / per_plane * planes, unit % per_plane);
                    let channels = first..self.channels.min(first + planes);
                    let (z, y) = (row / strips, row % strips * strip.rows);
                    let rows = y..height.output.min(y + strip.rows);
                    for channel in channels.clone() {
                        // SAFETY: the rows are those of a plane, and of this unit alone.
                        unsafe {
                            let rows = rows.clone();
                            self.rows::<F>(&strip, image, channel, z, rows, memory, begin, finish);
                        }
                    }
                    let row = z * height.output;
                    let places = (row + rows.start) * width.output..(row + rows.end) * width.output;
                    done(image, channels, places);
                }
            });
        });
    }

    /// Makes some rows of a plane.
    ///
    /// # Safety
    /// That of [`Planes::run`]; `memory` has room for the strip.
    #[expect(
        clippy::too_many_arguments,
        reason = "the place of the rows, and what they are made with"
    )]
    unsafe fn rows<F: Fold>(
        &self,
        strip: &Strip,
        image: usize,
        channel: usize,
        z: usize,
        rows: Range<usize>,
        memory: *mut f32,
        begin: Begin<'_>,
        finish: Finish<'_>,
    ) {
        let [_, height, width] = self.window;
        let plane = image * self.channels + channel;
        let x = self.x.at(plane / self.sharing * inputs(self.window));
        let (weights, start) = begin(channel);
        let y = self.y.at(plane * outputs(self.window));
        // SAFETY: as the caller says.
        unsafe {
            strip.fill(self.window, self.padding, x, z, rows.clone(), memory);
            let windows = Windows {
                strip,
                window: self.window,
                weights,
                start,
                rows: rows.len(),
                from: memory,
                to: y.add((z * height.output + rows.start) * width.output),
            };
            windows.fold::<F>(self.tiles);
            for row in rows.clone() {
                let to = y.add((z * height.output + row) * width.output);
                finish(z, row, std::slice::from_raw_parts_mut(to, width.output));
            }
        }
    }
}
