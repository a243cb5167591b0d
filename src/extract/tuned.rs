//! The model after training: an ONNX model, or a checkpoint of safetensors.

use super::difference::Difference;
use super::layer::Weights;
use crate::adapter::{Checkpoint, LinearSite, Sites, match_module};
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::onnx::{self, ReadModel};
use peftc_delta::Rows;
use std::collections::BTreeSet;
use std::path::Path;

/// The model after training.
pub(super) enum Tuned {
    Onnx(Box<(ReadModel, Sites)>),
    Checkpoint(Checkpoint),
}

impl Tuned {
    pub(super) fn open(path: &Path) -> Result<Self> {
        if Checkpoint::is_at(path) {
            return Checkpoint::open(path).map(Self::Checkpoint);
        }
        let read = onnx::read(path)?;
        let sites = Sites::find(&read.model.graph);
        Ok(Self::Onnx(Box::new((read, sites))))
    }

    /// Its weight of a layer, against that of the base; none where it has none, as of a tied head.
    ///
    /// # Errors
    /// It has another shape.
    pub(super) fn weight<'a>(
        &'a self,
        module: &str,
        site: &LinearSite,
        base: &'a Tensor,
    ) -> Result<Option<Weights<'a>>> {
        let is_transposed = site.weight.transposed;
        let factor = f64::from(site.weight.factor);
        let difference = match self {
            Self::Onnx(model) => {
                let (graph, sites) = (&model.0.model.graph, &model.1);
                let Some(after) = sites.of_module(module)?.into_iter().next() else {
                    return Ok(None);
                };
                if after.weight.factor != site.weight.factor {
                    return Err(Error::input(format!(
                        "{module}: the base multiplies its weight by {}, the tuned model by {}",
                        site.weight.factor, after.weight.factor
                    )));
                }
                let tensor = graph.constant(after.weight.value).ok_or_else(|| {
                    Error::input(format!("{module}: its weight in the tuned model is quantized"))
                })?;
                Difference::of(base, tensor, after.weight.transposed != is_transposed)
            }
            Self::Checkpoint(checkpoint) => {
                let Some(tensor) = stored(checkpoint, module)? else { return Ok(None) };
                nearer(base, tensor, is_transposed)
            }
        };
        let difference = difference.map_err(|e| e.within(module))?;
        Ok(Some(Weights { difference, is_transposed, factor }))
    }

    /// Its parameter of a name; none if it has none of these sizes.
    pub(super) fn parameter(&self, name: &str, dims: &[i64]) -> Option<&Tensor> {
        match self {
            Self::Onnx(model) => {
                let (graph, sites) = (&model.0.model.graph, &model.1);
                graph.constant(sites.parameter(graph, name, dims, false).ok()?.value)
            }
            Self::Checkpoint(checkpoint) => {
                let names: BTreeSet<&str> =
                    checkpoint.tensors().keys().map(String::as_str).collect();
                let found = match_module(name, &names).ok().flatten()?;
                checkpoint.tensors().get(found).filter(|tensor| tensor.dims == dims)
            }
        }
    }

    /// The tensors that an ONNX model stores, by name.
    pub(super) fn initializers(&self) -> Vec<(&str, &Tensor)> {
        let Self::Onnx(model) = self else { return Vec::new() };
        let graph = &model.0.model.graph;
        graph
            .initializers()
            .into_iter()
            .map(|(v, tensor)| (graph.value(v).name(), tensor))
            .collect()
    }
}

/// The weight of a module.
fn stored<'a>(checkpoint: &'a Checkpoint, module: &str) -> Result<Option<&'a Tensor>> {
    let modules: BTreeSet<&str> =
        checkpoint.tensors().keys().filter_map(|name| name.strip_suffix(".weight")).collect();
    let found = match_module(module, &modules)?;
    Ok(found.and_then(|module| checkpoint.tensors().get(&format!("{module}.weight"))))
}

/// PyTorch stores `[out, in]`, and `[in, out]` in a Conv1D. Where sizes do not tell, the one that is
/// nearer to the base.
fn nearer<'a>(base: &'a Tensor, tensor: &'a Tensor, is_transposed: bool) -> Result<Difference<'a>> {
    let linear = Difference::of(base, tensor, is_transposed);
    match (linear, Difference::of(base, tensor, !is_transposed)) {
        (Ok(linear), Ok(other)) if sample(&other) < sample(&linear) => Ok(other),
        (Err(_), Ok(other)) => Ok(other),
        (linear, _) => linear,
    }
}

/// ‖·‖_F of the first rows.
fn sample(difference: &Difference<'_>) -> f64 {
    const ROWS: usize = 64;
    difference.panel(0, difference.shape().0.min(ROWS)).norm()
}
