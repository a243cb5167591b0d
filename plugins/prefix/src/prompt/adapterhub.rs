//! Prompts of AdapterHub: the learned tokens come in between the embeddings and the first layer.
//!
//! So the embeddings, their norm and their positions are those of the real tokens alone. What is
//! behind is longer, and so are the masks.

mod config;
mod masks;

use super::checkpoint::{Prompt, refuse_task};
use super::outputs::{self, Rows};
use super::{PLACE, for_batch};
use crate::fresh::refuse_options;
use crate::graph::{forget_sizes, input};
use config::Config;
use masks::Masks;
use peftc_plugin::{
    AttentionInfo, Attr, BlockSiteInfo, Error, Node, Result, Run, Stack, Sublayer, UseInfo, Value,
};
use std::collections::HashSet;

pub(super) fn run(run: &Run<'_>) -> Result<()> {
    refuse_options(run, "prompt")?;
    refuse_task(run)?;
    let sites = attention(run)?;
    let first = first_layer(run, &sites)?;
    let config = Config::of(run)?;
    let prompt = config.prompt(run, first.hidden_size)?;
    let states = first.residual;
    let of_masks = shapes_of_masks(run, &sites, states)?;
    let (longer, own): (Vec<UseInfo>, Vec<UseInfo>) =
        run.uses(states)?.into_iter().partition(|at| !of_masks.contains(&at.node));
    let slots = sites.iter().flat_map(|site| &site.masks).map(|mask| (mask.node, mask.slot));
    let apart: Vec<_> = own.iter().map(|at| (at.node, at.slot)).chain(slots).collect();
    let lengths = run.lengths_behind(states, 1, &apart)?;

    let all = with_tokens(run, &prompt, &config, &first)?;
    run.forget_sizes(all)?;
    redirect(run, states, all, &longer, own.is_empty())?;
    PLACE.grow(run, &lengths, prompt.rows)?;
    Masks::new(run, states, prompt.rows, config.queries).widen_all(&sites)?;
    forget_sizes(run, &longer.iter().map(|at| at.node).collect::<Vec<_>>())?;
    let count = PLACE.vector(run, "rows", &[prompt.rows])?;
    outputs::settle(run, Rows { first: config.first, count })?;
    run.note(&format!(
        "{} learned tokens are computed {} every sequence, without positions",
        prompt.rows,
        if config.first == 0 { "in front of" } else { "behind the first token of" }
    ));
    Ok(())
}

/// The attention sites of a model that is one stack.
fn attention<'a>(run: &Run<'a>) -> Result<Vec<AttentionInfo<'a>>> {
    let sites = run.attention_sites()?.into_iter().map(|site| run.attention(site));
    let sites: Vec<AttentionInfo<'_>> = sites.collect::<Result<_>>()?;
    for site in &sites {
        let why = match site {
            AttentionInfo { is_causal: true, .. } => "masks by itself (is_causal = 1)",
            AttentionInfo { stack, .. } if *stack != Stack::Only => {
                "is of an encoder and a decoder"
            }
            _ if !site.relative.is_empty() => "has biases of relative positions",
            _ if site.keys.past.is_some() => "has a past",
            _ => continue,
        };
        return Err(Error::unsupported(format!(
            "{}: the attention {why}, which prompts of AdapterHub are not put into",
            site.module
        )));
    }
    Ok(sites)
}

/// The attention sublayer that reads what the embeddings make.
fn first_layer<'a>(run: &Run<'a>, sites: &[AttentionInfo<'_>]) -> Result<BlockSiteInfo<'a>> {
    let all = run.block_sites()?.into_iter().map(|site| run.block_site(site));
    let all: Vec<BlockSiteInfo<'_>> = all.collect::<Result<_>>()?;
    let first = all.into_iter().find(|info| info.sublayer == Sublayer::Attention);
    let first = first.ok_or_else(|| Error::unsupported("no attention sublayer was found"))?;
    let behind = makers(run, &[first.residual], |_| Ok(false))?;
    match sites.iter().find(|site| behind.contains(&site.softmax)) {
        None => Ok(first),
        Some(site) => Err(Error::unsupported(format!(
            "{}: what the attention makes is added to nothing that it was computed from, so that the first layer is not \
             known: put the prompt in before the other passes",
            site.module
        ))),
    }
}

/// The Shapes of the hidden states that masks are made by: masks are of the real tokens, until they
/// are widened.
fn shapes_of_masks(
    run: &Run<'_>,
    sites: &[AttentionInfo<'_>],
    states: Value,
) -> Result<HashSet<Node>> {
    let masks = sites.iter().flat_map(|site| &site.masks);
    let masks: Vec<Value> =
        masks.map(|mask| input(run, mask.node, mask.slot)).collect::<Result<_>>()?;
    let is_shape = |node| Ok(run.node(node)?.op_type == "Shape");
    let mut found = HashSet::new();
    for node in makers(run, &masks, is_shape)? {
        if is_shape(node)? && run.node_input(node, 0)? == Some(states) {
            found.insert(node);
        }
    }
    Ok(found)
}

/// The operators that make values, back to those that are an end.
fn makers(
    run: &Run<'_>,
    values: &[Value],
    is_end: impl Fn(Node) -> Result<bool>,
) -> Result<HashSet<Node>> {
    let (mut found, mut waiting) = (HashSet::new(), values.to_vec());
    while let Some(value) = waiting.pop() {
        let Some(node) = run.value(value)?.producer.filter(|&node| found.insert(node)) else {
            continue;
        };
        if !is_end(node)? {
            for slot in 0..run.node(node)?.input_count {
                waiting.extend(run.node_input(node, slot)?);
            }
        }
    }
    Ok(found)
}

/// The hidden states with the learned tokens.
fn with_tokens(
    run: &Run<'_>,
    prompt: &Prompt<'_>,
    config: &Config,
    first: &BlockSiteInfo<'_>,
) -> Result<Value> {
    let states = first.residual;
    let tokens = prompt.tokens(run, states, first.dtype)?;
    let tokens = for_batch(run, tokens, states)?;
    let along = vec![("axis", Attr::Int(1))];
    if config.first == 0 {
        return PLACE.node(run, "Concat", &[tokens, states], along);
    }
    let bounds = [("start", 0), ("first", config.first), ("end", i64::MAX), ("axis", 1)];
    let [start, next, end, axis] = bounds.map(|(name, number)| PLACE.vector(run, name, &[number]));
    let (next, axis) = (next?, axis?);
    let before = PLACE.node(run, "Slice", &[states, start?, next, axis], Vec::new())?;
    let behind = PLACE.node(run, "Slice", &[states, next, end?, axis], Vec::new())?;
    PLACE.node(run, "Concat", &[before, tokens, behind], along)
}

/// Redirects what reads the hidden states, all of it or the uses that become longer.
fn redirect(
    run: &Run<'_>,
    states: Value,
    by: Value,
    longer: &[UseInfo],
    is_all: bool,
) -> Result<()> {
    if is_all {
        return run.replace_uses(states, by);
    }
    let info = run.value(states)?;
    if info.is_output {
        return Err(Error::unsupported(format!(
            "the hidden states {} are an output, and masks are made by their length",
            info.name
        )));
    }
    longer.iter().try_for_each(|at| run.replace_input(at.node, at.slot, by))
}
