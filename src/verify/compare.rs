//! Two outputs side by side.

use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor, TensorData};
use crate::ops::Value;
use crate::ops::numbers::{self, Numbers};
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
    /// 1e-4 for float32, float64 and complex numbers of these, 5e-3 for types of 16 bits, 0 for all else.
    fn of(&self, dtype: DataType) -> f64 {
        match dtype {
            DataType::F32 | DataType::F64 | DataType::C64 | DataType::C128 => {
                self.relative.unwrap_or(1e-4)
            }
            DataType::F16 | DataType::BF16 => self.relative.unwrap_or(5e-3),
            _ => 0.0,
        }
    }

    /// Whether tensors of a type that are so far apart are the same.
    fn holds(&self, apart: Distance, dtype: DataType) -> bool {
        apart.relative <= self.of(dtype) || self.absolute.is_some_and(|most| apart.max <= most)
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

/// Of an output without elements.
const NOTHING: &str = "has no elements, which proves nothing";

impl OutputReport {
    /// An output without elements is no proof, but not wrong either.
    pub(super) fn may_be_empty(&mut self) {
        self.wrong.take_if(|wrong| wrong == NOTHING);
    }
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
    let any = left.or(right);
    let ty = |value: &Value| value.tensor().map_or_else(|_| value.ty(), Tensor::ty).to_string();
    let dtype = any.and_then(|v| v.tensor().ok()).map_or(DataType::F32, |t| t.dtype);
    let mut report = OutputReport {
        name: name.to_owned(),
        ty: any.map_or("?".to_owned(), ty),
        distance: None,
        tolerance: tolerance.of(dtype),
        base: None,
        wrong: None,
    };
    if left.is_none() || right.is_none() {
        report.wrong = Some("only one of the models has it".to_owned());
        return Ok(report);
    }
    let (Some(left), Some(right)) = (tensor(left), tensor(right)) else {
        report.wrong = Some("is no tensor, and only such are compared".to_owned());
        return Ok(report);
    };
    if left.ty() != right.ty() {
        report.wrong = Some(format!("is {} in the other", right.ty()));
        return Ok(report);
    }
    report.distance = distance(&left, &right)?;
    report.wrong = wrong(&left, &right, report.distance, tolerance)?;
    if let Some(base) = tensor(base).filter(|base| base.ty() == left.ty()) {
        let apart = |other: &Tensor| Ok(distance(&base, other)?.map(|apart| apart.relative));
        report.base = apart(&left)?.zip(apart(&right)?).map(<[f64; 2]>::from);
    }
    Ok(report)
}

fn wrong(
    left: &Tensor,
    right: &Tensor,
    apart: Option<Distance>,
    tolerance: &Tolerance,
) -> Result<Option<String>> {
    let mut is_constant = false;
    for tensor in [left, right] {
        is_constant |= match &tensor.data {
            TensorData::Strings(all) => are_equal(all, 1),
            _ => match numbers::components(tensor)? {
                (Numbers::Floats(all), _) if !all.iter().all(|x| x.is_finite()) => {
                    return Ok(Some("has numbers that are not finite".to_owned()));
                }
                (Numbers::Floats(all), parts) => are_equal(&all, parts),
                (Numbers::Integers(all), _) => are_equal(&all, 1),
            },
        };
    }
    Ok(match apart {
        _ if left.element_count() == Some(0) => Some(NOTHING.to_owned()),
        _ if is_constant => Some("all elements are equal, which proves nothing".to_owned()),
        Some(apart) if tolerance.holds(apart, left.dtype) => None,
        None if left.data == right.data => None,
        _ => Some(format!("they differ by more than {:e}", tolerance.of(left.dtype))),
    })
}

/// Whether there are elements of so many parts, more than one, and all are equal.
fn are_equal<T: PartialEq>(all: &[T], parts: usize) -> bool {
    all.len() > parts && all.chunks(parts).all(|element| *element == all[..parts])
}

/// How far two tensors of one type and shape are apart; none of strings.
fn distance(left: &Tensor, right: &Tensor) -> Result<Option<Distance>> {
    if left.dtype == DataType::String {
        return Ok(None);
    }
    let (x, _) = numbers::components(left)?;
    let (y, _) = numbers::components(right)?;
    let (x, differences): (Vec<f64>, Vec<f64>) = match (x, y) {
        (Numbers::Integers(x), Numbers::Integers(y)) => {
            x.iter().zip(y).map(|(&x, y)| (x as f64, (x - y) as f64)).unzip()
        }
        (Numbers::Floats(x), Numbers::Floats(y)) => {
            let differences = x.iter().zip(y).map(|(&x, y)| difference(x, y)).collect();
            (x, differences)
        }
        _ => return Err(Error::bug("tensors of one type are numbers of two")),
    };
    let (max, norm) = (largest(&differences), norm(&differences));
    let finite: Vec<f64> = x.into_iter().filter(|x| x.is_finite()).collect();
    Ok(Some(Distance {
        max,
        rms: norm / (differences.len().max(1) as f64).sqrt(),
        relative: if max == 0.0 { 0.0 } else { norm / self::norm(&finite) },
    }))
}

/// x − y: 0 where they are the same, infinite where only one is a number.
fn difference(x: f64, y: f64) -> f64 {
    match x - y {
        _ if x == y || x.is_nan() && y.is_nan() => 0.0,
        difference if difference.is_nan() => f64::INFINITY,
        difference => difference,
    }
}

fn largest(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |most, x| most.max(x.abs()))
}

