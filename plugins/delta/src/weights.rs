//! λ: given, or made from norms.

use crate::coefficients::{inverse_norms, normalized};
use crate::method::{Cut, Kind, Options};

/// λ where none are given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
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
    pub(crate) fn is_of_norms(self) -> bool {
        matches!(self, Self::InverseNorm | Self::InverseVariance)
    }

    /// Whether none can be given.
    pub(crate) fn is_own(self) -> bool {
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

/// ‖Δ‖_F of all adapters over all modules, from those by module and adapter.
pub fn norms_over_all(modules: &[Vec<f64>]) -> Vec<f64> {
    let adapters = modules.first().map_or(0, Vec::len);
    let over_all = |at: usize| modules.iter().map(|norms| norms[at].powi(2)).sum::<f64>().sqrt();
    (0..adapters).map(over_all).collect()
}

/// λ of all adapters.
#[derive(Clone, PartialEq, Debug)]
pub enum Weights {
    /// The same for all modules.
    Shared(Vec<f64>),
    /// By module.
    PerModule(Vec<Vec<f64>>),
}

impl Weights {
    /// Those of a module.
    pub fn of_module(&self, module: usize) -> &[f64] {
        match self {
            Self::Shared(weights) => weights,
            Self::PerModule(modules) => &modules[module],
        }
    }

    /// That of an adapter, where all modules have the same.
    pub fn of_adapter(&self, adapter: usize) -> Option<f64> {
        match self {
            Self::Shared(weights) => Some(weights[adapter]),
            Self::PerModule(_) => None,
        }
    }
}

impl Options {
    /// Whether λ are made from norms, or the method from the largest rank: what has to be known of all
    /// changes before the first is merged.
    pub fn needs_sizes(&self) -> bool {
        let has_rank =
            matches!(self.method.kind, Kind::Sum(Cut::LargestRank) | Kind::PeftDelta(..));
        has_rank || self.method.rule.is_of_norms()
    }

    /// Whether the changes need not be known before they are summed or combined row by row.
    pub fn takes_rows(&self) -> bool {
        let is_local =
            matches!(self.method.kind, Kind::Sum(Cut::None | Cut::Never) | Kind::Elementwise(..));
        is_local && !self.method.rule.is_of_norms()
    }

    /// λ, from ‖Δ‖_F by module and adapter, 0 where an adapter does not change a module.
    pub fn weights(&self, norms: &[Vec<f64>]) -> Weights {
        let rule = self.method.rule;
        if self.per_module {
            return Weights::PerModule(norms.iter().map(|norms| rule.of(norms)).collect());
        }
        let weights = self.weights.clone().unwrap_or_else(|| rule.of(&norms_over_all(norms)));
        let is_share = self.normalize || matches!(self.method.kind, Kind::Slerp | Kind::Karcher);
        Weights::Shared(if is_share { normalized(&weights) } else { weights })
    }
}
