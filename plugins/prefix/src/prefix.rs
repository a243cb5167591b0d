//! The pass `prefix`.

mod causal;
mod checkpoint;
mod layer;

use crate::graph::{Place, forget_sizes_between, forget_sizes_until};
use crate::masks::Masks;
use crate::positions;
use checkpoint::Source;
use peftc_plugin::{AttentionInfo, Node, Position, Result, Run, Stack, Value};
use std::collections::HashMap;

/// Puts a prefix into the graph.
pub(crate) fn run(run: &Run<'_>) -> Result<()> {
    let sites = run.attention_sites()?;
    let sites: Vec<AttentionInfo<'_>> =
        sites.into_iter().map(|site| run.attention(site)).collect::<Result<_>>()?;
    let source = Source::of(run, &sites)?;
    let mut added = Added::default();
    for (site, blocks) in source.layers(&sites) {
        layer::add(run, &source, site, blocks, &mut added)?;
        forget_sizes_between(run, &[site.keys.node, site.values.node], site.context)?;
    }
    extend_relative(run, &source, &sites)?;
    if source.shifts_positions() {
        shift(run, &source, &sites)?;
    }
    note_cost(run, &source, &sites);
    source.replace_parameters(run)
}

/// What layers share.
#[derive(Default)]
pub(crate) struct Added {
    pub(crate) masks: Masks,
    /// The shape `[batch, 1, 1, 1]`, by heads: windows of images are a batch of their own in each stage.
    shapes: HashMap<i64, Value>,
}

impl Added {
    /// The shape that rows of so many heads are expanded to: the batch of `of`, and 1.
    fn batch_shape(&mut self, run: &Run<'_>, of: Value, heads: i64) -> Result<Value> {
        if let Some(&shape) = self.shapes.get(&heads) {
            return Ok(shape);
        }
        let place = Place { role: "prefix.batch", module: "", part: "prefix/batch" };
        let batch = place.batch(run, of)?;
        let ones = place.vector(run, "ones", &[1, 1, 1])?;
        let shape = place.node(
            run,
            "Concat",
            &[batch, ones],
            vec![("axis", peftc_plugin::Attr::Int(0))],
        )?;
        self.shapes.insert(heads, shape);
        Ok(shape)
    }
}

/// Extends the biases of relative positions, which sites of a stack share.
fn extend_relative(run: &Run<'_>, source: &Source<'_>, sites: &[AttentionInfo<'_>]) -> Result<()> {
    let layers = source.layers(sites);
    let mut done: Vec<Node> = Vec::new();
    for relative in layers.iter().flat_map(|(site, _)| &site.relative) {
        if done.contains(&relative.node) {
            continue;
        }
        done.push(relative.node);
        positions::extend(run, relative, source.length(), source.shifts_positions())?;
    }
    let contexts: Vec<Node> = layers.iter().map(|(site, _)| site.context).collect();
    forget_sizes_until(run, &done, &contexts)
}

fn shift(run: &Run<'_>, source: &Source<'_>, sites: &[AttentionInfo<'_>]) -> Result<()> {
    // The encoder has no prefix.
    let learned = run.learned_positions()?.into_iter().filter(|p| p.stack != Stack::Encoder);
    let learned: Vec<Position> = learned.collect();
    let rows = learned.iter().filter_map(|p| p.rows).min();
    let rotary = source.layers(sites).into_iter().flat_map(|(site, _)| site.rotary.clone());
    let all: Vec<_> = learned.into_iter().chain(rotary).collect();
    let is_biased = |site: &AttentionInfo<'_>| site.masks.iter().any(|mask| mask.has_bias);
    let is_relative = sites.iter().any(|site| !site.relative.is_empty() || is_biased(site));
    if all.is_empty() && !is_relative {
        run.warn("no positions were found that go into the computation: they stay as they are");
    }
    if let Some(rows) = rows {
        run.note(&format!(
            "positions begin at {}: of {rows} position embeddings {} are left for tokens",
            source.length(),
            (rows - source.length()).max(0)
        ));
    }
    positions::shift(run, &all, source.length())
}

/// Each key costs 2 operations a feature and head for its score, and each value as many.
fn note_cost(run: &Run<'_>, source: &Source<'_>, sites: &[AttentionInfo<'_>]) {
    let flops: i64 = source
        .layers(sites)
        .iter()
        .map(|(site, _)| {
            2 * source.length() * site.heads * (site.keys.features + site.values.features)
        })
        .sum();
    run.note(&format!("the prefix costs {flops} more floating-point operations for each token"));
}
