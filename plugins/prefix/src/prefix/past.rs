//! The prefix as the past of the first step: the graph computes what it did, and callers give the
//! prefix to it, or leave it to the defaults of the past inputs.

use super::checkpoint::{Source, is_target};
use super::{layer, positions_behind};
use crate::graph::input;
use crate::layout::Layout;
use peftc_plugin::{AttentionInfo, Error, KeyValues, Node, Result, Run, Stack, Value};
use std::collections::HashSet;

/// The name of the archive, and of the arrays in the graph.
const NAME: &str = "prefix";

/// Gives the past inputs of every layer the prefix as a default, and to the archive.
pub(super) fn give(run: &Run<'_>, source: &Source<'_>, sites: &[AttentionInfo<'_>]) -> Result<()> {
    refuse_more_than_rows(run, source, sites)?;
    let mut arrays = Vec::new();
    for (site, blocks) in source.layers(sites) {
        let module = layer::name(run, site)?;
        let keys = past(&module, &site.keys, "keys")?;
        let values = past(&module, &site.values, "values")?;
        arrays.push(set_default(run, source, keys, &site.keys, blocks[0])?);
        arrays.push(set_default(run, source, values, &site.values, blocks[1])?);
        layer::record(run, source, site, &module, keys, " as the past")?;
    }
    run.add_archive(NAME, &arrays)?;
    let positions = shift(run, source, sites, &arrays)?;
    note_use(run, source, sites, arrays.len(), positions)
}

/// A past is the same rows for every sequence, in every layer of a decoder, and masked by a mask.
fn refuse_more_than_rows(
    run: &Run<'_>,
    source: &Source<'_>,
    sites: &[AttentionInfo<'_>],
) -> Result<()> {
    for site in sites.iter().filter(|site| is_target(site)) {
        let what = match (source.gate(site), source.blocks(site)) {
            (Some(_), _) => "its prefix has a gate",
            (None, None) => "it has no prefix and others have",
            (None, Some(_)) if site.is_causal => {
                "its operator Attention masks by itself (is_causal = 1)"
            }
            (None, Some(_)) => continue,
        };
        return Err(Error::unsupported(format!(
            "form = \"past\": {}: {what}: form = \"inside\" puts the prefix into the graph",
            layer::name(run, site)?
        )));
    }
    Ok(())
}

/// How positions of real tokens come behind the prefix, or do not: what callers do.
fn shift(
    run: &Run<'_>,
    source: &Source<'_>,
    sites: &[AttentionInfo<'_>],
    past: &[(&str, Value)],
) -> Result<Option<String>> {
    let behind = positions_behind(run, source, sites)?;
    let mut slots: Vec<(Node, usize)> = behind.iter().map(|p| (p.node, p.slot)).collect();
    let layers = source.layers(sites);
    let relative = layers.iter().flat_map(|(site, _)| &site.relative);
    slots.extend(relative.map(|relative| (relative.node, relative.query_slot)));
    if slots.is_empty() {
        return Ok(None);
    }
    let inputs = inputs_behind(run, &slots)?;
    let is_given = inputs.contains("position_ids");
    let counts =
        |name: &str| name == "attention_mask" || past.iter().any(|(past, _)| *past == name);
    let is_counted = inputs.iter().any(|name| counts(name));
    match (source.shifts_positions(), is_given) {
        (true, true) => {
            Ok(Some(format!("in every step callers add {} to position_ids", source.length())))
        }
        (true, false) if is_counted => {
            Ok(Some("positions count from the length of the past: callers do nothing".into()))
        }
        (true, false) => Err(Error::unsupported(
            "form = \"past\": positions are made of neither position_ids nor the past, so that real tokens would not come \
             behind the prefix: form = \"inside\" puts the prefix into the graph",
        )),
        (false, true) => Ok(Some("position_ids stay as they are: real tokens begin at 0".into())),
        (false, false) => Err(Error::unsupported(
            "form = \"past\": real tokens of this prefix begin at position 0, but the model has no input position_ids to say \
             so, and counts the past: form = \"inside\" puts the prefix into the graph",
        )),
    }
}

/// The names of the inputs that what is in these slots is made of.
fn inputs_behind<'a>(run: &Run<'a>, slots: &[(Node, usize)]) -> Result<HashSet<&'a str>> {
    let slots = slots.iter().map(|&(node, slot)| input(run, node, slot));
    let mut waiting = slots.collect::<Result<Vec<Value>>>()?;
    let (mut seen, mut names) = (HashSet::new(), HashSet::new());
    while let Some(value) = waiting.pop() {
        let info = run.value(value)?;
        if info.is_input {
            names.insert(info.name);
        }
        if let Some(node) = info.producer.filter(|node| seen.insert(*node)) {
            for slot in 0..run.node(node)?.input_count {
                waiting.extend(run.node_input(node, slot)?);
            }
        }
    }
    Ok(names)
}

/// The input that is the past of keys or values.
fn past(module: &str, of: &KeyValues, part: &str) -> Result<Value> {
    of.past.ok_or_else(|| {
        Error::invalid(format!(
            "form = \"past\": {module}: no input of the model is the past of its {part}: export the model with past inputs, \
             or form = \"inside\" puts the prefix into the graph"
        ))
    })
}

/// Gives a past input its rows; its name, and the rows.
fn set_default<'a>(
    run: &Run<'a>,
    source: &Source<'_>,
    past: Value,
    of: &KeyValues,
    block: i64,
) -> Result<(&'a str, Value)> {
    let input = run.value(past)?;
    let dtype = input.dtype.ok_or_else(|| {
        Error::invalid(format!("the model does not declare the type of its input {:?}", input.name))
    })?;
    let layout = Layout::of(of, source.length());
    let ty = layout.ty(dtype);
    let fits = |(&declared, &size): (&i64, &i64)| declared < 0 || declared == size;
    if let Some(dims) = input.dims
        && !(dims.len() == ty.dims.len() && dims.iter().zip(&ty.dims).all(fits))
    {
        return Err(Error::invalid(format!(
            "form = \"past\": the prefix is {:?}, but the model declares its input {:?} as {dims:?}, where -1 is any size",
            ty.dims, input.name
        )));
    }
    let rows = source.rows(run, &format!("{}.{NAME}", input.name), block, layout, dtype)?;
    run.set_default(past, rows)?;
    Ok((input.name, rows))
}

/// Says what callers do.
fn note_use(
    run: &Run<'_>,
    source: &Source<'_>,
    sites: &[AttentionInfo<'_>],
    arrays: usize,
    positions: Option<String>,
) -> Result<()> {
    let length = source.length();
    run.note(&format!(
        "the archive has the past of the first step: {arrays} arrays of {length} rows, by the names of the inputs, to \
         repeat to the batch. For batch 1 these inputs may be left out in that step: the arrays are their defaults"
    ));
    // Beside an encoder, attention_mask is that of the encoder.
    let mask = match sites.iter().any(|site| site.stack == Stack::Encoder) {
        true => "decoder_attention_mask",
        false => "attention_mask",
    };
    for input in run.inputs()? {
        if run.value(input)?.name == mask {
            run.note(&format!("in every step callers put {length} ones in front of {mask}"));
        }
    }
    if let Some(positions) = positions {
        run.note(&positions);
    }
    run.note(&format!("present outputs have the {length} rows in front from the first step on"));
    Ok(())
}
