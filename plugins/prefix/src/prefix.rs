//! The pass `prefix`.

mod bias;
mod causal;
mod checkpoint;
mod gate;
mod layer;
mod past;

use crate::graph::{Place, forget_sizes_between, forget_sizes_until};
use crate::masks::Masks;
use crate::positions;
use checkpoint::Source;
use peftc_plugin::{AttentionInfo, Attr, Node, Position, Result, Run, Stack, Value};
use std::collections::HashMap;

/// Puts a prefix in front of the keys and values of every layer.
pub(crate) fn run(run: &Run<'_>) -> Result<()> {
    let sites = run.attention_sites()?;
    let mut sites: Vec<AttentionInfo<'_>> =
        sites.into_iter().map(|site| run.attention(site)).collect::<Result<_>>()?;
    let source = Source::of(run, &sites)?;
    match run.option_str("form")? {
        Some("past") => past::give(run, &source, &sites)?,
        _ => put_inside(run, &source, &mut sites)?,
    }
    source.replace_parameters(run)
}

/// Puts the prefix into the graph.
fn put_inside(run: &Run<'_>, source: &Source<'_>, sites: &mut [AttentionInfo<'_>]) -> Result<()> {
    let mut added = Added::default();
    bias::drop_behind_change(run, source, sites, &mut added.masks)?;
    for (site, blocks) in source.layers(sites) {
        layer::add(run, source, site, blocks, &mut added)?;
        forget_sizes_between(run, &[site.keys.node, site.values.node], site.context)?;
    }
    extend_relative(run, source, sites)?;
    if source.shifts_positions() {
        shift(run, source, sites)?;
    }
    Ok(())
}

/// What layers share.
#[derive(Default)]
pub(crate) struct Added {
    pub(crate) masks: Masks,
    /// Batches, by heads: windows of images are a batch of their own in each stage.
    batches: HashMap<i64, Value>,
    /// Shapes that begin with the batch, by heads and the name of the rest.
    shapes: HashMap<(i64, &'static str), Value>,
}

impl Added {
    /// The shape that rows of so many heads are expanded to: the batch of `of`, and 1.
    fn batch_shape(&mut self, run: &Run<'_>, of: Value, heads: i64) -> Result<Value> {
        self.shape(run, of, heads, "ones", [1, 1, 1])
    }

    /// A shape: the batch of `of`, and the rest, which always is the same under its name.
    fn shape(
        &mut self,
        run: &Run<'_>,
        of: Value,
        heads: i64,
        name: &'static str,
        rest: [i64; 3],
    ) -> Result<Value> {
        if let Some(&shape) = self.shapes.get(&(heads, name)) {
            return Ok(shape);
        }
        let place = Place { role: "prefix.batch", module: "", part: "prefix/batch" };
        let batch = match self.batches.get(&heads) {
            Some(&batch) => batch,
            None => place.batch(run, of)?,
        };
        self.batches.insert(heads, batch);
        let rest = place.vector(run, name, &rest)?;
        let shape = place.node(run, "Concat", &[batch, rest], vec![("axis", Attr::Int(0))])?;
        self.shapes.insert((heads, name), shape);
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
    let contexts: Vec<Node> = sites.iter().map(|site| site.context).collect();
    forget_sizes_until(run, &done, &contexts)
}

fn shift(run: &Run<'_>, source: &Source<'_>, sites: &[AttentionInfo<'_>]) -> Result<()> {
    positions::shift(run, &positions_behind(run, source, sites)?, source.length())
}

/// Where the positions of real tokens become angles or embeddings.
fn positions_behind(
    run: &Run<'_>,
    source: &Source<'_>,
    sites: &[AttentionInfo<'_>],
) -> Result<Vec<Position>> {
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
    if let Some(rows) = rows.filter(|_| source.shifts_positions()) {
        run.note(&format!(
            "positions begin at {}: of {rows} position embeddings {} are left for tokens",
            source.length(),
            (rows - source.length()).max(0)
        ));
    }
    Ok(all)
}
