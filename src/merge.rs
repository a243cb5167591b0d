//! `peftc merge`: adapters in, one adapter out, by the algebra of their changes.
#![forbid(unsafe_code)]

mod combine;

use crate::adapter::Adapter;
use crate::context::{Context, Level};
use crate::delta::folder::{self, LoraFolder, LoraModule};
use crate::delta::{Base, Deltas, base_weights, check_saved};
use crate::error::{Error, Result};
use combine::Plan;
pub use peftc_delta::{Limit, METHODS, Method, Options};
use peftc_delta::{Weights, norms_over_all};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// What to merge, and how.
#[derive(Clone, Debug)]
pub struct Job {
    /// Folders of Hugging Face PEFT.
    pub adapters: Vec<PathBuf>,
    /// The folder of the result.
    pub output: PathBuf,
    /// The method and its numbers.
    pub options: Options,
    /// How much of the result is kept.
    pub limit: Option<Limit>,
    /// The ONNX model that the adapters are for: DoRA's change depends on its weights.
    pub base: Option<PathBuf>,
    /// Whether files of the output that are there already are replaced.
    pub force: bool,
}

/// What was merged. Its JSON form only grows within one `schema`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of the JSON form.
    pub schema: u32,
    /// The folder of the result.
    pub output: PathBuf,
    /// The method's name.
    pub method: &'static str,
    /// Its formula.
    pub formula: &'static str,
    /// The adapters.
    pub adapters: Vec<AdapterReport>,
    /// The modules, sorted.
    pub modules: Vec<ModuleReport>,
    /// Elements of the result's tensors.
    pub parameters: u64,
    /// ‖·‖_F of the result over all modules.
    pub norm: f64,
    /// How far the result is from what the method says, ‖·‖_F over all modules.
    pub frobenius_error: f64,
}

/// An adapter that was merged.
#[derive(Clone, Debug, Serialize)]
pub struct AdapterReport {
    /// Its folder.
    pub path: PathBuf,
    /// PEFT's name for its kind.
    pub peft_type: String,
    /// SHA-256 of its files.
    pub sha256: String,
    /// ‖·‖_F of its change over all modules, with its own scale.
    pub norm: f64,
    /// λ; none where each module has its own.
    pub weight: Option<f64>,
}

/// A module of the result.
#[derive(Clone, Debug, Serialize)]
pub struct ModuleReport {
    /// Its name.
    pub module: String,
    /// Outputs and inputs.
    pub shape: [usize; 2],
    /// Ranks of the adapters, 0 where one has nothing for it.
    pub ranks: Vec<usize>,
    /// The rank of the result.
    pub rank: usize,
    /// λ of the adapters, 0 where one has nothing for it.
    pub weights: Vec<f64>,
    /// ‖·‖_F of the result.
    pub norm: f64,
    /// ‖·‖₂ of what was left out.
    pub spectral_error: f64,
    /// ‖·‖_F of what was left out.
    pub frobenius_error: f64,
}

/// Merges adapters, and writes the result.
///
/// # Errors
/// An adapter has no delta, adapters do not fit each other, options do not fit the method, or the
/// output is there already.
pub fn merge(job: &Job, context: &Context) -> Result<Report> {
    let unfit = |e: peftc_delta::Unfit| Error::input(e.to_string());
    job.options.check(job.adapters.len(), job.limit).map_err(unfit)?;
    folder::check(&job.output, job.force)?;
    let adapters = open(job)?;
    let adapters: Vec<&Deltas> = adapters.iter().collect();
    check_saved(&adapters)?;
    check_biases(&adapters, &job.options.method)?;
    check_bases(&adapters, context)?;
    let modules: BTreeSet<&str> = adapters.iter().flat_map(|a| a.modules()).collect();
    let modules: Vec<&str> = modules.into_iter().collect();
    let (norms, largest_rank) = context.pool().install(|| sizes(&modules, &adapters))?;
    let weights = job.options.weights(&norms);
    let plan = Plan { adapters: &adapters, options: &job.options, limit: job.limit, largest_rank };
    let combine = |(at, module): (usize, &&str)| {
        context.cancel().check()?;
        plan.combined(module, weights.of_module(at))
    };
    let all = || modules.par_iter().enumerate().map(combine).collect::<Result<Vec<_>>>();
    let combined = context.pool().install(all)?;
    let (modules, reports): (Vec<LoraModule>, Vec<ModuleReport>) = combined.into_iter().unzip();
    let first = adapters[0];
    let saved = first.saved().iter();
    let saved = saved.filter_map(|name| Some((name.as_str(), first.adapter().tensor(name)?)));
    let saved = saved.chain(base_weights(&adapters, context));
    let folder = LoraFolder {
        modules: &modules,
        saved: saved.map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
        entries: folder::kept_entries(first.adapter().config()),
    };
    let parameters = folder.write(&job.output, job.force)?;
    let over_all = |part: fn(&ModuleReport) -> f64| {
        reports.iter().map(|m| part(m).powi(2)).sum::<f64>().sqrt()
    };
    Ok(Report {
        schema: 1,
        output: job.output.clone(),
        method: job.options.method.name,
        formula: job.options.method.formula,
        adapters: adapter_reports(&adapters, &norms_over_all(&norms), &weights),
        parameters,
        norm: over_all(|m| m.norm),
        frobenius_error: over_all(|m| m.frobenius_error),
        modules: reports,
    })
}

