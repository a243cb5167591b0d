//! Parameters of modules: constants, and the uses of them that are a module's own.

use super::module::module_path;
use crate::ir::{AttributeValue, Graph, NodeId, Use, ValueId};

/// A parameter of a module.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The constant as it is stored.
    pub value: ValueId,
    /// The uses that are this module's.
    pub uses: Vec<Use>,
    /// Whether it is stored as the transpose of PyTorch's tensor.
    pub transposed: bool,
    /// The graph multiplies the stored tensor by this: Gemm's alpha for a weight, beta for a bias.
    pub factor: f32,
    /// A node between the constant and this module that feeds other modules too: replacing the
    /// parameter would change them.
    pub shared_through: Option<String>,
}

/// A constant that an input slot reads, directly or through nodes that only turn it.
pub(super) struct Trail {
    pub(super) constant: ValueId,
    /// Where the constant is used.
    pub(super) at: Use,
    /// Whether it arrives transposed.
    pub(super) flipped: bool,
    through: Vec<NodeId>,
}

/// A longer trail is none: no exporter makes one, but a cycle does.
const MOST_TURNS: usize = 64;

impl Trail {
    /// Follows an input slot back to a constant through Identity, and Transpose of a matrix.
    pub(super) fn follow(graph: &Graph, node: NodeId, slot: usize) -> Option<Self> {
        let mut trail = Self {
            constant: graph.node_input(node, slot)?,
            at: Use::input(node, slot),
            flipped: false,
            through: Vec::new(),
        };
        while graph.constant(trail.constant).is_none() {
            if trail.through.len() == MOST_TURNS {
                return None;
            }
            let producer = graph.value(trail.constant).producer();
            let op = graph.node(producer).op()?;
            match op.attribute("perm") {
                _ if op.is("Identity") => {}
                None if op.is("Transpose") => trail.flipped = !trail.flipped,
                Some(AttributeValue::Ints(perm)) if op.is("Transpose") && *perm == [1, 0] => {
                    trail.flipped = !trail.flipped;
                }
                _ => return None,
            }
            trail.constant = graph.node_input(producer, 0)?;
            trail.at = Use::input(producer, 0);
            trail.through.push(producer);
        }
        Some(trail)
    }

    /// The sizes of the constant.
    pub(super) fn dims<'a>(&self, graph: &'a Graph) -> &'a [i64] {
        graph.constant(self.constant).map_or(&[], |tensor| &tensor.dims)
    }

    /// The parameter of a module that this is.
    pub(super) fn into_parameter(
        self,
        graph: &Graph,
        user: NodeId,
        transposed: bool,
        factor: f32,
    ) -> Parameter {
        let module = module_path(graph, user);
        let own = |at: &Use| {
            at.node == user
                || self.through.contains(&at.node)
                || module_path(graph, at.node) == module
        };
        let shared = self.through.iter().find(|&&node| {
            let made = graph.output(node).map(|value| graph.uses(value)).unwrap_or_default();
            !made.iter().all(own)
        });
        Parameter {
            value: self.constant,
            uses: vec![self.at],
            transposed,
            factor,
            shared_through: shared.and_then(|&n| graph.node(n).op()).map(|op| op.name.clone()),
        }
    }
}
