//! The two code books, and what the encoders search in.

use super::QuantType;

const NF4: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

/// By bit pattern: sign, two bits of exponent, one of mantissa. The largest magnitude, 12, is 1.
const FP4: [f32; 16] = {
    let magnitudes = [0.0, 0.0625, 8.0, 12.0, 4.0, 6.0, 2.0, 3.0];
    let mut codes = [0.0; 16];
    let mut code = 1;
    while code < 8 {
        codes[code] = magnitudes[code] / 12.0;
        codes[code + 8] = -codes[code];
        code += 1;
    }
    codes
};

/// The codes with ascending values. Of FP4's two zeros code 0 comes first, as in bitsandbytes:
/// it gets what is at most 0, code 8 what is above.
const NF4_ORDER: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const FP4_ORDER: [u8; 16] = [11, 10, 13, 12, 15, 14, 9, 0, 8, 1, 6, 7, 4, 5, 2, 3];

/// A code book and its search tables. The rank of a scaled element is the number of thresholds
/// it is strictly above, and its code is `order[rank]`.
pub(super) struct Tables {
    /// The value of each code.
    pub(super) code_book: [f32; 16],
    /// The code of each rank.
    pub(super) order: [u8; 16],
    /// Midpoints of neighbouring values, ascending.
    pub(super) thresholds: [f32; 15],
    /// The thresholds as a binary search tree: the root at 1, the children of n at 2n and 2n + 1.
    /// After four steps down from 1, n - 16 is the rank.
    pub(super) tree: [f32; 16],
    /// Another way to search, where values are far enough apart.
    pub(super) cells: Option<Cells>,
}

/// Cells of equal width, no more than one threshold in each: the rank of an element is the rank
/// that its cell begins with, and one more if it is above the cell's threshold.
///
/// The cell of x is the integer nearest to 15 x, from -15 to 15, as its low five bits. An element
/// so near to a border that rounding decides its cell is far from any threshold.
pub(super) struct Cells {
    /// Infinite where a cell has none.
    pub(super) thresholds: [f32; 32],
    /// How many thresholds are below a cell.
    pub(super) ranks: [u8; 32],
}

const NF4_TABLES: Tables = Tables::new(NF4, NF4_ORDER);
const FP4_TABLES: Tables = Tables::new(FP4, FP4_ORDER);

impl QuantType {
    pub(super) fn tables(self) -> &'static Tables {
        match self {
            Self::Nf4 => &NF4_TABLES,
            Self::Fp4 => &FP4_TABLES,
        }
    }
}

impl Tables {
    const fn new(code_book: [f32; 16], order: [u8; 16]) -> Self {
        let mut thresholds = [0.0; 15];
        let mut rank = 0;
        while rank < 15 {
            let (below, above) = (order[rank] as usize, order[rank + 1] as usize);
            thresholds[rank] = (code_book[below] + code_book[above]) / 2.0;
            rank += 1;
        }
        let (tree, cells) = (tree(&thresholds), Cells::new(&thresholds));
        Self { code_book, order, thresholds, tree, cells }
    }

    /// The code of an element divided by its block's absmax.
    pub(super) fn code(&self, scaled: f32) -> u8 {
        self.order[self.thresholds.iter().filter(|&&threshold| scaled > threshold).count()]
    }
}

impl Cells {
    /// Cells in a length of one.
    pub(super) const PER_ONE: f32 = 15.0;
    /// A number whose sum with a small one has the nearest integer in its lowest bits.
    pub(super) const NEAREST: f32 = 12_582_912.0;

    /// None where two thresholds would be in a cell, or one too near to its border.
    const fn new(thresholds: &[f32; 15]) -> Option<Self> {
        let mut cells = Self { thresholds: [f32::INFINITY; 32], ranks: [0; 32] };
        let mut rank = 0;
        let mut cell = -15i32;
        while cell <= 15 {
            let at = (cell & 31) as usize;
            cells.ranks[at] = rank as u8;
            // In units of the width, from the cell's lower border.
            let border = cell as f32 - 0.5;
            if rank < 15 && thresholds[rank] * Self::PER_ONE < border + 1.0 {
                let from_border = thresholds[rank] * Self::PER_ONE - border;
                if from_border < 0.001 || from_border > 0.999 {
                    return None;
                }
                cells.thresholds[at] = thresholds[rank];
                rank += 1;
            }
            cell += 1;
        }
        if rank == 15 { Some(cells) } else { None }
    }
}

const fn tree(thresholds: &[f32; 15]) -> [f32; 16] {
    let mut tree = [0.0; 16];
    let mut node = 1usize;
    while node < 16 {
        let depth = node.ilog2();
        let from_left = node - (1 << depth);
        tree[node] = thresholds[(2 * from_left + 1) * (8 >> depth) - 1];
        node += 1;
    }
    tree
}
