//! From float32 to integers, scales and zero points, byte for byte as ONNX Runtime 1.32 makes them
//! (`quantize_matmul_4bits` and `quantize_matmul_8bits`; MLAS, `q4_dq.cpp`).
//!
//! A row is cut into blocks. With b bits and all arithmetic in float32, a block of values x has
//! - symmetric: scale = −m / 2^(b−1), where m is the value of largest magnitude with its sign (of
//!   two that differ in sign alone, the negative one), and the zero point 2^(b−1);
//! - asymmetric: scale = (max − min) / (2^b − 1), where min ≤ 0 ≤ max, and the zero point
//!   round(−min / scale), or 0 where all is zero.
//!
//! A code is round(x · (1 / scale) + zero point), clamped to b bits; round takes halves away from
//! zero; where the scale is 0, 0 stands for 1 / scale. Back: x ≈ (code − zero point) · scale.

/// Quantizes rows of matrices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IntQuantizer {
    bits: usize,
    block_size: usize,
    is_symmetric: bool,
}

/// How a block is scaled.
#[derive(Clone, Copy)]
struct Scale {
    scale: f32,
    zero_point: u8,
}

impl IntQuantizer {
    /// None unless there are 4 or 8 bits and the block size is a power of two from 16 to 256.
    pub fn new(bits: usize, block_size: usize, is_symmetric: bool) -> Option<Self> {
        let is_valid = matches!(bits, 4 | 8)
            && block_size.is_power_of_two()
            && (16..=256).contains(&block_size);
        is_valid.then_some(Self { bits, block_size, is_symmetric })
    }

    /// Bits a code: 4 or 8.
    pub fn bits(self) -> usize {
        self.bits
    }

    /// Elements a block.
    pub fn block_size(self) -> usize {
        self.block_size
    }

    /// Whether the zero point of all blocks is 2^(bits−1), and is not stored.
    pub fn is_symmetric(self) -> bool {
        self.is_symmetric
    }

    /// Blocks of a row of so many elements.
    pub fn blocks(self, elements: usize) -> usize {
        elements.div_ceil(self.block_size)
    }

    /// Bytes of a block's codes.
    pub fn block_bytes(self) -> usize {
        self.block_size * self.bits / 8
    }

    /// Bytes of the zero points of a row of so many blocks.
    pub fn zero_point_bytes(self, blocks: usize) -> usize {
        (blocks * self.bits).div_ceil(8)
    }

    /// Quantizes one row. Lengths: `codes` [`block_bytes`](Self::block_bytes) for each of the
    /// [`blocks`](Self::blocks), `scales` one a block, `zero_points`
    /// [`zero_point_bytes`](Self::zero_point_bytes), or nothing where symmetric. Of two 4-bit
    /// numbers in a byte the first is in the low half.
    ///
    /// What follows the last element is 0, but for the high half of a byte whose low half is the
    /// last element: that repeats the high half before it, if the byte does not begin a pair of
    /// blocks. The zero point beside the last of an odd number of blocks is 8.
    ///
    /// # Errors
    /// The index of the first element that is infinite or no number, or of one that makes the
    /// scale of its block infinite. What has then been written is not specified.
    ///
    /// # Panics
    /// If the lengths do not fit each other.
    pub fn quantize_row(
        self,
        row: &[f32],
        codes: &mut [u8],
        scales: &mut [f32],
        zero_points: &mut [u8],
    ) -> Result<(), usize> {
        let blocks = self.blocks(row.len());
        let stored = if self.is_symmetric { 0 } else { self.zero_point_bytes(blocks) };
        assert_eq!(codes.len(), blocks * self.block_bytes(), "whole blocks of codes");
        assert_eq!(scales.len(), blocks, "one scale a block");
        assert_eq!(zero_points.len(), stored, "one zero point a block");

        codes.fill(0);
        zero_points.fill(if self.bits == 4 { 0x88 } else { 0 });
        let of_blocks = row.chunks(self.block_size).zip(codes.chunks_mut(self.block_bytes()));
        let mut high = 0;
        for (index, ((block, codes), stored)) in of_blocks.zip(scales).enumerate() {
            let scale = self.scale(block).map_err(|at| index * self.block_size + at)?;
            *stored = scale.scale;
            if !self.is_symmetric {
                self.store(scale.zero_point, index, zero_points);
            }
            if self.bits == 8 {
                self.encode_bytes(block, scale, codes);
            } else {
                high =
                    self.encode_halves(block, scale, if index % 2 == 0 { 0 } else { high }, codes);
            }
        }
        Ok(())
    }

