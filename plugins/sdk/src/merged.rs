//! Adding to stored weights.

use crate::error::{Error, Result};
use crate::tensor::DataType;
use half::{bf16, f16};

/// Adds a delta to packed elements, rounded once to their type, and gives how many keep their bits. An
/// element with a delta of zero keeps them whatever they are.
///
/// # Errors
/// The elements are no floats, or a sum is no finite number of their type, and the element is.
pub fn add(dtype: DataType, old: &[u8], delta: &[f32], new: &mut [u8]) -> Result<u64> {
    fn each<const N: usize>(
        (old, delta, new): (&[u8], &[f32], &mut [u8]),
        is_finite: impl Fn([u8; N]) -> bool,
        sum: impl Fn([u8; N], f32) -> [u8; N],
    ) -> Option<u64> {
        let (mut unchanged, mut fits) = (0, true);
        let elements = old.as_chunks::<N>().0.iter().zip(new.as_chunks_mut::<N>().0).zip(delta);
        for ((old, new), &delta) in elements {
            *new = if delta == 0.0 { *old } else { sum(*old, delta) };
            unchanged += u64::from(new == old);
            fits &= is_finite(*new) || !is_finite(*old);
        }
        fits.then_some(unchanged)
    }
    let all = (old, delta, new);
    let unchanged = match dtype {
        DataType::F32 => each(
            all,
            |w| f32::from_le_bytes(w).is_finite(),
            |w, d| (f32::from_le_bytes(w) + d).to_le_bytes(),
        ),
        DataType::F64 => each(
            all,
            |w| f64::from_le_bytes(w).is_finite(),
            |w, d| (f64::from_le_bytes(w) + f64::from(d)).to_le_bytes(),
        ),
        DataType::F16 => each(
            all,
            |w| f16::from_le_bytes(w).is_finite(),
            |w, d| f16::from_f32(f16::from_le_bytes(w).to_f32() + d).to_le_bytes(),
        ),
        DataType::BF16 => each(
            all,
            |w| bf16::from_le_bytes(w).is_finite(),
            |w, d| bf16::from_f32(bf16::from_le_bytes(w).to_f32() + d).to_le_bytes(),
        ),
        other => {
            return Err(Error::unsupported(format!(
                "weights of type {other} cannot be merged into"
            )));
        }
    };
    unchanged.ok_or_else(|| {
        Error::invalid(format!("a weight with its change is no finite number of {dtype}"))
    })
}
