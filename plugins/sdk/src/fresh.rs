//! Fresh adapters: tensors that are drawn, and the options that make them.
//!
//! Numbers are of a stream of ChaCha8: the key from the seed, the stream's number mostly from the
//! module's name ([`stream`]), so a module's numbers do not depend on which others are adapted. A
//! plugin that records [`Init`] lists [`init`] among its task kinds, under that name.

use crate::error::{Error, Result};
use crate::task::TaskCall;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// How a tensor is drawn.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Init {
    /// Zeros.
    Zero,
    /// U(−bound, bound): PEFT's `kaiming_uniform_(a=√5)` has the bound 1/√in.
    Uniform {
        /// The largest magnitude.
        bound: f64,
    },
    /// N(0, deviation²): PEFT's `gaussian` has the deviation 1/r.
    Gaussian {
        /// The standard deviation.
        deviation: f64,
    },
}

impl Init {
    /// The parameters of a task [`init`].
    pub fn params(self, seed: u64, stream: u64) -> Vec<u8> {
        let (kind, number) = match self {
            Self::Zero => (0u64, 0.0),
            Self::Uniform { bound } => (1, bound),
            Self::Gaussian { deviation } => (2, deviation),
        };
        [kind.to_le_bytes(), number.to_le_bytes(), seed.to_le_bytes(), stream.to_le_bytes()]
            .concat()
    }

    /// Fills a tensor.
    fn draw(self, random: &mut ChaCha8Rng, values: &mut [f32]) {
        match self {
            Self::Zero => values.fill(0.0),
            Self::Uniform { bound } => {
                values.iter_mut().for_each(|v| *v = (bound * (2.0 * unit(random) - 1.0)) as f32);
            }
            Self::Gaussian { deviation } => {
                values.iter_mut().for_each(|v| *v = (deviation * normal(random)) as f32);
            }
        }
    }
}

/// A task kind without sources: fills its one result.
///
/// # Errors
/// Other parameters or results.
pub fn init(call: &mut TaskCall<'_>) -> Result<()> {
    let [kind, number, seed, stream] = call.words()?;
    let number = f64::from_le_bytes(number);
    let init = match u64::from_le_bytes(kind) {
        0 => Init::Zero,
        1 => Init::Uniform { bound: number },
        2 => Init::Gaussian { deviation: number },
        other => return Err(Error::invalid(format!("unknown initialization {other}"))),
    };
    let [result] = call.results.as_mut_slice() else {
        return Err(Error::invalid("the task was recorded with other results"));
    };
    let elements: i64 = result.dims.iter().product();
    let mut values = vec![0.0; elements as usize];
    let mut random = ChaCha8Rng::seed_from_u64(u64::from_le_bytes(seed));
    random.set_stream(u64::from_le_bytes(stream));
    init.draw(&mut random, &mut values);
    result.dtype.encode_f32(&values, result.bytes)
}

/// Refuses options that make a fresh adapter (`what`, such as `prefix`) beside one that is given:
/// (the option, whether it is set).
///
/// # Errors
/// One is set.
pub fn refuse_options(what: &str, options: &[(&str, bool)]) -> Result<()> {
    match options.iter().find(|(_, is_set)| *is_set) {
        None => Ok(()),
        Some((key, _)) => Err(Error::invalid(format!(
            "option {key:?} is for a fresh {what}; with an adapter its own configuration says it"
        ))),
    }
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

/// The number of the stream of a module: the hash FNV-1a of 64 bits of its name.
pub fn stream(module: &str) -> u64 {
    module.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
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
    fn uniform_stays_in_its_bound_and_fills_it() {
        let values = draw(Init::Uniform { bound: 0.125 }, 7);
        let largest = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        assert!(largest <= 0.125 && largest > 0.1249, "{largest}");
        let (mean, deviation) = mean_and_deviation(&values);
        assert!(mean.abs() < 0.002, "{mean}");
        assert!((deviation - 0.125 / 3f64.sqrt()).abs() < 0.001, "{deviation}");
    }

    #[test]
    fn gaussian_has_its_deviation() {
        let (mean, deviation) = mean_and_deviation(&draw(Init::Gaussian { deviation: 0.25 }, 7));
        assert!(mean.abs() < 0.006 && (deviation - 0.25).abs() < 0.005, "{mean} {deviation}");
    }

    #[test]
    fn seeds_and_modules_differ_and_repeat() {
        let init = Init::Uniform { bound: 1.0 };
        assert_eq!(draw(init, 1), draw(init, 1));
        assert_ne!(draw(init, 1), draw(init, 2));
        assert_ne!(init.params(1, stream("a")), init.params(1, stream("b")));
    }
}
