//! The discrete Fourier transform of any length n in O(n log n).

use std::f64::consts::TAU;
use std::ops::{Add, Mul, Sub};

#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(super) struct Complex {
    pub(super) re: f64,
    pub(super) im: f64,
}

impl Complex {
    /// e^(2πi · part / whole).
    fn turn(part: f64, whole: f64) -> Self {
        let (im, re) = (TAU * part / whole).sin_cos();
        Self { re, im }
    }

    pub(super) fn conjugate(self) -> Self {
        Self { re: self.re, im: -self.im }
    }

    pub(super) fn times(self, factor: f64) -> Self {
        Self { re: self.re * factor, im: self.im * factor }
    }
}

impl Add for Complex {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }
}

impl Sub for Complex {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { re: self.re - other.re, im: self.im - other.im }
    }
}

impl Mul for Complex {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
    }
}

/// The transform: y\[k\] is the sum of x\[n\] · e^(-2πi · kn/N).
pub(super) fn transform(x: &[Complex]) -> Vec<Complex> {
    match x.len() {
        0 | 1 => x.to_vec(),
        length if length.is_power_of_two() => halves(x.to_vec()),
        _ => chirps(x),
    }
}

/// Its inverse.
pub(super) fn inverse(y: &[Complex]) -> Vec<Complex> {
    let conjugate: Vec<Complex> = y.iter().map(|z| z.conjugate()).collect();
    let count = y.len() as f64;
    transform(&conjugate).into_iter().map(|z| z.conjugate().times(1.0 / count)).collect()
}

/// Of a power of two, from the transforms of its halves (Cooley and Tukey, 1965).
fn halves(x: Vec<Complex>) -> Vec<Complex> {
    let length = x.len();
    if length == 1 {
        return x;
    }
    let half = |first: usize| halves(x[first..].iter().step_by(2).copied().collect());
    let (even, odd) = (half(0), half(1));
    let turned: Vec<Complex> = odd
        .into_iter()
        .enumerate()
        .map(|(k, z)| z * Complex::turn(-(k as f64), length as f64))
        .collect();
    let sums = even.iter().zip(&turned).map(|(&a, &b)| a + b);
    let differences = even.iter().zip(&turned).map(|(&a, &b)| a - b);
    sums.chain(differences).collect()
}

/// Of any length, as a convolution with a chirp (Bluestein, 1970).
fn chirps(x: &[Complex]) -> Vec<Complex> {
    let length = x.len();
    // e^(-πi · k²/N), with the square taken modulo a whole turn.
    let chirp = |k: usize| {
        let square = (k as u128 * k as u128) % (2 * length as u128);
        Complex::turn(-(square as f64), 2.0 * length as f64)
    };
    let chirps: Vec<Complex> = (0..length).map(chirp).collect();
    let size = (2 * length - 1).next_power_of_two();
    let mut signal = vec![Complex::default(); size];
    let mut filter = signal.clone();
    for (k, (&x, &chirp)) in x.iter().zip(&chirps).enumerate() {
        signal[k] = x * chirp;
        filter[k] = chirp.conjugate();
        filter[(size - k) % size] = chirp.conjugate();
    }
    let product: Vec<Complex> =
        halves(signal).into_iter().zip(halves(filter)).map(|(a, b)| a * b).collect();
    inverse(&product).into_iter().zip(chirps).map(|(a, b)| a * b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_the_definition() {
        for length in 1..=40_usize {
            let x: Vec<Complex> = (0..length)
                .map(|n| Complex { re: (n * n % 7) as f64, im: (n % 5) as f64 - 2.0 })
                .collect();
            let y = transform(&x);
            for (k, found) in y.iter().enumerate() {
                let term = |(n, &x): (usize, &Complex)| {
                    x * Complex::turn(-((k * n % length) as f64), length as f64)
                };
                let sum = x.iter().enumerate().map(term).fold(Complex::default(), Add::add);
                assert!((sum - *found).re.abs() + (sum - *found).im.abs() < 1e-11, "{length}");
            }
            for (x, again) in x.iter().zip(inverse(&y)) {
                assert!((*x - again).re.abs() + (*x - again).im.abs() < 1e-12, "{length}");
            }
        }
    }
}
