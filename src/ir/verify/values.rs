//! Values, their producers and their names.

use super::Verifier;
use crate::ir::ValueId;

impl Verifier<'_> {
    pub(super) fn values(&mut self) {
        self.producers();
        self.names();
    }

    fn producers(&mut self) {
        for id in self.graph.value_ids() {
            let value = self.graph.value(id);
            match self.graph.get_node(value.producer()) {
                None => self.report_value(id, "the node that makes it is gone"),
                Some(node) if node.outputs().get(value.slot()) != Some(&Some(id)) => {
                    let node = self.graph.describe(value.producer());
                    let slot = value.slot();
                    self.report_value(id, format!("it is not output {slot} of {node}"));
                }
                Some(_) => {}
            }
        }
        for node in self.graph.node_ids() {
            for (slot, id) in self.graph.node(node).outputs().iter().enumerate() {
                let Some(id) = id else { continue };
                match self.graph.get_value(*id) {
                    None => {
                        self.report_node(node, format!("output {slot} is a value that is gone"))
                    }
                    Some(value) if (value.producer(), value.slot()) != (node, slot) => {
                        let name = value.name();
                        let message = format!("output {slot} is {name:?}, which others make");
                        self.report_node(node, message);
                    }
                    Some(_) => {}
                }
            }
        }
    }

    fn names(&mut self) {
        for id in self.graph.value_ids() {
            let value = self.graph.value(id);
            let found = self.graph.value_named(value.name());
            if value.name().is_empty() {
                let made = self.graph.get_node(value.producer()).map(|_| value.producer());
                let by =
                    made.map_or_else(String::new, |n| format!(" of {}", self.graph.describe(n)));
                self.report(format!("output {}{by}", value.slot()), "its name is empty");
            } else if let Some(other) = found.filter(|&other| other != id) {
                let other = self.graph.get_value(other).map(|v| v.producer());
                let other = other.filter(|&n| self.graph.get_node(n).is_some());
                let by =
                    other.map_or_else(String::new, |n| format!(": {}", self.graph.describe(n)));
                self.report_value(id, format!("another value has this name{by}"));
            } else if found.is_none() {
                self.report_value(id, "lookup does not find it");
            }
        }
        let mut stale: Vec<_> = self
            .graph
            .names()
            .filter(|&(name, id)| self.graph.get_value(id).is_none_or(|v| v.name() != name))
            .collect();
        stale.sort_unstable();
        for (name, _) in stale {
            self.report(
                format!("value {name:?}"),
                "lookup finds it, but there is none of this name",
            );
        }
    }

    pub(super) fn report_value(&mut self, id: ValueId, message: impl Into<String>) {
        let name = self
            .graph
            .get_value(id)
            .map_or_else(|| format!("{id:?}"), |v| format!("{:?}", v.name()));
        self.report(format!("value {name}"), message);
    }
}
