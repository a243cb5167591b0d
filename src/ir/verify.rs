//! The verifier: what holds for every graph.
//!
//! 1. An edge leads from an output slot that has a value to an input or capture slot that the
//!    node has. A slot is fed by at most one edge, and knows it. Input slots may be left out;
//!    capture slots are all fed.
//! 2. Graph inputs, initializers and captures take nothing and make one value. A graph output
//!    takes one value and makes none. An operator has an operator type.
//! 3. `inputs()` and `outputs()` list every input and output node once, and nothing else.
//! 4. A value has a producer that lists it at its slot, and a node lists only such values.
//! 5. Values have names: not empty, no two alike, and found by lookup.
//! 6. There is no cycle among operators.
//! 7. A tensor's sizes are not negative, and its bytes, strings or sparse entries fit its
//!    sizes and element type. A pending tensor has an element type with a fixed size.
//! 8. What is declared of an initializer, or of an input with a default, agrees with its tensor.
//! 9. Captures stand only in subgraphs, at a capture slot of the node that owns the subgraph,
//!    under the name of the outer value that feeds the slot. Every capture slot of a node is
//!    captured by one of its subgraphs.
//! 10. No value of a subgraph but a capture has the name of a value outside.
//! 11. A model has no two functions of one domain, name and overload.
//!
//! All of this holds in subgraphs too, and in the bodies of functions.

mod cycles;
mod scopes;
mod tensors;
mod values;
mod wiring;

use super::{Graph, Model, NodeId};
use std::collections::HashSet;
use std::fmt;

/// A way in which a graph is not as it has to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The subgraph or function body it is in, outermost first; empty in the main graph.
    pub context: String,
    /// The node, value or tensor it is about.
    pub location: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.context.is_empty() {
            write!(f, "in {}: ", self.context)?;
        }
        write!(f, "{}: {}", self.location, self.message)
    }
}

/// All violations in a graph that is no subgraph, and in its subgraphs.
pub fn verify(graph: &Graph) -> Vec<Violation> {
    let mut violations = Vec::new();
    Verifier { graph, owner: None, outer: &[], context: "", violations: &mut violations }.run();
    violations
}

/// All violations in a model: its graph and its functions.
pub fn verify_model(model: &Model) -> Vec<Violation> {
    let mut violations = verify(&model.graph);
    let mut known = HashSet::new();
    for function in &model.functions {
        let context = format!("function {}", function.full_name());
        if !known.insert((&function.domain, &function.name, &function.overload)) {
            violations.push(Violation {
                context: String::new(),
                location: context.clone(),
                message: "there is another function of this domain, name and overload".to_owned(),
            });
        }
        let (graph, violations) = (&function.body, &mut violations);
        Verifier { graph, owner: None, outer: &[], context: &context, violations }.run();
    }
    violations
}

struct Verifier<'a> {
    graph: &'a Graph,
    /// Where this is a subgraph: the graph and the node that own it.
    owner: Option<(&'a Graph, NodeId)>,
    /// The graphs around this one.
    outer: &'a [&'a Graph],
    context: &'a str,
    violations: &'a mut Vec<Violation>,
}

impl Verifier<'_> {
    fn run(mut self) {
        self.wiring();
        self.values();
        self.cycles();
        self.tensors();
        self.scopes();
        self.subgraphs();
    }

    fn report(&mut self, location: impl Into<String>, message: impl Into<String>) {
        let context = self.context.to_owned();
        let (location, message) = (location.into(), message.into());
        self.violations.push(Violation { context, location, message });
    }

    fn report_node(&mut self, node: NodeId, message: impl Into<String>) {
        self.report(self.graph.describe(node), message);
    }

    fn subgraphs(&mut self) {
        let outer: Vec<_> = self.outer.iter().copied().chain([self.graph]).collect();
        for id in self.graph.node_ids() {
            let Some(op) = self.graph.node(id).op() else { continue };
            for (attribute, graph) in op.named_subgraphs() {
                let within = if self.context.is_empty() { "" } else { " in " };
                let node = self.graph.describe(id);
                let context = format!("{attribute} of {node}{within}{}", self.context);
                let owner = Some((self.graph, id));
                let violations = &mut *self.violations;
                Verifier { graph, owner, outer: &outer, context: &context, violations }.run();
            }
        }
    }
}
