//! Any processor: arrays that the compiler makes vectors of.

use super::body::{self, Vector, kernels};
use super::{Set, Tile, Tiles};

pub(super) static TILES: Tiles = Tiles {
    mr: 6,
    nr: 8,
    kernels: kernels!(portable; 1 4, 2 2, 3 1, 4 1, 5 1, 6 1),
    set: Set::Portable,
    is_here: || true,
};

/// # Safety
/// That of [`Tiles::run`].
unsafe fn portable<const R: usize, const S: usize, const BY_ROWS: bool>(tile: &Tile) {
    // SAFETY: as the caller says.
    unsafe { body::tile::<[f32; 4], R, S, BY_ROWS>(tile) }
}

impl Vector for [f32; 4] {
    const LANES: usize = 4;
    // Else the compiler makes a call of `mul_add`.
    const HAS_FMA: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
    type Mask = usize;

    #[inline(always)]
    unsafe fn mask(count: usize) -> usize {
        count.min(4)
    }
    #[inline(always)]
    unsafe fn zero() -> Self {
        [0.0; 4]
    }
    #[inline(always)]
    unsafe fn load(place: *const f32, mask: usize) -> Self {
        // SAFETY: the caller vouches for the elements of the mask.
        std::array::from_fn(|i| if i < mask { unsafe { *place.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store(self, place: *mut f32, mask: usize) {
        for (i, value) in self.into_iter().enumerate().take(mask) {
            // SAFETY: the caller vouches for the elements of the mask.
            unsafe { *place.add(i) = value };
        }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [value; 4]
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] + other[i])
    }
    #[inline(always)]
    unsafe fn mul_add(self, other: Self, sum: Self) -> Self {
        std::array::from_fn(|i| {
            if Self::HAS_FMA {
                self[i].mul_add(other[i], sum[i])
            } else {
                self[i] * other[i] + sum[i]
            }
        })
    }
    #[inline(always)]
    unsafe fn greater(self, other: Self) -> Self {
        std::array::from_fn(|i| {
            if other[i] > self[i] || other[i].is_nan() { other[i] } else { self[i] }
        })
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i].max(other[i]))
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        (self[0] + self[2]) + (self[1] + self[3])
    }
    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        self[0].max(self[2]).max(self[1].max(self[3]))
    }
    #[inline(always)]
    unsafe fn interleave(self, other: Self) -> (Self, Self) {
        ([self[0], other[0], self[1], other[1]], [self[2], other[2], self[3], other[3]])
    }
    #[inline(always)]
    unsafe fn prefetch(_: *const f32) {}
}
