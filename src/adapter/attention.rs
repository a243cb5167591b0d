//! Attention sites: the places of a graph that compute softmax(Q·Kᵀ·scale + mask)·V, by structure.
//!
//! - Softmax over a MatMul of two computed values, with scales, masks (Add, Where) and casts
//!   between, whose result (behind casts and the guard against rows that are all masked) is the
//!   left operand of a MatMul;
//! - the operator Attention of opset 23.
//!
//! Of K and V a site has the narrowest form: with heads of their own, after rotary embedding,
//! behind the past, before heads are repeated and before the transposition for the scores.

mod find;
mod mask;
mod positions;
mod way;

pub use super::shapes::Stated;
pub use mask::{Mask, MaskKind, Relative};
pub use positions::{Position, PositionKind};
pub use way::KeyValues;

use super::module::module_path;
use crate::error::{Error, Result};
use crate::ir::{DataType, Graph, NodeId};

/// Which of a model's stacks of layers a site is in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stack {
    /// Self-attention of a model without cross-attention.
    Only,
    /// Self-attention of layers whose result is attended to.
    Encoder,
    /// Self-attention of layers that attend to an encoder too.
    Decoder,
    /// Attention of a decoder to an encoder.
    Cross,
}

impl Stack {
    /// What reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Only => "self",
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
            Self::Cross => "cross",
        }
    }
}

/// A place that computes attention.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionSite {
    /// Its module path, as far as the exporter left it.
    pub module: Option<String>,
    /// Its stack.
    pub stack: Stack,
    /// Its place among the sites of its stack, from 0.
    pub layer: usize,
    /// The MatMul that makes the scores, or the Attention.
    pub scores: NodeId,
    /// The Softmax, or the Attention.
    pub softmax: NodeId,
    /// The MatMul with V, or the Attention.
    pub context: NodeId,
    /// Heads of Q.
    pub heads: i64,
    /// Heads of K and V.
    pub kv_heads: i64,
    /// Features of a head of K.
    pub head_size: i64,
    /// What Q·Kᵀ is multiplied by, as far as it is constant.
    pub scale: Option<f64>,
    /// The element type of K and V.
    pub dtype: DataType,
    /// K.
    pub key: KeyValues,
    /// V.
    pub value: KeyValues,
    /// What is added to the scores, or chooses among them.
    pub masks: Vec<Mask>,
    /// Whether the operator masks later keys by itself.
    pub is_causal: bool,
    /// The linear layers that make Q, K and V; one and the same where they are packed.
    pub projections: [Option<NodeId>; 3],
    /// The linear layer behind it.
    pub output: Option<NodeId>,
    /// Where rotary embedding gets the positions of Q and K from.
    pub rotary: Vec<Position>,
    /// Where biases of relative positions are made, which sites of a stack share.
    pub relative: Vec<Relative>,
}

/// The attention sites of a graph.
#[derive(Clone, Debug, Default)]
pub struct AttentionSites {
    sites: Vec<AttentionSite>,
    /// Where learned position embeddings are looked up.
    learned: Vec<Position>,
    /// Softmax nodes and attention operators that are none of the sites, and why.
    near: Vec<(NodeId, &'static str)>,
}

impl AttentionSites {
    /// Finds all sites, by stack and in the order of the graph.
    pub fn find(graph: &Graph) -> Self {
        find::find(graph)
    }

    /// All sites.
    pub fn all(&self) -> &[AttentionSite] {
        &self.sites
    }

    /// Where learned position embeddings are looked up.
    pub fn learned_positions(&self) -> &[Position] {
        &self.learned
    }

    /// All sites of a graph that must have some.
    ///
    /// # Errors
    /// It has none: what was looked for and what was near.
    pub fn required(&self, graph: &Graph) -> Result<&[AttentionSite]> {
        if !self.sites.is_empty() {
            return Ok(&self.sites);
        }
        let error = Error::input("the model has no attention that is recognized").help(
            "looked for: a Softmax over the MatMul of two computed values, whose result is multiplied with a third; \
             the operator Attention of opset 23",
        );
        if self.near.is_empty() {
            return Err(error.help("near: nothing, it has no Softmax"));
        }
        Err(self
            .near(graph)
            .into_iter()
            .take(3)
            .fold(error, |e, near| e.help(format!("near: {near}"))))
    }

    /// What looks like a site and is none, and why.
    pub fn near(&self, graph: &Graph) -> Vec<String> {
        let describe = |(node, why): &(NodeId, &str)| {
            let place = module_path(graph, *node).map(|m| format!(" in {m}")).unwrap_or_default();
            format!("{}{place}: {why}", graph.describe(*node))
        };
        self.near.iter().map(describe).collect()
    }
}
