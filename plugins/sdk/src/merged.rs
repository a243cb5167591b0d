//! Adding to stored weights.

use crate::error::{Error, Result};
use crate::tensor::DataType;
use half::{bf16, f16};

/// Adds a delta to packed elements, rounded once to their type, and gives how many keep their bits. An
/// element with a delta of zero keeps them whatever they are.
///
/// # Errors
/// The elements are no floats.
pub fn add(dtype: DataType, old: &[u8], delta: &[f32], new: &mut [u8]) -> Result<u64> {
    fn each<const N: usize>(
        old: &[u8],
        delta: &[f32],
        new: &mut [u8],
        sum: impl Fn([u8; N], f32) -> [u8; N],
    ) -> u64 {
        let mut unchanged = 0;
        let elements = old.as_chunks::<N>().0.iter().zip(new.as_chunks_mut::<N>().0).zip(delta);
        for ((old, new), &delta) in elements {
            *new = if delta == 0.0 { *old } else { sum(*old, delta) };
            unchanged += u64::from(new == old);
        }
        unchanged
    }
    Ok(match dtype {
        DataType::F32 => each(old, delta, new, |w, d| (f32::from_le_bytes(w) + d).to_le_bytes()),
        DataType::F64 => {
            each(old, delta, new, |w, d| (f64::from_le_bytes(w) + f64::from(d)).to_le_bytes())
        }
        DataType::F16 => each(old, delta, new, |w, d| {
            f16::from_f32(f16::from_le_bytes(w).to_f32() + d).to_le_bytes()
        }),
        DataType::BF16 => each(old, delta, new, |w, d| {
            bf16::from_f32(bf16::from_le_bytes(w).to_f32() + d).to_le_bytes()
        }),
        other => {
            return Err(Error::unsupported(format!(
                "weights of type {other} cannot be merged into"
            )));
        }
    })
}
