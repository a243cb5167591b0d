//! Biases of relative positions that layers with and without a prefix share.
//!
//! AdapterHub's T5 makes the bias in its first layer, and has none from the first layer on where the
//! number of keys is another: one with a prefix behind those without, or the other way round. What
//! masks the scores stays.

use super::checkpoint::Source;
use super::layer::name;
use crate::graph::{Place, input};
use crate::masks::Masks;
use peftc_plugin::{AttentionInfo, Error, Node, Result, Run, Stack, Value};
use std::collections::{HashMap, HashSet};

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
        let own = sites.iter_mut().filter(|s| s.stack == stack && !s.relative.is_empty());
        let mut own: Vec<_> = own.collect();
        let has_rows = |site: &AttentionInfo<'_>| source.blocks(site).is_some();
        let change = own.iter().position(|site| has_rows(site) != has_rows(own[0]));
        let behind = own.split_off(change.unwrap_or(own.len()));
        if behind.is_empty() {
            continue;
        }
        let mut copies = Copies { run, masks, columns: source.length(), made: HashMap::new() };
        let mut replaced: Vec<Node> = Vec::new();
        for site in behind {
            let has_rows = has_rows(site);
            replaced.extend(copies.drop_bias(site, has_rows)?);
        }
        for site in own {
            let kept = way(run, site)?;
            replaced.retain(|node| kept.iter().all(|(kept, _)| kept != node));
        }
        let mut gone = HashSet::new();
        replaced.retain(|&node| gone.insert(node));
        replaced.into_iter().try_for_each(|node| run.remove_node(node))?;
    }
    Ok(())
}

/// Operators between biases and scores, again without a bias.
struct Copies<'c, 'a> {
    run: &'c Run<'a>,
    masks: &'c mut Masks,
    /// How many columns more the masks of sites with rows have.
    columns: i64,
    /// By operator, and whether it is for sites with rows.
    made: HashMap<(Node, bool), Value>,
}

impl Copies<'_, '_> {
    /// Puts 0 in the place of a site's bias. What lies between it and the site's own Add is copied,
    /// as sites share it; returns what the site reads no more.
    fn drop_bias(&mut self, site: &mut AttentionInfo<'_>, has_rows: bool) -> Result<Vec<Node>> {
        let way = way(self.run, site)?;
        let (own, shared) = (way[0], &way[1..]);
        let module = name(self.run, site)?;
        let place = Place { role: "prefix.bias", module: &module, part: "prefix/bias" };
        let mut by = place.scalar(self.run, "zero", site.dtype, 0)?;
        for &slot in shared.iter().rev() {
            by = match self.made.get(&(slot.0, has_rows)) {
                Some(&copy) => copy,
                None => self.copy(&place, site, slot, by, has_rows)?,
            };
            self.made.insert((slot.0, has_rows), by);
        }
        self.run.replace_input(own.0, own.1, by)?;
        self.run.note(&format!(
            "{module}: as in AdapterHub without its bias of relative positions, as not all layers before have as many keys"
        ));
        let replaced: Vec<Node> = shared.iter().map(|(node, _)| *node).collect();
        site.masks.retain(|mask| !replaced.contains(&mask.node));
        site.relative.clear();
        Ok(replaced)
    }

    fn copy(
        &mut self,
        place: &Place<'_>,
        site: &AttentionInfo<'_>,
        (node, slot): Slot,
        by: Value,
        has_rows: bool,
    ) -> Result<Value> {
        let info = self.run.node(node)?;
        let inputs = (0..info.input_count).map(|i| input(self.run, node, i));
        let mut inputs = inputs.collect::<Result<Vec<_>>>()?;
        inputs[slot] = by;
        for mask in site.masks.iter().filter(|mask| has_rows && mask.node == node) {
            inputs[mask.slot] =
                self.masks.widened(self.run, place.module, mask, site.heads, self.columns)?;
        }
        place.node(self.run, info.op_type, &inputs, Vec::new())
    }
}

/// The slots from the Add to a site's scores back to where the bias comes in.
fn way(run: &Run<'_>, site: &AttentionInfo<'_>) -> Result<Vec<Slot>> {
    let scores = run.node_output(site.scores, 0)?;
    let chain = scores.map(|value| chain(run, value, site.softmax, MOST_STEPS)).transpose()?;
    let chain = chain.flatten().unwrap_or_default();
    if let [relative] = site.relative[..] {
        for (node, slot) in chain {
            let own = (node, 1 - slot.min(1));
            let is_add = run.node(node)?.op_type == "Add";
            if is_add && is_made_of(run, input(run, own.0, own.1)?, relative.node)? {
                let mut way = vec![own];
                while let Some(next) = behind(run, way[way.len() - 1], relative.node)? {
                    way.push(next);
                }
                return Ok(way);
            }
        }
    }
    Err(Error::unsupported(format!(
        "{}: the way of its bias of relative positions to the scores was not found, which AdapterHub takes away where \
         layers with a prefix are behind one without, or the other way round",
        name(run, site)?
    )))
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
