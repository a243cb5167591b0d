//! Biases of relative positions that layers with and without a prefix share.
//!
//! AdapterHub's T5 makes the bias in its first layer, and has none from the first layer on where the
//! number of keys is another: one with a prefix behind those without, or the other way round. What
//! masks the scores stays.

use super::checkpoint::Source;
use crate::graph::{Place, input};
use crate::masks::Masks;
use peftc_plugin::{AttentionInfo, Error, Node, Result, Run, Stack, Value};
use std::collections::HashSet;

/// The longest way from the scores to the Softmax.
const MOST_STEPS: usize = 12;

/// An input slot.
type Slot = (Node, usize);

/// Takes the bias away from the sites that have none in AdapterHub.
pub(super) fn drop_behind_change(
    run: &Run<'_>,
    source: &Source<'_>,
    sites: &mut [AttentionInfo<'_>],
    masks: &mut Masks,
) -> Result<()> {
    for stack in [Stack::Only, Stack::Encoder, Stack::Decoder] {
        let mut own = sites.iter_mut().filter(|s| s.stack == stack && !s.relative.is_empty());
        let Some(first) = own.next() else { continue };
        let has_rows = source.blocks(first).is_some();
        for site in own.skip_while(|site| source.blocks(site).is_some() == has_rows) {
            let columns = source.blocks(site).map(|_| source.length());
            drop_bias(run, site, columns, masks)?;
        }
    }
    Ok(())
}

/// Puts 0 in the place of a site's bias. What lies between it and the site's own operators is
/// copied, as other sites read it; the copy has masks with so many columns more.
fn drop_bias(
    run: &Run<'_>,
    site: &mut AttentionInfo<'_>,
    columns: Option<i64>,
    masks: &mut Masks,
) -> Result<()> {
    let way = way(run, site)?.ok_or_else(|| {
        Error::unsupported(format!(
            "{}: the way of its bias of relative positions to the scores was not found, which a layer with a prefix \
             behind one without must not have",
            site.module
        ))
    })?;
    let (own, shared) = (way[0], &way[1..]);
    let place = Place { role: "prefix.bias", module: site.module, part: "prefix/bias" };
    let mut by = place.scalar(run, "zero", site.dtype, 0)?;
    for &(node, slot) in shared.iter().rev() {
        let info = run.node(node)?;
        let mut inputs: Vec<Value> =
            (0..info.input_count).map(|i| input(run, node, i)).collect::<Result<_>>()?;
        inputs[slot] = by;
        for mask in site.masks.iter().filter(|mask| mask.node == node && !mask.is_one_column) {
            if let Some(columns) = columns {
                inputs[mask.slot] = masks.widened(run, site.module, mask, columns)?;
            }
        }
        by = place.node(run, info.op_type, &inputs, Vec::new())?;
    }
    run.replace_input(own.0, own.1, by)?;
    site.masks.retain(|mask| shared.iter().all(|(node, _)| *node != mask.node));
    site.relative.clear();
    Ok(())
}

/// The slots from the Add to a site's scores back to where the bias comes in.
fn way(run: &Run<'_>, site: &AttentionInfo<'_>) -> Result<Option<Vec<Slot>>> {
    let [relative] = site.relative[..] else { return Ok(None) };
    let scores = run.node_output(site.scores, 0)?;
    let chain = scores.map(|value| chain(run, value, site.softmax, MOST_STEPS)).transpose()?;
    for (node, slot) in chain.flatten().unwrap_or_default() {
        let own = (node, 1 - slot.min(1));
        let is_add = run.node(node)?.op_type == "Add";
        if is_add && is_made_of(run, input(run, own.0, own.1)?, relative.node)? {
            let mut way = vec![own];
            while let Some(next) = behind(run, way[way.len() - 1], relative.node)? {
                way.push(next);
            }
            return Ok(Some(way));
        }
    }
    Ok(None)
}

/// The slots on the way of a value to a node.
fn chain(run: &Run<'_>, value: Value, to: Node, steps: usize) -> Result<Option<Vec<Slot>>> {
    for at in run.uses(value)? {
        if at.node == to {
            return Ok(Some(Vec::new()));
        }
        if steps == 0 || at.is_capture || run.node(at.node)?.op_type == "Shape" {
            continue;
        }
        let Some(output) = run.node_output(at.node, 0)? else { continue };
        if let Some(mut rest) = chain(run, output, to, steps - 1)? {
            rest.push((at.node, at.slot));
            return Ok(Some(rest));
        }
    }
    Ok(None)
}

/// The slot behind this one that the bias goes into, if it is added to or chosen among there.
fn behind(run: &Run<'_>, (node, slot): Slot, relative: Node) -> Result<Option<Slot>> {
    let Some(maker) = run.value(input(run, node, slot)?)?.producer else { return Ok(None) };
    let slots = match run.node(maker)?.op_type {
        "Add" => [0, 1],
        "Where" => [1, 2],
        _ => return Ok(None),
    };
    for slot in slots {
        if is_made_of(run, input(run, maker, slot)?, relative)? {
            return Ok(Some((maker, slot)));
        }
    }
    Ok(None)
}

/// Whether a value is made of what a node makes.
fn is_made_of(run: &Run<'_>, value: Value, node: Node) -> Result<bool> {
    let mut seen: HashSet<Node> = HashSet::new();
    let mut values = vec![value];
    while let Some(value) = values.pop() {
        let Some(maker) = run.value(value)?.producer else { continue };
        if maker == node {
            return Ok(true);
        }
        let info = run.node(maker)?;
        if info.op_type == "Shape" || !seen.insert(maker) {
            continue;
        }
        for slot in 0..info.input_count {
            values.extend(run.node_input(maker, slot)?);
        }
    }
    Ok(false)
}
