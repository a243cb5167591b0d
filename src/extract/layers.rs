//! The weights of linear layers in both models.

use super::difference::{Difference, is_equal};
use super::layer::Weights;
use super::layout::{self, Pair};
use super::tuned::{Found, Tuned};
use crate::adapter::{LinearSite, Sites};
use crate::error::{Error, Result};
use crate::ir::{Graph, Tensor};
use std::collections::{BTreeMap, BTreeSet};

/// The weights of linear layers, and what stands beside them.
pub(super) struct Layers<'a> {
    /// By module.
    pub(super) weights: BTreeMap<String, Weights<'a>>,
    /// Tensors of the base that were compared, or are told of.
    pub(super) base: BTreeSet<&'a str>,
    /// The same of the tuned model.
    pub(super) tuned: BTreeSet<&'a str>,
    /// Layers that are in the adapter not, or not in full, with the reason.
    pub(super) left_out: Vec<String>,
}

/// A layer that both models have.
struct Both<'a> {
    module: &'a str,
    site: &'a LinearSite,
    before: &'a Tensor,
    after: Found<'a>,
}

/// Looks up each layer of the base in the tuned model.
///
/// # Errors
/// The tuned model has not the same layers; a weight is quantized.
pub(super) fn find<'a>(graph: &'a Graph, sites: &'a Sites, tuned: &'a Tuned) -> Result<Layers<'a>> {
    let named = || sites.all().iter().filter_map(|site| Some((site.module.as_deref()?, site)));
    if named().next().is_none() {
        return Err(Error::input(format!(
            "the base model has {} linear layers, and none has a module name: adapters name modules",
            sites.all().len()
        )));
    }
    let mut layers = Layers {
        weights: BTreeMap::new(),
        base: BTreeSet::new(),
        tuned: BTreeSet::new(),
        left_out: Vec::new(),
    };
    let mut first: BTreeMap<&str, &Tensor> = BTreeMap::new();
    let mut both = Vec::new();
    for (module, site) in named() {
        let before = constant(graph, module, site)?;
        layers.base.insert(graph.value(site.weight.value).name());
        if let Some(first) = first.insert(module, before) {
            if !is_equal(first, before) {
                layers.left_out.push(format!(
                    "{module}: is called more than once, with different constants for its weight: the adapter is for the first"
                ));
            }
            continue;
        }
        let after = match tuned.weight(module, site)? {
            None if site.is_output_head => tied(graph, sites, tuned, site, before),
            after => after,
        };
        match after {
            Some(after) => both.push(Both { module, site, before, after }),
            None if site.is_output_head => {
                layers.left_out.push(format!("{module}: the tuned model has no weight of it"));
            }
            None => return Err(Error::input(format!("the tuned model has no layer {module}"))),
        }
    }
    for (both, is_transposed) in both.iter().zip(are_transposed(&both)) {
        layers.tuned.insert(both.after.name);
        match both.weights(is_transposed) {
            Ok(weights) => drop(layers.weights.insert(both.module.to_owned(), weights)),
            Err(e) if both.site.is_output_head => {
                layers.left_out.push(e.within(both.module).message().to_owned());
            }
            Err(e) => return Err(e.within(both.module)),
        }
    }
    Ok(layers)
}

/// Whether the tuned model has each weight as `[in, out]`.
fn are_transposed(both: &[Both<'_>]) -> Vec<bool> {
    let unknown = both.iter().filter(|both| both.after.is_transposed.is_none());
    let pairs: Vec<Pair<'_>> = unknown.map(Both::pair).collect();
    let mut found = layout::transposed(&pairs).into_iter();
    let of = |both: &Both<'_>| both.after.is_transposed.or_else(|| found.next()).unwrap_or(false);
    both.iter().map(of).collect()
}

impl<'a> Both<'a> {
    fn pair(&self) -> Pair<'a> {
        Pair {
            before: self.before,
            is_transposed: self.site.weight.transposed,
            after: self.after.tensor,
            is_output_head: self.site.is_output_head,
        }
    }

    fn weights(&self, is_transposed: bool) -> Result<Weights<'a>> {
        let own = &self.site.weight;
        let is_turned = is_transposed != own.transposed;
        Ok(Weights {
            difference: Difference::of(self.before, self.after.tensor, is_turned)?,
            is_transposed: own.transposed,
            factor: f64::from(own.factor),
        })
    }
}

/// The tuned model's embedding whose weight is the head's in the base.
fn tied<'a>(
    graph: &Graph,
    sites: &Sites,
    tuned: &'a Tuned,
    head: &LinearSite,
    weight: &Tensor,
) -> Option<Found<'a>> {
    let dims = [head.out_features, head.in_features];
    let embeddings = sites.other_parameters(graph);
    embeddings.into_iter().find_map(|(name, parameter)| {
        let embedding = graph.constant(parameter.value).filter(|tensor| tensor.dims == dims)?;
        let difference = Difference::of(embedding, weight, head.weight.transposed).ok()?;
        let found = tuned.parameter(&name, &dims).filter(|_| difference.is_none())?;
        Some(Found { is_transposed: Some(false), ..found })
    })
}

fn constant<'g>(graph: &'g Graph, module: &str, site: &LinearSite) -> Result<&'g Tensor> {
    if let Some(format) = &site.quantized {
        return Err(Error::input(format!(
            "{module}: its weight is quantized ({format}): a difference to it is one of roundings"
        )));
    }
    graph.constant(site.weight.value).ok_or_else(|| Error::bug(format!("{module} has no weight")))
}
