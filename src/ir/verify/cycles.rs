//! Cycles among operators.

use super::Verifier;
use crate::ir::{NodeId, order};
use std::collections::{HashMap, HashSet};

impl Verifier<'_> {
    pub(super) fn cycles(&mut self) {
        for cycle in self.find_cycles() {
            let mut others: Vec<_> = cycle[1..].iter().map(|&n| self.graph.describe(n)).collect();
            others.push("itself".to_owned());
            self.report_node(
                cycle[0],
                format!("it is on a cycle: it feeds {}", others.join(", which feeds ")),
            );
        }
    }

    /// Cycles such that there is none besides them in the graph without their nodes: every
    /// operator that cannot be sorted is followed back to one producer until a node comes again.
    fn find_cycles(&self) -> Vec<Vec<NodeId>> {
        let ops: Vec<_> =
            self.graph.node_ids().filter(|&id| self.graph.node(id).op().is_some()).collect();
        let unsorted = order::unsorted(self.graph, &ops);
        let waiting: HashSet<_> = unsorted.iter().copied().collect();
        let mut seen_from: HashMap<NodeId, NodeId> = HashMap::new();
        let mut cycles = Vec::new();
        for &start in &unsorted {
            let mut path = Vec::new();
            let mut next = Some(start);
            while let Some(node) = next {
                match seen_from.get(&node) {
                    Some(&from) if from == start => {
                        let first = path.iter().position(|&n| n == node).unwrap_or_default();
                        let mut cycle = path.split_off(first);
                        cycle.reverse();
                        cycles.push(cycle);
                        break;
                    }
                    Some(_) => break,
                    None => {}
                }
                seen_from.insert(node, start);
                path.push(node);
                next = self.graph.feeding_nodes(node).filter(|n| waiting.contains(n)).min();
            }
        }
        cycles
    }
}
