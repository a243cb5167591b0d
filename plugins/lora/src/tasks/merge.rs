//! Task kind `merge`: W + s·BA, in float32, rounded once to the weight's type.

use super::views;
use peftc_plugin::merged::add;
use peftc_plugin::saved::transposed;
use peftc_plugin::{Error, Result, TaskCall, TensorView, measure};

/// Parameters: the scale; 1 if the weight is stored as `[in, out]`.
/// Sources: the weight's region; A `[r, in]`; B `[out, r]`.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [scale, is_transposed] = call.numbers()?;
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
    call.add(measure::MERGED, (rows * columns) as f64);
    call.add(measure::UNCHANGED, unchanged as f64);
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
        let columns = sum.len();
        let right = |k: usize| &self.right[k * width + first_column..][..columns];
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::scale;
    use half::{bf16, f16};
    use peftc_plugin::DataType;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    fn random(seed: u64, len: usize) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        (0..len).map(|_| random.next_u32() as f32 / u32::MAX as f32 - 0.5).collect()
    }

    fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    /// s·BA by this module, `[out, in]` or turned.
    fn delta(
        a: &[f32],
        b: &[f32],
        [out, rank, inputs]: [usize; 3],
        s: f32,
        is_transposed: bool,
    ) -> Vec<f32> {
        let (a, b) = (bytes(a), bytes(b));
        let view = |bytes, dims| TensorView { dtype: DataType::F32, dims, bytes };
        let (a_dims, b_dims) = ([rank as i64, inputs as i64], [out as i64, rank as i64]);
        let delta =
            Delta::new(view(&a, &a_dims), view(&b, &b_dims), is_transposed, s).expect("matrices");
        let (rows, columns) = if is_transposed { (inputs, out) } else { (out, inputs) };
        let mut all = vec![0.0; rows * columns];
        all.chunks_mut(columns).enumerate().for_each(|(row, sum)| delta.row(row, 0, sum));
        all
    }

    /// s·BA in float64.
    fn reference(a: &[f32], b: &[f32], [out, rank, inputs]: [usize; 3], s: f64) -> Vec<f64> {
        let element = |o: usize, i: usize| -> f64 {
            (0..rank).map(|k| f64::from(b[o * rank + k]) * f64::from(a[k * inputs + i])).sum()
        };
        (0..out * inputs).map(|at| s * element(at / inputs, at % inputs)).collect()
    }

    fn assert_near(got: &[f32], wanted: &[f64], tolerance: f64) {
        let largest = wanted.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        for (got, wanted) in got.iter().zip(wanted) {
            assert!((f64::from(*got) - wanted).abs() <= tolerance * largest, "{got} {wanted}");
        }
    }

    const SHAPES: [[usize; 3]; 4] = [[3, 1, 2], [5, 4, 7], [8, 6, 8], [17, 33, 9]];

    #[test]
    fn deltas_are_those_of_float64() {
        for (seed, shape @ [out, rank, inputs]) in SHAPES.into_iter().enumerate() {
            let (a, b) = (random(seed as u64, rank * inputs), random(99 + seed as u64, out * rank));
            let wanted = reference(&a, &b, shape, 2.0);
            assert_near(&delta(&a, &b, shape, 2.0, false), &wanted, 1e-6);
            let turned = delta(&a, &b, shape, 2.0, true);
            assert_near(&transposed(&turned, inputs, out), &wanted, 1e-6);
        }
    }

    #[test]
    fn theory_lora_merged_and_injected_agree() {
        let shape @ [out, rank, inputs] = [17, 4, 9];
        let (a, b) = (random(1, rank * inputs), random(2, out * rank));
        let (w, x) = (random(3, out * inputs), random(4, inputs));
        let s = scale(8.0, rank as i64, false) as f32;
        let dot = |m: &[f32], v: &[f64]| -> Vec<f64> {
            m.chunks(v.len())
                .map(|row| row.iter().zip(v).map(|(a, b)| f64::from(*a) * b).sum())
                .collect()
        };
        let x: Vec<f64> = x.into_iter().map(f64::from).collect();
        let low = dot(&b, &dot(&a, &x));
        let injected: Vec<f64> =
            dot(&w, &x).iter().zip(low).map(|(h, d)| h + f64::from(s) * d).collect();
        let delta = delta(&a, &b, shape, s, false);
        let merged: Vec<f32> = w.iter().zip(&delta).map(|(w, d)| w + d).collect();
        let merged: Vec<f32> = dot(&merged, &x).into_iter().map(|h| h as f32).collect();
        assert_near(&merged, &injected, 1e-6);
    }

    #[test]
    fn theory_scaling_invariance() {
        let shape @ [out, rank, inputs] = [6, 4, 5];
        let (a, b) = (random(5, rank * inputs), random(6, out * rank));
        let wanted = reference(&a, &b, shape, 1.0);
        for c in [1e-3f32, 0.1, 0.5, 3.0, 7.7, 1e3] {
            let (a, b): (Vec<f32>, Vec<f32>) =
                (a.iter().map(|v| v / c).collect(), b.iter().map(|v| v * c).collect());
            assert_near(&delta(&a, &b, shape, 1.0, false), &wanted, 1e-6);
        }
    }

    #[test]
    fn a_delta_of_zero_keeps_every_bit() {
        let old: Vec<u8> = [0x8000_0000u32, 0x7fc0_1234, 1, 0xff80_0000]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let mut new = vec![0; old.len()];
        let unchanged = add(DataType::F32, &old, &[0.0; 4], &mut new).expect("f32");
        assert_eq!((new, unchanged), (old, 4));
    }

    #[test]
    fn sums_are_rounded_once_to_nearest_even() {
        let (one, eps) = (f16::from_f32(1.0), 2f32.powi(-11));
        let cases = [(eps, 1.0), (eps * 1.001, 1.0 + 2.0 * eps), (3.0 * eps, 1.0 + 4.0 * eps)];
        for (delta, wanted) in cases {
            let mut new = [0; 2];
            let unchanged =
                add(DataType::F16, &one.to_le_bytes(), &[delta], &mut new).expect("f16");
            assert_eq!(f16::from_le_bytes(new).to_f32(), wanted);
            assert_eq!(unchanged, u64::from(wanted == 1.0));
        }
        let mut new = [0; 2];
        add(DataType::BF16, &bf16::from_f32(1.0).to_le_bytes(), &[2f32.powi(-8)], &mut new)
            .expect("bf16");
        assert_eq!(bf16::from_le_bytes(new).to_f32(), 1.0);
    }
}
