//! Pools.

use super::super::gemm::{Aligned, Place, Tiles, Vector, with_kept};
use super::super::pool::Pool;
use super::planes::Planes;
use super::windows::Fold;
use super::{Axis, Done, Window};
use std::cell::Cell;

thread_local! {
    /// What the windows of a row of outputs count on the last axis.
    static COUNTS: Cell<Aligned> = Cell::default();
}

/// The greatest; a NaN is greater than all.
struct Max;

impl Fold for Max {
    #[inline(always)]
    unsafe fn fold<V: Vector>(so_far: V, value: V, _: *const f32) -> V {
        // SAFETY: as the caller says.
        unsafe { so_far.greater(value) }
    }
}

/// The sum.
struct Sum;

impl Fold for Sum {
    #[inline(always)]
    unsafe fn fold<V: Vector>(so_far: V, value: V, _: *const f32) -> V {
        // SAFETY: as the caller says.
        unsafe { so_far.add(value) }
    }
}

/// Images: how many there are, and the channels of each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Images {
    /// N.
    pub(crate) count: usize,
    /// C.
    pub(crate) channels: usize,
}

/// What an average is divided by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Count {
    /// The places of the window in the input.
    Input,
    /// Those in the padding too, of which there is so much behind each axis.
    Padded([usize; 3]),
}

/// MaxPool, of contiguous images. A window of padding alone has −∞.
///
/// # Safety
/// The elements of `x` can be read, those of `y` be written, by all threads, and nothing else uses `y`
/// meanwhile, but `done` its part. This processor has `tiles`.
pub(crate) unsafe fn max_pool(
    pool: &Pool,
    tiles: &'static Tiles,
    images: Images,
    window: &Window,
    x: *const f32,
    y: *mut f32,
    done: Done<'_>,
) {
    let planes = planes(tiles, images, window, f32::NEG_INFINITY, x, y);
    let begin = |_| (std::ptr::null(), f32::NEG_INFINITY);
    // SAFETY: as the caller says; there are no weights.
    unsafe { planes.run::<Max>(pool, &begin, &|_, _, _| (), done) };
}

/// AveragePool, of contiguous images. A window of padding alone has 0.
///
/// # Safety
/// That of [`max_pool`].
#[expect(clippy::too_many_arguments, reason = "those of a pool, and its count")]
pub(crate) unsafe fn average_pool(
    pool: &Pool,
    tiles: &'static Tiles,
    images: Images,
    window: &Window,
    count: Count,
    x: *const f32,
    y: *mut f32,
    done: Done<'_>,
) {
    let planes = planes(tiles, images, window, 0.0, x, y);
    let limit = |axis: usize| match count {
        Count::Input => (window[axis].begin, window[axis].begin + window[axis].input),
        Count::Padded(end) => (0, window[axis].begin + window[axis].input + end[axis]),
    };
    let on = |axis: usize, output: usize| counted(&window[axis], output, limit(axis)) as f32;
    with_kept(&COUNTS, window[2].output, |counts| {
        for output in 0..window[2].output {
            // SAFETY: there is room for each output.
            unsafe { *counts.add(output) = on(2, output) };
        }
        let counts = Place(counts);
        let divide = |z: usize, y: usize, row: &mut [f32]| {
            let count = on(0, z) * on(1, y);
            // SAFETY: it was written above, and is not written meanwhile.
            let counts = unsafe { std::slice::from_raw_parts(counts.at(0), row.len()) };
            row.iter_mut().zip(counts).for_each(|(y, own)| *y /= (count * own).max(1.0));
        };
        // SAFETY: as the caller says; there are no weights.
        unsafe { planes.run::<Sum>(pool, &|_| (std::ptr::null(), 0.0), &divide, done) };
    });
}

/// How many places of an output's window lie within limits, which are counted from the padding's begin.
fn counted(axis: &Axis, output: usize, (first, end): (usize, usize)) -> usize {
    let below = |limit: usize| limit.saturating_sub(output * axis.stride).div_ceil(axis.dilation);
    below(end).min(axis.kernel) - below(first).min(axis.kernel)
}

fn planes<'a>(
    tiles: &'static Tiles,
    images: Images,
    window: &'a Window,
    padding: f32,
    x: *const f32,
    y: *mut f32,
) -> Planes<'a> {
    Planes {
        tiles,
        images: images.count,
        channels: images.channels,
        sharing: 1,
        window,
        padding,
        x: Place(x.cast_mut()),
        y: Place(y),
    }
}
