//! λ: given, or made from norms.

use super::Options;
use super::method::Kind;
use crate::delta::Deltas;
use crate::error::Result;
use peftc_delta::coefficients::{inverse_norms, normalized};
use rayon::prelude::*;

/// λ where none are given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rule {
    /// 1/k.
    Mean,
    /// 1/k, and none can be given.
    Fixed,
    /// 1.
    One,
    /// ∝ 1/‖Δ‖_F.
    InverseNorm,
    /// ∝ 1/‖Δ‖²_F.
    InverseVariance,
}

impl Rule {
    /// Whether norms make them.
    pub(super) fn is_of_norms(self) -> bool {
        matches!(self, Self::InverseNorm | Self::InverseVariance)
    }

    /// Whether none can be given.
    pub(super) fn is_own(self) -> bool {
        self == Self::Fixed || self.is_of_norms()
    }

    fn of(self, norms: &[f64]) -> Vec<f64> {
        let k = norms.len();
        match self {
            Self::Mean | Self::Fixed => vec![1.0 / k as f64; k],
            Self::One => vec![1.0; k],
            Self::InverseNorm => inverse_norms(norms, 1),
            Self::InverseVariance => inverse_norms(norms, 2),
        }
    }
}

/// What is known of all changes before they are merged.
pub(super) struct Norms {
    /// ‖Δ‖_F by module and adapter, 0 where an adapter does not change a module.
    modules: Vec<Vec<f64>>,
    /// The largest rank of any.
    pub(super) largest_rank: usize,
}

impl Norms {
    /// Of the changes of these modules.
    pub(super) fn of(modules: &[&str], adapters: &[&Deltas]) -> Result<Self> {
        let of = |module: &str, deltas: &Deltas| -> Result<(f64, usize)> {
            Ok(deltas.factors(module)?.map_or((0.0, 0), |change| (change.norm(), change.rank())))
        };
        let of_module = |module: &&str| adapters.iter().map(|deltas| of(module, deltas)).collect();
        let all: Vec<Vec<(f64, usize)>> =
            modules.par_iter().map(of_module).collect::<Result<_>>()?;
        let largest_rank = all.iter().flatten().map(|(_, rank)| *rank).max().unwrap_or(0);
        let norms = |all: Vec<(f64, usize)>| all.into_iter().map(|(norm, _)| norm).collect();
        Ok(Self { modules: all.into_iter().map(norms).collect(), largest_rank })
    }

    /// Over all modules.
    pub(super) fn of_adapter(&self, adapter: usize) -> f64 {
        self.modules.iter().map(|norms| norms[adapter].powi(2)).sum::<f64>().sqrt()
    }
}

/// λ of all adapters, by module.
pub(super) struct Weights {
    modules: Vec<Vec<f64>>,
    /// Where they are those of all modules.
    shared: Option<Vec<f64>>,
}

impl Weights {
    /// Those of a module.
    pub(super) fn of_module(&self, module: usize) -> &[f64] {
        self.shared.as_deref().unwrap_or_else(|| &self.modules[module])
    }

    /// That of an adapter, where all modules have the same.
    pub(super) fn of_adapter(&self, adapter: usize) -> Option<f64> {
        self.shared.as_ref().map(|weights| weights[adapter])
    }
}

impl Options {
    /// λ.
    pub(super) fn weights(&self, norms: &Norms, adapters: usize) -> Weights {
        if self.per_module {
            let modules = norms.modules.iter().map(|norms| self.method.rule.of(norms)).collect();
            return Weights { modules, shared: None };
        }
        let all: Vec<f64> = (0..adapters).map(|at| norms.of_adapter(at)).collect();
        let weights = self.weights.clone().unwrap_or_else(|| self.method.rule.of(&all));
        let is_share = self.normalize || matches!(self.method.kind, Kind::Slerp | Kind::Karcher);
        let shared = Some(if is_share { normalized(&weights) } else { weights });
        Weights { modules: Vec::new(), shared }
    }
}
