//! Finding attention sites.

use super::super::module::module_path;
use super::super::shapes::{Shapes, Size, scalar};
use super::super::site::Sites;
use super::mask::{MaskKind, Scores, mask, scores};
use super::positions::{learned, rotary};
use super::way::{key_values, other_than_scalar};
use super::{AttentionSite, AttentionSites, Stack};
use crate::ir::{DataType, Graph, NodeId, NodeKind, Op, ValueId};
use std::collections::{HashMap, HashSet};

pub(super) fn find(graph: &Graph) -> AttentionSites {
    let shapes = Shapes::of(graph);
    let linear = Sites::find(graph);
    let finder = Finder {
        graph,
        shapes: &shapes,
        linear: linear.all().iter().map(|s| (s.node, s.input)).collect(),
    };
    let mut found = AttentionSites::default();
    for (node, op) in graph.ops() {
        match finder.site(node, op) {
            Some(Ok(site)) => found.sites.push(site),
            Some(Err(why)) => found.near.push((node, why)),
            None => {}
        }
    }
    finder.sort_stacks(&mut found.sites);
    found.learned = match found.sites.is_empty() {
        true => Vec::new(),
        false => learned(graph, &shapes, &found.sites),
    };
    found
}

struct Finder<'f> {
    graph: &'f Graph,
    shapes: &'f Shapes<'f>,
    /// Linear layers, and what they read.
    linear: HashMap<NodeId, ValueId>,
}

/// A site, or why something that looks like one is none.
type Found = Result<AttentionSite, &'static str>;

