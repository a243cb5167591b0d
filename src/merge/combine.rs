//! One module: the changes of all adapters become one.

use super::method::{Cut, Kind};
use super::{ModuleReport, Options, layer_of, peft_forms};
use crate::delta::{Deltas, Layer};
use crate::error::{Error, Result};
use peftc_delta::{
    Combination, Factors, Fuse, Leading, Limit, Matrix, NotFinite, Rows, Svd, coefficients,
};

/// A module, and what is done with it.
pub(super) struct Module<'a> {
    pub(super) name: &'a str,
    pub(super) adapters: &'a [&'a Deltas],
    /// λ of each adapter.
    pub(super) weights: &'a [f64],
    pub(super) options: &'a Options,
    pub(super) limit: Option<Limit>,
    /// The largest rank that an adapter has in any module.
    pub(super) largest_rank: usize,
}

/// A module after merging.
pub(super) struct Combined {
    pub(super) factors: Factors,
    pub(super) layer: Layer,
    /// What is added to the bias.
    pub(super) bias: Option<Vec<f64>>,
    pub(super) report: ModuleReport,
}

/// Factors, and how far they are from what the method says.
pub(super) struct Approximation {
    pub(super) factors: Factors,
    spectral_error: f64,
    frobenius_error: f64,
}

impl Approximation {
    pub(super) fn exact(factors: Factors) -> Self {
        Self { factors, spectral_error: 0.0, frobenius_error: 0.0 }
    }
}

