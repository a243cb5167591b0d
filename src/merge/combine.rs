//! One module: what the adapters do to it becomes one change.

use super::{ModuleReport, Options};
use crate::delta::folder::LoraModule;
use crate::delta::{Deltas, Layer};
use crate::error::{Error, Result};
use peftc_delta::{Change, Limit, Module};

/// Adapters, and how they become one.
pub(super) struct Plan<'a> {
    pub(super) adapters: &'a [&'a Deltas],
    pub(super) options: &'a Options,
    pub(super) limit: Option<Limit>,
    /// The largest rank that an adapter has in any module.
    pub(super) largest_rank: usize,
}

impl Plan<'_> {
    /// Merges a module, with λ of each adapter.
    ///
    /// # Errors
    /// The changes are of different bases or kinds of layers, or are no finite numbers.
    pub(super) fn combined(
        &self,
        module: &str,
        weights: &[f64],
    ) -> Result<(LoraModule, ModuleReport)> {
        let layer = self.layer(module)?;
        let changes: Vec<Option<Change>> =
            self.adapters.iter().map(|deltas| deltas.change(module)).collect::<Result<_>>()?;
        let merged = Module {
            name: module,
            changes: &changes,
            weights,
            options: self.options,
            limit: self.limit,
            largest_rank: self.largest_rank,
        };
        let merged = merged.merged().map_err(|e| Error::input(e.to_string()).within(module))?;
        let (rows, columns) = merged.factors.shape();
        let own = changes.iter().zip(weights);
        let report = ModuleReport {
            module: module.to_owned(),
            shape: [rows, columns],
            ranks: changes.iter().map(|c| c.as_ref().map_or(0, |c| c.factors.rank())).collect(),
            rank: merged.factors.rank(),
            weights: own.map(|(change, weight)| change.as_ref().map_or(0.0, |_| *weight)).collect(),
            norm: merged.norm,
            spectral_error: merged.spectral_error,
            frobenius_error: merged.frobenius_error,
        };
        let bias = self.bias(module, weights, rows)?;
        let name = module.to_owned();
        Ok((LoraModule { name, factors: merged.factors, layer, bias }, report))
    }

    /// The one layer that all adapters which change a module say it is.
    fn layer(&self, module: &str) -> Result<Layer> {
        let mut known: Option<(Layer, &Deltas)> = None;
        for &deltas in self.adapters {
            let Some(layer) = deltas.layer(module)? else { continue };
            match &known {
                Some((other, first)) if *other != layer => {
                    return Err(Error::input(format!(
                        "{module} is {other:?} in {} and {layer:?} in {}",
                        first.adapter().path().display(),
                        deltas.adapter().path().display()
                    )));
                }
                _ => known = Some((layer, deltas)),
            }
        }
        known.map(|(layer, _)| layer).ok_or_else(|| Error::bug(format!("nobody changes {module}")))
    }

    /// Σ λ·bias over the adapters that have one.
    fn bias(&self, module: &str, weights: &[f64], rows: usize) -> Result<Option<Vec<f64>>> {
        let mut sum: Option<Vec<f64>> = None;
        for (deltas, weight) in self.adapters.iter().zip(weights) {
            let Some(bias) = deltas.bias(module)? else { continue };
            if bias.len() != rows {
                return Err(Error::input(format!(
                    "{}: {module}: lora_B.bias has {} elements, lora_B {rows} rows",
                    deltas.adapter().path().display(),
                    bias.len()
                )));
            }
            let sum = sum.get_or_insert_with(|| vec![0.0; rows]);
            sum.iter_mut().zip(bias).for_each(|(sum, x)| *sum += weight * x);
        }
        Ok(sum)
    }
}