impl Finder<'_> {
    fn site(&self, node: NodeId, op: &Op) -> Option<Found> {
        if op.is("Softmax") {
            return Some(self.softmax(node));
        }
        if op.is("Attention") {
            return Some(self.operator(node, op));
        }
        let fused = ["Attention", "MultiHeadAttention", "GroupQueryAttention"];
        (op.domain == "com.microsoft" && fused.contains(&op.op_type.as_str())).then_some(Err(
            "an operator of ONNX Runtime, which this version does not open: use the export itself",
        ))
    }

    fn softmax(&self, node: NodeId) -> Found {
        let graph = self.graph;
        let input = graph.node_input(node, 0).ok_or("it reads nothing")?;
        let Scores { product, masks, relative, scale } = scores(graph, self.shapes, input)
            .ok_or("it is over no MatMul of two computed values")?;
        let context = self.context(node).ok_or("its result is not multiplied with a value")?;
        let rank_of = |node, slot| graph.node_input(node, slot).and_then(|v| self.shapes.rank(v));
        let rank = rank_of(product, 1).ok_or("the rank of K is not known")?;
        let axes = [rank.saturating_sub(1), rank.saturating_sub(2)];
        let key = key_values(graph, self.shapes, product, 1, axes).ok_or(
            "K has no form [batch, heads, sequence, features] with known heads and features",
        )?;
        let rank = rank_of(context, 1).ok_or("the rank of V is not known")?;
        let axes = [rank.saturating_sub(2), rank.saturating_sub(1)];
        let value = key_values(graph, self.shapes, context, 1, axes).ok_or(
            "V has no form [batch, heads, sequence, features] with known heads and features",
        )?;
        let query = graph.node_input(product, 0).ok_or("there is no Q")?;
        let scale = scale.map(|s| s * self.scale_of(query) * self.scale_before(product, &key));
        self.finish(Parts {
            scores: product,
            softmax: node,
            context,
            query,
            key,
            value,
            masks,
            relative,
            scale,
            is_causal: false,
        })
    }

    fn operator(&self, node: NodeId, op: &Op) -> Found {
        let graph = self.graph;
        let rank = graph.node_input(node, 0).and_then(|v| self.shapes.rank(v));
        if rank != Some(4) {
            return Err("Q of the operator Attention is not known to have four axes");
        }
        if (4..graph.node(node).input_count()).any(|slot| graph.node_input(node, slot).is_some()) {
            return Err(
                "the operator Attention has inputs of its own for the past (past_key, past_value) or the lengths \
                 (nonpad_kv_seqlen), which this version does not open",
            );
        }
        let of = |slot| key_values(graph, self.shapes, node, slot, [2, 3]);
        let no_form =
            "K or V has no form [batch, heads, sequence, features] with known heads and features";
        let (key, value) = (of(1).ok_or(no_form)?, of(2).ok_or(no_form)?);
        let has_bool =
            graph.node_input(node, 3).and_then(|v| self.shapes.dtype(v)) == Some(DataType::Bool);
        let kind = if has_bool { MaskKind::Keep } else { MaskKind::Additive };
        let masks = mask(graph, self.shapes, node, 3, kind).into_iter().collect();
        let default = (key.features as f64).sqrt().recip();
        let scale = op.float("scale").filter(|&s| s != 0.0).map_or(default, f64::from);
        let query = graph.node_input(node, 0).ok_or("there is no Q")?;
        let is_causal = op.int("is_causal").unwrap_or(0) != 0;
        self.finish(Parts {
            scores: node,
            softmax: node,
            context: node,
            query,
            key,
            value,
            masks,
            relative: Vec::new(),
            scale: Some(scale),
            is_causal,
        })
    }

    fn finish(&self, parts: Parts) -> Found {
        let Parts {
            scores,
            softmax,
            context,
            query,
            key,
            value,
            masks,
            relative,
            scale,
            is_causal,
        } = parts;
        let heads = match self.shapes.sizes(query) {
            Some([_, Size::Known(heads), _, _]) => *heads,
            _ => key.heads,
        };
        if key.heads != value.heads {
            return Err("K and V have other numbers of heads");
        }
        let is_linear = |node: NodeId| self.linear.contains_key(&node) || self.is_branch(node);
        let mut rotary_of_both = rotary(self.graph, self.shapes, query, &is_linear);
        rotary_of_both.extend(rotary(self.graph, self.shapes, key.tensor, &is_linear));
        rotary_of_both.sort_by_key(|p| (p.node, p.slot));
        rotary_of_both.dedup();
        let module = module_path(self.graph, softmax)
            .or_else(|| module_path(self.graph, scores))
            .or_else(|| module_path(self.graph, context));
        Ok(AttentionSite {
            module,
            stack: Stack::Only,
            layer: 0,
            scores,
            softmax,
            context,
            heads,
            kv_heads: key.heads,
            head_size: key.features,
            scale,
            dtype: self.shapes.dtype(key.tensor).unwrap_or(DataType::F32),
            projections: [query, key.tensor, value.tensor].map(|v| self.projection(v)),
            output: self.output(context),
            key,
            value,
            masks,
            is_causal,
            rotary: rotary_of_both,
            relative,
        })
    }

    /// The MatMul whose left operand the probabilities are.
    fn context(&self, softmax: NodeId) -> Option<NodeId> {
        let mut values = vec![self.graph.output(softmax)?];
        let mut seen = HashSet::new();
        while let Some(value) = values.pop() {
            for at in self.graph.uses(value) {
                let Some(op) = self.graph.node(at.node).op() else { continue };
                if op.is("MatMul") && self.graph.node_input(at.node, 0) == Some(value) {
                    return Some(at.node);
                }
                let passes =
                    ["Where", "Cast", "Identity", "Dropout", "Reshape"].iter().any(|p| op.is(p));
                if passes && seen.insert(at.node) && seen.len() < 16 {
                    values.extend(self.graph.output(at.node));
                }
            }
        }
        None
    }

    /// The product of the constant scales that a value was multiplied by last.
    fn scale_of(&self, mut value: ValueId) -> f64 {
        let mut scale = 1.0;
        for _ in 0..8 {
            let node = self.graph.value(value).producer();
            let Some(op) = self.graph.node(node).op() else { break };
            let is_product = op.is("Mul") || op.is("Div");
            let slot = match is_product {
                true => other_than_scalar(self.graph, self.shapes, node, op),
                false => ["Cast", "Identity", "Transpose", "Reshape"]
                    .iter()
                    .any(|p| op.is(p))
                    .then_some(0),
            };
            let Some(slot) = slot else { break };
            if is_product {
                let factor = self
                    .graph
                    .node_input(node, 1 - slot)
                    .and_then(|v| scalar(self.graph, v))
                    .unwrap_or(1.0);
                scale *= if op.is("Div") { factor.recip() } else { factor };
            }
            match self.graph.node_input(node, slot) {
                Some(next) => value = next,
                None => break,
            }
        }
        scale
    }

    /// The scales between K and the product.
    fn scale_before(&self, product: NodeId, key: &super::KeyValues) -> f64 {
        match self.graph.node_input(product, 1) {
            Some(operand) if operand != key.tensor => self.scale_of(operand),
            _ => 1.0,
        }
    }

    /// Whether a node is a product of a side branch that peftc added.
    fn is_branch(&self, node: NodeId) -> bool {
        let op = self.graph.node(node).op().filter(|op| op.is("MatMul") || op.is("Gemm"));
        op.is_some_and(|op| op.metadata.get("peftc.role").is_some())
    }

    /// The nearest linear layer behind a value, if it is one.
    fn projection(&self, value: ValueId) -> Option<NodeId> {
        let mut found = HashSet::new();
        let mut seen = HashSet::new();
        let mut values = vec![value];
        while let Some(value) = values.pop() {
            let node = self.graph.value(value).producer();
            if self.linear.contains_key(&node) {
                found.insert(node);
                continue;
            }
            let is_data = self.graph.node(node).op().is_some_and(|op| !op.is("Shape"));
            if is_data && !self.is_branch(node) && seen.insert(node) {
                values.extend(self.graph.node_inputs(node).into_iter().flatten());
            }
        }
        let mut found = found.into_iter();
        found.next().filter(|_| found.next().is_none())
    }

    /// The linear layer that the result goes into.
    fn output(&self, context: NodeId) -> Option<NodeId> {
        let mut value = self.graph.output(context)?;
        for _ in 0..8 {
            let uses = self.graph.uses(value);
            let mut next = None;
            for at in uses {
                let Some(op) = self.graph.node(at.node).op() else { continue };
                if self.linear.contains_key(&at.node) {
                    return Some(at.node);
                }
                if ["Transpose", "Reshape", "Cast", "Identity"].iter().any(|p| op.is(p)) {
                    next = self.graph.output(at.node);
                }
            }
            value = next?;
        }
        None
    }

    /// Tells the stacks apart, and numbers the sites of each.
    fn sort_stacks(&self, sites: &mut [AttentionSite]) {
        let is_cross = |site: &AttentionSite| {
            let [query, key, _] = site.projections;
            let source = |node: Option<NodeId>| Some(self.source(*self.linear.get(&node?)?));
            let named = site.module.as_deref().is_some_and(|m| {
                m.to_lowercase().contains("cross")
                    || m.contains("EncDec")
                    || m.contains("encoder_attn")
            });
            // K of an encoder that ran before comes in as it is.
            let is_given = matches!(
                self.graph.node(self.graph.value(self.source(site.key.tensor)).producer()).kind,
                NodeKind::Input { .. }
            );
            named
                || is_given && query.is_some()
                || matches!((source(query), source(key)), (Some(q), Some(k))
                    if q != k && !self.made_by(k).contains(&self.graph.value(q).producer()))
        };
        let cross: Vec<bool> = sites.iter().map(is_cross).collect();
        let attended: HashSet<NodeId> = sites
            .iter()
            .zip(&cross)
            .filter(|(_, is_cross)| **is_cross)
            .filter_map(|(site, _)| self.linear.get(&site.projections[1]?))
            .flat_map(|&value| self.made_by(value))
            .collect();
        let has_cross = cross.contains(&true);
        for (site, is_cross) in sites.iter_mut().zip(cross) {
            site.stack = match (is_cross, has_cross) {
                (true, _) => Stack::Cross,
                (false, false) => Stack::Only,
                (false, true) if attended.contains(&site.context) => Stack::Encoder,
                (false, true) => Stack::Decoder,
            };
        }
        sites.sort_by_key(|site| site.stack);
        let mut counts: HashMap<Stack, usize> = HashMap::new();
        for site in sites {
            let count = counts.entry(site.stack).or_default();
            site.layer = *count;
            *count += 1;
        }
    }

    /// What a value was before it was only turned or cast.
    fn source(&self, mut value: ValueId) -> ValueId {
        for _ in 0..8 {
            let node = self.graph.value(value).producer();
            let passes =
                |op: &&Op| ["Reshape", "Cast", "Identity", "Transpose"].iter().any(|p| op.is(p));
            let Some(_) = self.graph.node(node).op().filter(passes) else { break };
            let Some(next) = self.graph.node_input(node, 0) else { break };
            value = next;
        }
        value
    }

    fn made_by(&self, value: ValueId) -> HashSet<NodeId> {
        let mut seen = HashSet::new();
        let mut values = vec![value];
        while let Some(value) = values.pop() {
            let node = self.graph.value(value).producer();
            if self.graph.node(node).op().is_some() && seen.insert(node) {
                values.extend(self.graph.node_inputs(node).into_iter().flatten());
            }
        }
        seen
    }
}

/// What a site is made of.
struct Parts {
    scores: NodeId,
    softmax: NodeId,
    context: NodeId,
    query: ValueId,
    key: super::KeyValues,
    value: super::KeyValues,
    masks: Vec<super::Mask>,
    relative: Vec<super::Relative>,
    scale: Option<f64>,
    is_causal: bool,
}
