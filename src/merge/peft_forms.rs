//! The arithmetic of PEFT's `add_weighted_adapter` on A and B apart.

use super::combine::{Approximation, Module, stream};
use super::method::Sparse;
use crate::error::{Error, Result};
use peftc_delta::{Combination, Factors, Fuse, Matrix, Rows};

/// A = [λs·A], B = [B].
pub(super) fn cat(module: &Module<'_>) -> Result<Approximation> {
    let parts: Vec<Factors> = stored(module)?
        .into_iter()
        .map(|(weight, factors)| {
            Factors::new(factors.b().clone(), factors.a().clone().scaled(weight))
        })
        .collect();
    let terms: Vec<(f64, &Factors)> = parts.iter().map(|part| (1.0, part)).collect();
    Ok(Approximation::exact(Factors::sum(&terms)))
}

/// A and B are combined each for itself, with ±√|λs| and √|λs|.
pub(super) fn factors(
    module: &Module<'_>,
    sparse: Option<Sparse>,
    fuse: Fuse,
) -> Result<Approximation> {
    let stored = stored(module)?;
    let ranks: Vec<usize> = stored.iter().map(|(_, factors)| factors.rank()).collect();
    if ranks.iter().any(|rank| *rank != ranks[0]) {
        return Err(Error::input(format!(
            "{}: {} combines A and B of one rank alone, the adapters have {ranks:?}",
            module.name, module.options.method.name
        ))
        .help("peft-cat, peft-svd and the methods without peft- combine all ranks"));
    }
    let root = |weight: f64| weight.abs().sqrt();
    // `signum` of a weight of 0 is 1, and its root 0.
    let a = stored.iter().map(|(weight, f)| (root(*weight) * weight.signum(), f.a()));
    let b = stored.iter().map(|(weight, f)| (root(*weight), f.b()));
    let combined = |terms: Vec<(f64, &Matrix)>, part: u64| -> Result<Matrix> {
        if sparse.is_none() {
            return Ok(sum(&terms));
        }
        let method = module.options.elementwise(fuse, stream(module.name) ^ part)?;
        Ok(Combination::new(method, &terms).dense())
    };
    let (a, b) = (combined(a.collect(), 0)?, combined(b.collect(), 1)?);
    Ok(Approximation::exact(Factors::new(b, a)))
}

/// λs, and A and B as they are stored, of the adapters that change the module.
fn stored(module: &Module<'_>) -> Result<Vec<(f64, Factors)>> {
    let mut found = Vec::new();
    for (deltas, weight) in module.adapters.iter().zip(module.weights) {
        if let Some((factors, scale)) = deltas.stored(module.name)? {
            found.push((weight * scale, factors));
        }
    }
    Ok(found)
}

fn sum(terms: &[(f64, &Matrix)]) -> Matrix {
    let (rows, columns) = (terms[0].1.rows(), terms[0].1.columns());
    Matrix::from_fn(rows, columns, |i, j| terms.iter().map(|(c, m)| c * m.row(i)[j]).sum())
}
