//! Attention, found in the operators that exporters write it with.

use super::group::{Inst, InstId, Kind, Output};
use super::lowering::{Home, ItemId, Lowering};
use super::program::Attention;
use super::view::View;
use crate::error::Result;
use crate::ir::{DataType, NodeId, NodeKind, Op, ValueId};
use crate::kernel::{Operation, Type};
use crate::ops;
use crate::ops::shape;
use crate::ops::size::Size;

/// Between the products there may be so many operators.
const LONGEST: usize = 8;

/// An attention in a graph: MatMul, operators of single scores, Softmax, MatMul.
#[derive(Debug)]
pub(super) struct Match {
    q: ValueId,
    /// Transposed: `[…, head size, keys]`.
    k: ValueId,
    v: ValueId,
    /// What the product is multiplied by.
    scale: f64,
    scores: ValueId,
    /// From the scores to what Softmax reads.
    between: Vec<NodeId>,
    /// What these read besides.
    others: Vec<ValueId>,
    /// Whether rows without any key are 0, not NaN.
    is_guarded: bool,
}

impl Match {
    /// The values that it reads.
    pub(super) fn reads(&self) -> Vec<ValueId> {
        [self.q, self.k, self.v].into_iter().chain(self.others.iter().copied()).collect()
    }
}

