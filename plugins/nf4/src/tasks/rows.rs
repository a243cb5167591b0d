//! What the quantizing tasks read: rows of a weight.

use peftc_plugin::{DataType, Error, Result, TensorView};
use std::ops::Range;

/// Rows of `[out, in]` that are best read at a time: so many elements of each stored row are read
/// on end where the weight is stored transposed.
pub(super) const STRIP: usize = 64;

/// Elements that stay in an inner cache.
const NEAR: usize = 1 << 15;

/// What is said of an element that has no code.
pub(super) fn not_finite(value: f32) -> Error {
    Error::invalid(format!("the weight has an element that is {value}: it cannot be quantized"))
}

/// A weight, read by rows of `[out, in]`.
pub(super) struct Weight<'a> {
    source: TensorView<'a>,
    size: usize,
    pub(super) out: usize,
    pub(super) inputs: usize,
    is_transposed: bool,
}

impl<'a> Weight<'a> {
    pub(super) fn new(source: TensorView<'a>, is_transposed: bool) -> Result<Self> {
        let (&[rows, columns], Some(size)) = (source.dims, source.dtype.float_size()) else {
            return Err(Error::invalid(format!("a weight {} is no matrix of floats", source.ty())));
        };
        let (rows, columns) = (rows as usize, columns as usize);
        let (out, inputs) = if is_transposed { (columns, rows) } else { (rows, columns) };
        Ok(Self { source, size, out, inputs, is_transposed })
    }

    /// Whether blocks are pieces of stored columns, which are best read where they lie.
    pub(super) fn has_column_blocks(&self, block_size: usize) -> bool {
        self.is_transposed && self.inputs.is_multiple_of(block_size)
    }

    pub(super) fn dtype(&self) -> DataType {
        self.source.dtype
    }

    /// Bytes of an element.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Elements of a weight that is stored `[in, out]`, of one stored row.
    pub(super) fn stored(&self, input: usize, outs: &Range<usize>) -> &[u8] {
        let row = input * self.out;
        &self.source.bytes[(row + outs.start) * self.size..(row + outs.end) * self.size]
    }

    /// Reads all rows in strips that begin at block boundaries, and tells the number of the first
    /// element of each. Strips are whole blocks, but for the end of the last.
    pub(super) fn each_strip(
        &self,
        block_size: usize,
        mut work: impl FnMut(usize, &[f32]) -> Result<()>,
    ) -> Result<()> {
        // Rows that are read as they lie are best read so many that they stay in a cache.
        let near = (NEAR / self.inputs.max(1)).clamp(1, STRIP);
        let strips = if self.is_transposed { [STRIP; 2] } else { [near, STRIP] };
        let is_whole = |rows: &usize| (rows * self.inputs).is_multiple_of(block_size);
        let strip = strips.into_iter().find(is_whole).unwrap_or(self.out.max(1));
        let mut values = Vec::new();
        for first in (0..self.out).step_by(strip) {
            self.read(first, strip.min(self.out - first), &mut values)?;
            work(first * self.inputs, &values)?;
        }
        Ok(())
    }

    /// Reads rows as float32.
    pub(super) fn read(&self, first: usize, rows: usize, values: &mut Vec<f32>) -> Result<()> {
        values.resize(rows * self.inputs, 0.0);
        if !self.is_transposed {
            let start = first * self.inputs * self.size;
            let bytes = &self.source.bytes[start..start + values.len() * self.size];
            return self.source.dtype.decode_f32(bytes, values);
        }
        for input in (0..self.inputs).step_by(TILE) {
            let count = TILE.min(self.inputs - input);
            for row in (0..rows).step_by(TILE) {
                self.turn(first, row..rows.min(row + TILE), input..input + count, values)?;
            }
        }
        Ok(())
    }

    /// Turns a tile of a weight that is stored `[in, out]`: some inputs of some of the rows read
    /// from `first` on.
    fn turn(
        &self,
        first: usize,
        rows: Range<usize>,
        inputs: Range<usize>,
        values: &mut [f32],
    ) -> Result<()> {
        let mut tile = [[0.0; TILE]; TILE];
        for (input, tile) in inputs.clone().zip(&mut tile) {
            let start = (input * self.out + first + rows.start) * self.size;
            let bytes = &self.source.bytes[start..start + rows.len() * self.size];
            match (self.source.dtype, bytes.as_chunks::<4>().0.as_array::<TILE>()) {
                (DataType::F32, Some(bytes)) => *tile = bytes.map(f32::from_le_bytes),
                _ => self.source.dtype.decode_f32(bytes, &mut tile[..rows.len()])?,
            }
        }
        for (column, row) in rows.enumerate() {
            let values = &mut values[row * self.inputs..][inputs.clone()];
            for (value, tile) in values.iter_mut().zip(&tile) {
                *value = tile[column];
            }
        }
        Ok(())
    }
}

/// Inputs, and outputs, that are turned at a time.
const TILE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_whatever_the_layout() {
        for (out, inputs) in [(1, 1), (3, 40), (70, 5), (130, 33)] {
            let element = |o: usize, i: usize| (o * inputs + i) as f32;
            let rows: Vec<f32> = (0..out * inputs).map(|at| at as f32).collect();
            let turned: Vec<f32> =
                (0..out * inputs).map(|at| element(at % out, at / out)).collect();
            for (stored, dims, is_transposed) in
                [(&rows, [out, inputs], false), (&turned, [inputs, out], true)]
            {
                let bytes: Vec<u8> = stored.iter().flat_map(|v| v.to_le_bytes()).collect();
                let dims = dims.map(|d| d as i64);
                let source = TensorView { dtype: DataType::F32, dims: &dims, bytes: &bytes };
                let weight = Weight::new(source, is_transposed).expect("a matrix");
                let (mut all, mut part) = (Vec::new(), Vec::new());
                for first in (0..out).step_by(STRIP) {
                    weight.read(first, STRIP.min(out - first), &mut part).expect("rows");
                    all.extend_from_slice(&part);
                }
                assert_eq!(all, rows);
            }
        }
    }
}
