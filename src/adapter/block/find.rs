//! Finding sublayers by structure.

use super::norm::{Norm, NormKind, norms_of};
use super::{BlockSite, Sublayer, place};
use crate::adapter::parameter::{Trail, is_of_layer};
use crate::adapter::shapes::literal;
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
    /// The first Add of what was computed from the residual too.
    add: NodeId,
    slot: usize,
    output: ValueId,
    residual: ValueId,
    /// What the sublayer was computed from: the residual, or what it is made of.
    source: ValueId,
    /// What the sublayer and all beside it add up to.
    sum: Option<ValueId>,
    /// Whether a norm stands between the projection and the Add.
    is_normed: bool,
}

/// A value behind a projection.
#[derive(Clone, Copy)]
struct Behind {
    value: ValueId,
    /// The first Add on the way that is no bias and no delta, the slot there, and what it reads.
    first: Option<(NodeId, usize, ValueId)>,
    is_normed: bool,
}

impl<'g> Finder<'g> {
    fn new(graph: &'g Graph, linear: &'g Sites) -> Self {
        let linear = linear.all().iter().map(|site| (site.output, site)).collect();
        Self { graph, linear, found: Vec::new(), streams: HashMap::new(), stream_count: 0 }
    }

    fn look_at(&mut self, site: &LinearSite) {
        let Some((at, region)) = self.residual_behind(site) else { return };
        if self.found.iter().any(|known| (known.add, known.slot) == (at.add, at.slot)) {
            return;
        }
        let norm_before = self.norm_between(at.source, &region);
        let norm_after = match norm_before.is_some() || at.is_normed {
            true => None,
            false => self.norm_after(at.add, at.sum),
        };
        let sublayer = self.sublayer(site, at.source, &region);
        let stream = self.stream_of(at.source);
        let made = [at.sum, norm_after.as_ref().map(|norm| norm.output)];
        self.streams.extend(made.into_iter().flatten().map(|value| (value, stream)));
        // Attention and feed-forward beside each other: the sum is what the latter leaves.
        let is_first = sublayer != Sublayer::FeedForward && at.sum != self.sum_of(at.add);
        let beside = self.found.iter().position(|known| is_first && known.add == at.add);
        self.found.insert(
            beside.unwrap_or(self.found.len()),
            BlockSite {
                sublayer,
                module: site.module.clone(),
                stack: None,
                layer: 0,
                projection: site.node,
                output: at.output,
                residual: at.residual,
                add: at.add,
                slot: at.slot,
                sum: at.sum.filter(|_| !is_first),
                norm_before,
                norm_after,
                hidden_size: site.out_features,
                dtype: site.dtype,
                stream,
            },
        );
    }

    /// The Add behind a projection whose other operand is what the projection was computed from,
    /// and what lies between. What other sublayers made of the same may be added on the way.
    fn residual_behind(&self, site: &LinearSite) -> Option<(Residual, HashSet<ValueId>)> {
        let mut ways = vec![Behind { value: site.output, first: None, is_normed: false }];
        let mut seen = HashSet::new();
        while let Some(way) = ways.pop() {
            if !seen.insert(way.value) || seen.len() > MOST_STEPS {
                continue;
            }
            for norm in norms_of(self.graph, way.value) {
                ways.push(Behind { value: norm.output, is_normed: true, ..way });
            }
            for at in self.graph.uses(way.value) {
                let Some(op) = self.graph.node(at.node).op() else { continue };
                let inputs = self.graph.node_inputs(at.node);
                let Some(slot) = inputs.iter().position(|&v| v == Some(way.value)) else {
                    continue;
                };
                let next = self.graph.output(at.node).map(|value| Behind { value, ..way });
                if !adds(op) {
                    ways.extend(next.filter(|_| self.keeps(at.node, op, slot)));
                    continue;
                }
                if slot > 1 {
                    continue;
                }
                let is_ours = op.metadata.get("peftc.role").is_some_and(|role| !is_of_layer(role));
                let is_bias = Trail::follow(self.graph, at.node, 1 - slot).is_some();
                let other = self.graph.node_input(at.node, 1 - slot);
                let Some(other) = other.filter(|_| !is_ours && !is_bias) else {
                    ways.extend(next.filter(|_| op.is("Add")));
                    continue;
                };
                let here = (at.node, slot, way.value);
                if let Some((source, region)) = self.source_in(site.input, other) {
                    let is_beside =
                        |first: &(NodeId, usize, ValueId)| self.is_beside(*first, source, &region);
                    let (add, slot, output) = way.first.filter(is_beside).unwrap_or(here);
                    let (sum, is_normed) = (self.sum_of(at.node), way.is_normed);
                    return Some((
                        Residual { add, slot, output, residual: other, source, sum, is_normed },
                        region,
                    ));
                }
                let first = way.first.or(Some(here));
                ways.extend(next.filter(|_| op.is("Add")).map(|next| Behind { first, ..next }));
            }
        }
        None
    }

    /// What a value was computed from that is a residual, or that a sublayer beside was added to
    /// to make the residual.
    fn source_in(&self, from: ValueId, residual: ValueId) -> Option<(ValueId, HashSet<ValueId>)> {
        if let Some(region) = self.region(from, residual) {
            return Some((residual, region));
        }
        let add = self.graph.value(residual).producer();
        self.graph.node(add).op().filter(|op| op.is("Add"))?;
        (0..2).find_map(|slot| {
            let source = self.graph.node_input(add, slot)?;
            let is_computed = literal(self.graph, source).is_none();
            let region = self.region(from, source).filter(|_| is_computed)?;
            let beside = (add, slot, source);
            self.is_beside(beside, source, &region).then_some((source, region))
        })
    }

    /// Whether what an Add puts on the value in a slot was computed from the same, and shares no
    /// linear layer with it, as a side branch of a layer would.
    fn is_beside(
        &self,
        (add, slot, _): (NodeId, usize, ValueId),
        source: ValueId,
        region: &HashSet<ValueId>,
    ) -> bool {
        let other = self.graph.node_input(add, 1 - slot);
        let others = other.and_then(|other| self.region(other, source));
        others.is_some_and(|o| !o.iter().any(|v| region.contains(v) && self.linear.contains_key(v)))
    }

    /// Whether an operator changes no element, how it is stored, or its scale by constants.
    fn keeps(&self, node: NodeId, op: &Op, slot: usize) -> bool {
        if !op.is("Mul") || slot > 1 {
            return slot == 0 && KEEPS.iter().any(|name| op.is(name));
        }
        let factor = self.graph.node_input(node, 1 - slot).and_then(|v| literal(self.graph, v));
        factor.is_some_and(|f| f.dims.iter().filter(|&&size| size != 1).count() < 2)
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

/// Operators that change no element, or only how it is stored.
const KEEPS: [&str; 4] = ["Reshape", "Identity", "Cast", "Dropout"];

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
