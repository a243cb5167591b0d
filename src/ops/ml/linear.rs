//! Linear models.

use super::rows;
use super::scores::{Labels, Transform, greatest, matrix, pair};
use crate::error::{Error, Result};
use crate::ops::numbers::reals;
use crate::ops::shape::{dims, room};
use crate::ops::{Call, Value};

/// The scores of each row by each target: x·coefficients + intercept.
fn scores(call: &Call<'_>, targets: Option<usize>) -> Result<Vec<Vec<f64>>> {
    let x = call.input(0)?;
    let (count, features) = rows(x)?;
    let coefficients = call.floats("coefficients")?.unwrap_or_default();
    let targets = targets.unwrap_or(coefficients.len() / features.max(1));
    if Some(coefficients.len()) != targets.checked_mul(features) || targets == 0 {
        let found = coefficients.len();
        let what = format!("{found} coefficients for {features} features, {targets} targets");
        return Err(Error::input(what));
    }
    room(&dims(&[count, targets]))?;
    let intercepts = call.floats("intercepts")?.unwrap_or_default();
    if !intercepts.is_empty() && intercepts.len() != targets {
        let found = intercepts.len();
        return Err(Error::input(format!("{found} intercepts for {targets} targets")));
    }
    let x = reals(x)?;
    let score = |row: &[f64], target: usize| {
        let own = &coefficients[target * features..][..features];
        let product: f64 = row.iter().zip(own).map(|(x, weight)| x * weight).sum();
        product + intercepts.get(target).copied().unwrap_or(0.0)
    };
    let row = |at: usize| &x[at * features..][..features];
    Ok((0..count).map(|at| (0..targets).map(|target| score(row(at), target)).collect()).collect())
}

pub(super) fn regress(call: &Call<'_>) -> Result<Vec<Value>> {
    let targets = usize::try_from(call.int("targets")?);
    let targets = targets.map_err(|_| Error::input("targets is negative"))?;
    let (mut scores, transform) = (scores(call, Some(targets))?, Transform::of(call)?);
    scores.iter_mut().for_each(|row| transform.apply(row));
    Ok(vec![matrix(&scores, targets)?])
}

/// The class of the greatest score. One score alone is that of the second of two classes.
pub(super) fn classify(call: &Call<'_>) -> Result<Vec<Value>> {
    let (mut scores, transform) = (scores(call, None)?, Transform::of(call)?);
    let labels = Labels::of(call, "classlabels_ints")?;
    if scores.first().is_none_or(|row| row.len() != 1) {
        let chosen: Vec<usize> = scores.iter().map(|row| greatest(row)).collect();
        scores.iter_mut().for_each(|row| transform.apply(row));
        return labels.chosen(&chosen, &scores);
    }
    let chosen: Vec<usize> = scores.iter().map(|row| usize::from(row[0] > 0.0)).collect();
    let has_two = labels.len() == 2;
    for row in &mut scores {
        match has_two {
            true => *row = pair(row[0], true, transform),
            false => transform.apply(row),
        }
    }
    labels.two().chosen(&chosen, &scores)
}
