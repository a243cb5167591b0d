//! AVX-512F, and AVX2 with FMA.

use super::body::{self, Vector, kernels};
use super::{Loop, Set, Tile, Tiles};
use std::arch::x86_64::*;

pub(super) static AVX512: Tiles = Tiles {
    mr: 12,
    nr: 32,
    kernels: kernels!(avx512; 1 4, 2 2, 3 2, 4 1, 5 1, 6 1, 7 1, 8 1, 9 1, 10 1, 11 1, 12 1),
    set: Set::Avx512,
    is_here: || is_x86_feature_detected!("avx512f"),
};

pub(super) static AVX2: Tiles = Tiles {
    mr: 6,
    nr: 16,
    kernels: kernels!(avx2; 1 4, 2 2, 3 2, 4 1, 5 1, 6 1),
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

/// # Safety
/// That of [`Set::run`].
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn run_avx512<W: Loop>(work: W) -> W::Output {
    // SAFETY: as the caller says.
    unsafe { work.run::<__m512, 16>() }
}

/// # Safety
/// That of [`Set::run`].
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run_avx2<W: Loop>(work: W) -> W::Output {
    // SAFETY: as the caller says.
    unsafe { work.run::<__m256, 8>() }
}

/// The instructions of a kind of vectors.
///
/// SAFETY of all: they are called where the processor has the instructions, with places that the caller
/// vouches for.
macro_rules! vector {
    ($vector:ty, $mask:ty, $lanes:literal, $make_mask:expr;
     $($name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $body:expr;)*) => {
        impl Vector for $vector {
            const LANES: usize = $lanes;
            const HAS_FMA: bool = true;
            type Mask = $mask;
            #[inline(always)]
            unsafe fn mask(count: usize) -> $mask {
                $make_mask(count)
            }
            $(
                #[inline(always)]
                unsafe fn $name($($argument: $type),*) $(-> $result)? {
                    // SAFETY: see above.
                    unsafe { $body }
                }
            )*
            #[inline(always)]
            unsafe fn prefetch(place: *const f32) {
                // SAFETY: it reads nothing that the program sees, and may be given any address.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) }
            }
        }
    };
}

vector!(
    __m512, __mmask16, 16,
    |count: usize| if count >= 16 { u16::MAX } else { (1 << count) - 1 };
    zero() -> Self = _mm512_setzero_ps();
    load(place: *const f32, mask: __mmask16) -> Self = _mm512_maskz_loadu_ps(mask, place);
    store(self: Self, place: *mut f32, mask: __mmask16) = _mm512_mask_storeu_ps(place, mask, self);
    splat(value: f32) -> Self = _mm512_set1_ps(value);
    add(self: Self, other: Self) -> Self = _mm512_add_ps(self, other);
    mul_add(self: Self, other: Self, sum: Self) -> Self = _mm512_fmadd_ps(self, other, sum);
    greater(self: Self, other: Self) -> Self = {
        let is_greater = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(other, self);
        let is_nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(other, other);
        _mm512_mask_blend_ps(is_greater | is_nan, self, other)
    };
    max(self: Self, other: Self) -> Self = _mm512_max_ps(self, other);
    sum(self: Self) -> f32 = _mm512_reduce_add_ps(self);
    largest(self: Self) -> f32 = _mm512_reduce_max_ps(self);
    interleave(self: Self, other: Self) -> (Self, Self) = {
        let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        (_mm512_permutex2var_ps(self, low, other), _mm512_permutex2var_ps(self, high, other))
    };
);

/// A mask of the first lanes.
#[inline(always)]
fn first_lanes(count: usize) -> __m256i {
    let lanes: [i32; 8] = std::array::from_fn(|lane| -i32::from(lane < count));
    // SAFETY: they have the same size, and any bits are a vector.
    unsafe { std::mem::transmute(lanes) }
}

vector!(
    __m256, __m256i, 8, first_lanes;
    zero() -> Self = _mm256_setzero_ps();
    load(place: *const f32, mask: __m256i) -> Self = _mm256_maskload_ps(place, mask);
    store(self: Self, place: *mut f32, mask: __m256i) = _mm256_maskstore_ps(place, mask, self);
    splat(value: f32) -> Self = _mm256_set1_ps(value);
    add(self: Self, other: Self) -> Self = _mm256_add_ps(self, other);
    mul_add(self: Self, other: Self, sum: Self) -> Self = _mm256_fmadd_ps(self, other, sum);
    greater(self: Self, other: Self) -> Self = {
        let is_greater = _mm256_cmp_ps::<_CMP_GT_OQ>(other, self);
        let is_nan = _mm256_cmp_ps::<_CMP_UNORD_Q>(other, other);
        _mm256_blendv_ps(self, other, _mm256_or_ps(is_greater, is_nan))
    };
    max(self: Self, other: Self) -> Self = _mm256_max_ps(self, other);
    sum(self: Self) -> f32 = {
        let four = _mm_add_ps(_mm256_castps256_ps128(self), _mm256_extractf128_ps::<1>(self));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
    };
    largest(self: Self) -> f32 = {
        let four = _mm_max_ps(_mm256_castps256_ps128(self), _mm256_extractf128_ps::<1>(self));
        let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
    };
    interleave(self: Self, other: Self) -> (Self, Self) = {
        // Within halves of the vectors.
        let (low, high) = (_mm256_unpacklo_ps(self, other), _mm256_unpackhi_ps(self, other));
        (_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high))
    };
);
