//! What differs and is no weight of a linear layer.

use super::tuned::Tuned;
use crate::adapter::Sites;
use crate::delta::folder::LoraModule;
use crate::delta::numbers;
use crate::error::Result;
use crate::ir::{Graph, Tensor};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What differs besides.
pub(super) struct Rest<'a> {
    /// Parameters that go into the adapter whole.
    pub(super) saved: Vec<(String, &'a Tensor)>,
    /// The configuration's entries for them.
    pub(super) entries: Map<String, Value>,
    /// Parameters that do not, with the reason.
    pub(super) left_out: Vec<String>,
}

/// Compares all other parameters: biases of extracted layers go to these, what PEFT can replace is
/// saved whole, the rest is listed.
pub(super) fn find<'a>(
    graph: &Graph,
    sites: &Sites,
    tuned: &'a Tuned,
    modules: &mut [LoraModule],
) -> Result<Rest<'a>> {
    let mut rest = Rest { saved: Vec::new(), entries: Map::new(), left_out: Vec::new() };
    let layers: BTreeSet<&str> = sites.all().iter().filter_map(|s| s.module.as_deref()).collect();
    let mut seen: BTreeSet<&str> = weights(graph, sites);
    let mut saved_modules = BTreeSet::new();
    for (name, parameter) in sites.other_parameters(graph) {
        seen.insert(graph.value(parameter.value).name());
        let Some(before) = graph.constant(parameter.value) else { continue };
        let Some(after) = tuned.parameter(&name, &before.dims) else { continue };
        let Some(difference) = difference(before, after)? else { continue };
        let (module, leaf) = name.rsplit_once('.').unwrap_or((&name, ""));
        if leaf == "weight" || !layers.contains(module) {
            saved_modules.insert(module.to_owned());
            rest.saved.push((name, after));
        } else if let Some(module) = modules.iter_mut().find(|m| m.name == module) {
            let factor = f64::from(parameter.factor);
            module.bias = Some(difference.into_iter().map(|x| factor * x).collect());
        } else {
            rest.left_out.push(format!("{name}: the weight beside it is equal, and an adapter has a bias beside a weight alone"));
        }
    }
    for (name, after) in tuned.initializers() {
        let before = graph.value_named(name).and_then(|v| graph.constant(v));
        if let Some(before) = before.filter(|b| !seen.contains(name) && b.dims == after.dims)
            && difference(before, after)?.is_some()
        {
            rest.left_out.push(format!("{name}: of no module that is known"));
        }
    }
    if !saved_modules.is_empty() {
        rest.entries.insert("modules_to_save".to_owned(), json!(saved_modules));
    }
    Ok(rest)
}

/// The names of the weights of linear layers.
fn weights<'g>(graph: &'g Graph, sites: &Sites) -> BTreeSet<&'g str> {
    sites.all().iter().map(|site| graph.value(site.weight.value).name()).collect()
}

/// after − before; none where they are equal, or no floats.
fn difference(before: &Tensor, after: &Tensor) -> Result<Option<Vec<f64>>> {
    if !before.dtype.is_float() || !after.dtype.is_float() || before.data == after.data {
        return Ok(None);
    }
    let (before, after) = (numbers::elements(before)?, numbers::elements(after)?);
    let difference: Vec<f64> =
        after.iter().zip(before).map(|(after, before)| after - before).collect();
    Ok(difference.iter().any(|x| *x != 0.0).then_some(difference))
}
