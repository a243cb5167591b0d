//! The model after training: an ONNX model, or a checkpoint of safetensors.

use crate::adapter::{Checkpoint, LinearSite, Sites, match_module};
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::onnx::{self, ReadModel};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The model after training.
pub(super) enum Tuned {
    Onnx(Box<(ReadModel, Sites)>),
    Checkpoint(Checkpoint),
}

/// A tensor of it.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) name: &'a str,
    pub(super) tensor: &'a Tensor,
    /// Of a layer's weight: whether it is stored as `[in, out]`; none where nothing says it.
    pub(super) is_transposed: Option<bool>,
}

impl Tuned {
    pub(super) fn open(path: &Path) -> Result<Self> {
        if Checkpoint::is_at(path) {
            return Checkpoint::open(path).map(Self::Checkpoint);
        }
        let read = onnx::read(path)?;
        super::refuse_branches(path, &read.model.graph)?;
        let sites = Sites::find(&read.model.graph);
        Ok(Self::Onnx(Box::new((read, sites))))
    }

    pub(super) fn is_checkpoint(&self) -> bool {
        matches!(self, Self::Checkpoint(_))
    }

    /// Its weight of a layer; none where it has none, as a checkpoint has none of a tied head.
    ///
    /// # Errors
    /// It is quantized, or multiplied by another number than in the base.
    pub(super) fn weight<'a>(
        &'a self,
        module: &str,
        site: &LinearSite,
    ) -> Result<Option<Found<'a>>> {
        let model = match self {
            Self::Onnx(model) => model,
            Self::Checkpoint(checkpoint) => {
                let stored = checkpoint.tensors().keys();
                let modules: BTreeSet<&str> =
                    stored.filter_map(|name| name.strip_suffix(".weight")).collect();
                let module = match_module(module, &modules)?;
                return Ok(
                    module.and_then(|module| stored_as(checkpoint, &format!("{module}.weight")))
                );
            }
        };
        let (graph, sites) = (&model.0.model.graph, &model.1);
        let Some(after) = sites.of_module(module)?.into_iter().next() else { return Ok(None) };
        if after.weight.factor != site.weight.factor {
            return Err(Error::input(format!(
                "{module}: the base multiplies its weight by {}, the tuned model by {}",
                site.weight.factor, after.weight.factor
            )));
        }
        let tensor = graph.constant(after.weight.value).ok_or_else(|| {
            Error::input(format!("{module}: its weight in the tuned model is quantized"))
        })?;
        let name = graph.value(after.weight.value).name();
        Ok(Some(Found { name, tensor, is_transposed: Some(after.weight.transposed) }))
    }

    /// Its parameter of a name; none if it has none. A checkpoint's may have other sizes.
    pub(super) fn parameter(&self, name: &str, dims: &[i64]) -> Option<Found<'_>> {
        match self {
            Self::Onnx(model) => {
                let (graph, sites) = (&model.0.model.graph, &model.1);
                let value = sites.parameter(graph, name, dims, false).ok()?.value;
                let tensor = graph.constant(value)?;
                Some(Found { name: graph.value(value).name(), tensor, is_transposed: None })
            }
            Self::Checkpoint(checkpoint) => {
                let names: BTreeSet<&str> =
                    checkpoint.tensors().keys().map(String::as_str).collect();
                let found = |name: &str| match_module(name, &names).ok().flatten();
                let found = found(name).or_else(|| found(&old_name(name)?))?;
                stored_as(checkpoint, found)
            }
        }
    }

    /// All its tensors.
    pub(super) fn tensors(&self) -> Vec<Found<'_>> {
        let found = |name, tensor| Found { name, tensor, is_transposed: None };
        match self {
            Self::Onnx(model) => {
                let graph = &model.0.model.graph;
                let stored = graph.initializers().into_iter();
                stored.map(|(value, tensor)| found(graph.value(value).name(), tensor)).collect()
            }
            Self::Checkpoint(checkpoint) => {
                checkpoint.tensors().iter().map(|(name, tensor)| found(name, tensor)).collect()
            }
        }
    }

    /// The modules of layers by the names of their weights, where these are not those of parameters.
    pub(super) fn modules(&self) -> BTreeMap<&str, &str> {
        let Self::Onnx(model) = self else { return BTreeMap::new() };
        let (graph, sites) = (&model.0.model.graph, &model.1);
        let named = sites.all().iter().filter_map(|site| {
            Some((graph.value(site.weight.value).name(), site.module.as_deref()?))
        });
        named.collect()
    }
}

fn stored_as<'a>(checkpoint: &'a Checkpoint, name: &str) -> Option<Found<'a>> {
    let (name, tensor) = checkpoint.tensors().get_key_value(name)?;
    Some(Found { name, tensor, is_transposed: None })
}

/// What checkpoints of the first transformers call the parameter of a norm.
fn old_name(name: &str) -> Option<String> {
    let (module, leaf) = name.rsplit_once('.')?;
    let leaf = match leaf {
        "weight" => "gamma",
        "bias" => "beta",
        _ => return None,
    };
    module.ends_with("LayerNorm").then(|| format!("{module}.{leaf}"))
}
