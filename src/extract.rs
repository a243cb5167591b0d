//! `peftc extract`: the best adapter of a rank between two models.
#![forbid(unsafe_code)]

mod difference;
mod layer;
mod rest;
mod tuned;

use crate::adapter::{LinearSite, Sites};
use crate::context::Context;
use crate::delta::folder::{self, LoraFolder, LoraModule};
use crate::error::{Error, Result};
use crate::ir::{Graph, Tensor};
use crate::onnx;
pub use layer::LayerReport;
use layer::Weights;
pub use peftc_delta::Limit;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
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
    /// Parameters that differ, are no weights of linear layers, and are in the adapter whole.
    pub saved: Vec<String>,
    /// Parameters that differ and are not in the adapter, each with the reason.
    pub left_out: Vec<String>,
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
    let tuned = Tuned::open(&job.tuned)?;
    let layers = layers(graph, &sites, &tuned)?;
    let one = |(name, weights): (&String, &Weights<'_>)| {
        context.cancel().check()?;
        layer::extract(name, weights, job.limit).map_err(|e| e.within(name))
    };
    let all = || layers.par_iter().map(one).collect::<Result<Vec<_>>>();
    let found: Vec<(LoraModule, LayerReport)> =
        context.pool().install(all)?.into_iter().flatten().collect();
    let unchanged = layers.len() - found.len();
    let (mut modules, reports): (Vec<LoraModule>, Vec<LayerReport>) = found.into_iter().unzip();
    let rest = rest::find(graph, &sites, &tuned, &mut modules)?;
    if modules.is_empty() && rest.saved.is_empty() {
        return Err(Error::input(
            "the two models have the same weights: there is nothing to extract",
        ));
    }
    let folder = LoraFolder { modules: &modules, saved: rest.saved, entries: rest.entries };
    let parameters = folder.write(&job.output, job.force)?;
    let over_all =
        |part: fn(&LayerReport) -> f64| reports.iter().map(|l| part(l).powi(2)).sum::<f64>().sqrt();
    Ok(Report {
        schema: 1,
        output: job.output.clone(),
        unchanged,
        saved: folder.saved.into_iter().map(|(name, _)| name).collect(),
        left_out: rest.left_out,
        parameters,
        norm: over_all(|l| l.norm),
        expected_frobenius_error: over_all(|l| l.expected_frobenius_error),
        frobenius_error: over_all(|l| l.frobenius_error),
        layers: reports,
    })
}

/// The weights of the linear layers in both models, by module.
fn layers<'a>(
    graph: &'a Graph,
    sites: &'a Sites,
    tuned: &'a Tuned,
) -> Result<BTreeMap<String, Weights<'a>>> {
    let mut layers = BTreeMap::new();
    let unnamed = sites.all().iter().filter(|site| site.module.is_none()).count();
    if unnamed == sites.all().len() {
        return Err(Error::input(format!(
            "the base model has {unnamed} linear layers, and none has a module name: adapters name modules"
        )));
    }
    for site in sites.all() {
        let Some(module) = &site.module else { continue };
        if layers.contains_key(module) {
            continue;
        }
        match tuned.weight(module, site, constant(graph, site)?)? {
            Some(weights) => {
                layers.insert(module.clone(), weights);
            }
            None if site.is_output_head => {}
            None => return Err(Error::input(format!("the tuned model has no layer {module}"))),
        }
    }
    Ok(layers)
}

fn constant<'g>(graph: &'g Graph, site: &LinearSite) -> Result<&'g Tensor> {
    let module = site.module.as_deref().unwrap_or_default();
    if let Some(format) = &site.quantized {
        return Err(Error::input(format!(
            "{module}: its weight is quantized ({format}): a difference to it is one of roundings"
        )));
    }
    graph.constant(site.weight.value).ok_or_else(|| Error::bug(format!("{module} has no weight")))
}
