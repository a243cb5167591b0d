//! Composite operators, replaced by plain ones.

use super::build::Made;
use super::copy::{Captured, Copy};
use super::site::Site;
use super::{attention, bits, einsum, embed, gelu, matmul, norm, rotary};
use crate::error::Result;
use crate::ir::{Graph, Model, Names, Op, ValueId};
use crate::ops;
use crate::ops::infer::infer;
use crate::ops::schema::Schema;
use std::cell::OnceCell;

/// What replaces the outputs of a node, by slot; none where the node is left as it is. Of an
/// output that nothing reads it may say nothing.
pub(super) type Rewrite = fn(&mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>>;

const MICROSOFT: &str = "com.microsoft";

/// By domain and operator.
static TABLE: &[(&str, &str, Rewrite)] = &[
    ("", "Attention", attention::standard::attention),
    ("", "Einsum", einsum::einsum),
    ("", "RotaryEmbedding", rotary::standard),
    (MICROSOFT, "Attention", attention::packed::attention),
    (MICROSOFT, "BiasGelu", gelu::bias_gelu),
    (MICROSOFT, "EmbedLayerNormalization", embed::embed_layer_normalization),
    (MICROSOFT, "FusedMatMul", matmul::fused),
    (MICROSOFT, "GroupQueryAttention", attention::group_query::attention),
    (MICROSOFT, "MatMulBnb4", bits::matmul),
    (MICROSOFT, "MatMulNBits", bits::matmul),
    (MICROSOFT, "MultiHeadAttention", attention::multi_head::attention),
    (MICROSOFT, "RotaryEmbedding", rotary::microsoft),
    (MICROSOFT, "SkipLayerNormalization", norm::skip),
    (MICROSOFT, "SkipSimplifiedLayerNormalization", norm::skip_simplified),
];

/// The first version of ONNX's operator set in which all that rewrites use is as they use it.
const FIRST_OPSET: i64 = 13;

/// The model with composite operators rewritten, in subgraphs too.
pub(super) fn rewrite(model: &Model) -> Result<Model> {
    let (names, _) = Names::of(&model.graph);
    let graph = Pass { model, names }.graph(&model.graph, &[])?;
    Ok(Model { graph, ..model.clone() })
}

struct Pass<'m> {
    model: &'m Model,
    names: Names,
}

impl Pass<'_> {
    fn graph(&mut self, from: &Graph, outer: &[Captured]) -> Result<Graph> {
        let opsets = &self.model.opset_imports;
        let mut copy = Copy::new(from);
        let mut to = copy.start(outer);
        let (mut made, facts) = (Made::default(), OnceCell::new());
        for (id, op) in from.ops() {
            let done = self.find(op).and_then(|(rewrite, schema)| {
                let facts = facts.get_or_init(|| infer(from, opsets));
                let (copy, to, made, names) = (&mut copy, &mut to, &mut made, &mut self.names);
                replace(Site { copy, facts, to, made, names, opsets, id, op, schema }, rewrite)
            });
            if done.is_none() {
                copy.op(&mut to, id, op.clone(), |inner, outer| self.graph(inner, outer))?;
            }
        }
        copy.finish(&mut to)?;
        made.sweep(&mut to);
        Ok(to)
    }

    /// The rewrite of an operator, and its schema.
    fn find(&self, op: &Op) -> Option<(Rewrite, &'static Schema)> {
        let domain = if op.domain == "ai.onnx" { "" } else { op.domain.as_str() };
        let is_same = |entry: &&(&str, &str, Rewrite)| (entry.0, entry.1) == (domain, &op.op_type);
        let (_, _, rewrite) = TABLE.iter().find(is_same)?;
        let is_old = self.model.opset("").is_some_and(|version| version < FIRST_OPSET);
        let can = !is_old && self.model.function(op).is_none();
        let (_, schema) = ops::operator(op, &self.model.opset_imports).ok()?;
        can.then_some((*rewrite, schema))
    }
}

/// Rewrites a node, if it can be: all that is read of it has to be replaced.
fn replace(mut site: Site<'_, '_>, rewrite: Rewrite) -> Option<()> {
    let first = site.made.count();
    let outputs = rewrite(&mut site)?;
    let replacement = |slot: usize| outputs.get(slot).copied().flatten();
    let Site { copy, to, made, id, .. } = site;
    let own = copy.from.node(id).outputs();
    let is_read = |value: &Option<ValueId>| value.is_some_and(|v| !copy.from.uses(v).is_empty());
    if own.iter().enumerate().any(|(slot, value)| is_read(value) && replacement(slot).is_none()) {
        return None;
    }
    for (slot, value) in own.iter().enumerate() {
        let Some(value) = *value else { continue };
        copy.set(value, replacement(slot));
        if let Some(replacement) = replacement(slot)
            && made.names(first, to, replacement, copy.name(value))
        {
            to.value_mut(replacement).info = copy.info(value);
        }
    }
    Some(())
}
