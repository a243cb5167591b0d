//! One linear layer: the best product of a rank for the difference of its weights.

use super::difference::{Difference, Residual};
use crate::delta::Layer;
use crate::delta::folder::LoraModule;
use crate::error::{Error, Result};
use peftc_delta::{Factors, Leading, Limit, NotFinite, Rows, Single};
use serde::Serialize;

/// A layer's weight in both models.
pub(super) struct Weights<'a> {
    pub(super) difference: Difference<'a>,
    /// Whether the base has it as `[in, out]`.
    pub(super) is_transposed: bool,
    /// The graph multiplies what is stored by this.
    pub(super) factor: f64,
}

impl Weights<'_> {
    /// Rows and columns, as the base stores them.
    pub(super) fn shape(&self) -> (usize, usize) {
        self.difference.shape()
    }
}

/// A layer whose weight differs.
#[derive(Clone, Debug, Serialize)]
pub struct LayerReport {
    /// Its module.
    pub module: String,
    /// Outputs and inputs.
    pub shape: [usize; 2],
    /// ‖W‖_F of the base.
    pub weight_norm: f64,
    /// ‖ΔW‖_F.
    pub norm: f64,
    /// The rank that is kept.
    pub rank: usize,
    /// Singular values of ΔW: those that are kept, and the next.
    pub singular_values: Vec<f64>,
    /// What a matrix of rounding errors rarely has a larger spectral norm than, both weights taken as
    /// rounded to their stored type: smaller singular values need be no more than noise.
    pub noise_floor: f64,
    /// Kept singular values above it.
    pub above_noise: usize,
    /// σ of the first that is not kept: no product of this rank has a smaller ‖ΔW − B·A‖₂.
    pub expected_spectral_error: f64,
    /// ‖ΔW − B·A‖₂ of the factors as they are stored is at least this; it is this where the smaller side is
    /// no more than 256.
    pub spectral_error: f64,
    /// √Σσ² of those that are not kept: ‖ΔW − B·A‖_F of the best product.
    pub expected_frobenius_error: f64,
    /// The best product's ‖ΔW − B·A‖_F is at least this: less than the above where singular values were
    /// found by iteration.
    pub least_frobenius_error: f64,
    /// ‖ΔW − B·A‖_F of the factors as they are stored.
    pub frobenius_error: f64,
}

/// The best product for a layer; none where its weights are equal.
///
/// # Errors
/// An element is not finite.
pub(super) fn extract(
    name: &str,
    weights: &Weights<'_>,
    limit: Limit,
) -> Result<Option<(LoraModule, LayerReport)>> {
    let difference = &weights.difference;
    if difference.is_none() {
        return Ok(None);
    }
    let not_finite = |e: NotFinite| Error::input(format!("its difference: {e}"));
    // In float32, as it is walked through again and again.
    let whole = Single::of(difference);
    let leading = Leading::within(&whole, limit).map_err(not_finite)?;
    if leading.energy == 0.0 {
        return Ok(None);
    }
    let rank = leading.svd.rank_within(limit, leading.energy).min(leading.svd.numerical_rank());
    let factors = as_stored(&leading.svd.truncated(Limit::Rank(rank)).svd.factors(0.5));
    let rest = Residual { of: &whole, product: &factors };
    let spectral_error = leading.norm_of_rest(&rest, rank).map_err(not_finite)?;
    let frobenius_error = Residual { of: difference, product: &factors }.energy().sqrt();
    let (rows, columns) = difference.shape();
    let factor = weights.factor.abs();
    let noise_floor = difference.rounding_noise() * largest_of_noise(rows, columns);
    let expected = leading.frobenius_error(rank);
    let of_weight = |number: f64| factor * number;
    let report = LayerReport {
        module: name.to_owned(),
        shape: if weights.is_transposed { [columns, rows] } else { [rows, columns] },
        weight_norm: of_weight(difference.norm_before()),
        norm: of_weight(leading.energy.sqrt()),
        rank,
        singular_values: leading.svd.s.iter().take(rank + 1).map(|s| of_weight(*s)).collect(),
        noise_floor: of_weight(noise_floor),
        above_noise: leading.svd.s.iter().take(rank).filter(|s| **s > noise_floor).count(),
        expected_spectral_error: of_weight(leading.spectral_error(rank)),
        spectral_error: of_weight(spectral_error),
        expected_frobenius_error: of_weight(expected),
        least_frobenius_error: of_weight(
            (expected.powi(2) - leading.outside.powi(2)).max(0.0).sqrt(),
        ),
        frobenius_error: of_weight(frobenius_error),
    };
    let factors = if weights.is_transposed { factors.transposed() } else { factors };
    let factors = factors.scaled(weights.factor);
    Ok(Some((
        LoraModule { name: name.to_owned(), factors, layer: Layer::Linear, bias: None },
        report,
    )))
}

/// What the spectral norm of a matrix of independent errors of deviation 1 rarely exceeds: √m + √n, and
/// the share by which it fluctuates (Tracy and Widom; Johnstone 2001), with twice n^(−2/3) for the tail.
fn largest_of_noise(rows: usize, columns: usize) -> f64 {
    let (rows, columns) = (rows as f64, columns as f64);
    (rows.sqrt() + columns.sqrt()) * (1.0 + 2.0 * rows.min(columns).powf(-2.0 / 3.0))
}

/// Factors as float32.
fn as_stored(factors: &Factors) -> Factors {
    let rounded = |m: &peftc_delta::Matrix| {
        peftc_delta::Matrix::from_fn(m.rows(), m.columns(), |i, j| f64::from(m.row(i)[j] as f32))
    };
    Factors::new(rounded(factors.b()), rounded(factors.a()))
}
