//! The code of the dynamic map that is nearest to a number.

use super::dynamic_map::MIDPOINTS;
use std::sync::LazyLock;

/// Numbers from -1 to 1 in cells by sign, exponent and six bits of mantissa: narrow enough for no
/// more than one midpoint.
const SHIFT: u32 = f32::MANTISSA_DIGITS - 1 - 6;
/// The cell of 2^-22: there is no midpoint nearer to zero.
const LEAST: u32 = (2.384_185_8e-7f32).to_bits() >> SHIFT;
/// Cells of one sign.
const CELLS: usize = ((1.0f32).to_bits() >> SHIFT) as usize - LEAST as usize + 1;

/// How many midpoints are below each cell.
static BELOW: LazyLock<[[u8; CELLS]; 2]> = LazyLock::new(|| {
    let below = |lowest: f32| MIDPOINTS.partition_point(|&midpoint| midpoint < lowest) as u8;
    let bits = |cell: usize| (cell as u32 + LEAST) << SHIFT;
    let positive = |cell| if cell == 0 { 0.0 } else { f32::from_bits(bits(cell)) };
    let negative = |cell| -f32::from_bits(bits(cell + 1) - 1);
    [
        std::array::from_fn(|cell| below(positive(cell))),
        std::array::from_fn(|cell| below(negative(cell))),
    ]
});

/// Finds nearest codes.
#[derive(Clone, Copy)]
pub(super) struct Nearest(&'static [[u8; CELLS]; 2]);

impl Nearest {
    pub(super) fn new() -> Self {
        Self(&BELOW)
    }

    /// The code whose value is nearest, of two at the same distance the even one; NaN gets 0.
    #[inline]
    pub(super) fn code(self, scaled: f32) -> u8 {
        let scaled = if scaled.is_nan() { -1.0 } else { scaled.clamp(-1.0, 1.0) };
        let cell = (scaled.abs().to_bits() >> SHIFT).max(LEAST) - LEAST;
        let first = usize::from(self.0[(scaled.to_bits() >> 31) as usize][cell as usize]);
        let is_above = |index: usize| MIDPOINTS.get(index).is_some_and(|&m| m < scaled);
        let below = first + usize::from(is_above(first));
        let is_tie = MIDPOINTS.get(below) == Some(&scaled);
        (below + usize::from(is_tie && below % 2 == 1)) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(scaled: f32) -> u8 {
        let below = MIDPOINTS.iter().filter(|&&midpoint| midpoint < scaled).count();
        let is_tie = MIDPOINTS.get(below) == Some(&scaled);
        (below + usize::from(is_tie && below % 2 == 1)) as u8
    }

    #[test]
    fn codes_are_those_of_counting_midpoints() {
        let nearest = Nearest::new();
        let borders = (0..=CELLS as u32).map(|cell| f32::from_bits((cell + LEAST) << SHIFT));
        let special = [0.0, 1e-45, f32::MIN_POSITIVE, f32::INFINITY, f32::NAN];
        for at in MIDPOINTS.iter().copied().chain(borders).chain(special) {
            for near in [at.next_down(), at, at.next_up()] {
                for scaled in [near, -near] {
                    assert_eq!(nearest.code(scaled), counted(scaled), "{scaled}");
                }
            }
        }
    }
}
