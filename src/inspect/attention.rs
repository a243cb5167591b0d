//! Attention sites.

use crate::adapter::{AttentionSite, AttentionSites, KeyValues, MaskKind, Position, PositionKind};
use crate::ir::{Graph, NodeId, ValueId};
use serde::Serialize;

/// An attention site.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attention {
    /// Module path; none if unknown.
    pub module: Option<String>,
    /// `self`, `encoder`, `decoder` or `cross`.
    pub stack: &'static str,
    /// Its place among the sites of its stack, from 0.
    pub layer: usize,
    /// Heads of Q.
    pub heads: i64,
    /// Heads of K and V.
    pub kv_heads: i64,
    /// Features of a head.
    pub head_size: i64,
    /// What Q·Kᵀ is multiplied by; none if it is not constant.
    pub scale: Option<f64>,
    /// Element type of K and V.
    pub dtype: &'static str,
    /// The node that makes the scores.
    pub scores: String,
    /// The Softmax, or the operator Attention.
    pub softmax: String,
    /// The linear layers that make Q, K and V, by node; none where there is not one.
    pub projections: [Option<String>; 3],
    /// The linear layer behind it.
    pub output: Option<String>,
    /// K.
    pub key: KeyValue,
    /// V.
    pub value: KeyValue,
    /// What masks the scores.
    pub masks: Vec<MaskPlace>,
    /// Whether the operator masks later keys by itself.
    pub is_causal: bool,
    /// Where positions go in: `rotary`, `relative` (a learned bias of the scores), or `learned` for
    /// the whole model.
    pub positions: Vec<PositionPlace>,
}

/// K or V, where it is narrowest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeyValue {
    /// The value's name.
    pub name: String,
    /// The axis of heads.
    pub head_axis: usize,
    /// The axis of the sequence.
    pub sequence_axis: usize,
    /// The graph input that comes before it.
    pub past: Option<String>,
    /// Whether it is a graph output.
    pub is_present: bool,
}

/// Where a mask is applied.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MaskPlace {
    /// The node.
    pub node: String,
    /// Its slot.
    pub slot: usize,
    /// `additive`, `keep` (true keeps a score) or `drop`.
    pub kind: &'static str,
    /// Whether it has a bias of positions, learned, of slopes (ALiBi) or a constant window, that is none of
    /// relative positions as T5's is.
    pub has_bias: bool,
}

/// Where positions go in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PositionPlace {
    /// `rotary`, `relative` or `learned`.
    pub kind: &'static str,
    /// The node.
    pub node: String,
    /// Its slot.
    pub slot: usize,
}

/// The attention sites of a graph, by stack and in its order, and what is near one.
pub(super) fn attention(graph: &Graph) -> (Vec<Attention>, Vec<String>) {
    let sites = AttentionSites::find(graph);
    let summary = |site| summary(graph, site, sites.learned_positions());
    (sites.all().iter().map(summary).collect(), sites.near(graph))
}

fn summary(graph: &Graph, site: &AttentionSite, learned: &[Position]) -> Attention {
    let name = |node: NodeId| graph.node(node).op().map(|op| op.name.clone()).unwrap_or_default();
    let mask = |mask: &crate::adapter::Mask| MaskPlace {
        node: name(mask.node),
        slot: mask.slot,
        kind: match mask.kind {
            MaskKind::Additive => "additive",
            MaskKind::Keep => "keep",
            MaskKind::Drop => "drop",
        },
        has_bias: mask.has_bias,
    };
    let position = |p: &Position| PositionPlace {
        kind: match p.kind {
            PositionKind::Rotary => "rotary",
            PositionKind::Learned => "learned",
        },
        node: name(p.node),
        slot: p.slot,
    };
    let relative = |r: &crate::adapter::Relative| PositionPlace {
        kind: "relative",
        node: name(r.node),
        slot: r.key_slot,
    };
    Attention {
        module: site.module.clone(),
        stack: site.stack.name(),
        layer: site.layer,
        heads: site.heads,
        kv_heads: site.kv_heads,
        head_size: site.head_size,
        // The exporter's float, not the noise of its square root.
        scale: site.scale.map(|s| (s * 1e6).round() / 1e6),
        dtype: site.dtype.name(),
        scores: name(site.scores),
        softmax: name(site.softmax),
        projections: site.projections.map(|p| p.map(name)),
        output: site.output.map(name),
        key: key_value(graph, &site.key),
        value: key_value(graph, &site.value),
        masks: site.masks.iter().map(mask).collect(),
        is_causal: site.is_causal,
        positions: site
            .rotary
            .iter()
            .chain(learned)
            .map(position)
            .chain(site.relative.iter().map(relative))
            .collect(),
    }
}

fn key_value(graph: &Graph, of: &KeyValues) -> KeyValue {
    let name = |value: ValueId| graph.value(value).name().to_owned();
    KeyValue {
        name: name(of.tensor),
        head_axis: of.head_axis,
        sequence_axis: of.sequence_axis,
        past: of.past.map(name),
        is_present: of.is_present,
    }
}
