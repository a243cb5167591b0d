//! The encoder for AVX-512: a binary search in sixteen lanes.

use super::blocks::Blocks;
use super::columns::{Columns, LANES, Lanes};
use super::measure::{MeasuredBlocks, MeasuredColumns};
use super::tables::{Cells, Tables};
use crate::errors::Sums;
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

    pub(super) fn quantize_columns(
        self,
        tables: &Tables,
        columns: Columns<'_>,
    ) -> Result<(), usize> {
        match &tables.cells {
            // SAFETY: `self` only comes from `detect`, which found AVX-512F.
            Some(cells) => unsafe { columns_by_cells(tables, cells, columns) },
            // SAFETY: the same.
            None => unsafe { columns_by_tree(tables, columns) },
        }
    }

    pub(super) fn measure(self, tables: &Tables, blocks: MeasuredBlocks<'_>, sums: &mut Sums) {
        // SAFETY: `self` only comes from `detect`, which found AVX-512F.
        unsafe { measure(tables, blocks, sums) }
    }

    pub(super) fn measure_columns(
        self,
        tables: &Tables,
        columns: MeasuredColumns<'_>,
        sums: &mut Sums,
    ) {
        // SAFETY: `self` only comes from `detect`, which found AVX-512F.
        unsafe { measure_columns(tables, columns, sums) }
    }
}

#[target_feature(enable = "avx512f")]
fn quantize(tables: &Tables, blocks: Blocks<'_>) -> Result<(), usize> {
    let tree = Tree::new(tables);
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
                *codes = pack(_mm512_permutexvar_epi32(tree.leaf(scaled), order));
            }
        },
    )
}

#[target_feature(enable = "avx512f")]
fn columns_by_tree(tables: &Tables, columns: Columns<'_>) -> Result<(), usize> {
    let tree = Tree::new(tables);
    let order = order(&tables.order);
    columns.quantize(
        |block| max_bits(block),
        |rows, scales| word(rows, scales, |x| _mm512_permutexvar_epi32(tree.leaf(x), order)),
        |square| turn(square),
    )
}

#[target_feature(enable = "avx512f")]
fn columns_by_cells(tables: &Tables, cells: &Cells, columns: Columns<'_>) -> Result<(), usize> {
    let (thresholds, ranks) = (cells.thresholds.as_chunks().0, cells.ranks.as_chunks().0);
    let thresholds = [load(&thresholds[0]), load(&thresholds[1])];
    let ranks = [order(&ranks[0]), order(&ranks[1])];
    let order = order(&tables.order);
    let (per_one, nearest) = (_mm512_set1_ps(Cells::PER_ONE), _mm512_set1_ps(Cells::NEAREST));
    let code = |scaled| {
        let cell = _mm512_add_ps(_mm512_mul_ps(scaled, per_one), nearest);
        let cell = _mm512_castps_si512(cell);
        // These permutations look at the low five bits of an index.
        let threshold = _mm512_permutex2var_ps(thresholds[0], cell, thresholds[1]);
        let rank = _mm512_permutex2var_epi32(ranks[0], cell, ranks[1]);
        _mm512_permutexvar_epi32(_mm512_add_epi32(rank, above(scaled, threshold)), order)
    };
    columns.quantize(
        |block| max_bits(block),
        |rows, scales| word(rows, scales, code),
        |square| turn(square),
    )
}

#[target_feature(enable = "avx512f")]
fn measure(tables: &Tables, blocks: MeasuredBlocks<'_>, sums: &mut Sums) {
    let book = load(&tables.code_book);
    blocks.measure(|word, shift, magnitudes| values(word, shift, magnitudes, book), sums);
}

#[target_feature(enable = "avx512f")]
fn measure_columns(tables: &Tables, columns: MeasuredColumns<'_>, sums: &mut Sums) {
    let book = load(&tables.code_book);
    columns.measure(
        |square| turn(square),
        |word, shift, magnitudes| values(word, shift, magnitudes, book),
        sums,
    );
}

/// What stands for a code of each word, times a magnitude.
#[target_feature(enable = "avx512f")]
fn values(word: &Lanes<u32>, shift: usize, magnitudes: &Lanes<f32>, book: __m512) -> Lanes<f32> {
    // A permutation looks at the low four bits of an index.
    let codes = _mm512_srlv_epi32(words(word), _mm512_set1_epi32(shift as i32));
    let values = _mm512_mul_ps(_mm512_permutexvar_ps(codes, book), load(magnitudes));
    lanes(_mm512_castps_si512(values)).map(f32::from_bits)
}

/// A binary search for the rank of an element.
struct Tree {
    root: __m512,
    nodes: __m512,
}

impl Tree {
    #[target_feature(enable = "avx512f")]
    fn new(tables: &Tables) -> Self {
        Self { root: _mm512_set1_ps(tables.tree[1]), nodes: load(&tables.tree) }
    }