/// ‖x‖; no square is too large or too small.
fn norm(x: &[f64]) -> f64 {
    let largest = largest(x);
    let scale = if largest > 0.0 && largest.is_finite() { largest } else { 1.0 };
    scale * x.iter().fold(0.0, |sum, x| sum + (x / scale).powi(2)).sqrt()
}

/// How far two tensors are apart that are not the same.
pub(super) fn apart(left: &Tensor, right: &Tensor, tolerance: &Tolerance) -> Result<Option<f64>> {
    if left.ty() != right.ty() {
        return Ok(Some(f64::INFINITY));
    }
    Ok(match distance(left, right)? {
        Some(apart) => (!tolerance.holds(apart, left.dtype)).then_some(apart.relative),
        None => (left.data != right.data).then_some(f64::INFINITY),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::numbers::{of_floats, of_i64s};

    fn floats(all: &[f64]) -> Tensor {
        of_floats(DataType::F64, &[all.len() as i64], all).expect("floats")
    }

    fn strings(all: &[&'static str]) -> Tensor {
        let data = TensorData::Strings(all.iter().map(|&s| s.into()).collect());
        Tensor::new(DataType::String, vec![all.len() as i64], data)
    }

    fn complex(all: &[f64]) -> Tensor {
        let data = floats(all).data;
        Tensor::new(DataType::C128, vec![all.len() as i64 / 2], data)
    }

    #[test]
    fn what_proves_nothing_or_differs_is_wrong() {
        let compared = |x: &Tensor, y: &Tensor| {
            let (x, y) = (x.clone().into(), y.clone().into());
            let report = output("y", Some(&x), Some(&y), None, &Tolerance::default());
            report.expect("they are compared").wrong
        };
        let is_wrong = |x: Tensor, y: Tensor, why: &str| {
            assert_eq!(compared(&x, &x), None);
            let found = compared(&x, &y).unwrap_or_default();
            assert!(found.contains(why), "{found:?}");
        };
        is_wrong(floats(&[1.0, 2.0]), floats(&[1.0, 2.1]), "differ by more than 1e-4");
        is_wrong(floats(&[1.0, 2.0]), floats(&[1.0, f64::NAN]), "not finite");
        is_wrong(floats(&[1e-170, 3e-170]), floats(&[2e-170, 3e-170]), "differ");
        is_wrong(floats(&[1e170, 3e170]), floats(&[2e170, 3e170]), "differ");
        is_wrong(of_i64s(&[2], &[1 << 53, 1]), of_i64s(&[2], &[(1 << 53) + 1, 1]), "differ");
        is_wrong(strings(&["a", "b"]), strings(&["a", "c"]), "differ");
        is_wrong(strings(&["a", "b"]), strings(&["a", "a"]), "all elements are equal");
        is_wrong(complex(&[1.0, 0.0, 0.0, 1.0]), complex(&[1.0, 0.0, 0.0, 2.0]), "differ");
        is_wrong(complex(&[1.0, 1.0, 1.0, 2.0]), complex(&[1.0, 2.0, 1.0, 2.0]), "are equal");
        let nothing = floats(&[]);
        assert!(compared(&nothing, &nothing).is_some_and(|why| why.contains("no elements")));
    }

    #[test]
    fn what_is_infinite_in_both_does_not_part_them() {
        let is_apart = |x: &[f64], y: &[f64]| {
            apart(&floats(x), &floats(y), &Tolerance::default()).expect("numbers").is_some()
        };
        assert!(!is_apart(
            &[f64::NEG_INFINITY, f64::NAN, 1.0],
            &[f64::NEG_INFINITY, f64::NAN, 1.0]
        ));
        assert!(is_apart(&[f64::INFINITY, 1.0], &[f64::NEG_INFINITY, 1.0]));
        assert!(is_apart(&[f64::INFINITY, 1.0], &[f64::INFINITY, 1.1]));
        assert!(is_apart(&[f64::NAN, 1.0], &[1.0, 1.0]) && is_apart(&[1.0], &[f64::NAN]));
        let near = Tolerance { absolute: Some(0.2), ..Tolerance::default() };
        assert_eq!(apart(&floats(&[0.0]), &floats(&[0.1]), &near).expect("numbers"), None);
    }
}
