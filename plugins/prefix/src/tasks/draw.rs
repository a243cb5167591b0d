//! Task kind `draw`: the rows of a fresh prefix.
//!
//! A stream of ChaCha8 for each tensor: the key from the seed, the stream's number from the
//! tensor's place, so that its numbers do not depend on the others.

use super::{result, words};
use peftc_plugin::{Result, TaskCall};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Numbers of N(0, 1), as PyTorch's Embedding has them, or zeros.
pub(crate) fn params(is_zero: bool, seed: i64, stream: i64) -> Vec<u8> {
    words([is_zero.into(), seed, stream])
}

pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [is_zero, seed, stream] = call.words()?.map(i64::from_le_bytes);
    let result = result(call)?;
    let mut values = vec![0.0; result.dims.iter().product::<i64>() as usize];
    if is_zero == 0 {
        let mut random = ChaCha8Rng::seed_from_u64(seed as u64);
        random.set_stream(stream as u64);
        values.iter_mut().for_each(|v| *v = normal(&mut random) as f32);
    }
    result.dtype.encode_f32(&values, result.bytes)
}

/// A number in (0, 1): 53 random bits in the middle of their interval.
fn unit(random: &mut ChaCha8Rng) -> f64 {
    ((random.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// A standard normal number (Box and Muller, 1958).
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (radius, angle) = (unit(random), unit(random));
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}