impl Lowering<'_> {
    /// Finds the attentions of the graph.
    pub(super) fn match_attentions(&mut self) {
        for (id, op) in self.graph.ops() {
            let Some((found, inside)) = self.match_attention(id, op) else { continue };
            self.attentions.insert(id, found);
            self.inside.extend(inside);
        }
    }

    fn producer(&self, value: ValueId) -> Option<(NodeId, &Op)> {
        let node = self.graph.value(value).producer();
        match &self.graph.node(node).kind {
            NodeKind::Op(op) if self.graph.node(node).outputs().len() == 1 => Some((node, op)),
            _ => None,
        }
    }

    fn is_held_in_float32(&self, value: ValueId) -> bool {
        let dtype = self.known(value).map(|(_, dtype)| super::lowering::stored(dtype));
        dtype == Some(DataType::F32)
    }

    fn match_attention(&self, id: NodeId, op: &Op) -> Option<(Match, Vec<NodeId>)> {
        let (weights, v) = (self.slot(id, 0)?, self.slot(id, 1)?);
        if !op.is("MatMul") || self.graph.uses(weights).len() != 1 {
            return None;
        }
        let guard = self.guarded(weights);
        let softmax = guard.as_ref().map_or(weights, |(softmax, _)| *softmax);
        let (softmax, softmax_op) = self.producer(softmax)?;
        if !softmax_op.is("Softmax") {
            return None;
        }
        let (dims, _) = self.known(weights)?;
        let axis = self.call(softmax_op).ok()?.int("axis").ok()?;
        if dims.len() < 3 || shape::axis(axis, dims.len()).ok()? + 1 != dims.len() {
            return None;
        }
        let mut between = Vec::new();
        let scores = self.scores(self.slot(softmax, 0)?, &dims, &mut between)?;
        between.reverse();
        let product = self.graph.value(scores).producer();
        let (q, q_scale, of_q) = self.unscaled(self.slot(product, 0)?);
        let (k, k_scale, of_k) = self.unscaled(self.slot(product, 1)?);
        let (_, out_dims, _) = self.result(id)?;
        let is_fine = [q, k, v].into_iter().all(|value| {
            self.is_held_in_float32(value)
                && self.known(value).is_some_and(|(own, _)| own.len() == dims.len())
        }) && out_dims[..dims.len() - 2] == dims[..dims.len() - 2];
        if !is_fine {
            return None;
        }
        let is_guarded = guard.is_some();
        let guard = guard.map_or(Vec::new(), |(_, nodes)| nodes);
        let inside = between.iter().copied().chain([product, softmax]).chain(guard);
        let inside: Vec<NodeId> = inside.chain(of_q).chain(of_k).collect();
        let scale = q_scale * k_scale;
        let others = between.iter().flat_map(|&node| self.graph.node_inputs(node)).flatten();
        let others = others.filter(|&value| !inside.contains(&self.graph.value(value).producer()));
        let others = others.collect();
        Some((Match { q, k, v, scale, scores, between, others, is_guarded }, inside))
    }

    /// A value without the numbers that it alone is multiplied or divided by, these, and the nodes.
    fn unscaled(&self, value: ValueId) -> (ValueId, f64, Vec<NodeId>) {
        let (mut value, mut scale, mut nodes) = (value, 1.0, Vec::new());
        while let Some((of, by, node)) = self.scaled(value) {
            (value, scale) = (of, scale * by);
            nodes.push(node);
        }
        (value, scale, nodes)
    }

    fn scaled(&self, value: ValueId) -> Option<(ValueId, f64, NodeId)> {
        let (node, op) = self.producer(value)?;
        let (x, y) = (self.slot(node, 0)?, self.slot(node, 1)?);
        let (of, by) = match (self.scalar(x), self.scalar(y)) {
            (None, Some(by)) if op.is("Mul") => (x, by),
            (Some(by), None) if op.is("Mul") => (y, by),
            (None, Some(by)) if op.is("Div") => (x, 1.0 / by),
            _ => return None,
        };
        let is_fine = self.graph.uses(value).len() == 1
            && self.known(of)?.0 == self.known(value)?.0
            && by.is_finite();
        is_fine.then_some((of, by, node))
    }

    /// Where(IsNaN(x), 0, x), and nothing else uses x: x, and the nodes.
    fn guarded(&self, weights: ValueId) -> Option<(ValueId, Vec<NodeId>)> {
        let (guard, op) = self.producer(weights)?;
        let (is_nan, zero, x) = (self.slot(guard, 0)?, self.slot(guard, 1)?, self.slot(guard, 2)?);
        let (test, test_op) = self.producer(is_nan)?;
        let is_guard = op.is("Where")
            && test_op.is("IsNaN")
            && self.slot(test, 0) == Some(x)
            && self.scalar(zero) == Some(0.0)
            && self.graph.uses(is_nan).len() == 1
            && self.graph.uses(x).len() == 2;
        is_guard.then(|| (x, vec![guard, test]))
    }

    /// The product behind operators of single scores: each is used once, and has all sizes of the scores.
    fn scores(&self, value: ValueId, dims: &[Size], between: &mut Vec<NodeId>) -> Option<ValueId> {
        let (node, op) = self.producer(value)?;
        if self.graph.uses(value).len() != 1 || self.known(value)?.0 != dims {
            return None;
        }
        if op.is("MatMul") {
            return Some(value);
        }
        if between.len() == LONGEST
            || !self.is_held_in_float32(value)
            || !is_cast_away(op) && ops::element(&op.domain, &op.op_type).is_none()
        {
            return None;
        }
        between.push(node);
        for input in self.graph.node_inputs(node).into_iter().flatten() {
            let length = between.len();
            if let Some(scores) = self.scores(input, dims, between) {
                return Some(scores);
            }
            between.truncate(length);
        }
        between.pop();
        None
    }

    pub(super) fn attention(&mut self, id: NodeId) -> Result<Option<()>> {
        let Some(found) = self.attentions.remove(&id) else { return Ok(None) };
        let made = self.attended(id, &found)?;
        // Whoever else needs one of its parts, or all where it is none, has them lowered one by one.
        for &node in found.between.iter().chain([&self.graph.value(found.scores).producer()]) {
            for value in self.graph.node(node).outputs().iter().flatten() {
                self.homes.remove(value);
            }
        }
        match made {
            Some(()) => Ok(made),
            None => self.matmul(id),
        }
    }

    fn attended(&mut self, id: NodeId, found: &Match) -> Result<Option<()>> {
        let Some((output, dims, dtype)) = self.result(id) else { return Ok(None) };
        let Some((space, _)) = self.known(found.scores) else { return Ok(None) };
        let rank = dims.len();
        let batch = &dims[..rank - 2];
        let mut views = Vec::new();
        for (value, is_turned) in [(found.q, false), (found.k, true), (found.v, false)] {
            let Some(mut view) = self.view(value)? else { return Ok(None) };
            if is_turned {
                let order: Vec<usize> = (0..rank - 2).chain([rank - 1, rank - 2]).collect();
                view = view.transposed(&order);
            }
            view = self.in_float32(id, view);
            if view.strides[rank - 1].known() != Some(1) {
                view = self.copied(id, &view, DataType::F32);
            }
            let dims = [batch, &view.dims[rank - 2..]].concat();
            let Some(view) = self.spread(&view, &dims) else {
                return Ok(None);
            };
            views.push(view);
        }
        let [q, k, v] = &views[..] else { return Ok(None) };
        let (depth, keys) = (&k.dims[rank - 1], &k.dims[rank - 2]);
        if self.equal(&q.dims[rank - 1], depth).is_none()
            || self.equal(&v.dims[rank - 2], keys).is_none()
        {
            return Ok(None);
        }
        let kind = Kind::Batch { a: q.clone(), b: k.clone() };
        let item = self.begin(id, kind, space.clone());
        let score = self.push(item, Inst::Product);
        let mut last = score;
        if found.scale != 1.0 {
            let scale = self.push(item, Inst::Constant(Type::F32, found.scale));
            last = self.group_mut(item).op(Operation::Mul, &[score, scale]);
        }
        self.homes.insert(found.scores, Home::Inst(item, last));
        for &node in &found.between {
            match self.between(item, node, &space)? {
                Some(inst) => last = inst,
                None => return Ok(None),
            }
        }
        let out = self.output_of_heads(output, &dims, dtype);
        let needs = self.needs_of(v);
        self.items[item].needs.extend(needs);
        let sizes = &mut self.program.sizes;
        let work = Attention {
            q: sizes.place(q),
            k: sizes.place(k),
            v: sizes.place(v),
            out: sizes.place(&out),
            score: None,
            is_guarded: found.is_guarded,
        };
        if last != score {
            // Scores are changed in place, in a tile of their own.
            let tile = View {
                buffer: out.buffer,
                offset: 0.into(),
                strides: (0..rank)
                    .map(|axis| match rank - axis {
                        1 => 1.into(),
                        2 => (super::emit::SCORE_STRIDE as i64).into(),
                        _ => 0.into(),
                    })
                    .collect(),
                dims: space,
            };
            self.group_mut(item).outputs.push(Output { inst: last, view: tile });
        }
        self.group_mut(item).kind = Kind::Attention(Box::new(work));
        self.writers.entry(out.buffer).or_default().push(item);
        self.homes.insert(output, Home::View(out));
        Ok(Some(()))
    }

    /// One operator of single scores.
    fn between(&mut self, item: ItemId, node: NodeId, space: &[Size]) -> Result<Option<InstId>> {
        let graph = self.graph;
        let NodeKind::Op(op) = &graph.node(node).kind else { return Ok(None) };
        let (Some(value), Some(input)) = (graph.output(node), self.slot(node, 0)) else {
            return Ok(None);
        };
        let inst = match (is_cast_away(op), ops::element(&op.domain, &op.op_type)) {
            (true, _) => self.read(item, input, space)?,
            (false, Some(lowering)) => self.computed_in(item, node, op, lowering, space)?,
            (false, None) => None,
        };
        if let Some(inst) = inst {
            self.homes.insert(value, Home::Inst(item, inst));
        }
        Ok(inst)
    }

    /// Memory for an output of heads: in the order in which its only reader, a Transpose, wants it.
    fn output_of_heads(&mut self, value: ValueId, dims: &[Size], dtype: DataType) -> View {
        let order = self.only_order(value, dims.len());
        let wanted: Vec<_> = order.iter().map(|&axis| dims[axis].clone()).collect();
        let mut back = vec![0; order.len()];
        for (at, &axis) in order.iter().enumerate() {
            back[axis] = at;
        }
        self.made(dtype, &wanted).transposed(&back)
    }

    /// The only node that reads a value, or what that reshapes to the same sizes.
    fn only_reader(&self, value: ValueId) -> Option<&Op> {
        let mut value = value;
        loop {
            let [only] = self.graph.uses(value)[..] else { return None };
            let op = self.graph.node(only.node).op()?;
            match self.graph.output(only.node) {
                Some(next) if op.is("Reshape") && self.known(next) == self.known(value) => {
                    value = next;
                }
                _ => return Some(op),
            }
        }
    }

    fn only_order(&self, value: ValueId, rank: usize) -> Vec<usize> {
        let plain = || (0..rank).collect::<Vec<usize>>();
        let Some(op) = self.only_reader(value) else { return plain() };
        let order = match op.attribute("perm") {
            Some(crate::ir::AttributeValue::Ints(order)) if op.is("Transpose") => {
                order.iter().map(|&axis| axis as usize).collect::<Vec<_>>()
            }
            _ => return plain(),
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        match sorted == plain() && order.last() == Some(&(rank - 1)) {
            true => order,
            false => plain(),
        }
    }
}

/// Whether scores pass through as they are: they are held in float32 before and behind.
fn is_cast_away(op: &Op) -> bool {
    op.is("Cast") || op.is("Identity")
}
