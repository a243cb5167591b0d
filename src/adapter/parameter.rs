//! Parameters of modules: constants, and the uses of them that are a module's own.

use super::module::module_path;
use crate::ir::{AttributeValue, Dim, Graph, NodeId, Type, Use, ValueId};

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

/// A constant, or what stands for a quantized one, that an input slot reads, directly or through
/// nodes that only turn it.
pub(super) struct Trail {
    pub(super) constant: ValueId,
    /// Where the constant is used.
    pub(super) at: Use,
    /// Whether it arrives transposed.
    pub(super) flipped: bool,
    through: Vec<NodeId>,
}

/// Whether a value stands for a weight that is quantized: a node with the role `weight.FORMAT`
/// makes it, and it is declared with the weight's type.
fn is_dequantized(graph: &Graph, value: ValueId) -> bool {
    quantized_role(graph, graph.value(value).producer(), WEIGHT_ROLE).is_some()
}

/// What the role of a node that makes a quantized weight begins with.
pub(super) const WEIGHT_ROLE: &str = "weight.";
/// What the role of a linear layer that reads a quantized weight begins with.
pub(super) const LINEAR_ROLE: &str = "linear.";

/// Whether a node of this role belongs to a layer whose weight is quantized, and not to a branch.
pub fn is_of_layer(role: &str) -> bool {
    role.starts_with(WEIGHT_ROLE) || role.starts_with(LINEAR_ROLE)
}

/// What follows this beginning of a node's role: the format of the quantized weight.
pub(super) fn quantized_role<'g>(graph: &'g Graph, node: NodeId, role: &str) -> Option<&'g str> {
    graph.node(node).op()?.metadata.get("peftc.role")?.strip_prefix(role)
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
        while graph.constant(trail.constant).is_none() && !is_dequantized(graph, trail.constant) {
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

    /// The sizes of the constant; none if they are not known.
    pub(super) fn dims(&self, graph: &Graph) -> Vec<i64> {
        let known = |ty: Type| ty.shape()?.iter().map(Dim::as_known).collect();
        graph.value_type(self.constant).and_then(known).unwrap_or_default()
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
