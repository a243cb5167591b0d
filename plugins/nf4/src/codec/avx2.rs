//! The encoder for AVX2: a binary search in eight lanes.

use super::blocks::Blocks;
use super::columns::{self, Columns, LANES, Lanes};
use super::measure::{MeasuredBlocks, MeasuredColumns};
use super::tables::Tables;
use crate::errors::Sums;
use std::arch::x86_64::*;

/// Says that the CPU has AVX2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    pub(super) fn quantize(self, tables: &Tables, blocks: Blocks<'_>) -> Result<(), usize> {
        // SAFETY: `self` only comes from `detect`, which found AVX2.
        unsafe { quantize(tables, blocks) }
    }

    pub(super) fn quantize_columns(
        self,
        tables: &Tables,
        columns: Columns<'_>,
    ) -> Result<(), usize> {
        // SAFETY: `self` only comes from `detect`, which found AVX2.
        unsafe { quantize_columns(tables, columns) }
    }

    pub(super) fn measure(self, tables: &Tables, blocks: MeasuredBlocks<'_>, sums: &mut Sums) {
        // SAFETY: `self` only comes from `detect`, which found AVX2.
        unsafe { measure(tables, blocks, sums) }
    }

    pub(super) fn measure_columns(
        self,
        tables: &Tables,
        columns: MeasuredColumns<'_>,
        sums: &mut Sums,
    ) {
        // SAFETY: `self` only comes from `detect`, which found AVX2.
        unsafe { measure_columns(tables, columns, sums) }
    }
}

#[target_feature(enable = "avx2")]
fn quantize(tables: &Tables, blocks: Blocks<'_>) -> Result<(), usize> {
    let search = Search::new(tables);
    blocks.quantize(
        |block| {
            let mut max = _mm256_setzero_si256();
            for values in block.as_chunks::<8>().0 {
                let bits = _mm256_castps_si256(load(values));
                let magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(i32::MAX));
                max = _mm256_max_epu32(max, magnitude);
            }
            largest(max)
        },
        |block, scale, codes| {
            let scale = _mm256_set1_ps(scale);
            let (pairs, codes) = (block.as_chunks::<16>().0, codes.as_chunks_mut::<8>().0);
            for (pair, codes) in pairs.iter().zip(codes) {
                let (eights, _) = pair.as_chunks::<8>();
                let first = search.leaf(_mm256_mul_ps(load(&eights[0]), scale));
                let second = search.leaf(_mm256_mul_ps(load(&eights[1]), scale));
                *codes = search.pack(first, second);
            }
        },
    )
}

#[target_feature(enable = "avx2")]
fn quantize_columns(tables: &Tables, columns: Columns<'_>) -> Result<(), usize> {
    let search = Search::new(tables);
    columns.quantize(
        columns::max_bits,
        |rows, scales| {
            let mut word = [0; LANES];
            let (words, _) = word.as_chunks_mut::<8>();
            for (half, (word, scales)) in words.iter_mut().zip(scales.as_chunks().0).enumerate() {
                *word = search.word(rows, half, load(scales));
            }
            word
        },
        columns::turn,
    )
}

#[target_feature(enable = "avx2")]
fn measure(tables: &Tables, blocks: MeasuredBlocks<'_>, sums: &mut Sums) {
    blocks.measure(|word, shift, magnitudes| values(tables, word, shift, magnitudes), sums);
}

#[target_feature(enable = "avx2")]
fn measure_columns(tables: &Tables, columns: MeasuredColumns<'_>, sums: &mut Sums) {
    columns.measure(
        columns::turn,
        |word, shift, magnitudes| values(tables, word, shift, magnitudes),
        sums,
    );
}

/// What stands for a code of each word, times a magnitude.
#[target_feature(enable = "avx2")]
fn values(tables: &Tables, word: &Lanes<u32>, shift: usize, magnitudes: &Lanes<f32>) -> Lanes<f32> {
    let (book, _) = tables.code_book.as_chunks::<8>();
    let mut values = [0.0; LANES];
    let halves = values.as_chunks_mut::<8>().0.iter_mut().zip(word.as_chunks::<8>().0);
    for ((values, word), magnitudes) in halves.zip(magnitudes.as_chunks::<8>().0) {
        // SAFETY: the array is as large as the vector, and the load asks for no alignment.
        let word = unsafe { _mm256_loadu_si256(word.as_ptr().cast()) };
        let codes = _mm256_srlv_epi32(word, _mm256_set1_epi32(shift as i32));
        // A permutation looks at the low three bits of an index, a blend at the sign.
        let [low, high] = [0, 1].map(|half| _mm256_permutevar8x32_ps(load(&book[half]), codes));
        let is_high = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(codes));
        let value = _mm256_blendv_ps(low, high, is_high);
        // SAFETY: the array is as large as the vector, and the store asks for no alignment.
        unsafe {
            _mm256_storeu_ps(values.as_mut_ptr(), _mm256_mul_ps(value, load(magnitudes)));
        }
    }
    values
}

