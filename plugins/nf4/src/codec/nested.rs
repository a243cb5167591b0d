//! Double quantization: absmax in eight bits.
//!
//! absmax\[i\] ≈ code_book\[codes\[i\]\] · absmax2\[i / 256\] + offset, offset = mean(absmax).
//! Dettmers et al., "QLoRA", 2023, section 3; the map is that of Dettmers, "8-Bit Approximations for
//! Parallelism in Deep Learning", 2015.

use super::dynamic_map::CODES;
use super::nearest::Nearest;

/// Elements of absmax that share a scale.
pub const BLOCK_SIZE: usize = 256;

/// Quantized absmax.
#[derive(Clone, PartialEq, Debug)]
pub struct Nested {
    /// One for each element.
    pub codes: Vec<u8>,
    /// One for each 256 elements: the largest magnitude of absmax - offset.
    pub absmax: Vec<f32>,
    /// The mean of absmax.
    pub offset: f32,
}

/// The value of each code, ascending: the signed dynamic map, 127 negative values, 0, and 128
/// positive ones.
pub fn code_book() -> &'static [f32; 256] {
    &CODES
}

/// Quantizes absmax around its mean: the mean in float64, rounded once to float32.
///
/// The mean that bitsandbytes takes is PyTorch's, summed in float32 in an order that depends on
/// the CPU and the number of threads; it may be a unit in the last place off.
pub fn quantize(absmax: &[f32]) -> Nested {
    let sum: f64 = absmax.iter().map(|&value| f64::from(value)).sum();
    quantize_around(absmax, (sum / absmax.len().max(1) as f64) as f32)
}

/// Quantizes absmax around a given offset.
///
/// An element minus the offset is multiplied by 1 / absmax2 and gets the code with the nearest
/// value; of two at the same distance, the even one. So do the CUDA kernels of bitsandbytes
/// (`csrc/kernels.cu`, `dQuantize`), whose 1 / absmax2 may be a unit in the last place off, since
/// they are compiled with approximate division. Where 1 / absmax2 is infinite (absmax2 is 0 or below
/// 2.94e-39), codes are 0 or 255 by the sign, and 0 for 0, as in both of its libraries.
pub fn quantize_around(absmax: &[f32], offset: f32) -> Nested {
    let mut nested = Nested { codes: Vec::with_capacity(absmax.len()), absmax: Vec::new(), offset };
    let nearest = Nearest::new();
    for block in absmax.chunks(BLOCK_SIZE) {
        let scale = largest(block, offset);
        let inverse = 1.0 / scale;
        nested.absmax.push(scale);
        nested.codes.extend(block.iter().map(|value| nearest.code((value - offset) * inverse)));
    }
    nested
}

/// The largest magnitude of a difference from the offset. In lanes, since a chain of maxima waits
/// for each.
fn largest(block: &[f32], offset: f32) -> f32 {
    let mut lanes = [0f32; 16];
    for values in block.chunks(lanes.len()) {
        for (max, value) in lanes.iter_mut().zip(values) {
            *max = max.max((value - offset).abs());
        }
    }
    lanes.into_iter().fold(0.0, f32::max)
}

/// Back to absmax: two roundings, of the product and of the sum.
///
/// # Panics
/// If there is not one `absmax` for each 256 codes.
pub fn dequantize(codes: &[u8], absmax: &[f32], offset: f32) -> Vec<f32> {
    assert_eq!(absmax.len(), codes.len().div_ceil(BLOCK_SIZE), "one absmax each 256 codes");
    let blocks = codes.chunks(BLOCK_SIZE).zip(absmax);
    let value = |code: &u8, scale: f32| CODES[usize::from(*code)] * scale + offset;
    blocks.flat_map(|(codes, &scale)| codes.iter().map(move |code| value(code, scale))).collect()
}
