//! What an adapter does to each weight: how large the change is, and its spectrum.

use super::pairs::{Pair, Shared, pairs, shared};
use crate::context::Context;
use crate::delta::{Deltas, Layer};
use crate::error::{Error, Result};
use peftc_delta::{Factors, Spectrum, Svd, energy_by_rank};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// All that an adapter adds to weights: θ − θ0, but for parameters that it replaces.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Changes {
    /// ‖θ − θ0‖_F: √Σ‖·‖² over all changes of weights and biases.
    pub norm: f64,
    /// Elements of the tensors that change weights.
    pub trained: u64,
    /// Elements of the weights.
    pub weights: u64,
    /// `trained` / `weights`: r(d+k)/dk.
    pub ratio: f64,
    /// Tensors that replace parameters, of which the norm knows nothing.
    pub replaced: Vec<String>,
    /// The changed weights, sorted by module.
    pub layers: Vec<LayerChange>,
}

/// What an adapter does to the weight of a module.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerChange {
    /// The module.
    pub module: String,
    /// `linear`, `embedding` or `convolution`.
    pub layer: &'static str,
    /// The weight's shape: `[out, in]`, `[entries, features]`, `[out, in, kernel…]`.
    pub shape: Vec<u64>,
    /// Columns of B: of LoHa r², of LoKr the product of the ranks of both sides.
    pub rank: usize,
    /// What B·A is multiplied with.
    pub scale: f64,
    /// ‖ΔW‖_F.
    pub norm: f64,
    /// ‖ΔW‖₂.
    pub spectral_norm: f64,
    /// exp of the entropy of σ/Σσ.
    pub effective_rank: f64,
    /// ‖ΔW‖²_F / ‖ΔW‖²₂.
    pub stable_rank: f64,
    /// Singular values of ΔW, as many as its rank allows, the largest first.
    pub singular_values: Vec<f64>,
    /// The share of ‖ΔW‖²_F in the first 1, 2, … singular values.
    pub energy_by_rank: Vec<f64>,
    /// ‖·‖ of what is added to the bias.
    pub bias_norm: Option<f64>,
    /// Elements of the tensors that change the weight.
    pub trained: u64,
    /// Their share of the weight's elements: r(d+k)/dk.
    pub ratio: f64,
}

/// What adapters do to weights, and what each two of them have in common.
///
/// # Errors
/// Tensors do not fit each other or are no finite numbers; two adapters change one module in two shapes.
pub(super) fn changes(deltas: &[Deltas], context: &Context) -> Result<(Vec<Changes>, Vec<Pair>)> {
    let modules: BTreeSet<&str> = deltas.iter().flat_map(Deltas::modules).collect();
    let modules: Vec<&str> = modules.into_iter().collect();
    let trained: Vec<BTreeMap<&str, u64>> = deltas.iter().map(trained_by_module).collect();
    let look = |module: &&str| {
        context.cancel().check()?;
        look(module, deltas, &trained)
    };
    let all =
        context.pool().install(|| modules.par_iter().map(look).collect::<Result<Vec<_>>>())?;
    let (layers, shared): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let of_adapter = |(at, deltas): (usize, &Deltas)| {
        Changes::of(deltas, layers.iter().filter_map(|layers| layers[at].clone()).collect())
    };
    let changes: Vec<Changes> = deltas.iter().enumerate().map(of_adapter).collect();
    let names: Vec<Vec<&str>> = deltas.iter().map(|deltas| deltas.modules().collect()).collect();
    Ok((changes, pairs(&names, &shared)))
}

type Looked = (Vec<Option<LayerChange>>, Vec<Option<Shared>>);

/// A module: what each adapter does to it, and what each two have in common.
fn look(module: &str, deltas: &[Deltas], trained: &[BTreeMap<&str, u64>]) -> Result<Looked> {
    let of_adapter = |(deltas, trained): (&Deltas, &BTreeMap<&str, u64>)| {
        let trained = trained.get(module).copied().unwrap_or(0);
        LayerChange::of(module, deltas, trained)
    };
    let all: Vec<_> = deltas.iter().zip(trained).map(of_adapter).collect::<Result<_>>()?;
    let (layers, factors): (Vec<_>, Vec<_>) = all.into_iter().map(Option::unzip).unzip();
    check_shapes(module, deltas, &layers)?;
    let shared = shared(module, factors).map_err(|e| Error::input(format!("{module}: {e}")))?;
    Ok((layers, shared))
}

