//! The windows of rows of outputs, side by side in vectors.

use super::super::gemm::{Loop, Tiles, Vector};
use super::Window;
use super::strip::Strip;
use std::marker::PhantomData;

/// The rows of outputs that are made side by side.
const ROWS_AT_ONCE: usize = 4;

/// What is made of the places of a window.
pub(super) trait Fold {
    /// Takes a place in; `weight` is that of the place.
    ///
    /// # Safety
    /// That of `V`'s methods; `weight` can be read, if it is.
    unsafe fn fold<V: Vector>(so_far: V, value: V, weight: *const f32) -> V;
}

/// The windows of some rows of outputs.
pub(super) struct Windows<'a> {
    pub(super) strip: &'a Strip,
    pub(super) window: &'a Window,
    pub(super) weights: *const f32,
    /// What the outputs begin with.
    pub(super) start: f32,
    /// How many rows.
    pub(super) rows: usize,
    /// The first place of the first window.
    pub(super) from: *const f32,
    pub(super) to: *mut f32,
}

/// All of the windows.
struct All<'a, F>(&'a Windows<'a>, PhantomData<F>);

impl<F: Fold> Loop for All<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector, const L: usize>(self) {
        let Self(windows, _) = self;
        let outputs = windows.window[2].output;
        for row in (0..windows.rows).step_by(ROWS_AT_ONCE) {
            let mut first = 0;
            while first < outputs {
                // SAFETY: as the caller says.
                unsafe {
                    if outputs - first > L {
                        windows.fold_some::<F, V, 2>(row, first);
                        first += 2 * L;
                    } else {
                        windows.fold_some::<F, V, 1>(row, first);
                        first += L;
                    }
                }
            }
        }
    }
}

impl Windows<'_> {
    /// # Safety
    /// That of [`Planes::run`](super::planes::Planes::run), and the processor has the set of `tiles`.
    pub(super) unsafe fn fold<F: Fold>(&self, tiles: &Tiles) {
        // SAFETY: as the caller says.
        unsafe { tiles.set.run(All::<F>(self, PhantomData)) }
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
            if rows == ROWS_AT_ONCE && self.shares() {
                for z in 0..depth.kernel {
                    self.fold_shared::<F, V, N>(&mut folded, from[0].add(z * self.strip.plane), z);
                }
            } else {
                for (z, y) in
                    (0..depth.kernel).flat_map(|z| (0..height.kernel).map(move |y| (z, y)))
                {
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
                        (rest, place) = (rest + self.strip.step.0, place + self.strip.step.1);
                        if rest >= self.strip.row {
                            (rest, place) = (rest - self.strip.row, place + 1);
                        }
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

    /// Whether rows of outputs see so many rows in common that these are read once for all.
    fn shares(&self) -> bool {
        let [_, height, width] = self.window;
        let is_dense = height.stride == 1 && height.dilation == 1 && width.stride == 1;
        is_dense && height.kernel >= ROWS_AT_ONCE
    }

    /// Folds the windows of `N` vectors of outputs in each of some rows, at one place of the first axis.
    ///
    /// # Safety
    /// That of [`Windows::fold`]; the windows share rows.
    #[inline(always)]
    unsafe fn fold_shared<F: Fold, V: Vector, const N: usize>(
        &self,
        folded: &mut [[V; N]; ROWS_AT_ONCE],
        from: *const f32,
        z: usize,
    ) {
        let [_, height, width] = self.window;
        let weights = self.weights.wrapping_add(z * height.kernel * width.kernel);
        let weights = |row: usize, y: usize| weights.wrapping_add((y - row) * width.kernel);
        // SAFETY: what is read is in the strip or its slack.
        unsafe {
            let all = V::mask(V::LANES);
            for y in 0..height.kernel + ROWS_AT_ONCE - 1 {
                let from = from.wrapping_add(y * self.strip.row);
                let values = |x: usize| -> [V; N] {
                    let from = from.wrapping_add(x * width.dilation);
                    std::array::from_fn(|n| V::load(from.wrapping_add(n * V::LANES), all))
                };
                if (ROWS_AT_ONCE - 1..height.kernel).contains(&y) {
                    for x in 0..width.kernel {
                        let values = values(x);
                        for (row, folded) in folded.iter_mut().enumerate() {
                            let weight = weights(row, y).wrapping_add(x);
                            for (folded, value) in folded.iter_mut().zip(values) {
                                *folded = F::fold(*folded, value, weight);
                            }
                        }
                    }
                    continue;
                }
                for (row, folded) in folded.iter_mut().enumerate() {
                    if row <= y && y < row + height.kernel {
                        for x in 0..width.kernel {
                            let weight = weights(row, y).wrapping_add(x);
                            for (folded, value) in folded.iter_mut().zip(values(x)) {
                                *folded = F::fold(*folded, value, weight);
                            }
                        }
                    }
                }
            }
        }
    }
}