    /// 16 plus the rank of each element. (A permutation looks at the low four bits of an index: of
    /// the nodes 16 to 31 that is the rank.)
    #[target_feature(enable = "avx512f")]
    fn leaf(&self, scaled: __m512) -> __m512i {
        let node = down(_mm512_set1_epi32(1), scaled, self.root);
        let node = down(node, scaled, _mm512_permutexvar_ps(node, self.nodes));
        let node = down(node, scaled, _mm512_permutexvar_ps(node, self.nodes));
        down(node, scaled, _mm512_permutexvar_ps(node, self.nodes))
    }
}

/// A word of codes for each column.
#[target_feature(enable = "avx512f")]
#[inline]
fn word(
    rows: &[Lanes<f32>; 8],
    scales: &Lanes<f32>,
    code: impl Fn(__m512) -> __m512i,
) -> Lanes<u32> {
    let scales = load(scales);
    let mut word = _mm512_setzero_si512();
    // From the highest nibble down.
    for row in [6, 7, 4, 5, 2, 3, 0, 1] {
        let code = code(_mm512_mul_ps(load(&rows[row]), scales));
        word = _mm512_or_si512(_mm512_slli_epi32::<4>(word), code);
    }
    lanes(word)
}

/// The largest bits of a magnitude in each column.
#[target_feature(enable = "avx512f")]
fn max_bits(block: &[Lanes<f32>]) -> Lanes<u32> {
    let mut max = _mm512_setzero_si512();
    for row in block {
        let bits = _mm512_castps_si512(load(row));
        max = _mm512_max_epu32(max, _mm512_and_si512(bits, _mm512_set1_epi32(i32::MAX)));
    }
    lanes(max)
}

/// Swaps rows and columns: of pairs of words, then of pairs of pairs, and so on.
#[target_feature(enable = "avx512f")]
fn turn(square: &mut [Lanes<u32>; LANES]) {
    let mut turned = [_mm512_setzero_si512(); LANES];
    for (four, rows) in turned.as_chunks_mut::<4>().0.iter_mut().zip(square.as_chunks::<4>().0) {
        let rows = [words(&rows[0]), words(&rows[1]), words(&rows[2]), words(&rows[3])];
        let low = [0, 2].map(|i| _mm512_unpacklo_epi32(rows[i], rows[i + 1]));
        let high = [0, 2].map(|i| _mm512_unpackhi_epi32(rows[i], rows[i + 1]));
        four[0] = _mm512_unpacklo_epi64(low[0], low[1]);
        four[1] = _mm512_unpackhi_epi64(low[0], low[1]);
        four[2] = _mm512_unpacklo_epi64(high[0], high[1]);
        four[3] = _mm512_unpackhi_epi64(high[0], high[1]);
    }
    // Quarter q of turned[4 * f + c] is now column 4 * q + c of the rows from 4 * f on.
    for column in 0..4 {
        let of = |four: usize| turned[4 * four + column];
        let even = [0, 2].map(|f| _mm512_shuffle_i32x4::<0b10_00_10_00>(of(f), of(f + 1)));
        let odd = [0, 2].map(|f| _mm512_shuffle_i32x4::<0b11_01_11_01>(of(f), of(f + 1)));
        let quarters = [
            _mm512_shuffle_i32x4::<0b10_00_10_00>(even[0], even[1]),
            _mm512_shuffle_i32x4::<0b10_00_10_00>(odd[0], odd[1]),
            _mm512_shuffle_i32x4::<0b11_01_11_01>(even[0], even[1]),
            _mm512_shuffle_i32x4::<0b11_01_11_01>(odd[0], odd[1]),
        ];
        for (quarter, words) in quarters.into_iter().enumerate() {
            square[4 * quarter + column] = lanes(words);
        }
    }
}

/// One step down the tree: to 2n + 1 where an element is strictly above the threshold, else 2n.
#[target_feature(enable = "avx512f")]
fn down(node: __m512i, scaled: __m512, threshold: __m512) -> __m512i {
    _mm512_add_epi32(_mm512_add_epi32(node, node), above(scaled, threshold))
}

/// 1 where an element is strictly above the threshold, else 0.
///
/// The sign of threshold - element says it: it is exact, and +0 for equals (no threshold is -0). It
/// goes into vectors in one step, which the mask of a comparison does not.
#[target_feature(enable = "avx512f")]
fn above(scaled: __m512, threshold: __m512) -> __m512i {
    _mm512_srli_epi32::<31>(_mm512_castps_si512(_mm512_sub_ps(threshold, scaled)))
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
fn words(words: &Lanes<u32>) -> __m512i {
    // SAFETY: the array is as large as the vector, and the load asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
fn lanes(words: __m512i) -> Lanes<u32> {
    let mut lanes = [0; LANES];
    // SAFETY: the array is as large as the vector, and the store asks for no alignment.
    unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), words) }
    lanes
}

#[target_feature(enable = "avx512f")]
fn order(codes: &[u8; 16]) -> __m512i {
    // SAFETY: the array is as large as the vector, and the load asks for no alignment.
    _mm512_cvtepu8_epi32(unsafe { _mm_loadu_si128(codes.as_ptr().cast()) })
}