impl LayerChange {
    fn of(module: &str, deltas: &Deltas, trained: u64) -> Result<Option<(Self, Factors)>> {
        let (Some(change), Some(layer)) = (deltas.change(module)?, deltas.layer(module)?) else {
            return Ok(None);
        };
        let delta = change.factors.scaled(change.scale);
        let within = |e: peftc_delta::NotFinite| {
            Error::input(format!("{}: {module}: {e}", deltas.adapter().path().display()))
        };
        let singular_values = Svd::values_of(&delta).map_err(within)?;
        let spectrum = Spectrum::of(&singular_values);
        let (layer, shape) = kind_and_shape(&layer, delta.shape());
        let bias = deltas.bias(module)?;
        let own = Self {
            module: module.to_owned(),
            layer,
            ratio: trained as f64 / shape.iter().product::<u64>() as f64,
            shape,
            rank: delta.rank(),
            scale: change.scale,
            norm: spectrum.frobenius,
            spectral_norm: spectrum.spectral,
            effective_rank: spectrum.effective_rank,
            stable_rank: spectrum.stable_rank,
            energy_by_rank: energy_by_rank(&singular_values),
            singular_values,
            bias_norm: bias.map(|bias| bias.iter().map(|x| x * x).sum::<f64>().sqrt()),
            trained,
        };
        Ok(Some((own, delta)))
    }
}

/// The kind of a layer, and its weight's shape as PyTorch has it.
fn kind_and_shape(layer: &Layer, (rows, columns): (usize, usize)) -> (&'static str, Vec<u64>) {
    let (rows, columns) = (rows as u64, columns as u64);
    match layer {
        Layer::Linear => ("linear", vec![rows, columns]),
        Layer::Embedding => ("embedding", vec![columns, rows]),
        Layer::Convolution { kernel } => {
            let kernel = kernel.iter().map(|&n| n as u64);
            ("convolution", std::iter::once(rows).chain(kernel).collect())
        }
    }
}

fn check_shapes(module: &str, deltas: &[Deltas], layers: &[Option<LayerChange>]) -> Result<()> {
    let mut there = deltas.iter().zip(layers).filter_map(|(d, l)| Some((d, l.as_ref()?)));
    let Some((first, one)) = there.next() else { return Ok(()) };
    let form = |layer: &LayerChange| format!("{} {:?}", layer.layer, layer.shape);
    match there.find(|(_, other)| form(other) != form(one)) {
        None => Ok(()),
        Some((second, other)) => Err(Error::input(format!(
            "{module} is {} in {} and {} in {}",
            form(one),
            first.adapter().path().display(),
            form(other),
            second.adapter().path().display()
        ))),
    }
}

impl Changes {
    fn of(deltas: &Deltas, layers: Vec<LayerChange>) -> Self {
        let squares = |l: &LayerChange| l.norm.powi(2) + l.bias_norm.unwrap_or(0.0).powi(2);
        let trained = layers.iter().map(|l| l.trained).sum();
        let weights =
            layers.iter().flat_map(|l| l.shape.iter().copied().reduce(|a, b| a * b)).sum();
        Self {
            norm: layers.iter().map(squares).sum::<f64>().sqrt(),
            trained,
            weights,
            ratio: trained as f64 / weights as f64,
            replaced: deltas.saved().to_vec(),
            layers,
        }
    }
}

/// How many elements the tensors that change the weight of each module have.
fn trained_by_module(deltas: &Deltas) -> BTreeMap<&str, u64> {
    let mut counts: BTreeMap<&str, u64> = deltas.modules().map(|module| (module, 0)).collect();
    let others = deltas.saved().iter().chain(deltas.base_weights());
    let others: BTreeSet<&str> = others.map(String::as_str).collect();
    let adapter = deltas.adapter();
    let own = |name: &&str| !others.contains(name) && !name.ends_with(".lora_B.bias");
    for name in adapter.tensor_names().filter(own) {
        let mut ends = name.rmatch_indices('.').map(|(at, _)| &name[..at]);
        let module = ends.find(|module| counts.contains_key(module));
        let elements = adapter.tensor(name).and_then(|t| t.element_count());
        if let Some(count) = module.and_then(|module| counts.get_mut(module)) {
            *count += elements.unwrap_or(0);
        }
    }
    counts
}
