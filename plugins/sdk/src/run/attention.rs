//! Attention sites.

use super::{EMPTY, Run, filled, lent_str};
use crate::error::Result;
use crate::ids::{Attention, Node, Site, Value};
use crate::tensor::{DataType, array, known};
use peftc_abi::*;

/// Which of a model's stacks of layers an attention site is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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

/// An attention site: softmax(Q·Kᵀ·scale + mask)·V.
#[derive(Clone, Debug)]
pub struct AttentionInfo<'a> {
    /// Module path; empty if unknown.
    pub module: &'a str,
    /// Its stack.
    pub stack: Stack,
    /// Its place among the sites of its stack, from 0.
    pub layer: usize,
    /// The MatMul that makes the scores, or the operator Attention.
    pub scores: Node,
    /// The Softmax, or the operator Attention.
    pub softmax: Node,
    /// The MatMul with V, or the operator Attention.
    pub context: Node,
    /// Heads of Q.
    pub heads: i64,
    /// Heads of K and V.
    pub kv_heads: i64,
    /// Features of a head of K.
    pub head_size: i64,
    /// What Q·Kᵀ is multiplied by; none if it is not constant.
    pub scale: Option<f64>,
    /// Element type of K and V.
    pub dtype: DataType,
    /// Whether the operator masks later keys by itself.
    pub is_causal: bool,
    /// The linear sites that make Q, K and V, one and the same where they are packed.
    pub projections: [Option<Site>; 3],
    /// The linear site behind it.
    pub output: Option<Site>,
    /// K.
    pub keys: KeyValues,
    /// V.
    pub values: KeyValues,
    /// What masks the scores.
    pub masks: Vec<Mask>,
    /// Where rotary embedding of Q and K reads positions.
    pub rotary: Vec<Position>,
    /// Where biases of relative positions are made, which sites of a stack share.
    pub relative: Vec<Relative>,
}

/// K or V where it is narrowest: with heads of its own, after rotary embedding, behind the past,
/// before heads are repeated and before the transposition for the scores. It has four axes, the
/// first of which is the batch.
#[derive(Clone, Debug)]
pub struct KeyValues {
    /// The value.
    pub value: Value,
    /// The node through which it comes to the product.
    pub node: Node,
    /// Its slot there.
    pub slot: usize,
    /// The axis of heads.
    pub head_axis: usize,
    /// The axis of the sequence.
    pub sequence_axis: usize,
    /// The axis of a head's features.
    pub feature_axis: usize,
    /// Heads.
    pub heads: i64,
    /// Features of a head.
    pub features: i64,
    /// What on the way to the product would be wrong if it were longer.
    pub stated: Vec<Stated>,
    /// The graph input that comes before it along the sequence.
    pub past: Option<Value>,
    /// Whether the value is a graph output.
    pub is_present: bool,
}

/// An element of the shape of a Reshape or Expand that says a length in a number of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stated {
    /// The node.
    pub node: Node,
    /// The slot of its shape.
    pub slot: usize,
    /// Which element.
    pub axis: usize,
    /// How many elements the shape has.
    pub rank: usize,
}

/// What a mask does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MaskKind {
    /// It is added to the scores.
    Additive,
    /// True keeps a score.
    Keep,
    /// True masks a score.
    Drop,
}

/// What masks the scores of an attention site.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mask {
    /// The node that applies it.
    pub node: Node,
    /// Its slot there.
    pub slot: usize,
    /// What it does.
    pub kind: MaskKind,
    /// Its rank, 0 if it is not known; the last axis is that of keys.
    pub rank: usize,
    /// Its element type.
    pub dtype: DataType,
    /// Whether one column stands for all keys.
    pub is_one_column: bool,
    /// Whether it has a bias of positions, learned, of slopes (ALiBi) or a constant window, that is none of
    /// relative positions as T5's is.
    pub has_bias: bool,
}

/// Where a learned bias of relative positions is made: a Sub of the positions of keys `[1, keys]`,
/// with more axes of size 1 before, and those of queries `[queries, 1]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Relative {
    /// The Sub.
    pub node: Node,
    /// The slot of the positions of keys.
    pub key_slot: usize,
    /// The slot of the positions of queries.
    pub query_slot: usize,
    /// The rank of the positions of keys.
    pub rank: usize,
    /// Element type of the positions.
    pub dtype: DataType,
}

