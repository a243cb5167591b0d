//! AVX-512F, and AVX2 with FMA.

use super::body::{self, Vector, kernels};
use super::{Set, Tile, Tiles};
use std::arch::x86_64::*;

pub(super) static AVX512: Tiles = Tiles {
    mr: 12,
    nr: 32,
    by_rows: kernels!(avx512, true; 1 4, 2 2, 3 2, 4 1, 5 1, 6 1, 7 1, 8 1, 9 1, 10 1, 11 1, 12 1),
    by_columns: kernels!(avx512, false; 1 4, 2 2, 3 2, 4 1, 5 1, 6 1, 7 1, 8 1, 9 1, 10 1, 11 1, 12 1),
    set: Set::Avx512,
    is_here: || is_x86_feature_detected!("avx512f"),
};

pub(super) static AVX2: Tiles = Tiles {
    mr: 6,
    nr: 16,
    by_rows: kernels!(avx2, true; 1 4, 2 2, 3 2, 4 1, 5 1, 6 1),
    by_columns: kernels!(avx2, false; 1 4, 2 2, 3 2, 4 1, 5 1, 6 1),
    set: Set::Avx2,
    is_here: || is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
};

/// # Safety
/// That of [`Tiles::run`].
#[target_feature(enable = "avx512f")]
unsafe fn avx512<const R: usize, const S: usize, const BY_ROWS: bool>(tile: &Tile) {
    // SAFETY: as the caller says.
    unsafe { body::tile::<__m512, R, S, BY_ROWS>(tile) }
}

/// # Safety
/// That of [`Tiles::run`].
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<const R: usize, const S: usize, const BY_ROWS: bool>(tile: &Tile) {
    // SAFETY: as the caller says.
    unsafe { body::tile::<__m256, R, S, BY_ROWS>(tile) }
}

/// The intrinsics, one for one.
///
/// SAFETY of all: they are called where the processor has the instructions, with places that the caller
/// vouches for.
macro_rules! vector {
    ($vector:ty, $mask:ty, $lanes:literal, $make_mask:expr, $zero:ident, $load:expr, $store:expr,
     $splat:ident, $add:ident, $mul_add:ident, $greater:expr) => {
        impl Vector for $vector {
            const LANES: usize = $lanes;
            type Mask = $mask;
            #[inline(always)]
            unsafe fn mask(count: usize) -> $mask {
                $make_mask(count)
            }
            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: see above.
                unsafe { $zero() }
            }
            #[inline(always)]
            unsafe fn load(place: *const f32, mask: $mask) -> Self {
                // SAFETY: see above.
                unsafe { $load(place, mask) }
            }
            #[inline(always)]
            unsafe fn store(self, place: *mut f32, mask: $mask) {
                // SAFETY: see above.
                unsafe { $store(place, mask, self) }
            }
            #[inline(always)]
            unsafe fn splat(value: f32) -> Self {
                // SAFETY: see above.
                unsafe { $splat(value) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: see above.
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, other: Self, sum: Self) -> Self {
                // SAFETY: see above.
                unsafe { $mul_add(self, other, sum) }
            }
            #[inline(always)]
            unsafe fn greater(self, other: Self) -> Self {
                // SAFETY: see above.
                unsafe { $greater(self, other) }
            }
            #[inline(always)]
            unsafe fn prefetch(place: *const f32) {
                // SAFETY: it reads nothing that the program sees, and may be given any address.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) }
            }
        }
    };
}

vector!(
    __m512,
    __mmask16,
    16,
    |count: usize| if count >= 16 { u16::MAX } else { (1 << count) - 1 },
    _mm512_setzero_ps,
    |place, mask| _mm512_maskz_loadu_ps(mask, place),
    |place, mask, value| _mm512_mask_storeu_ps(place, mask, value),
    _mm512_set1_ps,
    _mm512_add_ps,
    _mm512_fmadd_ps,
    |own, other| {
        let is_greater = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(other, own);
        let is_nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(other, other);
        _mm512_mask_blend_ps(is_greater | is_nan, own, other)
    }
);

/// A mask of the first lanes.
#[inline(always)]
fn first_lanes(count: usize) -> __m256i {
    let lanes: [i32; 8] = std::array::from_fn(|lane| -i32::from(lane < count));
    // SAFETY: they have the same size, and any bits are a vector.
    unsafe { std::mem::transmute(lanes) }
}

vector!(
    __m256,
    __m256i,
    8,
    first_lanes,
    _mm256_setzero_ps,
    |place, mask| _mm256_maskload_ps(place, mask),
    |place, mask, value| _mm256_maskstore_ps(place, mask, value),
    _mm256_set1_ps,
    _mm256_add_ps,
    _mm256_fmadd_ps,
    |own, other| {
        let is_greater = _mm256_cmp_ps::<_CMP_GT_OQ>(other, own);
        let is_nan = _mm256_cmp_ps::<_CMP_UNORD_Q>(other, other);
        _mm256_blendv_ps(own, other, _mm256_or_ps(is_greater, is_nan))
    }
);
