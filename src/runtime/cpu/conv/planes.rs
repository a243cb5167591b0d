//! Windows over planes: each output's channel is made of one plane of the input.
//!
//! The rows that some outputs see are copied with their padding, those of each residue modulo the stride
//! together, so that what neighbouring outputs see is contiguous.

use super::super::gemm::{Aligned, Place, Set, Tiles, Vector, with_kept};
use super::super::pool::Pool;
use super::split::every;
use super::{Axis, Done, Filters, Sizes, Window, inputs, outputs, places};
use std::cell::Cell;
use std::ops::Range;

thread_local! {
    /// Rows with their padding.
    static ROWS: Cell<Aligned> = Cell::default();
}

/// The floats of padded rows up to which rows of outputs are made together.
const AT_ONCE: usize = 8 * 1024;
/// The outputs up to which planes are finished together.
const TOGETHER: usize = 4 * 1024;
/// The floats behind the rows that may be read, and are not used.
const SLACK: usize = 64;
/// The rows of outputs that are made side by side.
const ROWS_AT_ONCE: usize = 4;
/// Outputs of fewer places of windows are not shared among threads.
const SMALL: usize = 64 * 1024;

/// What is made of the places of a window.
pub(super) trait Fold {
    /// Takes a place in; `weight` is that of the place.
    ///
    /// # Safety
    /// That of `V`'s methods; `weight` can be read, if it is.
    unsafe fn fold<V: Vector>(so_far: V, value: V, weight: *const f32) -> V;
}

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

/// The input's rows that some rows of outputs see.
struct Strip {
    /// How many rows of outputs.
    rows: usize,
    /// The floats of one residue of a row.
    residue: usize,
    /// The floats of a row.
    row: usize,
    /// The floats of all rows of one place of the first axis.
    plane: usize,
    /// All floats.
    floats: usize,
}

impl Strip {
    fn new(window: &Window) -> Self {
        let [depth, height, width] = window;
        let residue = width.span(width.output).div_ceil(width.stride);
        let row = residue * width.stride;
        let floats = |rows: usize| depth.kernel * height.span(rows) * row;
        let mut rows = height.output;
        while rows > 1 && floats(rows) > AT_ONCE {
            rows = rows.div_ceil(2);
        }
        let (plane, floats) = (height.span(rows) * row, floats(rows) + SLACK);
        Self { rows, residue, row, plane, floats }
    }

    /// Copies the rows that some outputs see.
    ///
    /// # Safety
    /// The plane `x` can be read, and the strip's floats be written.
    unsafe fn fill(
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

/// The windows of some rows of outputs.
struct Windows<'a> {
    strip: &'a Strip,
    window: &'a Window,
    weights: *const f32,
    /// What the outputs begin with.
    start: f32,
    /// How many rows.
    rows: usize,
    /// The first place of the first window.
    from: *const f32,
    to: *mut f32,
}

impl Windows<'_> {
    /// # Safety
    /// That of [`Planes::run`], and the processor has the set of `tiles`.
    unsafe fn fold<F: Fold>(&self, tiles: &Tiles) {
        // SAFETY: as the caller says.
        unsafe {
            match tiles.set {
                #[cfg(target_arch = "x86_64")]
                Set::Avx512 => self.fold_avx512::<F>(),
                #[cfg(target_arch = "x86_64")]
                Set::Avx2 => self.fold_avx2::<F>(),
                _ => self.fold_all::<F, [f32; 4]>(),
            }
        }
    }

    /// # Safety
    /// That of [`Windows::fold`].
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    unsafe fn fold_avx512<F: Fold>(&self) {
        // SAFETY: as the caller says.
        unsafe { self.fold_all::<F, std::arch::x86_64::__m512>() }
    }

    /// # Safety
    /// That of [`Windows::fold`].
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn fold_avx2<F: Fold>(&self) {
        // SAFETY: as the caller says.
        unsafe { self.fold_all::<F, std::arch::x86_64::__m256>() }
    }

    /// # Safety
    /// That of [`Windows::fold`].
    #[inline(always)]
    unsafe fn fold_all<F: Fold, V: Vector>(&self) {
        let outputs = self.window[2].output;
        for row in (0..self.rows).step_by(ROWS_AT_ONCE) {
            let mut first = 0;
            while first < outputs {
                // SAFETY: as the caller says.
                unsafe {
                    if outputs - first > V::LANES {
                        self.fold_some::<F, V, 2>(row, first);
                        first += 2 * V::LANES;
                    } else {
                        self.fold_some::<F, V, 1>(row, first);
                        first += V::LANES;
                    }
                }
            }
        }
    }

    /// Folds the windows of `N` vectors of outputs in each of some rows.
    ///
    /// # Safety
    /// That of [`Windows::fold`].
    #[inline(always)]
    unsafe fn fold_some<F: Fold, V: Vector, const N: usize>(&self, first_row: usize, first: usize) {
        let [depth, height, width] = self.window;
        let rows = ROWS_AT_ONCE.min(self.rows - first_row);
        let mut weight = self.weights;
        // SAFETY: what is read is in the strip or its slack, and the masks leave those outputs that are.
        unsafe {
            let all = V::mask(V::LANES);
            let mut folded = [[V::splat(self.start); N]; ROWS_AT_ONCE];
            // Where there are fewer rows, the last one is made again.
            let from: [*const f32; ROWS_AT_ONCE] = std::array::from_fn(|row| {
                let row = (first_row + row.min(rows - 1)) * height.stride;
                self.from.add(row * self.strip.row + first)
            });
            for (z, y) in (0..depth.kernel).flat_map(|z| (0..height.kernel).map(move |y| (z, y))) {
                let row = z * self.strip.plane + y * height.dilation * self.strip.row;
                // Where the next place stands: among the places of its residue.
                let (mut rest, mut place) = (0, row);
                for _ in 0..width.kernel {
                    for (folded, from) in folded.iter_mut().zip(from) {
                        let from = from.add(rest + place);
                        for (n, folded) in folded.iter_mut().enumerate() {
                            let value = V::load(from.wrapping_add(n * V::LANES), all);
                            *folded = F::fold(*folded, value, weight);
                        }
                    }
                    weight = weight.wrapping_add(1);
                    rest += width.dilation * self.strip.residue;
                    while rest >= self.strip.row {
                        (rest, place) = (rest - self.strip.row, place + 1);
                    }
                }
            }
            for (row, folded) in folded.into_iter().enumerate().take(rows) {
                let to = self.to.add((first_row + row) * width.output + first);
                for (n, folded) in folded.into_iter().enumerate() {
                    let left = (width.output - first).saturating_sub(n * V::LANES);
                    folded.store(to.wrapping_add(n * V::LANES), V::mask(left));
                }
            }
        }
    }
}