/// An input slot that reads positions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// The node.
    pub node: Node,
    /// Its slot.
    pub slot: usize,
    /// Rows of the table of embeddings; none for rotary embedding.
    pub rows: Option<i64>,
    /// Element type of the positions.
    pub dtype: DataType,
    /// The stack whose tokens they are of, for learned embeddings.
    pub stack: Stack,
}

impl<'a> Run<'a> {
    /// The attention sites of the graph, by stack and in its order. None at all is an error that
    /// says what was looked for and what was near.
    pub fn attention_sites(&self) -> Result<Vec<Attention>> {
        let mut len = 0;
        // SAFETY: host and context are those of this run.
        let sites = unsafe {
            let ptr = filled(std::ptr::null(), |o| {
                (self.host.attention_sites)(self.ctx, o, &raw mut len)
            })?;
            array(ptr, len)
        };
        Ok(sites.iter().map(|&s| Attention(s)).collect())
    }

    /// What an attention site is.
    pub fn attention(&self, site: Attention) -> Result<AttentionInfo<'a>> {
        // SAFETY: host and context are those of this run, which outlives what the info has.
        unsafe {
            let info = filled(NO_ATTENTION, |o| (self.host.attention_info)(self.ctx, site.0, o))?;
            let masks: &[PeftcMask] = array(info.masks, info.mask_count);
            let rotary: &[PeftcPosition] = array(info.rotary, info.rotary_count);
            let biases: &[PeftcRelative] = array(info.relative, info.relative_count);
            Ok(AttentionInfo {
                module: lent_str(info.module),
                stack: stack(info.stack),
                layer: info.layer as usize,
                scores: Node(info.scores),
                softmax: Node(info.softmax),
                context: Node(info.context),
                heads: info.heads,
                kv_heads: info.kv_heads,
                head_size: info.head_size,
                scale: (!info.scale.is_nan()).then_some(info.scale),
                dtype: known(info.dtype)?,
                is_causal: info.flags & PEFTC_ATTENTION_CAUSAL != 0,
                projections: [info.query, info.key, info.value].map(site_of),
                output: site_of(info.output),
                keys: key_values(&info.keys),
                values: key_values(&info.values),
                masks: masks.iter().map(mask).collect::<Result<_>>()?,
                rotary: rotary.iter().map(position).collect::<Result<_>>()?,
                relative: biases.iter().map(relative).collect::<Result<_>>()?,
            })
        }
    }

    /// Where learned position embeddings are looked up; none in a graph without attention.
    pub fn learned_positions(&self) -> Result<Vec<Position>> {
        let mut len = 0;
        // SAFETY: host and context are those of this run.
        let found = unsafe {
            let ptr = filled(std::ptr::null(), |o| {
                (self.host.learned_positions)(self.ctx, o, &raw mut len)
            })?;
            array(ptr, len)
        };
        found.iter().map(position).collect()
    }

    /// The shapes behind a value that would say a wrong length once it is longer along `axis`. What
    /// comes in by the slots `apart` stays as long as it was: the pass sees to it.
    ///
    /// # Errors
    /// An operator keeps the old length in another way.
    pub fn lengths_behind(
        &self,
        value: Value,
        axis: usize,
        apart: &[(Node, usize)],
    ) -> Result<Vec<Stated>> {
        let raw = |&(node, slot): &(Node, usize)| PeftcUse {
            node: node.0,
            slot: slot as u32,
            capture: 0,
        };
        let apart: Vec<PeftcUse> = apart.iter().map(raw).collect();
        let (host, ctx, mut len) = (self.host, self.ctx, 0);
        // SAFETY: host and context are those of this run; the array outlives the call.
        let found = unsafe {
            let ptr = filled(std::ptr::null(), |o| {
                (host.lengths_behind)(
                    ctx,
                    value.0,
                    axis as u32,
                    apart.as_ptr(),
                    apart.len(),
                    o,
                    &raw mut len,
                )
            })?;
            array(ptr, len)
        };
        Ok(found.iter().map(stated).collect())
    }
}

