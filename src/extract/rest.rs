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
        // Where a norm adds 1 to its weight, that is found as what is added.
        let module = name.strip_suffix(".bias");
        let is_weight = own.strip_suffix(".weight").is_some_and(|own| module == Some(own));
        let name = if is_weight { own.to_owned() } else { name };
        let Some(Found { name: its, tensor: after, .. }) = tuned.parameter(&name, &before.dims)
        else {
            // What is not named as a parameter may be another constant of the module.
            let is_one = computed::is_plain(own, &name);
            left_out.extend(is_one.then(|| format!("{name}: the tuned model has none")));
            continue;
        };
        layers.tuned.insert(its);
        let (module, leaf) = split(&name);
        let layer = linear(module).filter(|_| leaf == "bias");
        match (compare(&name, own, before, after, tuned.is_checkpoint())?, layer) {
            (Compared::Unlike(reason), _) => left_out.push(reason),
            (Compared::Equal, Some(_)) => {}
            (Compared::Differs(difference), Some(site)) => {
                let factor = f64::from(parameter.factor);
                let bias = difference.into_iter().map(|x| factor * x).collect();
                of_layer(modules, module, site).bias = Some(bias);
            }
            (compared, None) => {
                let differs = matches!(compared, Compared::Differs(_));
                others.push(Other { name, after, differs });
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

/// A parameter in both models.
enum Compared {
    Equal,
    /// By after − before.
    Differs(Vec<f64>),
    /// It cannot be replaced, for this reason.
    Unlike(String),
}

fn compare(
    name: &str,
    constant: &str,
    before: &Tensor,
    after: &Tensor,
    is_checkpoint: bool,
) -> Result<Compared> {
    if before.dims != after.dims {
        return Ok(Compared::Unlike(unmatched::sizes(name, before, after)));
    }
    let Some(difference) = of_parameters(before, after).map_err(|e| e.within(name))? else {
        return Ok(Compared::Equal);
    };
    Ok(match computed::find(constant, name, before, after, is_checkpoint)? {
        Computed::No => Compared::Differs(difference),
        Computed::Equal => Compared::Equal,
        Computed::Yes => Compared::Unlike(format!(
            "{name}: the base has {constant:?} in its place, which is computed from it, as 1 + w is"
        )),
    })
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
