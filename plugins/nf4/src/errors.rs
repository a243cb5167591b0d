//! How far an approximation is from a weight.

use crate::codec::{LANES, Lanes};

/// How far an approximation is from a weight: sums over all of its elements.
///
/// A difference is rounded to float32 once. Sums are of float64, in an order that depends on the shape
/// of the weight alone; in a few elements, at most a block, of float32 where that resolves them.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Errors {
    /// Of the weight's elements.
    pub sum: f64,
    /// Of their squares.
    pub squares: f64,
    /// Of the squares of weight minus approximation.
    pub error_squares: f64,
    /// The largest magnitude of weight minus approximation.
    pub error_max: f64,
}

impl Errors {
    /// Adds elements, as many as approximations.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add(&mut self, values: &[f32], approximations: &[f32]) {
        assert_eq!(values.len(), approximations.len(), "an approximation for each element");
        let (mut sum, mut squares, mut error_squares) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        for (values, near) in values.chunks(LANES).zip(approximations.chunks(LANES)) {
            for (lane, (&value, &near)) in values.iter().zip(near).enumerate() {
                let (error, value) = (f64::from(value - near), f64::from(value));
                sum[lane] += value;
                squares[lane] += value * value;
                error_squares[lane] += error * error;
                self.error_max = self.error_max.max(error.abs());
            }
        }
        self.sum += sum.iter().sum::<f64>();
        self.squares += squares.iter().sum::<f64>();
        self.error_squares += error_squares.iter().sum::<f64>();
    }

    /// Whether sums of float32 in blocks, of so many elements, come to this to 1e-4: squares are not
    /// below or above all that float32 has, and the deviation of elements is not small beside their mean.
    pub(crate) fn is_resolved(&self, elements: usize) -> bool {
        const LEAST: f64 = 1e-38;
        let mean = |sum: f64| sum / elements as f64;
        let (squares, error_squares) = (mean(self.squares), mean(self.error_squares));
        let variance = squares - mean(self.sum).powi(2);
        squares.is_finite()
            && error_squares.is_finite()
            && squares > LEAST
            && error_squares > LEAST
            && variance > 1e-3 * squares
    }
}

/// Elements, and zeros behind them: an element that is 0 and met adds nothing.
fn padded(values: &[f32]) -> Lanes<f32> {
    std::array::from_fn(|lane| values.get(lane).copied().unwrap_or(0.0))
}

/// [`Errors`] in the making, in lanes.
#[derive(Default)]
pub(crate) struct Sums {
    sum: Lanes<f64>,
    squares: Lanes<f64>,
    error_squares: Lanes<f64>,
    error_max: Lanes<f32>,
}

/// The float32 sums of a block.
pub(crate) struct BlockSums {
    sum: Lanes<f32>,
    squares: Lanes<f32>,
    error_squares: Lanes<f32>,
    error_max: Lanes<f32>,
}

impl Sums {
    /// Adds elements.
    pub(crate) fn add(&mut self, values: &[f32], approximations: &[f32]) {
        /// Elements whose sums are float32.
        const FEW: usize = 4 * LANES;
        for (values, approximations) in values.chunks(FEW).zip(approximations.chunks(FEW)) {
            self.block(|block| {
                let (values, last) = values.as_chunks::<LANES>();
                let (approximations, last_approximations) = approximations.as_chunks::<LANES>();
                for (values, approximations) in values.iter().zip(approximations) {
                    block.add(values, approximations);
                }
                if !last.is_empty() {
                    block.add(&padded(last), &padded(last_approximations));
                }
            });
        }
    }

    /// Adds a block.
    #[inline(always)]
    pub(crate) fn block(&mut self, add: impl FnOnce(&mut BlockSums)) {
        let zeros = [0.0; LANES];
        let (sum, squares, error_squares) = (zeros, zeros, zeros);
        let mut block = BlockSums { sum, squares, error_squares, error_max: self.error_max };
        add(&mut block);
        for lane in 0..LANES {
            self.sum[lane] += f64::from(block.sum[lane]);
            self.squares[lane] += f64::from(block.squares[lane]);
            self.error_squares[lane] += f64::from(block.error_squares[lane]);
        }
        self.error_max = block.error_max;
    }

    pub(crate) fn errors(&self) -> Errors {
        Errors {
            sum: self.sum.iter().sum(),
            squares: self.squares.iter().sum(),
            error_squares: self.error_squares.iter().sum(),
            error_max: f64::from(self.error_max.iter().fold(0.0, |a: f32, &b| a.max(b))),
        }
    }
}

impl BlockSums {
    #[inline(always)]
    pub(crate) fn add(&mut self, values: &Lanes<f32>, approximations: &Lanes<f32>) {
        for lane in 0..LANES {
            let value = values[lane];
            let error = value - approximations[lane];
            self.sum[lane] += value;
            self.squares[lane] += value * value;
            self.error_squares[lane] += error * error;
            let magnitude = error.abs();
            let max = &mut self.error_max[lane];
            *max = if magnitude > *max { magnitude } else { *max };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_float64() {
        for length in [0, 1, 15, 16, 64, 65, 1000] {
            let values: Vec<f32> = (0..length).map(|i| (i as f32 * 0.37).sin()).collect();
            let near: Vec<f32> = values.iter().map(|v| (v * 8.0).round() / 8.0).collect();
            let mut errors = Errors::default();
            let (first, second) = (length / 3, length - length / 3);
            errors.add(&values[..first], &near[..first]);
            errors.add(&values[first..][..second], &near[first..]);
            let mut expected = Errors::default();
            for (&value, &near) in values.iter().zip(&near) {
                let (value, error) = (f64::from(value), f64::from(value - near));
                expected.sum += value;
                expected.squares += value * value;
                expected.error_squares += error * error;
                expected.error_max = expected.error_max.max(error.abs());
            }
            assert_eq!(errors.error_max, expected.error_max);
            for (sum, expected) in [
                (errors.sum, expected.sum),
                (errors.squares, expected.squares),
                (errors.error_squares, expected.error_squares),
            ] {
                assert!((sum - expected).abs() <= 1e-5 * (1.0 + expected.abs()), "{length}");
            }
        }
    }
}