fn open(job: &Job) -> Result<Vec<Deltas>> {
    let base = job.base.as_deref().map(Base::open).transpose()?.map(Arc::new);
    let one = |path: &PathBuf| {
        let adapter = Adapter::open(path)?;
        match &base {
            Some(base) => Deltas::with_base(adapter, base.clone()),
            None => Deltas::of(adapter),
        }
    };
    let adapters: Vec<Deltas> = job.adapters.iter().map(one).collect::<Result<_>>()?;
    match adapters.iter().find(|deltas| deltas.has_full_rank() && job.limit.is_none()) {
        None => Ok(adapters),
        Some(dora) => Err(Error::input(format!(
            "{}: DoRA's change has the full rank of the weights",
            dora.adapter().path().display()
        ))
        .help("--rank or --energy says how much of the result is kept")),
    }
}

/// ‖Δ‖_F by module and adapter, 0 where one does not change a module; and the largest rank of any.
fn sizes(modules: &[&str], adapters: &[&Deltas]) -> Result<(Vec<Vec<f64>>, usize)> {
    let of = |module: &str, deltas: &Deltas| -> Result<(f64, usize)> {
        let Some(change) = deltas.change(module)? else { return Ok((0.0, 0)) };
        Ok((change.scale.abs() * change.factors.norm(), change.factors.rank()))
    };
    let of_module = |module: &&str| adapters.iter().map(|deltas| of(module, deltas)).collect();
    let all: Vec<Vec<(f64, usize)>> = modules.par_iter().map(of_module).collect::<Result<_>>()?;
    let largest_rank = all.iter().flatten().map(|(_, rank)| *rank).max().unwrap_or(0);
    let norms = |all: Vec<(f64, usize)>| all.into_iter().map(|(norm, _)| norm).collect();
    Ok((all.into_iter().map(norms).collect(), largest_rank))
}

fn adapter_reports(adapters: &[&Deltas], norms: &[f64], weights: &Weights) -> Vec<AdapterReport> {
    let report = |(at, deltas): (usize, &&Deltas)| AdapterReport {
        path: deltas.adapter().path().to_owned(),
        peft_type: deltas.adapter().peft_type().to_owned(),
        sha256: deltas.adapter().sha256(),
        norm: norms[at],
        weight: weights.of_adapter(at),
    };
    adapters.iter().enumerate().map(report).collect()
}

/// Refuses adapters that are plainly of different models, and warns where only names differ.
fn check_bases(adapters: &[&Deltas], context: &Context) -> Result<()> {
    let path = |deltas: &Deltas| deltas.adapter().path().display().to_string();
    let first = adapters[0];
    for other in adapters {
        let is_conv1d = |deltas: &Deltas| deltas.adapter().config().fan_in_fan_out();
        if is_conv1d(first) != is_conv1d(other) {
            return Err(Error::input(format!(
                "fan_in_fan_out is {} in {} and {} in {}: they are for different bases",
                is_conv1d(first),
                path(first),
                is_conv1d(other),
                path(other)
            )));
        }
        let base = |deltas: &Deltas| deltas.adapter().base_model_name_or_path().map(str::to_owned);
        let (Some(one), Some(another)) = (base(first), base(other)) else { continue };
        if one == another {
            continue;
        }
        let modules: BTreeSet<&str> = first.modules().collect();
        let trained =
            format!("{} was trained on {one:?}, {} on {another:?}", path(first), path(other));
        if !other.modules().any(|module| modules.contains(module)) {
            return Err(Error::input(format!("{trained}, and they have no module in common")));
        }
        context.note(Level::Warning, trained);
    }
    Ok(())
}

/// Refuses biases where the method, or PEFT's form of the result, has no place for them.
fn check_biases(adapters: &[&Deltas], method: &Method) -> Result<()> {
    let path = |deltas: &Deltas| deltas.adapter().path().display().to_string();
    let Some((biased, module)) = adapters.iter().find_map(|d| Some((d, d.biased()?))) else {
        return Ok(());
    };
    let within = |e: Error| e.within(format!("{}: {module}", path(biased)));
    method.check_biases().map_err(|e| within(Error::input(e.to_string())))?;
    match adapters.iter().find_map(|d| Some((d, d.embedding()?))) {
        None => Ok(()),
        Some((other, embedding)) => Err(within(Error::input(format!(
            "has lora_B.bias, and {} changes the embedding {embedding}: PEFT loads no adapter with both",
            path(other)
        )))),
    }
}
