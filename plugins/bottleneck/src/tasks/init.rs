//! Task kind `init`: the tensors of a fresh adapter.
//!
//! A stream of ChaCha8 for each module: the key from the seed, the stream's number from the
//! module's name, so a module's numbers do not depend on which others are adapted.

use super::{fill, wrong};
use peftc_plugin::{Error, Result, TaskCall};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// How a tensor is drawn.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Init {
    /// Zeros.
    Zero,
    /// N(0, deviation²)
    Gaussian { deviation: f64 },
}

impl Init {
    /// The task's parameters.
    pub(crate) fn params(self, seed: u64, module: &str) -> Vec<u8> {
        let (kind, number) = match self {
            Self::Zero => (0u64, 0.0),
            Self::Gaussian { deviation } => (1, deviation),
        };
        [kind.to_le_bytes(), number.to_le_bytes(), seed.to_le_bytes(), fnv1a(module).to_le_bytes()]
            .concat()
    }

    /// Fills a tensor.
    fn draw(self, random: &mut ChaCha8Rng, values: &mut [f32]) {
        match self {
            Self::Zero => values.fill(0.0),
            Self::Gaussian { deviation } => {
                values.iter_mut().for_each(|v| *v = (deviation * normal(random)) as f32);
            }
        }
    }
}

pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [kind, number, seed, stream] = call.words()?;
    let number = f64::from_le_bytes(number);
    let init = match u64::from_le_bytes(kind) {
        0 => Init::Zero,
        1 => Init::Gaussian { deviation: number },
        other => return Err(Error::invalid(format!("unknown initialization {other}"))),
    };
    let elements: i64 = call.results.first().ok_or_else(wrong)?.dims.iter().product();
    let mut values = vec![0.0; elements as usize];
    let mut random = ChaCha8Rng::seed_from_u64(u64::from_le_bytes(seed));
    random.set_stream(u64::from_le_bytes(stream));
    init.draw(&mut random, &mut values);
    fill(call, &values)
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

/// The hash FNV-1a of 64 bits.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(init: Init, seed: u64) -> Vec<f32> {
        let mut values = vec![f32::NAN; 20_000];
        init.draw(&mut ChaCha8Rng::seed_from_u64(seed), &mut values);
        values
    }

    fn mean_and_deviation(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        (mean, variance.sqrt())
    }

    #[test]
    fn theory_start_is_zero() {
        assert!(draw(Init::Zero, 1).iter().all(|v| v.to_bits() == 0));
    }

    #[test]
    fn gaussian_has_its_deviation() {
        let (mean, deviation) = mean_and_deviation(&draw(Init::Gaussian { deviation: 0.25 }, 7));
        assert!(mean.abs() < 0.006 && (deviation - 0.25).abs() < 0.005, "{mean} {deviation}");
    }

    #[test]
    fn seeds_and_modules_differ_and_repeat() {
        let init = Init::Gaussian { deviation: 1.0 };
        assert_eq!(draw(init, 1), draw(init, 1));
        assert_ne!(draw(init, 1), draw(init, 2));
        assert_ne!(init.params(1, "a"), init.params(1, "b"));
    }
}
