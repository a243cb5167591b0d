//! The encoder for AVX-512: a binary search in sixteen lanes.

use super::blocks::Blocks;
use super::tables::Tables;
use std::arch::x86_64::*;

/// Says that the CPU has AVX-512F.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Avx512(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }

    pub(super) fn quantize(self, tables: &Tables, blocks: Blocks<'_>) -> Result<(), usize> {
        // SAFETY: `self` only comes from `detect`, which found AVX-512F.
        unsafe { quantize(tables, blocks) }
    }
}

#[target_feature(enable = "avx512f")]
fn quantize(tables: &Tables, blocks: Blocks<'_>) -> Result<(), usize> {
    let root = _mm512_set1_ps(tables.tree[1]);
    let tree = load(&tables.tree);
    let order = order(&tables.order);
    blocks.quantize(
        |block| {
            let mut max = _mm512_setzero_si512();
            for values in block.as_chunks::<16>().0 {
                let bits = _mm512_castps_si512(load(values));
                let magnitude = _mm512_and_si512(bits, _mm512_set1_epi32(i32::MAX));
                max = _mm512_max_epu32(max, magnitude);
            }
            _mm512_reduce_max_epu32(max)
        },
        |block, scale, codes| {
            let scale = _mm512_set1_ps(scale);
            let (values, codes) = (block.as_chunks::<16>().0, codes.as_chunks_mut::<8>().0);
            for (values, codes) in values.iter().zip(codes) {
                let scaled = _mm512_mul_ps(load(values), scale);
                // Permutations look at the low four bits of an index: of the nodes 16 to 31 that
                // is the rank.
                let node = down(_mm512_set1_epi32(1), scaled, root);
                let node = down(node, scaled, _mm512_permutexvar_ps(node, tree));
                let node = down(node, scaled, _mm512_permutexvar_ps(node, tree));
                let node = down(node, scaled, _mm512_permutexvar_ps(node, tree));
                *codes = pack(_mm512_permutexvar_epi32(node, order));
            }
        },
    )
}

/// One step down the tree: to 2n + 1 where an element is strictly above the threshold, else 2n.
///
/// The sign of threshold - element says it: it is exact, and +0 for equals (no threshold is -0). It
/// goes into vectors in one step, which the mask of a comparison does not.
#[target_feature(enable = "avx512f")]
fn down(node: __m512i, scaled: __m512, threshold: __m512) -> __m512i {
    let sign = _mm512_castps_si512(_mm512_sub_ps(threshold, scaled));
    let above = _mm512_srli_epi32::<31>(sign);
    _mm512_add_epi32(_mm512_add_epi32(node, node), above)
}

/// Two codes a byte, the first in the high nibble.
#[target_feature(enable = "avx512f")]
fn pack(codes: __m512i) -> [u8; 8] {
    let first = _mm512_slli_epi64::<4>(codes);
    let second = _mm512_srli_epi64::<32>(codes);
    let bytes = _mm512_cvtepi64_epi8(_mm512_or_si512(first, second));
    _mm_cvtsi128_si64(bytes).to_le_bytes()
}

#[target_feature(enable = "avx512f")]
fn load(values: &[f32; 16]) -> __m512 {
    // SAFETY: the array is as large as the vector, and the load asks for no alignment.
    unsafe { _mm512_loadu_ps(values.as_ptr()) }
}

#[target_feature(enable = "avx512f")]
fn order(codes: &[u8; 16]) -> __m512i {
    // SAFETY: the array is as large as the vector, and the load asks for no alignment.
    _mm512_cvtepu8_epi32(unsafe { _mm_loadu_si128(codes.as_ptr().cast()) })
}
