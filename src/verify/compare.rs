//! Two outputs side by side.

use crate::error::Result;
use crate::ir::{DataType, Tensor};
use crate::ops::{Value, numbers};
use serde::Serialize;

/// How far outputs of floats may be apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tolerance {
    /// ‖x − y‖/‖x‖; by default [`Tolerance::relative`].
    pub relative: Option<f64>,
    /// max |x − y| at which they are the same whatever the other is.
    pub absolute: Option<f64>,
}

impl Tolerance {
    /// 1e-4 for float32 and float64, 5e-3 for types of 16 bits, 0 for integers.
    fn of(&self, dtype: DataType) -> f64 {
        match dtype {
            DataType::F32 | DataType::F64 => self.relative.unwrap_or(1e-4),
            DataType::F16 | DataType::BF16 => self.relative.unwrap_or(5e-3),
            _ => 0.0,
        }
    }
}

/// How an output compares.
#[derive(Clone, Debug, Serialize)]
pub struct OutputReport {
    /// Its name.
    pub name: String,
    /// Its type in the first model that has it.
    pub ty: String,
    /// How far they are apart, where they have the same type.
    pub distance: Option<Distance>,
    /// How far ‖x − y‖/‖x‖ may be.
    pub tolerance: f64,
    /// How far the base is from both.
    pub base: Option<[f64; 2]>,
    /// Why they are not the same.
    pub wrong: Option<String>,
}

/// How far two tensors are apart.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Distance {
    /// max |x − y|.
    pub max: f64,
    /// √(Σ(x − y)²/n).
    pub rms: f64,
    /// ‖x − y‖/‖x‖.
    pub relative: f64,
}

/// Compares what two models, and a base, have made of an output.
pub(super) fn output(
    name: &str,
    left: Option<&Value>,
    right: Option<&Value>,
    base: Option<&Value>,
    tolerance: &Tolerance,
) -> Result<OutputReport> {
    let tensor = |value: Option<&Value>| value.and_then(|v| v.tensor().ok()).cloned();
    let (left, right, base) = (tensor(left), tensor(right), tensor(base));
    let any = left.as_ref().or(right.as_ref());
    let dtype = any.map_or(DataType::F32, |t| t.dtype);
    let mut report = OutputReport {
        name: name.to_owned(),
        ty: any.map_or("?".to_owned(), |t| t.ty().to_string()),
        distance: None,
        tolerance: tolerance.of(dtype),
        base: None,
        wrong: None,
    };
    let (Some(left), Some(right)) = (left, right) else {
        report.wrong = Some("only one of the models has it".to_owned());
        return Ok(report);
    };
    if left.ty() != right.ty() {
        report.wrong = Some(format!("is {} in the other", right.ty()));
        return Ok(report);
    }
    let (x, y) = (numbers::reals(&left)?, numbers::reals(&right)?);
    let apart = distance(&x, &y);
    report.distance = Some(apart);
    report.wrong = wrong(&x, &y, apart, report.tolerance, tolerance.absolute);
    if let Some(base) = base.filter(|base| base.ty() == left.ty()) {
        let base = numbers::reals(&base)?;
        report.base = Some([distance(&base, &x).relative, distance(&base, &y).relative]);
    }
    Ok(report)
}

fn wrong(
    x: &[f64],
    y: &[f64],
    apart: Distance,
    relative: f64,
    absolute: Option<f64>,
) -> Option<String> {
    let is_finite = |all: &[f64]| all.iter().all(|x| x.is_finite());
    if !is_finite(x) || !is_finite(y) {
        return Some("has numbers that are not finite".to_owned());
    }
    let is_constant = |all: &[f64]| all.len() > 1 && all.iter().all(|x| *x == all[0]);
    if is_constant(x) || is_constant(y) {
        return Some("all elements are equal, which proves nothing".to_owned());
    }
    let is_near = apart.relative <= relative || absolute.is_some_and(|most| apart.max <= most);
    (!is_near).then(|| format!("they differ by more than {relative:e}"))
}

/// How far numbers are apart.
pub(super) fn distance(x: &[f64], y: &[f64]) -> Distance {
    let differences = || x.iter().zip(y).map(|(x, y)| x - y);
    let squares: f64 = differences().map(|d| d * d).sum();
    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let relative = if squares == 0.0 { 0.0 } else { squares.sqrt() / norm };
    Distance {
        max: differences().map(f64::abs).fold(0.0, f64::max),
        rms: (squares / x.len().max(1) as f64).sqrt(),
        relative,
    }
}

/// Whether two tensors of one type are near each other.
pub(super) fn are_near(
    left: &Tensor,
    right: &Tensor,
    tolerance: &Tolerance,
) -> Result<Option<f64>> {
    if left.ty() != right.ty() {
        return Ok(Some(f64::INFINITY));
    }
    if matches!(left.dtype, DataType::String) {
        return Ok(None);
    }
    let apart = distance(&numbers::reals(left)?, &numbers::reals(right)?);
    let is_near = apart.relative <= tolerance.of(left.dtype);
    Ok((!is_near).then_some(apart.relative))
}