impl Module<'_> {
    /// Merges the module.
    ///
    /// # Errors
    /// The changes have not one shape or one kind of layer, or are no finite numbers.
    pub(super) fn combined(&self) -> Result<Combined> {
        let layer = layer_of(self.name, self.adapters)?;
        let changes: Vec<Option<Factors>> =
            self.adapters.iter().map(|deltas| deltas.factors(self.name)).collect::<Result<_>>()?;
        self.check_shapes(&changes)?;
        let result = self.merged(&changes)?;
        let (rows, columns) = result.factors.shape();
        let ranks = changes.iter().map(|c| c.as_ref().map_or(0, Factors::rank)).collect();
        let weights = changes.iter().zip(self.weights).map(|(c, w)| c.as_ref().map_or(0.0, |_| *w));
        let report = ModuleReport {
            module: self.name.to_owned(),
            shape: [rows, columns],
            ranks,
            rank: result.factors.rank(),
            weights: weights.collect(),
            norm: result.factors.norm(),
            spectral_error: result.spectral_error,
            frobenius_error: result.frobenius_error,
        };
        Ok(Combined { factors: result.factors, layer, bias: self.bias(rows)?, report })
    }

    fn check_shapes(&self, changes: &[Option<Factors>]) -> Result<()> {
        let mut first: Option<(usize, (usize, usize))> = None;
        for (at, change) in changes.iter().enumerate() {
            let Some((rows, columns)) = change.as_ref().map(Factors::shape) else { continue };
            let (other, shape) = *first.get_or_insert((at, (rows, columns)));
            if shape != (rows, columns) {
                let path = |at: usize| self.adapters[at].adapter().path().display();
                return Err(Error::input(format!(
                    "{}: the change of {} is [{}, {}], that of {} [{rows}, {columns}]: they are for different bases",
                    self.name,
                    path(other),
                    shape.0,
                    shape.1,
                    path(at)
                )));
            }
        }
        Ok(())
    }

    fn merged(&self, changes: &[Option<Factors>]) -> Result<Approximation> {
        // An adapter that does not change the module has no vote and adds nothing.
        let terms: Vec<(f64, &Factors)> =
            changes.iter().zip(self.weights).filter_map(|(c, w)| Some((*w, c.as_ref()?))).collect();
        let limit = |cut: Cut| match (cut, self.limit) {
            (Cut::None, limit) => limit,
            (Cut::Never, _) => None,
            (Cut::LargestRank, limit) => Some(limit.unwrap_or(Limit::Rank(self.largest_rank))),
        };
        match self.options.method.kind {
            Kind::Sum(cut) => self.cut(Factors::sum(&terms), limit(cut), 0.5),
            Kind::Slerp | Kind::Karcher => {
                let zero = Factors::new(
                    Matrix::zeros(terms[0].1.shape().0, 1),
                    Matrix::zeros(1, terms[0].1.shape().1),
                );
                let all: Vec<&Factors> =
                    changes.iter().map(|c| c.as_ref().unwrap_or(&zero)).collect();
                let gram = coefficients::gram(&all);
                let by = match self.options.method.kind {
                    Kind::Slerp => coefficients::slerp(&gram, self.weights[1]).to_vec(),
                    _ => coefficients::karcher(&gram, self.weights),
                };
                let terms: Vec<_> = by.into_iter().zip(all).collect();
                self.cut(Factors::sum(&terms), self.limit, 0.5)
            }
            Kind::Elementwise(_, fuse) => {
                let ranks = terms.iter().map(|(_, t)| t.rank()).sum();
                self.dense(&terms, fuse, self.limit.unwrap_or(Limit::Rank(ranks)), 0.5)
            }
            Kind::PeftDelta(sparse, fuse) => {
                let limit = self.limit.unwrap_or(Limit::Rank(self.largest_rank));
                match sparse {
                    None => self.cut(Factors::sum(&terms), Some(limit), 1.0),
                    Some(_) => self.dense(&terms, fuse, limit, 1.0),
                }
            }
            Kind::PeftCat => peft_forms::cat(self),
            Kind::PeftFactors(sparse, fuse) => peft_forms::factors(self, sparse, fuse),
        }
    }

    /// A sum within a limit; exact without one, of a rank no larger than the weight's.
    fn cut(&self, sum: Factors, limit: Option<Limit>, share: f64) -> Result<Approximation> {
        let (rows, columns) = sum.shape();
        let limit = match limit {
            None if sum.rank() < rows.min(columns) => return Ok(Approximation::exact(sum)),
            limit => limit.unwrap_or(Limit::Exact),
        };
        let cut = Svd::of(&sum).map_err(|e| self.not_finite(e))?.truncated(limit);
        Ok(Approximation {
            factors: cut.svd.factors(share),
            spectral_error: cut.spectral_error,
            frobenius_error: cut.frobenius_error,
        })
    }

    /// A combination element by element, within a limit.
    fn dense(
        &self,
        terms: &[(f64, &Factors)],
        fuse: Fuse,
        limit: Limit,
        share: f64,
    ) -> Result<Approximation> {
        let method = self.options.elementwise(fuse, stream(self.name))?;
        let dense = Combination::new(method, terms).dense();
        let leading = leading(&dense, limit).map_err(|e| self.not_finite(e))?;
        let rank = leading.svd.rank_within(limit, leading.energy);
        let kept = leading.svd.truncated(Limit::Rank(rank));
        Ok(Approximation {
            factors: kept.svd.factors(share),
            spectral_error: leading.spectral_error(rank),
            frobenius_error: leading.frobenius_error(rank),
        })
    }

    /// Σ λ·bias over the adapters that have one.
    fn bias(&self, rows: usize) -> Result<Option<Vec<f64>>> {
        let mut sum: Option<Vec<f64>> = None;
        for (deltas, weight) in self.adapters.iter().zip(self.weights) {
            let Some(bias) = deltas.bias(self.name)? else { continue };
            if bias.len() != rows {
                return Err(Error::input(format!(
                    "{}: {}: lora_B.bias has {} elements, lora_B {rows} rows",
                    deltas.adapter().path().display(),
                    self.name,
                    bias.len()
                )));
            }
            let sum = sum.get_or_insert_with(|| vec![0.0; rows]);
            sum.iter_mut().zip(bias).for_each(|(sum, x)| *sum += weight * x);
        }
        Ok(sum)
    }

    fn not_finite(&self, error: NotFinite) -> Error {
        Error::input(format!("{}: the merged change: {error}", self.name))
    }
}

/// As many singular values as a limit needs.
fn leading(dense: &Matrix, limit: Limit) -> Result<Leading, NotFinite> {
    let smaller = dense.rows().min(dense.columns());
    let (mut rank, energy) = match limit {
        Limit::Exact => (smaller, None),
        Limit::Rank(rank) => (rank.min(smaller), None),
        Limit::Energy(share) => (32.min(smaller), Some(share)),
    };
    loop {
        let found = Leading::of(dense, rank)?;
        let is_enough = |share| found.frobenius_error(rank).powi(2) <= (1.0 - share) * found.energy;
        if rank == smaller || energy.is_none_or(is_enough) {
            return Ok(found);
        }
        rank = (2 * rank).min(smaller);
    }
}

/// The stream of random numbers of a module.
pub(super) fn stream(module: &str) -> u64 {
    module.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
