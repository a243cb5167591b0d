//! Finding sublayers by structure.

use super::norm::{Norm, NormKind, norms_of};
use super::{BlockSite, Sublayer, place};
use crate::adapter::parameter::{Trail, is_of_layer};
use crate::adapter::site::{LinearSite, Sites};
use crate::ir::{Graph, NodeId, Op, ValueId};
use std::collections::{HashMap, HashSet};

/// The most operators between a projection and its residual Add: bias, deltas, changes of shape.
const MOST_STEPS: usize = 64;

/// All sublayers, in the order of the graph.
pub(super) fn find(graph: &Graph, linear: &Sites) -> Vec<BlockSite> {
    let mut finder = Finder::new(graph, linear);
    for site in linear.all() {
        finder.look_at(site);
    }
    let mut found = finder.found;
    name_stacks(&mut found);
    number_layers(&mut found);
    found
}

struct Finder<'g> {
    graph: &'g Graph,
    linear: HashMap<ValueId, &'g LinearSite>,
    found: Vec<BlockSite>,
    /// What sublayers made, and which residual stream that is of.
    streams: HashMap<ValueId, usize>,
    stream_count: usize,
}

/// A residual Add behind a projection.
struct Residual {
    add: NodeId,
    slot: usize,
    output: ValueId,
    residual: ValueId,
}

impl<'g> Finder<'g> {
    fn new(graph: &'g Graph, linear: &'g Sites) -> Self {
        let linear = linear.all().iter().map(|site| (site.output, site)).collect();
        Self { graph, linear, found: Vec::new(), streams: HashMap::new(), stream_count: 0 }
    }

    fn look_at(&mut self, site: &LinearSite) {
        let Some((at, region)) = self.residual_behind(site) else { return };
        if self.found.iter().any(|known| known.add == at.add) {
            return;
        }
        let sum = self.sum_of(at.add);
        let norm_before = self.norm_between(at.residual, &region);
        let norm_after = match norm_before {
            Some(_) => None,
            None => self.norm_after(at.add, sum),
        };
        let stream = self.stream_of(at.residual);
        let made = [sum, norm_after.as_ref().map(|norm| norm.output)];
        self.streams.extend(made.into_iter().flatten().map(|value| (value, stream)));
        self.found.push(BlockSite {
            sublayer: self.sublayer(site, at.residual, &region),
            module: site.module.clone(),
            stack: None,
            layer: 0,
            projection: site.node,
            output: at.output,
            residual: at.residual,
            add: at.add,
            slot: at.slot,
            sum,
            norm_before,
            norm_after,
            hidden_size: site.out_features,
            dtype: site.dtype,
            stream,
        });
    }

    /// The Add behind a projection whose other operand is what the projection was computed from,
    /// and what lies between.
    fn residual_behind(&self, site: &LinearSite) -> Option<(Residual, HashSet<ValueId>)> {
        let (mut values, mut seen) = (vec![site.output], HashSet::new());
        while let Some(output) = values.pop() {
            if !seen.insert(output) || seen.len() > MOST_STEPS {
                continue;
            }
            for at in self.graph.uses(output) {
                let Some(op) = self.graph.node(at.node).op() else { continue };
                let slot = self.graph.node_inputs(at.node).iter().position(|&v| v == Some(output));
                let Some(slot) = slot else { continue };
                if !adds(op) {
                    values.extend(self.graph.output(at.node).filter(|_| keeps(op, slot)));
                    continue;
                }
                if slot > 1 {
                    continue;
                }
                let is_ours = op.metadata.get("peftc.role").is_some_and(|role| !is_of_layer(role));
                let other = self.graph.node_input(at.node, 1 - slot);
                let is_bias = Trail::follow(self.graph, at.node, 1 - slot).is_some();
                if let Some(residual) = other.filter(|_| !is_ours && !is_bias)
                    && let Some(region) = self.region(site.input, residual)
                {
                    return Some((Residual { add: at.node, slot, output, residual }, region));
                }
                values.extend(self.graph.output(at.node).filter(|_| op.is("Add")));
            }
        }
        None
    }

    /// What a value was computed from, as far back as `residual`, and not beyond other sublayers;
    /// none if it was not computed from that.
    fn region(&self, from: ValueId, residual: ValueId) -> Option<HashSet<ValueId>> {
        let root = root(self.graph, residual);
        let (mut values, mut seen, mut reached) = (vec![from], HashSet::new(), false);
        while let Some(value) = values.pop() {
            if value == residual || value == root {
                reached = true;
                continue;
            }
            if self.streams.contains_key(&value) || !seen.insert(value) {
                continue;
            }
            let producer = self.graph.value(value).producer();
            let Some(op) = self.graph.node(producer).op() else { continue };
            if ["Shape", "Size", "Constant"].iter().any(|name| op.is(name)) {
                continue;
            }
            values.extend(self.graph.node_inputs(producer).into_iter().flatten());
            values.extend(self.graph.node_captures(producer).into_iter().flatten());
        }
        reached.then_some(seen)
    }

