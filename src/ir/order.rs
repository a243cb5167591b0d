//! The order in which operators are written: the file's, moved only where an edge forces it.

use super::{Graph, NodeId};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Not an operator that is sorted, or one that has its place already.
const NONE: u32 = u32::MAX;

/// Sorts operators, given by order key, so that each comes after the producers of its inputs
/// and captures, and otherwise stays where it is. Operators on or behind a cycle come last.
pub(super) fn sort(graph: &Graph, ops: Vec<NodeId>) -> Vec<NodeId> {
    let places = places(graph, &ops);
    let place = |id: NodeId| places[id.index as usize];
    let is_sorted = |(i, &id): (usize, &NodeId)| {
        graph.feeding_nodes(id).all(|from| place(from) == NONE || place(from) < i as u32)
    };
    if ops.iter().enumerate().all(is_sorted) { ops } else { sort_by_edges(graph, &ops, &places) }
}

/// Operators that are on a cycle or behind one, in no particular order.
pub(super) fn unsorted(graph: &Graph, ops: &[NodeId]) -> Vec<NodeId> {
    let places = places(graph, ops);
    let (_, left) = take_ready(graph, ops, &places);
    ops.iter().copied().filter(|id| left[places[id.index as usize] as usize] > 0).collect()
}

/// The places of operators among `ops`, by node index.
fn places(graph: &Graph, ops: &[NodeId]) -> Vec<u32> {
    let mut places = vec![NONE; graph.node_bound()];
    for (i, id) in ops.iter().enumerate() {
        places[id.index as usize] = i as u32;
    }
    places
}

fn sort_by_edges(graph: &Graph, ops: &[NodeId], places: &[u32]) -> Vec<NodeId> {
    let (mut sorted, left) = take_ready(graph, ops, places);
    sorted.extend(ops.iter().enumerate().filter(|&(i, _)| left[i] > 0).map(|(_, &id)| id));
    sorted
}

/// Takes operators while one is left that waits for none, the first such one each time. Gives
/// what it took, and how many producers each operator still waits for.
fn take_ready(graph: &Graph, ops: &[NodeId], places: &[u32]) -> (Vec<NodeId>, Vec<u32>) {
    let place = |id: NodeId| Some(places[id.index as usize]).filter(|&place| place != NONE);
    let mut left: Vec<u32> =
        ops.iter().map(|&id| graph.feeding_nodes(id).filter_map(place).count() as u32).collect();
    let mut ready: BinaryHeap<_> =
        (0..ops.len() as u32).filter(|&i| left[i as usize] == 0).map(Reverse).collect();
    let mut taken = Vec::with_capacity(ops.len());
    while let Some(Reverse(i)) = ready.pop() {
        let id = ops[i as usize];
        taken.push(id);
        for next in graph.fed_nodes(id).filter_map(place) {
            left[next as usize] -= 1;
            if left[next as usize] == 0 {
                ready.push(Reverse(next));
            }
        }
    }
    (taken, left)
}
