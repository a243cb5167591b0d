//! Task kind `merge`: W + s·BA, in float32, rounded once to the weight's type.

use super::turn::transposed;
use super::{numbers, views};
use half::{bf16, f16};
use peftc_plugin::{DataType, Error, Result, TaskCall, TensorView};

/// Parameters: the scale; 1 if the weight is stored as `[in, out]`.
/// Sources: the weight's region; A `[r, in]`; B `[out, r]`.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [scale, is_transposed] = numbers(call)?;
    let (axis, range) = (call.axis, call.start as usize..call.end as usize);
    let ([weight, a, b], result) = views(call)?;
    let delta = Delta::new(a, b, is_transposed != 0.0, scale as f32)?;
    let &[rows, columns] = weight.dims else {
        return Err(Error::invalid(format!("a weight of shape {:?} is no matrix", weight.dims)));
    };
    let (rows, columns) = (rows as usize, columns as usize);
    let (first_row, first_column) = if axis == 0 { (range.start, 0) } else { (0, range.start) };
    let row_bytes = weight.bytes.len() / rows.max(1);
    let mut sum = vec![0.0; columns];
    let mut unchanged = 0;
    for row in 0..rows {
        delta.row(first_row + row, first_column, &mut sum);
        let bytes = row * row_bytes..(row + 1) * row_bytes;
        unchanged +=
            add(weight.dtype, &weight.bytes[bytes.clone()], &sum, &mut result.bytes[bytes])?;
    }
    call.count("elements", (rows * columns) as u64);
    call.count("unchanged", unchanged);
    Ok(())
}

/// s·BA as the weight is stored: `scale * left[row, :] · right`.
struct Delta {
    /// `[rows, rank]`.
    left: Vec<f32>,
    /// `[rank, columns]`.
    right: Vec<f32>,
    rank: usize,
    scale: f32,
}

impl Delta {
    fn new(a: TensorView<'_>, b: TensorView<'_>, is_transposed: bool, scale: f32) -> Result<Self> {
        let (&[rank, inputs], &[outputs, _]) = (a.dims, b.dims) else {
            return Err(Error::invalid("A and B are no matrices"));
        };
        let (rank, inputs, outputs) = (rank as usize, inputs as usize, outputs as usize);
        let (a, b) = (a.to_f32()?, b.to_f32()?);
        let (left, right) = match is_transposed {
            false => (b, a),
            true => (transposed(&a, rank, inputs), transposed(&b, outputs, rank)),
        };
        Ok(Self { left, right, rank, scale })
    }

    /// A row of s·BA, from a column on.
    fn row(&self, row: usize, first_column: usize, sum: &mut [f32]) {
        let width = self.right.len() / self.rank.max(1);
        let left = &self.left[row * self.rank..(row + 1) * self.rank];
        let right = |k: usize| &self.right[k * width + first_column..][..sum_len(sum)];
        fn sum_len(sum: &[f32]) -> usize {
            sum.len()
        }
        let pieces: Vec<(f32, &[f32])> =
            left.iter().enumerate().map(|(k, &l)| (l, right(k))).collect();
        sum.fill(0.0);
        let (fours, rest) = pieces.as_chunks::<4>();
        for &[(l0, r0), (l1, r1), (l2, r2), (l3, r3)] in fours {
            for ((((s, r0), r1), r2), r3) in sum.iter_mut().zip(r0).zip(r1).zip(r2).zip(r3) {
                *s += l0 * r0 + l1 * r1 + l2 * r2 + l3 * r3;
            }
        }
        for &(l, r) in rest {
            sum.iter_mut().zip(r).for_each(|(s, r)| *s += l * r);
        }
        sum.iter_mut().for_each(|s| *s *= self.scale);
    }
}

/// Adds a delta to packed elements, and gives how many keep their bits. An element with a delta
/// of zero keeps them whatever they are.
fn add(dtype: DataType, old: &[u8], delta: &[f32], new: &mut [u8]) -> Result<u64> {
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