    /// Back: (code − zero point) · scale, rounded once to float32. Lengths as in
    /// [`quantize_row`](Self::quantize_row).
    ///
    /// # Panics
    /// If the lengths do not fit each other.
    pub fn dequantize_row(self, codes: &[u8], scales: &[f32], zero_points: &[u8], row: &mut [f32]) {
        let blocks = row.chunks_mut(self.block_size).zip(codes.chunks(self.block_bytes()));
        for (index, ((block, codes), scale)) in blocks.zip(scales).enumerate() {
            let zero_point = match (self.is_symmetric, self.bits) {
                (true, _) => 1 << (self.bits - 1),
                (false, 8) => zero_points[index],
                (false, _) => zero_points[index / 2] >> (4 * (index % 2)) & 15,
            };
            for (at, value) in block.iter_mut().enumerate() {
                let code = match self.bits {
                    8 => codes[at],
                    _ => codes[at / 2] >> (4 * (at % 2)) & 15,
                };
                *value = (f32::from(code) - f32::from(zero_point)) * scale;
            }
        }
    }

    fn scale(self, block: &[f32]) -> Result<Scale, usize> {
        if let Some(at) = block.iter().position(|x| !x.is_finite()) {
            return Err(at);
        }
        let (mut min, mut max) = (f32::MAX, f32::MIN);
        for &x in block {
            // Not f32::min: of two zeros the first counts, whatever its sign.
            min = if x < min { x } else { min };
            max = if x > max { x } else { max };
        }
        if self.is_symmetric {
            let peak = if max.abs() > min.abs() { max } else { min };
            let middle = 1 << (self.bits - 1);
            return Ok(Scale { scale: -peak / f32::from(middle), zero_point: middle });
        }
        let (min, max) = (if 0.0 < min { 0.0 } else { min }, if max < 0.0 { 0.0 } else { max });
        let scale = (max - min) / self.largest();
        if !scale.is_finite() {
            return Err(block.iter().position(|&x| x == max).unwrap_or(0));
        }
        let zero_point = if scale == 0.0 { 0.0 } else { 0.0 - min / scale };
        Ok(Scale { scale, zero_point: self.rounded(zero_point) })
    }

    fn store(self, zero_point: u8, index: usize, zero_points: &mut [u8]) {
        match (self.bits, index % 2) {
            (8, _) => zero_points[index] = zero_point,
            (_, 0) => zero_points[index / 2] = zero_points[index / 2] & 0xF0 | zero_point,
            _ => zero_points[index / 2] = zero_points[index / 2] & 0x0F | zero_point << 4,
        }
    }

    fn encode_bytes(self, block: &[f32], scale: Scale, codes: &mut [u8]) {
        for (&x, code) in block.iter().zip(codes) {
            *code = self.code(x, scale);
        }
    }

    /// Two codes a byte. `high` is the high half before, and what is given back the last one.
    fn encode_halves(self, block: &[f32], scale: Scale, mut high: u8, codes: &mut [u8]) -> u8 {
        for (pair, byte) in block.chunks(2).zip(codes) {
            high = pair.get(1).map_or(high, |&x| self.code(x, scale));
            *byte = self.code(pair[0], scale) | high << 4;
        }
        high
    }

    fn code(self, x: f32, Scale { scale, zero_point }: Scale) -> u8 {
        let reciprocal = if scale == 0.0 { 0.0 } else { 1.0 / scale };
        self.rounded(x * reciprocal + f32::from(zero_point))
    }

    fn rounded(self, x: f32) -> u8 {
        x.round().clamp(0.0, self.largest()) as u8
    }

    /// The largest code.
    fn largest(self) -> f32 {
        if self.bits == 8 { 255.0 } else { 15.0 }
    }
}
