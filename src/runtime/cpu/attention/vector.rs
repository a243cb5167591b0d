//! Vectors of the processor.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// A vector. Its methods are inlined into functions that enable its instructions.
pub(super) trait Vector: Copy {
    unsafe fn splat(value: f32) -> Self;
    /// Reads as many floats as it has.
    unsafe fn load(place: *const f32) -> Self;
    unsafe fn store(self, place: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    /// The greater of each two elements, or any of them where one is NaN.
    unsafe fn max(self, other: Self) -> Self;
    /// The sum of its elements.
    unsafe fn sum(self) -> f32;
    /// The largest of its elements.
    unsafe fn largest(self) -> f32;
    /// `self · other + sum`, rounded once where the processor can.
    unsafe fn mul_add(self, other: Self, sum: Self) -> Self;
    /// The elements of both in turn: those of the first halves, and those of the second.
    unsafe fn interleave(self, other: Self) -> (Self, Self);
}

/// Whether the compiler makes an instruction of `mul_add` for any processor, and not a call.
pub(super) const HAS_FMA: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

/// `a · b + c`, rounded once where `FMA` says that the processor can.
#[inline(always)]
pub(super) fn mul_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

impl Vector for [f32; 4] {
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [value; 4]
    }
    #[inline(always)]
    unsafe fn load(place: *const f32) -> Self {
        // SAFETY: the caller vouches for the place.
        unsafe { place.cast::<Self>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, place: *mut f32) {
        // SAFETY: as above.
        unsafe { place.cast::<Self>().write_unaligned(self) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] + other[i])
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
    unsafe fn mul_add(self, other: Self, sum: Self) -> Self {
        std::array::from_fn(|i| mul_add::<HAS_FMA>(self[i], other[i], sum[i]))
    }
    #[inline(always)]
    unsafe fn interleave(self, other: Self) -> (Self, Self) {
        ([self[0], other[0], self[1], other[1]], [self[2], other[2], self[3], other[3]])
    }
}

/// The intrinsics, one for one.
///
/// SAFETY of all: they are called where the processor has the instructions, with places that the caller
/// vouches for.
#[cfg(target_arch = "x86_64")]
macro_rules! vector {
    ($vector:ty, $splat:ident, $load:ident, $store:ident, $add:ident, $max:ident, $mul_add:ident,
     $sum:expr, $largest:expr, $interleave:expr) => {
        impl Vector for $vector {
            #[inline(always)]
            unsafe fn splat(value: f32) -> Self {
                // SAFETY: see above.
                unsafe { $splat(value) }
            }
            #[inline(always)]
            unsafe fn load(place: *const f32) -> Self {
                // SAFETY: see above.
                unsafe { $load(place) }
            }
            #[inline(always)]
            unsafe fn store(self, place: *mut f32) {
                // SAFETY: see above.
                unsafe { $store(place, self) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: see above.
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            unsafe fn max(self, other: Self) -> Self {
                // SAFETY: see above.
                unsafe { $max(self, other) }
            }
            #[inline(always)]
            unsafe fn sum(self) -> f32 {
                // SAFETY: see above.
                unsafe { $sum(self) }
            }
            #[inline(always)]
            unsafe fn largest(self) -> f32 {
                // SAFETY: see above.
                unsafe { $largest(self) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, other: Self, sum: Self) -> Self {
                // SAFETY: see above.
                unsafe { $mul_add(self, other, sum) }
            }
            #[inline(always)]
            unsafe fn interleave(self, other: Self) -> (Self, Self) {
                // SAFETY: see above.
                unsafe { $interleave(self, other) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
vector!(
    __m512,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    _mm512_max_ps,
    _mm512_fmadd_ps,
    |a| _mm512_reduce_add_ps(a),
    |a| _mm512_reduce_max_ps(a),
    |a, b| {
        let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        (_mm512_permutex2var_ps(a, low, b), _mm512_permutex2var_ps(a, high, b))
    }
);

#[cfg(target_arch = "x86_64")]
vector!(
    __m256,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_max_ps,
    _mm256_fmadd_ps,
    |a| {
        let a = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
        let a = _mm_add_ps(a, _mm_movehl_ps(a, a));
        _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)))
    },
    |a| {
        let a = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
        let a = _mm_max_ps(a, _mm_movehl_ps(a, a));
        _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)))
    },
    |a, b| {
        // Within halves of the vectors.
        let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        (_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high))
    }
);
