//! How far the weights that a pass stores are from those they stand for.

use crate::weights::Measures;
use serde::Serialize;
use std::collections::BTreeMap;

/// Weights that stand for others: bits and errors of each, and of all together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Approximation {
    /// Of all weights, as if they were one; its bits count what they share too.
    pub total: WeightError,
    /// Of each weight.
    pub weights: Vec<NamedError>,
}

/// A weight and its error.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NamedError {
    /// The weight: its module path and `.weight`, or the name it had in the graph.
    pub weight: String,
    /// Its error.
    #[serde(flatten)]
    pub error: WeightError,
}

/// How far Ŵ, as it is stored, is from the W it stands for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WeightError {
    /// Elements of W.
    pub elements: u64,
    /// Bits that an element takes in the file: all tensors that make Ŵ, with what they are padded by.
    pub bits_per_weight: f64,
    /// σ, the standard deviation of the elements of W.
    pub sigma: f64,
    /// Root mean square of w − ŵ.
    pub rms: f64,
    /// max |w − ŵ|.
    pub max: f64,
    /// `rms` in units of σ; none where σ is 0.
    pub rms_in_sigma: Option<f64>,
    /// `max` in units of σ; none where σ is 0.
    pub max_in_sigma: Option<f64>,
    /// Signal to noise, 10·log₁₀(Σ w² / Σ (w − ŵ)²) dB; none where W or the error is 0.
    pub snr_db: Option<f64>,
    /// The error of the layers' outputs on given inputs; none where none were given.
    pub outputs: Option<OutputError>,
}

/// Both sides of ‖X·Wᵀ − X·Ŵᵀ‖ ≤ ‖W − Ŵ‖·‖X‖ on given inputs X, a row each; Frobenius norms.
///
/// An adapter B·A that goes on both W and Ŵ changes neither side: of
/// ‖h_full − h_QLoRA‖ ≤ ‖W − Ŵ‖·‖x‖ + ‖ΔW − B·A‖·‖x‖ the last term is 0 where ΔW is B·A.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutputError {
    /// The left side.
    pub norm: f64,
    /// The right side.
    pub bound: f64,
    /// The left side over ‖X·Wᵀ‖; none where that is 0.
    pub relative: Option<f64>,
}

/// What a pass measured of a weight.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    stored_bytes: u64,
    elements: f64,
    sum: f64,
    squares: f64,
    error_squares: f64,
    error_max: f64,
    outputs: Option<Outputs>,
}

#[derive(Clone, Copy, Debug)]
struct Outputs {
    error_squares: f64,
    bound: f64,
    squares: f64,
}

impl Approximation {
    /// What the tasks measured whose labels begin with `label`. `stored` says how many bytes the
    /// results of each label take, `shared` how many more there are that several weights read.
    /// None where nothing was measured.
    pub(super) fn new(
        measures: &Measures,
        label: &str,
        stored: &BTreeMap<&str, u64>,
        shared: u64,
    ) -> Option<Self> {
        let mut total = Measured { stored_bytes: shared, ..Measured::default() };
        let mut weights = Vec::new();
        for (of, values) in measures.iter() {
            let Some(weight) = of.strip_prefix(label) else { continue };
            let stored_bytes = stored.get(of).copied().unwrap_or(0);
            let Some(measured) = Measured::new(values, stored_bytes) else { continue };
            total.add(&measured);
            weights.push(NamedError { weight: weight.to_owned(), error: measured.error() });
        }
        (!weights.is_empty()).then(|| Self { total: total.error(), weights })
    }
}

impl Measured {
    fn new(values: &BTreeMap<String, f64>, stored_bytes: u64) -> Option<Self> {
        let get = |name: &str| values.get(name).copied();
        let error_squares = get("error_squares")?;
        let outputs = get("output_error_squares").map(|of_outputs| Outputs {
            error_squares: of_outputs,
            bound: (error_squares * get("input_squares").unwrap_or(0.0)).sqrt(),
            squares: get("output_squares").unwrap_or(0.0),
        });
        Some(Self {
            stored_bytes,
            elements: get("elements")?,
            sum: get("sum")?,
            squares: get("squares")?,
            error_squares,
            error_max: get("error_max")?,
            outputs,
        })
    }

    fn add(&mut self, other: &Self) {
        self.stored_bytes += other.stored_bytes;
        self.elements += other.elements;
        self.sum += other.sum;
        self.squares += other.squares;
        self.error_squares += other.error_squares;
        self.error_max = self.error_max.max(other.error_max);
        self.outputs = match (self.outputs, other.outputs) {
            (Some(a), Some(b)) => Some(Outputs {
                error_squares: a.error_squares + b.error_squares,
                bound: a.bound.hypot(b.bound),
                squares: a.squares + b.squares,
            }),
            (a, b) => a.or(b),
        };
    }

    fn error(&self) -> WeightError {
        /// Of a mean square, what sums of float64 tell from rounding.
        const RESOLVED: f64 = 1e-12;
        let mean = |sum: f64| if self.elements > 0.0 { sum / self.elements } else { 0.0 };
        let variance = mean(self.squares) - mean(self.sum).powi(2);
        let is_constant = variance <= RESOLVED * mean(self.squares);
        let sigma = if is_constant { 0.0 } else { variance.sqrt() };
        let rms = mean(self.error_squares).sqrt();
        let in_sigma = |error: f64| (sigma > 0.0).then(|| error / sigma);
        let snr = 10.0 * (self.squares / self.error_squares).log10();
        WeightError {
            elements: self.elements as u64,
            bits_per_weight: mean(8.0 * self.stored_bytes as f64),
            sigma,
            rms,
            max: self.error_max,
            rms_in_sigma: in_sigma(rms),
            max_in_sigma: in_sigma(self.error_max),
            snr_db: snr.is_finite().then_some(snr),
            outputs: self.outputs.map(Outputs::error),
        }
    }
}

impl Outputs {
    fn error(self) -> OutputError {
        let norm = self.error_squares.sqrt();
        let whole = self.squares.sqrt();
        OutputError { norm, bound: self.bound, relative: (whole > 0.0).then(|| norm / whole) }
    }
}
