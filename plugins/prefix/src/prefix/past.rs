//! The prefix as the past of the first step: the graph computes what it did, and callers give the
//! prefix to it, or leave it to the defaults of the past inputs.

use super::checkpoint::Source;
use super::{layer, learned_positions, note_table};
use crate::layout::Layout;
use peftc_plugin::{AttentionInfo, Error, KeyValues, Result, Run, Value};

/// The name of the archive, and of the arrays in the graph.
const NAME: &str = "prefix";

/// Gives the past inputs of every layer the prefix as a default, and to the archive.
pub(super) fn give(run: &Run<'_>, source: &Source<'_>, sites: &[AttentionInfo<'_>]) -> Result<()> {
    let inputs = inputs(run)?;
    let has = |name: &str| inputs.iter().any(|input| *input == name);
    if !source.shifts_positions() && !has("position_ids") {
        return Err(Error::unsupported(
            "form = \"past\": real tokens of this prefix begin at position 0, but the model has no input position_ids, \
             and counts positions from the length of the past: form = \"inside\" puts the prefix into the graph",
        ));
    }
    let mut arrays = Vec::new();
    for (site, blocks) in source.layers(sites) {
        layer::refuse_causal(site)?;
        let module = layer::name(run, site)?;
        let keys = past(&module, &site.keys, "keys")?;
        let values = past(&module, &site.values, "values")?;
        arrays.push(set_default(run, source, keys, &site.keys, blocks[0])?);
        arrays.push(set_default(run, source, values, &site.values, blocks[1])?);
        layer::record(run, source, site, &module, keys)?;
    }
    run.add_archive(NAME, &arrays)?;
    if source.shifts_positions() {
        note_table(run, source, &learned_positions(run)?);
    }
    note_use(run, source, arrays.len(), &has);
    Ok(())
}

/// The names of the model's inputs.
fn inputs<'a>(run: &Run<'a>) -> Result<Vec<&'a str>> {
    run.inputs()?.into_iter().map(|input| Ok(run.value(input)?.name)).collect()
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
fn note_use(run: &Run<'_>, source: &Source<'_>, arrays: usize, has: &dyn Fn(&str) -> bool) {
    let length = source.length();
    run.note(&format!(
        "the archive has the past of the first step: {arrays} arrays of {length} rows, by the names of the inputs, to \
         repeat to the batch. For batch 1 these inputs may be left out in that step: the arrays are their defaults"
    ));
    if has("attention_mask") {
        run.note(&format!("in every step callers put {length} ones in front of attention_mask"));
    }
    run.note(&match (has("position_ids"), source.shifts_positions()) {
        (true, true) => format!("in every step callers add {length} to position_ids"),
        (true, false) => "position_ids stay as they are: real tokens begin at 0".to_owned(),
        (false, _) => "positions count from the length of the past: callers do nothing".to_owned(),
    });
    run.note(&format!("present outputs have the {length} rows in front from the first step on"));
}
