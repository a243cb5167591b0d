//! Names that are free.

use crate::ir::Graph;
use std::collections::{HashMap, HashSet};

/// The names that are taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    taken: HashSet<String>,
    /// The last number put behind a name.
    numbers: HashMap<String, u64>,
}

impl Names {
    /// The names of all values and of all operators of a graph. Those in subgraphs are taken too:
    /// a name there may shadow none outside.
    pub(crate) fn of(graph: &Graph) -> (Self, Self) {
        let (mut values, mut nodes) = (Self::default(), Self::default());
        collect(graph, &mut values.taken, &mut nodes.taken);
        (values, nodes)
    }

    /// Takes a name: `wanted`, with a number behind it where that is taken.
    pub(crate) fn fresh(&mut self, wanted: &str) -> String {
        let wanted = if wanted.is_empty() { "unnamed" } else { wanted };
        if self.taken.insert(wanted.to_owned()) {
            return wanted.to_owned();
        }
        let number = self.numbers.entry(wanted.to_owned()).or_default();
        loop {
            *number += 1;
            let name = format!("{wanted}.{number}");
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

fn collect(graph: &Graph, values: &mut HashSet<String>, nodes: &mut HashSet<String>) {
    values.extend(graph.value_ids().map(|v| graph.value(v).name().to_owned()));
    for op in graph.node_ids().filter_map(|id| graph.node(id).op()) {
        nodes.insert(op.name.clone());
        op.subgraphs().for_each(|sub| collect(sub, values, nodes));
    }
}