/// [`Tables::tree`] and [`Tables::order`] in registers.
struct Search {
    root: __m256,
    /// Nodes 0 to 7.
    upper: __m256,
    /// Nodes 8 to 15.
    leaves: __m256,
    order: __m128i,
}

impl Search {
    #[target_feature(enable = "avx2")]
    fn new(tables: &Tables) -> Self {
        let (halves, _) = tables.tree.as_chunks::<8>();
        Self {
            root: _mm256_set1_ps(tables.tree[1]),
            upper: load(&halves[0]),
            leaves: load(&halves[1]),
            order: order(&tables.order),
        }
    }

    /// A word of codes for each of eight columns.
    #[target_feature(enable = "avx2")]
    fn word(&self, rows: &[Lanes<f32>; 8], half: usize, scales: __m256) -> [u32; 8] {
        let leaf =
            |row: usize| self.leaf(_mm256_mul_ps(load(&rows[row].as_chunks().0[half]), scales));
        // In a lane the ranks of four rows, and of the four behind them, the first lowest.
        let ranks = |row: usize| {
            let [a, b, c, d] = std::array::from_fn(|i| leaf(row + i));
            let (ab, cd) = (both::<8>(a, b), both::<8>(c, d));
            both::<16>(ab, cd)
        };
        let order = _mm256_broadcastsi128_si256(self.order);
        let pairs = [0, 4].map(|row| {
            let low = _mm256_and_si256(ranks(row), _mm256_set1_epi8(15));
            let codes = _mm256_shuffle_epi8(order, low);
            _mm256_maddubs_epi16(codes, _mm256_set1_epi16(0x01_10))
        });
        // Two bytes of codes, each in the low half of 16 bits.
        let [low, high] = pairs.map(|pair| {
            let second = _mm256_srli_epi32::<8>(pair);
            _mm256_and_si256(_mm256_or_si256(pair, second), _mm256_set1_epi32(0xFFFF))
        });
        let mut word = [0; 8];
        // SAFETY: the array is as large as the vector, and the store asks for no alignment.
        unsafe { _mm256_storeu_si256(word.as_mut_ptr().cast(), both::<16>(low, high)) };
        word
    }

    /// 16 plus the rank of each element. (A permutation looks at the low three bits of an index.)
    #[target_feature(enable = "avx2")]
    fn leaf(&self, scaled: __m256) -> __m256i {
        let node = down(_mm256_set1_epi32(1), scaled, self.root);
        let node = down(node, scaled, _mm256_permutevar8x32_ps(self.upper, node));
        let node = down(node, scaled, _mm256_permutevar8x32_ps(self.upper, node));
        down(node, scaled, _mm256_permutevar8x32_ps(self.leaves, node))
    }

    /// The codes of twice eight elements, the first of each pair in the high nibble.
    #[target_feature(enable = "avx2")]
    fn pack(&self, first: __m256i, second: __m256i) -> [u8; 8] {
        let words = _mm256_packs_epi32(first, second);
        let (low, high) = (_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
        // Four elements each of: first, second, first, second.
        let fours = _mm_packus_epi16(low, high);
        let leaves = _mm_shuffle_epi32::<0b11_01_10_00>(fours);
        // A byte shuffle looks at the low four bits of an index, the rank.
        let codes = _mm_shuffle_epi8(self.order, leaves);
        let bytes = _mm_maddubs_epi16(codes, _mm_set1_epi16(0x01_10));
        _mm_cvtsi128_si64(_mm_packus_epi16(bytes, bytes)).to_le_bytes()
    }
}

/// The bits of `high`, this many places up, and those of `low`.
#[target_feature(enable = "avx2")]
fn both<const PLACES: i32>(low: __m256i, high: __m256i) -> __m256i {
    _mm256_or_si256(low, _mm256_slli_epi32::<PLACES>(high))
}

/// One step down the tree: to 2n + 1 where an element is strictly above the threshold, else 2n.
#[target_feature(enable = "avx2")]
fn down(node: __m256i, scaled: __m256, threshold: __m256) -> __m256i {
    let above = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_GT_OQ>(scaled, threshold));
    _mm256_sub_epi32(_mm256_add_epi32(node, node), above)
}

#[target_feature(enable = "avx2")]
fn largest(lanes: __m256i) -> u32 {
    let (low, high) = (_mm256_castsi256_si128(lanes), _mm256_extracti128_si256::<1>(lanes));
    let four = _mm_max_epu32(low, high);
    let two = _mm_max_epu32(four, _mm_shuffle_epi32::<0b00_00_11_10>(four));
    let one = _mm_max_epu32(two, _mm_shuffle_epi32::<0b00_00_00_01>(two));
    _mm_cvtsi128_si32(one) as u32
}

#[target_feature(enable = "avx2")]
fn load(values: &[f32; 8]) -> __m256 {
    // SAFETY: the array is as large as the vector, and the load asks for no alignment.
    unsafe { _mm256_loadu_ps(values.as_ptr()) }
}

#[target_feature(enable = "avx2")]
fn order(codes: &[u8; 16]) -> __m128i {
    // SAFETY: the array is as large as the vector, and the load asks for no alignment.
    unsafe { _mm_loadu_si128(codes.as_ptr().cast()) }
}
