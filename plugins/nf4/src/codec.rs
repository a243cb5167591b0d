//! Four-bit codes and their scales, byte for byte as bitsandbytes 0.50 makes them on a CPU.
//!
//! For a block x of the flattened matrix: absmax = max|x|, code = the number of the value of the
//! [code book](QuantType::code_book) nearest to x / absmax; back, x ≈ code_book\[code\] · absmax.
//! Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs", 2023, sections 2 and 3.
//! The scales can be quantized in turn: [`nested`].
//!
//! Matrices in float16 and bfloat16 are widened to float32 first, and all arithmetic, and absmax,
//! is float32: what bitsandbytes does for each of its three source types.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod blocks;
mod columns;
mod dequantize;
mod dynamic_map;
mod encoder;
mod measure;
mod nearest;
pub mod nested;
mod portable;
mod quantizer;
mod tables;

pub use columns::{LANES, Lanes};
pub use dequantize::dequantize;
pub use encoder::Encoder;
pub use quantizer::Quantizer;

/// Which 16 values a code stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QuantType {
    /// 4-bit NormalFloat: quantiles of N(0, 1), scaled to [-1, 1], with an exact zero.
    Nf4,
    /// A sign, two bits of exponent and one of mantissa, scaled to [-1, 1].
    Fp4,
}

impl QuantType {
    /// The value of each code, in bitsandbytes' order. NF4's ascend; FP4's are by bit pattern, and
    /// its codes 0 and 8 both stand for +0.
    pub fn code_book(self) -> &'static [f32; 16] {
        &self.tables().code_book
    }

    /// What bitsandbytes and its checkpoints call it: `nf4` or `fp4`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nf4 => "nf4",
            Self::Fp4 => "fp4",
        }
    }
}
