//! The arithmetic of PEFT's `add_weighted_adapter` on A and B apart.

use crate::merge::stream;
use crate::method::Sparse;
use crate::topk::TopK;
use crate::{Bounds, Combination, Factors, Fuse, Matrix, Module, Rows, Sparsify, Unfit};

/// A = [λs·A], B = [B].
pub(crate) fn cat(module: &Module<'_>) -> Factors {
    let scaled = |(weight, factors): (f64, &Factors)| {
        Factors::new(factors.b().clone(), factors.a().clone().scaled(weight))
    };
    let parts: Vec<Factors> = stored(module).into_iter().map(scaled).collect();
    Factors::sum(&parts.iter().map(|part| (1.0, part)).collect::<Vec<_>>())
}

/// A and B are combined each for itself, with ±√|λs| and √|λs|.
pub(crate) fn factors(
    module: &Module<'_>,
    sparse: Option<Sparse>,
    fuse: Fuse,
) -> Result<Factors, Unfit> {
    let stored = stored(module);
    let ranks: Vec<usize> = stored.iter().map(|(_, factors)| factors.rank()).collect();
    if ranks.iter().any(|rank| *rank != ranks[0]) {
        let name = module.options.method.name;
        return Err(Unfit::new(format!(
            "{name} combines A and B of one rank alone, the adapters have {ranks:?}: peft-cat, peft-svd and the \
             methods without peft- combine all ranks"
        )));
    }
    let root = |weight: f64| weight.abs().sqrt();
    let a = stored.iter().map(|(weight, f)| (root(*weight).copysign(*weight), f.a()));
    let b = stored.iter().map(|(weight, f)| (root(*weight), f.b()));
    let combined = |terms: Vec<(f64, &Matrix)>, part: u64| match sparse {
        None => Ok(sum(&terms)),
        Some(_) => fused(module, fuse, &terms, part),
    };
    let (a, b) = (combined(a.collect(), 0)?, combined(b.collect(), 1)?);
    Ok(Factors::new(b, a))
}

/// Changes, or their factors, made sparse and fused. `part` tells random numbers of one module apart.
pub(crate) fn fused<T: Rows>(
    module: &Module<'_>,
    fuse: Fuse,
    terms: &[(f64, &T)],
    part: u64,
) -> Result<Matrix, Unfit> {
    let method = module.options.elementwise(fuse, stream(module.name) ^ part)?;
    let Sparsify::Trim { density } = method.sparsify else {
        return Ok(Combination::new(method, terms).dense());
    };
    let trimmed: Vec<(f64, TopK<'_, T>)> =
        terms.iter().map(|(weight, term)| (*weight, TopK::of(*term, density))).collect();
    let terms: Vec<_> = trimmed.iter().map(|(weight, term)| (*weight, term)).collect();
    Ok(Combination::with_bounds(method, &terms, &vec![Bounds::ALL; terms.len()]).dense())
}

/// λs, and A and B as they are stored, of the adapters that change the module.
fn stored<'a>(module: &Module<'a>) -> Vec<(f64, &'a Factors)> {
    let changes = module.changes.iter().zip(module.weights);
    changes.filter_map(|(c, w)| c.as_ref().map(|c| (w * c.scale, &c.factors))).collect()
}

fn sum(terms: &[(f64, &Matrix)]) -> Matrix {
    let (rows, columns) = (terms[0].1.rows(), terms[0].1.columns());
    Matrix::from_fn(rows, columns, |i, j| terms.iter().map(|(c, m)| c * m.row(i)[j]).sum())
}
