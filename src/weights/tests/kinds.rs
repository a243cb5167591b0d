//! Kinds for the tests.

use crate::error::Result;
use crate::ir::{DataType, element_count};
use crate::weights::{Fold, TaskArgs, TaskContext, TaskKind, View};
use std::sync::Mutex;

/// A kind that is a function.
pub(super) struct Function<F> {
    pub(super) axes: u32,
    pub(super) run: F,
}

impl<F> TaskKind for Function<F>
where
    F: Fn(&dyn TaskContext, &mut TaskArgs<'_>) -> Result<()> + Send + Sync,
{
    fn name(&self) -> &str {
        "function"
    }

    fn split_axes(&self) -> u32 {
        self.axes
    }

    fn run(&self, context: &dyn TaskContext, args: &mut TaskArgs<'_>) -> Result<()> {
        (self.run)(context, args)
    }
}

/// A kind with any sources and results, whose elements depend on where they are and on every
/// source element they may read.
///
/// Element `c` of result `r` is a hash of `r`, `c` and the sum of the source elements that have
/// the coordinates of `c` where the source follows. `params` has, for each source, a byte for
/// each result axis: the axis of the source that follows, or 255.
pub(super) struct Mix {
    pub(super) axes: u32,
    /// (axis, start, end) of every call.
    pub(super) calls: Mutex<Vec<(usize, u64, u64)>>,
}

impl TaskKind for Mix {
    fn name(&self) -> &str {
        "mix"
    }

    fn split_axes(&self) -> u32 {
        self.axes
    }

    fn run(&self, context: &dyn TaskContext, args: &mut TaskArgs<'_>) -> Result<()> {
        self.calls.lock().unwrap().push((args.axis, args.start, args.end));
        let rank = args.results[0].dims.len();
        let (axis, start, sources, params) = (args.axis, args.start, args.sources, args.params);
        for (r, result) in args.results.iter_mut().enumerate() {
            for (i, local) in coordinates(&result.dims).enumerate() {
                let mut global = local.clone();
                if let Some(c) = global.get_mut(axis) {
                    *c += start;
                }
                let sums = sources
                    .iter()
                    .enumerate()
                    .map(|(s, source)| sum_of(source, &params[s * rank..(s + 1) * rank], &local));
                let sum = sums.fold(0u64, u64::wrapping_add);
                let seed = global.iter().fold(r as u64, |h, c| hash(h ^ c));
                put(result.dtype, result.data, i, hash(seed ^ sum));
            }
        }
        let elements = element_count(&args.results[0].dims).unwrap();
        context.measure("elements", Fold::Sum, elements as f64);
        Ok(())
    }
}

/// The sum of the elements of `source` at the followed coordinates, each times a hash of its
/// other coordinates. The view is a range along the axis of the region, where it follows that:
/// `here` has local coordinates along that axis.
fn sum_of(source: &View<'_>, follows: &[u8], here: &[u64]) -> u64 {
    let fits =
        |at: &[u64]| follows.iter().zip(here).all(|(&a, c)| a == 255 || at[usize::from(a)] == *c);
    let others = |at: &[u64]| {
        let free = at.iter().enumerate().filter(|(a, _)| !follows.contains(&(*a as u8)));
        free.fold(7, |h, (_, c)| hash(h ^ c))
    };
    coordinates(&source.dims).enumerate().filter(|(_, at)| fits(at)).fold(0, |sum, (i, at)| {
        sum.wrapping_add(get(source.dtype, source.data, i).wrapping_mul(others(&at)))
    })
}

pub(super) fn coordinates(dims: &[i64]) -> impl Iterator<Item = Vec<u64>> + use<> {
    let dims = dims.to_vec();
    (0..element_count(&dims).unwrap()).map(move |mut i| {
        let mut at = vec![0; dims.len()];
        for (c, &d) in at.iter_mut().zip(&dims).rev() {
            (*c, i) = (i % d as u64, i / d as u64);
        }
        at
    })
}

pub(super) fn get(dtype: DataType, data: &[u8], i: usize) -> u64 {
    let bits = dtype.bits().unwrap() as usize;
    (0..bits).fold(0, |v, b| {
        let at = i * bits + b;
        v | u64::from(data[at / 8] >> (at % 8) & 1) << b
    })
}

pub(super) fn put(dtype: DataType, data: &mut [u8], i: usize, value: u64) {
    let bits = dtype.bits().unwrap() as usize;
    for b in 0..bits {
        let at = i * bits + b;
        let bit = (value >> b & 1) as u8;
        data[at / 8] = data[at / 8] & !(1 << (at % 8)) | bit << (at % 8);
    }
}

fn hash(x: u64) -> u64 {
    let x = (x ^ x >> 31).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (x ^ x >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

/// Bytes that look random.
pub(super) fn hash_bytes(len: usize, seed: u64) -> Vec<u8> {
    (0..len as u64).map(|i| hash(seed << 32 ^ i) as u8).collect()
}
