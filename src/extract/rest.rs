//! What differs and is no weight of a linear layer.

use super::computed::{self, Computed};
use super::difference::of_parameters;
use super::layers::Layers;
use super::tuned::{Found, Tuned};
use super::unmatched;
use crate::adapter::{LinearSite, Sites};
use crate::delta::Layer;
use crate::delta::folder::LoraModule;
use crate::error::Result;
use crate::ir::{Graph, Tensor};
use peftc_delta::{Factors, Matrix};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What differs besides.
pub(super) struct Rest<'a> {
    /// Parameters that go into the adapter whole.
    pub(super) saved: Vec<(String, &'a Tensor)>,
    /// The configuration's entries for them.
    pub(super) entries: Map<String, Value>,
    /// What does not, with the reason.
    pub(super) left_out: Vec<String>,
}

/// A parameter of a module that is no linear layer.
struct Other<'a> {
    name: String,
    after: &'a Tensor,
    differs: bool,
}

/// Compares all other parameters: biases of layers go to these, what PEFT can replace is saved whole, the
/// rest is listed.
///
/// # Errors
/// An element is not finite.
pub(super) fn find<'a>(
    graph: &'a Graph,
    sites: &Sites,
    tuned: &'a Tuned,
    mut layers: Layers<'a>,
    modules: &mut Vec<LoraModule>,
) -> Result<Rest<'a>> {
    let mut left_out = std::mem::take(&mut layers.left_out);
    let linear = |module: &str| sites.all().iter().find(|s| s.module.as_deref() == Some(module));
    let mut others: Vec<Other<'a>> = Vec::new();
    for (name, parameter) in sites.other_parameters(graph) {
        let Some(before) = graph.constant(parameter.value) else { continue };
        let own = graph.value(parameter.value).name();
        layers.base.insert(own);
        let Some(Found { name: its, tensor: after, .. }) = tuned.parameter(&name, &before.dims)
        else {
            // What is not named as a parameter may be another constant of the module.
            left_out.extend(
                computed::is_plain(own, &name).then(|| format!("{name}: the tuned model has none")),
            );
            continue;
        };
        layers.tuned.insert(its);
        if before.dims != after.dims {
            left_out.push(unmatched::sizes(&name, before, after));
            continue;
        }
        let difference = of_parameters(before, after).map_err(|e| e.within(&name))?;
        match computed::find(own, &name, before, after, tuned.is_checkpoint())? {
            Computed::No => {}
            Computed::Equal => continue,
            Computed::Yes => {
                left_out.extend(difference.map(|_| {
                    format!("{name}: the base has {own:?} in its place, which is computed from it, as 1 + w is")
                }));
                continue;
            }
        }
        let (module, leaf) = split(&name);
        match (linear(module).filter(|_| leaf == "bias"), difference) {
            (Some(site), Some(difference)) => {
                let factor = f64::from(parameter.factor);
                let bias = difference.into_iter().map(|x| factor * x).collect();
                of_layer(modules, module, site).bias = Some(bias);
            }
            (Some(_), None) => {}
            (None, difference) => {
                others.push(Other { after, differs: difference.is_some(), name });
            }
        }
    }
    left_out.extend(unmatched::find(graph, sites, tuned, &layers)?);
    let (saved, entries) = saved(others);
    if !saved.is_empty() && modules.is_empty() {
        // PEFT loads no LoRA without a layer.
        let all = sites.all().iter().filter(|s| !s.is_output_head).chain(sites.all());
        for (module, site) in all.filter_map(|s| Some((s.module.as_deref()?, s))).take(1) {
            of_layer(modules, module, site);
        }
    }
    modules.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(Rest { saved, entries, left_out })
}

/// All parameters of the modules that have one which differs, since PEFT replaces modules.
fn saved(others: Vec<Other<'_>>) -> (Vec<(String, &Tensor)>, Map<String, Value>) {
    let modules: BTreeSet<String> =
        others.iter().filter(|o| o.differs).map(|o| split(&o.name).0.to_owned()).collect();
    let mut entries = Map::new();
    if !modules.is_empty() {
        entries.insert("modules_to_save".to_owned(), json!(modules));
    }
    let of_them = others.into_iter().filter(|o| modules.contains(split(&o.name).0));
    (of_them.map(|o| (o.name, o.after)).collect(), entries)
}

/// A module and its parameter.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or((name, ""))
}

/// The adapter's module of a layer: one that changes no weight, if it has none.
fn of_layer<'m>(
    modules: &'m mut Vec<LoraModule>,
    name: &str,
    site: &LinearSite,
) -> &'m mut LoraModule {
    let at = modules.iter().position(|m| m.name == name).unwrap_or_else(|| {
        let (out, inputs) = (site.out_features as usize, site.in_features as usize);
        modules.push(LoraModule {
            name: name.to_owned(),
            factors: Factors::new(Matrix::zeros(out, 1), Matrix::zeros(1, inputs)),
            layer: Layer::Linear,
            bias: None,
        });
        modules.len() - 1
    });
    &mut modules[at]
}
