//! Captures follow the outer values that feed them: in name, and where two become one value.

use crate::ir::{Graph, NodeId, NodeKind, Slot, Use, ValueId};
use std::collections::HashMap;

/// Gives all captures the names of the outer values that feed them now. Captures of one value
/// become one.
pub(super) fn settle(graph: &mut Graph) {
    let owners: Vec<_> =
        graph.node_ids().filter(|&id| graph.node(id).capture_count() > 0).collect();
    owners.into_iter().for_each(|owner| settle_node(graph, owner));
}

fn settle_node(graph: &mut Graph, owner: NodeId) {
    let fed: Vec<ValueId> = graph.node_captures(owner).into_iter().flatten().collect();
    if fed.len() < graph.node(owner).capture_count() {
        return;
    }
    let (slots, values) = merge_equal(&fed);
    let names: Vec<_> = values.iter().map(|&v| graph.value(v).name().to_owned()).collect();
    if values.len() < fed.len() {
        let at = |slot: usize| Use { node: owner, slot: Slot::Capture(slot as u32) };
        (0..fed.len()).for_each(|slot| graph.disconnect(at(slot)));
        graph.set_capture_count(owner, values.len());
        values.iter().enumerate().for_each(|(slot, &value)| graph.connect(value, at(slot)));
    }
    let Some(op) = graph.op_mut(owner) else { return };
    op.subgraphs_mut().for_each(|sub| settle_subgraph(sub, &slots, &names));
}

/// For each capture slot its new number, and the values by new number.
fn merge_equal(fed: &[ValueId]) -> (Vec<u32>, Vec<ValueId>) {
    let mut values = Vec::new();
    let mut known = HashMap::new();
    let slots = fed.iter().map(|&value| {
        *known.entry(value).or_insert_with(|| {
            values.push(value);
            values.len() as u32 - 1
        })
    });
    (slots.collect(), values)
}

fn settle_subgraph(graph: &mut Graph, slots: &[u32], names: &[String]) {
    let mut by_slot: HashMap<u32, ValueId> = HashMap::new();
    let mut to_rename = Vec::new();
    let mut changed = false;
    for capture in graph.captures() {
        let NodeKind::Capture { slot } = &mut graph.node_mut(capture).kind else { continue };
        let Some(&new) = slots.get(*slot as usize) else { continue };
        *slot = new;
        let Some(value) = graph.output(capture) else { continue };
        if let Some(&first) = by_slot.get(&new) {
            graph.uses(value).into_iter().rev().for_each(|at| graph.connect(first, at));
            graph.remove_node(capture);
            changed = true;
            continue;
        }
        by_slot.insert(new, value);
        if graph.value(value).name() != names[new as usize] {
            to_rename.push((value, names[new as usize].as_str()));
        }
    }
    graph.rename_all(&to_rename);
    if changed || !to_rename.is_empty() {
        settle(graph);
    }
}
