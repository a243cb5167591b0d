//! `peftc extract`: the best adapter of a rank between two models.
#![forbid(unsafe_code)]

mod computed;
mod difference;
mod layer;
mod layers;
mod layout;
mod memory;
mod rest;
mod tuned;
mod unmatched;

use crate::adapter::{Sites, is_of_layer};
use crate::context::Context;
use crate::delta::folder::{self, LoraFolder, LoraModule};
use crate::error::{Error, Result};
use crate::ir::Graph;
use crate::onnx;
pub use layer::LayerReport;
use layer::Weights;
use layers::Layers;
pub use peftc_delta::Limit;
use rayon::prelude::*;
use serde::Serialize;
use std::path::{Path, PathBuf};
use tuned::Tuned;

/// Two models, and how much of their difference is kept.
#[derive(Clone, Debug)]
pub struct Job {
    /// The ONNX model that the adapter is for.
    pub base: PathBuf,
    /// The same model after training: ONNX, or safetensors.
    pub tuned: PathBuf,
    /// The folder of the adapter.
    pub output: PathBuf,
    /// How much is kept of each layer.
    pub limit: Limit,
    /// Whether files of the output that are there already are replaced.
    pub force: bool,
}

/// What was extracted. Its JSON form only grows within one `schema`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of the JSON form.
    pub schema: u32,
    /// The folder of the adapter.
    pub output: PathBuf,
    /// Layers whose weights differ, sorted by name.
    pub layers: Vec<LayerReport>,
    /// Linear layers whose weights are equal.
    pub unchanged: usize,
    /// Parameters that are in the adapter whole: those that differ and are no weights of linear layers, and
    /// the others of their modules.
    pub saved: Vec<String>,
    /// Parameters that differ, or could not be compared, and are not in the adapter, each with the reason.
    pub left_out: Vec<String>,
    /// What is to be known of the adapter.
    pub notes: Vec<String>,
    /// Elements of the adapter's tensors.
    pub parameters: u64,
    /// ‖ΔW‖_F over all layers.
    pub norm: f64,
    /// √Σσ² of what is left out, over all layers: no adapter of these ranks is nearer.
    pub expected_frobenius_error: f64,
    /// ‖ΔW − B·A‖_F over all layers, of the factors as they are stored.
    pub frobenius_error: f64,
}

/// Extracts an adapter, and writes it.
///
/// # Errors
/// The models have not the same layers, do not differ, or the output is there already.
pub fn extract(job: &Job, context: &Context) -> Result<Report> {
    folder::check(&job.output, job.force)?;
    let read = onnx::read(&job.base)?;
    let (graph, sites) = (&read.model.graph, Sites::find(&read.model.graph));
    refuse_branches(&job.base, graph)?;
    let tuned = Tuned::open(&job.tuned)?;
    let layers = context.pool().install(|| layers::find(graph, &sites, &tuned))?;
    let found = differences(&layers, job.limit, context)?;
    let unchanged = layers.weights.len() - found.len();
    let (mut modules, reports): (Vec<LoraModule>, Vec<LayerReport>) = found.into_iter().unzip();
    let rest = rest::find(graph, &sites, &tuned, layers, &mut modules)?;
    if modules.is_empty() {
        let error =
            Error::input("nothing that an adapter can have differs: there is nothing to extract");
        return Err(rest.left_out.into_iter().fold(error, Error::help));
    }
    let notes = notes(&sites, &modules);
    let folder = LoraFolder { modules: &modules, saved: rest.saved, entries: rest.entries };
    let parameters = folder.write(&job.output, job.force)?;
    let over_all =
        |part: fn(&LayerReport) -> f64| reports.iter().fold(0.0, |norm, l| part(l).hypot(norm));
    Ok(Report {
        schema: 1,
        output: job.output.clone(),
        unchanged,
        saved: folder.saved.into_iter().map(|(name, _)| name).collect(),
        left_out: rest.left_out,
        notes,
        parameters,
        norm: over_all(|l| l.norm),
        expected_frobenius_error: over_all(|l| l.expected_frobenius_error),
        frobenius_error: over_all(|l| l.frobenius_error),
        layers: reports,
    })
}

/// What is extracted of the layers that differ, sorted by name.
fn differences(
    layers: &Layers<'_>,
    limit: Limit,
    context: &Context,
) -> Result<Vec<(LoraModule, LayerReport)>> {
    let one = |(name, weights): &(&String, &Weights<'_>)| {
        context.cancel().check()?;
        layer::extract(name, weights, limit).map_err(|e| e.within(name))
    };
    let bytes = |(_, weights): &(&String, &Weights<'_>)| memory::bytes(weights, limit);
    let mut found = Vec::new();
    for group in memory::groups(&layers.weights, bytes, context.memory()) {
        let all = || group.par_iter().map(one).collect::<Result<Vec<_>>>();
        found.extend(context.pool().install(all)?.into_iter().flatten());
    }
    found.sort_by(|(left, _), (right, _)| left.name.cmp(&right.name));
    Ok(found)
}

/// Refuses a model beside whose layers passes added something.
fn refuse_branches(path: &Path, graph: &Graph) -> Result<()> {
    let mut roles = graph.ops().into_iter().filter_map(|(_, op)| op.metadata.get("peftc.role"));
    match roles.find(|role| !is_of_layer(role)) {
        None => Ok(()),
        Some(role) => Err(Error::input(format!(
            "{}: a pass added nodes beside its layers ({role}), which its weights say nothing of",
            path.display()
        ))
        .help("`peftc apply --mode merge` changes weights instead")),
    }
}

/// What there is to say of the adapter.
fn notes(sites: &Sites, modules: &[LoraModule]) -> Vec<String> {
    let has_bias = |name: &str| {
        sites.all().iter().any(|s| s.bias.is_some() && s.module.as_deref() == Some(name))
    };
    let mut without = modules.iter().map(|m| m.name.as_str()).filter(|name| !has_bias(name));
    let adds_biases = modules.iter().any(|module| module.bias.is_some());
    let note = |name| {
        format!(
            "lora_bias is for all layers or for none, and {name} has no bias in the base: PEFT runs the adapter, but does not merge it"
        )
    };
    without.next().filter(|_| adds_biases).map(note).into_iter().collect()
}
