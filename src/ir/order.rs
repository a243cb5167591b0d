//! The order in which operators are written: the file's, moved only where an edge forces it.

use super::{Graph, NodeId};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Sorts operators so that each comes after the producers of its inputs and captures, and
/// otherwise by order key. Operators on a cycle keep their places at the end.
pub(super) fn sort(graph: &Graph, ops: &mut Vec<NodeId>) {
    let mut waits_for: HashMap<NodeId, usize> = HashMap::with_capacity(ops.len());
    let mut feeds: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for &id in ops.iter() {
        let values = graph.node_inputs(id).into_iter().chain(graph.node_captures(id)).flatten();
        let producers =
            values.map(|v| graph.value(v).producer()).filter(|&p| graph.node(p).op().is_some());
        let mut count = 0;
        for producer in producers {
            feeds.entry(producer).or_default().push(id);
            count += 1;
        }
        waits_for.insert(id, count);
    }
    let mut ready: BinaryHeap<_> = ops
        .iter()
        .filter(|id| waits_for[id] == 0)
        .map(|&id| Reverse((graph.order_key(id), id)))
        .collect();
    let mut sorted = Vec::with_capacity(ops.len());
    while let Some(Reverse((_, id))) = ready.pop() {
        sorted.push(id);
        for &next in feeds.get(&id).into_iter().flatten() {
            let left = waits_for.get_mut(&next).expect("only operators are fed");
            *left -= 1;
            if *left == 0 {
                ready.push(Reverse((graph.order_key(next), next)));
            }
        }
    }
    sorted.extend(ops.iter().filter(|id| waits_for[id] > 0));
    *ops = sorted;
}
