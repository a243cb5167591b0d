//! What the three encoders share: the walk over blocks, and the scale of one.

/// Bits of a magnitude from which on it is infinite or no number.
pub(super) const INFINITE: u32 = f32::INFINITY.to_bits();

/// Smallest scale that is divided by. (It is below the smallest normal float32.)
pub(super) const MIN_ABSMAX: f32 = 1e-38;

/// Whole blocks to be quantized, and where to: two codes a byte, one absmax a block.
pub(super) struct Blocks<'a> {
    pub(super) block_size: usize,
    pub(super) values: &'a [f32],
    pub(super) codes: &'a mut [u8],
    pub(super) absmax: &'a mut [f32],
}

impl Blocks<'_> {
    /// Quantizes each block: `max_bits` gives the largest bits of a magnitude (which are ordered
    /// as magnitudes are, infinity and NaN above all), `encode` writes the codes of a block whose
    /// elements are to be multiplied by a scale. The error is the index of the first element that
    /// is not finite.
    ///
    /// Always inlined, so that both closures are compiled with the features of the caller.
    #[inline(always)]
    pub(super) fn quantize(
        self,
        max_bits: impl Fn(&[f32]) -> u32,
        encode: impl Fn(&[f32], f32, &mut [u8]),
    ) -> Result<(), usize> {
        let blocks = self.values.chunks_exact(self.block_size);
        let codes = self.codes.chunks_exact_mut(self.block_size / 2);
        for (index, ((block, codes), absmax)) in blocks.zip(codes).zip(self.absmax).enumerate() {
            let bits = max_bits(block);
            if bits >= INFINITE {
                return Err(index * self.block_size + first_not_finite(block));
            }
            *absmax = f32::from_bits(bits);
            encode(block, 1.0 / absmax.max(MIN_ABSMAX), codes);
        }
        Ok(())
    }
}

/// The bits of a magnitude.
pub(super) fn magnitude_bits(value: f32) -> u32 {
    value.abs().to_bits()
}

/// The largest magnitude of a block, or the index of the first element that is not finite.
pub(super) fn checked_absmax(block: &[f32]) -> Result<f32, usize> {
    let bits = block.iter().map(|&value| magnitude_bits(value)).max().unwrap_or(0);
    if bits >= INFINITE { Err(first_not_finite(block)) } else { Ok(f32::from_bits(bits)) }
}

#[cold]
fn first_not_finite(block: &[f32]) -> usize {
    block.iter().position(|value| !value.is_finite()).unwrap_or(0)
}