    fn sublayer(
        &self,
        site: &LinearSite,
        residual: ValueId,
        region: &HashSet<ValueId>,
    ) -> Sublayer {
        const ATTENTION: [&str; 5] = [
            "Softmax",
            "Attention",
            "MultiHeadAttention",
            "GroupQueryAttention",
            "DecoderMaskedMultiHeadAttention",
        ];
        let op_of = |&value: &ValueId| self.graph.node(self.graph.value(value).producer()).op();
        let is_attention = |op: &Op| ATTENTION.contains(&op.op_type.as_str());
        if !region.iter().filter_map(op_of).any(is_attention) {
            return Sublayer::FeedForward;
        }
        let is_cross_name = |module: &String| {
            ["EncDecAttention", "encoder_attn", "crossattention"].iter().any(|n| module.contains(n))
        };
        match site.module.as_ref().is_some_and(is_cross_name)
            || self.has_query_alone(site, residual, region)
        {
            true => Sublayer::CrossAttention,
            false => Sublayer::Attention,
        }
    }

    /// Whether of the linear layers of an attention only the query's reads the residual: keys and
    /// values are those of an encoder's states.
    fn has_query_alone(
        &self,
        site: &LinearSite,
        residual: ValueId,
        region: &HashSet<ValueId>,
    ) -> bool {
        let inner = region.iter().filter_map(|value| self.linear.get(value));
        let own: Vec<_> =
            inner.filter(|layer| self.region(layer.input, residual).is_some()).collect();
        matches!(own[..], [query] if query.out_features == site.in_features)
    }

    /// The norm between the residual and what is computed from it.
    fn norm_between(&self, residual: ValueId, region: &HashSet<ValueId>) -> Option<Norm> {
        let root = root(self.graph, residual);
        let maker = self.graph.value(root).producer();
        let fused = fused_norm(self.graph, maker).filter(|norm| norm.output != root);
        let norms = norms_of(self.graph, residual).into_iter().chain(norms_of(self.graph, root));
        norms.chain(fused).find(|norm| region.contains(&norm.output))
    }

    fn norm_after(&self, add: NodeId, sum: Option<ValueId>) -> Option<Norm> {
        fused_norm(self.graph, add).or_else(|| norms_of(self.graph, sum?).into_iter().next())
    }

    fn sum_of(&self, add: NodeId) -> Option<ValueId> {
        let slot = if is_fused(self.graph.node(add).op()?) { 3 } else { 0 };
        self.graph.node(add).outputs().get(slot).copied().flatten()
    }

    fn stream_of(&mut self, residual: ValueId) -> usize {
        let known =
            self.streams.get(&residual).or_else(|| self.streams.get(&root(self.graph, residual)));
        known.copied().unwrap_or_else(|| {
            self.stream_count += 1;
            self.stream_count - 1
        })
    }
}

/// ONNX Runtime's operators that add and normalize: `(input, skip, weight, …)` to the norm and, in
/// slot 3, the sum.
pub(super) fn is_fused(op: &Op) -> bool {
    op.domain == "com.microsoft"
        && ["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"]
            .contains(&op.op_type.as_str())
}

fn fused_norm(graph: &Graph, node: NodeId) -> Option<Norm> {
    let op = graph.node(node).op().filter(|op| is_fused(op))?;
    let kind = match op.op_type.as_str() {
        "SkipLayerNormalization" => NormKind::Layer,
        _ => NormKind::Rms,
    };
    let (input, output) =
        (graph.node_input(node, 0)?, graph.node(node).outputs().first().copied()??);
    Some(Norm { kind, nodes: vec![node], input, output })
}

fn adds(op: &Op) -> bool {
    op.is("Add") || is_fused(op)
}

/// Whether an operator changes no element, or only how it is stored.
fn keeps(op: &Op, slot: usize) -> bool {
    slot == 0 && ["Reshape", "Identity", "Cast", "Dropout"].iter().any(|name| op.is(name))
}

/// The value behind Casts and Identities.
fn root(graph: &Graph, mut value: ValueId) -> ValueId {
    for _ in 0..MOST_STEPS {
        let producer = graph.value(value).producer();
        let passes = graph.node(producer).op().is_some_and(|op| op.is("Cast") || op.is("Identity"));
        match graph.node_input(producer, 0).filter(|_| passes) {
            Some(input) => value = input,
            None => break,
        }
    }
    value
}

/// The stack of names; else, where one of two has cross-attention, that is the decoder.
fn name_stacks(found: &mut [BlockSite]) {
    let crosses = |site: &&BlockSite| site.sublayer == Sublayer::CrossAttention;
    let decoders: HashSet<usize> = found.iter().filter(crosses).map(|site| site.stream).collect();
    for site in found {
        let parts: Vec<&str> = site.module.iter().flat_map(|module| module.split('.')).collect();
        let by_structure = match decoders.contains(&site.stream) {
            true => Some("decoder"),
            false => (!decoders.is_empty()).then_some("encoder"),
        };
        site.stack = place::stack(&parts).or(by_structure).map(str::to_owned);
    }
}

/// The numbers of names; else, where a sublayer of a stream has none, the order: a layer begins with
/// its self-attention.
fn number_layers(found: &mut [BlockSite]) {
    let streams = found.iter().map(|site| site.stream + 1).max().unwrap_or(0);
    for stream in 0..streams {
        let mut sites: Vec<_> = found.iter_mut().filter(|site| site.stream == stream).collect();
        let named: Option<Vec<u64>> =
            sites.iter().map(|site| place::layer(site.module.as_deref()?)).collect();
        let mut layer = 0;
        for (i, site) in sites.iter_mut().enumerate() {
            layer += u64::from(i > 0 && site.sublayer == Sublayer::Attention);
            site.layer = named.as_ref().map_or(layer, |named| named[i]);
        }
    }
}
