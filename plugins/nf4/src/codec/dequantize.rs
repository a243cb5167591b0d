//! From codes and absmax to float32.

use super::QuantType;

/// code_book\[code\] · absmax\[flat index / block size\], rounded once to float32, for elements that
/// begin at a block boundary. `out` says how many; `codes` has two a byte, the first in the high
/// nibble.
///
/// # Panics
/// If codes or absmax are too few, or the block size is odd.
pub fn dequantize(
    codes: &[u8],
    absmax: &[f32],
    block_size: usize,
    quant_type: QuantType,
    out: &mut [f32],
) {
    assert!(block_size >= 2 && block_size.is_multiple_of(2), "a block begins at a byte");
    assert!(codes.len() >= out.len().div_ceil(2), "two elements a byte");
    assert!(absmax.len() >= out.len().div_ceil(block_size), "one absmax a block");
    let code_book = quant_type.code_book();
    let blocks = out.chunks_mut(block_size).zip(codes.chunks(block_size / 2)).zip(absmax);
    for ((out, codes), absmax) in blocks {
        let values = code_book.map(|code| code * absmax);
        for (pair, byte) in out.chunks_mut(2).zip(codes) {
            pair[0] = values[usize::from(byte >> 4)];
            if let Some(second) = pair.get_mut(1) {
                *second = values[usize::from(byte & 15)];
            }
        }
    }
}
