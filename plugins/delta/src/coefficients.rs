//! Coefficients of sums of changes, where they are made from the changes themselves.

use crate::Factors;

/// Iterations of the Karcher mean.
const ITERATIONS: usize = 100;
/// Where they end: the length of a step, which float64 tells from 0 down to the root of its precision.
const TOLERANCE: f64 = 1e-8;
/// A cosine from which two changes count as parallel.
const PARALLEL: f64 = 1.0 - 1e-12;

/// Inner products of all pairs.
pub fn gram(changes: &[&Factors]) -> Vec<Vec<f64>> {
    changes.iter().map(|x| changes.iter().map(|y| x.inner(y)).collect()).collect()
}

/// λ ∝ ‖ΔW‖^−power, Σλ = 1: norms weigh changes by 1/‖ΔW‖_F or, inverse variance, 1/‖ΔW‖²_F. A
/// change that is zero gets 0.
pub fn inverse_norms(norms: &[f64], power: i32) -> Vec<f64> {
    let raw = norms.iter().map(|n| if *n == 0.0 { 0.0 } else { n.powi(-power) });
    normalized(&raw.collect::<Vec<_>>())
}

/// Numbers divided by their sum; as they are where that is 0.
pub fn normalized(numbers: &[f64]) -> Vec<f64> {
    let sum: f64 = numbers.iter().sum();
    numbers.iter().map(|x| if sum == 0.0 { *x } else { x / sum }).collect()
}

/// Spherical interpolation from the first of two changes to the second: sin((1−t)θ)/sin θ and
/// sin(tθ)/sin θ, θ the angle between them. Shoemake, "Animating rotation with quaternion curves", 1985.
///
/// Parallel, opposite or zero changes are interpolated linearly.
pub fn slerp(gram: &[Vec<f64>], t: f64) -> [f64; 2] {
    let cosine = gram[0][1] / (gram[0][0] * gram[1][1]).sqrt();
    if cosine.is_nan() || cosine.abs() > PARALLEL {
        return [1.0 - t, t];
    }
    let angle = cosine.acos();
    [1.0 - t, t].map(|share| (share * angle).sin() / angle.sin())
}

/// The mean of directions on the sphere, with the weighted mean of lengths: all steps stay within
/// the span of the changes, so their Gram matrix is enough. Karcher, 1977.
///
/// `weights` sum to 1. Changes that are zero count for the length alone.
pub fn karcher(gram: &[Vec<f64>], weights: &[f64]) -> Vec<f64> {
    let norms: Vec<f64> = (0..gram.len()).map(|i| gram[i][i].max(0.0).sqrt()).collect();
    let length: f64 = weights.iter().zip(&norms).map(|(w, n)| w * n).sum();
    let of_unit = |mean: &[f64]| -> Vec<f64> {
        mean.iter().zip(&norms).map(|(c, n)| if *n == 0.0 { 0.0 } else { c * length / n }).collect()
    };
    // Cosines: the Gram matrix of the directions.
    let cosine = |i: usize, j: usize| match norms[i] * norms[j] {
        0.0 => 0.0,
        both => gram[i][j] / both,
    };
    let product = |x: &[f64], y: &[f64]| -> f64 {
        let pairs = (0..x.len()).flat_map(|i| (0..y.len()).map(move |j| (i, j)));
        pairs.map(|(i, j)| x[i] * y[j] * cosine(i, j)).sum()
    };
    let unit = |x: Vec<f64>| -> Option<Vec<f64>> {
        let norm = product(&x, &x).max(0.0).sqrt();
        (norm > TOLERANCE).then(|| x.into_iter().map(|c| c / norm).collect())
    };
    let Some(mut mean) = unit(weights.to_vec()) else { return of_unit(&vec![0.0; gram.len()]) };
    for _ in 0..ITERATIONS {
        let mut step = vec![0.0; gram.len()];
        for (i, weight) in weights.iter().enumerate().filter(|(i, _)| norms[*i] > 0.0) {
            let mut direction = vec![0.0; gram.len()];
            direction[i] = 1.0;
            let along = product(&mean, &direction).clamp(-1.0, 1.0);
            let angle = along.acos();
            let Some(away) =
                unit((0..gram.len()).map(|j| direction[j] - along * mean[j]).collect())
            else {
                continue;
            };
            step.iter_mut().zip(away).for_each(|(s, a)| *s += weight * angle * a);
        }
        let length = product(&step, &step).max(0.0).sqrt();
        if length < TOLERANCE {
            break;
        }
        let moved =
            mean.iter().zip(&step).map(|(m, s)| length.cos() * m + length.sin() * s / length);
        mean = unit(moved.collect()).unwrap_or(mean);
    }
    of_unit(&mean)
}