fn stated(raw: &PeftcStated) -> Stated {
    Stated {
        node: Node(raw.node),
        slot: raw.slot as usize,
        axis: raw.axis as usize,
        rank: raw.rank as usize,
    }
}

fn site_of(site: PeftcSite) -> Option<Site> {
    (site.raw != 0).then_some(Site(site))
}

fn stack(raw: u32) -> Stack {
    match raw {
        PEFTC_STACK_ENCODER => Stack::Encoder,
        PEFTC_STACK_DECODER => Stack::Decoder,
        PEFTC_STACK_CROSS => Stack::Cross,
        _ => Stack::Only,
    }
}

/// # Safety
/// `raw` is as the host gives it.
unsafe fn key_values(raw: &PeftcKeyValues) -> KeyValues {
    // SAFETY: forwarded.
    let lengths: &[PeftcStated] = unsafe { array(raw.stated, raw.stated_count) };
    KeyValues {
        value: Value(raw.value),
        node: Node(raw.node),
        slot: raw.slot as usize,
        head_axis: raw.head_axis as usize,
        sequence_axis: raw.sequence_axis as usize,
        feature_axis: raw.feature_axis as usize,
        heads: raw.heads,
        features: raw.features,
        stated: lengths.iter().map(stated).collect(),
        past: (raw.past.raw != 0).then_some(Value(raw.past)),
        is_present: raw.is_present != 0,
    }
}

fn mask(raw: &PeftcMask) -> Result<Mask> {
    Ok(Mask {
        node: Node(raw.node),
        slot: raw.slot as usize,
        kind: match raw.kind {
            PEFTC_MASK_KEEP => MaskKind::Keep,
            PEFTC_MASK_DROP => MaskKind::Drop,
            _ => MaskKind::Additive,
        },
        rank: raw.rank as usize,
        dtype: known(raw.dtype)?,
        is_one_column: raw.flags & PEFTC_MASK_ONE_COLUMN != 0,
        has_bias: raw.flags & PEFTC_MASK_BIAS != 0,
    })
}

fn relative(raw: &PeftcRelative) -> Result<Relative> {
    Ok(Relative {
        node: Node(raw.node),
        key_slot: raw.key_slot as usize,
        query_slot: raw.query_slot as usize,
        rank: raw.rank as usize,
        dtype: known(raw.dtype)?,
    })
}

fn position(raw: &PeftcPosition) -> Result<Position> {
    let rows = (raw.rows > 0).then_some(raw.rows);
    Ok(Position {
        node: Node(raw.node),
        slot: raw.slot as usize,
        rows,
        dtype: known(raw.dtype)?,
        stack: stack(raw.stack),
    })
}

const NO_NODE: PeftcNode = PeftcNode { raw: 0 };
const NO_SITE: PeftcSite = PeftcSite { raw: 0 };
const NO_VALUE: PeftcValue = PeftcValue { raw: 0 };

const NO_KEY_VALUES: PeftcKeyValues = PeftcKeyValues {
    value: NO_VALUE,
    node: NO_NODE,
    slot: 0,
    head_axis: 0,
    sequence_axis: 0,
    feature_axis: 0,
    heads: 0,
    features: 0,
    stated: std::ptr::null(),
    stated_count: 0,
    past: NO_VALUE,
    is_present: 0,
};

const NO_ATTENTION: PeftcAttentionInfo = PeftcAttentionInfo {
    module: EMPTY,
    stack: 0,
    layer: 0,
    scores: NO_NODE,
    softmax: NO_NODE,
    context: NO_NODE,
    heads: 0,
    kv_heads: 0,
    head_size: 0,
    scale: f64::NAN,
    dtype: 0,
    flags: 0,
    query: NO_SITE,
    key: NO_SITE,
    value: NO_SITE,
    output: NO_SITE,
    keys: NO_KEY_VALUES,
    values: NO_KEY_VALUES,
    masks: std::ptr::null(),
    mask_count: 0,
    rotary: std::ptr::null(),
    rotary_count: 0,
    relative: std::ptr::null(),
    relative_count: 0,
};
