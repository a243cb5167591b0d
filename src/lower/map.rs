//! Operators of single elements, joined to the group that makes what they read.

use super::group::{Element, Inst, InstId, Kind};
use super::lowering::{Home, ItemId, Lowering, What};
use super::view::{View, is_one};
use crate::error::Result;
use crate::ir::{NodeId, Op, ValueId};
use crate::kernel::Type;
use crate::ops;
use crate::ops::size::Size;

/// So large may a kernel become.
pub(super) const LARGEST: usize = 64;

impl Lowering<'_> {
    pub(super) fn element(
        &mut self,
        id: NodeId,
        op: &Op,
        lowering: &'static ops::Lowering,
    ) -> Result<Option<()>> {
        let outputs = self.graph.node(id).outputs();
        let (Some((output, dims, _)), [Some(_)]) = (self.result(id), outputs) else {
            return Ok(None);
        };
        let values: Vec<ValueId> = self.operands(id, op).into_iter().flatten().collect();
        if values.iter().any(|&value| self.known(value).is_none()) {
            return Ok(None);
        }
        let Some(item) = self.host(id, &dims, &values)? else { return Ok(None) };
        let inst = self.computed_in(item, id, op, lowering, &dims)?;
        Ok(inst.map(|inst| {
            self.homes.insert(output, Home::Inst(item, inst));
        }))
    }

    /// The inputs whose elements are read.
    fn operands(&self, id: NodeId, op: &Op) -> Vec<Option<ValueId>> {
        let mut inputs = self.graph.node_inputs(id);
        if op.op_type == "CastLike" {
            // Of the other one only the type counts.
            inputs.truncate(1);
        }
        inputs
    }

    /// An elementwise operator as a value of a group, whose result has these sizes.
    pub(super) fn computed_in(
        &mut self,
        item: ItemId,
        id: NodeId,
        op: &Op,
        lowering: &'static ops::Lowering,
        dims: &[Size],
    ) -> Result<Option<InstId>> {
        let Some((_, own, to)) = self.result(id) else { return Ok(None) };
        let schema = self.call(op)?.schema;
        let has_size = |value| self.known(value).is_some_and(|(dims, _)| dims == own);
        // Before operator set 7 attributes, or the operator, say which axes are broadcast.
        let is_old = schema.domain.is_empty() && schema.since < 7;
        if is_old && !self.graph.node_inputs(id).into_iter().flatten().all(has_size) {
            return Ok(None);
        }
        let dtype = |input: &Option<ValueId>| input.and_then(|input| self.fact(input).dtype);
        let from: Vec<_> = self.graph.node_inputs(id).iter().map(dtype).collect();
        let mut arguments = Vec::new();
        for input in self.operands(id, op) {
            let argument = match input {
                None => None,
                Some(input) => Some(self.read(item, input, dims)?),
            };
            match argument {
                Some(None) => return Ok(None),
                argument => arguments.push(argument.flatten()),
            }
        }
        arguments.resize(from.len(), None);
        let element = Element { lowering, op: op.clone(), schema, from, to, arguments };
        let is_lowered = super::emit::is_lowered(&element, self.group(item));
        Ok(is_lowered.then(|| self.push(item, Inst::Element(Box::new(element)))))
    }

    /// The group that values of these sizes, computed from these, are added to: one of theirs, or a new one.
    pub(super) fn host(
        &mut self,
        id: NodeId,
        dims: &[Size],
        values: &[ValueId],
    ) -> Result<Option<ItemId>> {
        for &value in values {
            self.ensure(value)?;
        }
        let mut hosts: Vec<ItemId> = Vec::new();
        for value in values {
            if let Some(&Home::Inst(item, _)) = self.homes.get(value) {
                let (item, _) = self.resolved(item, 0);
                if !hosts.contains(&item) {
                    hosts.push(item);
                }
            }
        }
        hosts.sort_by_key(|&item| match self.group(item).kind {
            Kind::Rows => 1,
            Kind::Map => 2,
            _ => 0,
        });
        for &host in &hosts {
            if self.may_join(host, dims, values) {
                for &other in hosts.iter().filter(|&&other| other != host) {
                    if !values.iter().any(|&value| self.waits(value, host, other)) {
                        self.merge(host, other);
                    }
                }
                return Ok(Some(host));
            }
        }
        for &value in values {
            let Some((own, _)) = self.known(value) else { return Ok(None) };
            if View::whole(0, own).spread(dims, &mut Vec::new()).is_none() {
                return Ok(None);
            }
        }
        Ok(Some(self.begin(id, Kind::Map, dims.to_vec())))
    }

    /// Whether a value that is read besides waits for what would become a part of its reader.
    fn waits(&self, value: ValueId, host: ItemId, other: ItemId) -> bool {
        let own = match self.homes.get(&value) {
            Some(&Home::Inst(item, _)) => Some(self.resolved(item, 0).0),
            _ => None,
        };
        let is_part = own.is_some_and(|own| own == host || own == other);
        let makers = self.makers(value).into_iter();
        let mut rest = makers.filter(|&maker| !is_part || Some(maker) != own);
        rest.any(|maker| self.depends(maker, other))
    }

    fn may_join(&self, host: ItemId, dims: &[Size], values: &[ValueId]) -> bool {
        let group = self.group(host);
        if group.insts.len() + values.len() > LARGEST {
            return false;
        }
        let is_full = group.has(dims);
        let is_row = matches!(group.kind, Kind::Rows) && is_row_of(dims, &group.space);
        if !is_full && !is_row {
            return false;
        }
        if matches!(group.kind, Kind::Batch { .. } | Kind::Attention(_)) {
            return false;
        }
        let varying = group.varying();
        values.iter().all(|&value| {
            if let Some(&Home::Inst(item, inst)) = self.homes.get(&value) {
                let (item, shift) = self.resolved(item, 0);
                if item == host {
                    let Some((own, _)) = self.known(value) else { return false };
                    let varies = varying[inst + shift];
                    // A row's value that has no last axis would be taken for another axis.
                    return match is_full {
                        true if varies => group.has(&own),
                        true => own.len() == dims.len(),
                        false => !varies && own == dims,
                    };
                }
            }
            let Some(view) = self.would_be(value) else { return false };
            let Some(spread) = view.spread(dims, &mut Vec::new()) else { return false };
            group.over(&spread).is_some()
                && self.makers(value).into_iter().all(|maker| !self.depends(maker, host))
        })
    }

    /// The view of a value, as it would be were it stored now.
    fn would_be(&self, value: ValueId) -> Option<View> {
        match self.homes.get(&value) {
            Some(Home::View(view)) => Some(view.clone()),
            _ => {
                let (dims, _) = self.known(value)?;
                Some(View::whole(usize::MAX, dims))
            }
        }
    }

    /// Makes a group of single elements a part of another of the same space, where no third stands between.
    fn merge(&mut self, host: ItemId, other: ItemId) {
        let (group, joined) = (self.group(host), self.group(other));
        let fits = !group.kind.has_tail()
            && matches!(joined.kind, Kind::Map)
            && group.space == joined.space
            && group.insts.len() + joined.insts.len() <= LARGEST;
        if !fits || self.depends(host, other) || self.depends(other, host) {
            return;
        }
        let shift = group.insts.len();
        let merged = std::mem::replace(&mut self.items[other].what, What::Merged(host, shift));
        let needs = std::mem::take(&mut self.items[other].needs);
        self.items[host].needs.extend(needs);
        if let What::Group(joined) = merged {
            let group = self.group_mut(host);
            group.insts.extend(joined.insts.into_iter().map(|inst| inst.shifted(shift)));
            group.outputs.extend(joined.outputs.into_iter().map(|mut output| {
                output.inst += shift;
                output
            }));
        }
    }

    /// A value, as one of a group whose result has these sizes.
    pub(super) fn read(
        &mut self,
        item: ItemId,
        value: ValueId,
        dims: &[Size],
    ) -> Result<Option<InstId>> {
        self.ensure(value)?;
        if let Some(&Home::Inst(own, inst)) = self.homes.get(&value) {
            let (own, shift) = self.resolved(own, 0);
            if own == item {
                return Ok(Some(inst + shift));
            }
        }
        if let (Some(number), Some((_, dtype))) = (self.scalar(value), self.known(value)) {
            let ty = Type::of_stored(dtype);
            return Ok(ty.map(|ty| self.push(item, Inst::Constant(ty, number))));
        }
        let Some(view) = self.view(value)? else { return Ok(None) };
        let Some(view) = self.spread(&view, dims) else { return Ok(None) };
        let view = self.group(item).over(&view);
        Ok(view.map(|view| self.push(item, Inst::Operand(view))))
    }
}

/// Whether sizes are those of one value for each row of a space.
pub(super) fn is_row_of(dims: &[Size], space: &[Size]) -> bool {
    let Some((_, leading)) = space.split_last() else { return false };
    match dims.strip_prefix(leading) {
        Some([]) => true,
        Some([last]) => is_one(last),
        _ => false,
    }
}
