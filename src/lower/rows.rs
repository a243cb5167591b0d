//! Operators that fold along rows: reductions, softmax, normalizations.

use super::group::{Inst, InstId, Kind};
use super::lowering::{Home, ItemId, Lowering};
use super::map::{LARGEST, is_row_of};
use super::view::{View, count, is_one};
use crate::error::Result;
use crate::ir::{DataType, NodeId, Op, ValueId};
use crate::kernel::{FoldKind, Operation, Type};
use crate::ops::numbers::limits;
use crate::ops::shape;
use crate::ops::size::Size;

/// So many values does no operator add to a group.
const MORE: usize = 16;

/// A group along whose last axis is folded, and the value that it is folded of.
struct Rows {
    item: ItemId,
    x: InstId,
    ty: Type,
}

impl Lowering<'_> {
    /// Rows along the last axes of a value, from this one on: in the group that makes it, if there is one.
    /// These others are read there too.
    fn rows(
        &mut self,
        id: NodeId,
        value: ValueId,
        axis: usize,
        others: &[Option<ValueId>],
    ) -> Result<Option<Rows>> {
        self.ensure(value)?;
        for other in others.iter().flatten() {
            self.ensure(*other)?;
        }
        let Some((dims, dtype)) = self.known(value) else { return Ok(None) };
        let Some(ty) = Type::of_stored(dtype).filter(|_| axis < dims.len()) else {
            return Ok(None);
        };
        if let (true, Some(&Home::Inst(item, inst))) =
            (axis + 1 == dims.len(), self.homes.get(&value))
        {
            let (item, shift) = self.resolved(item, 0);
            let group = self.group(item);
            let makers = others.iter().flatten().flat_map(|&other| self.makers(other));
            let is_open = !group.kind.has_tail()
                && group.space == dims
                && !makers.into_iter().any(|maker| self.depends(maker, item));
            if is_open && group.varying()[inst + shift] && group.insts.len() + MORE <= LARGEST {
                self.group_mut(item).kind = Kind::Rows;
                return Ok(Some(Rows { item, x: inst + shift, ty }));
            }
        }
        let Some(view) = self.view(value)? else { return Ok(None) };
        Ok(self.rows_of(id, &view, axis, dtype))
    }

    /// Rows along the last axes of a view, from this one on.
    fn rows_of(&mut self, id: NodeId, view: &View, axis: usize, dtype: DataType) -> Option<Rows> {
        let columns = count(&view.dims[axis..]);
        let space = [&view.dims[..axis], std::slice::from_ref(&columns)].concat();
        let view = match view.reshaped(&space) {
            Some(view) => view,
            None => self.copied(id, view, dtype).reshaped(&space)?,
        };
        let item = self.begin(id, Kind::Rows, space);
        let x = self.push(item, Inst::Operand(view));
        Some(Rows { item, x, ty: Type::of_stored(dtype)? })
    }

    /// A result over the rows' space, as a value of these sizes.
    fn give(&mut self, rows: &Rows, inst: InstId, value: ValueId) -> Option<()> {
        let (dims, dtype) = self.known(value)?;
        let group = self.group(rows.item);
        let varies = group.varying()[inst];
        if group.space == dims || !varies && is_row_of(&dims, &group.space) {
            self.homes.insert(value, Home::Inst(rows.item, inst));
            return Some(());
        }
        // What is equal along a row may still be as many elements.
        let is_full = varies || count(&dims) == count(&group.space);
        let own = group.space[..group.space.len() - usize::from(!is_full)].to_vec();
        let whole = self.made(dtype, &own);
        self.stored(rows.item, inst, &whole);
        let view = whole.reshaped(&dims)?;
        self.homes.insert(value, Home::View(view));
        Some(())
    }

    fn fold(&mut self, rows: &Rows, kind: FoldKind, of: InstId) -> InstId {
        self.push(rows.item, Inst::Fold(kind, of))
    }

    fn op(&mut self, rows: &Rows, operation: Operation, arguments: &[InstId]) -> InstId {
        self.group_mut(rows.item).op(operation, arguments)
    }

    fn number(&mut self, rows: &Rows, number: f64) -> InstId {
        self.push(rows.item, Inst::Constant(rows.ty, number))
    }

    /// How many elements a row has.
    fn columns(&self, rows: &Rows) -> Size {
        self.group(rows.item).space.last().cloned().unwrap_or_else(|| 1.into())
    }

    /// The sum of a row's values over their number.
    fn mean(&mut self, rows: &Rows, of: InstId) -> InstId {
        let sum = self.fold(rows, FoldKind::Sum, of);
        let count = match self.columns(rows).known() {
            Some(columns) => self.number(rows, columns as f64),
            None => {
                let one = self.number(rows, 1.0);
                self.fold(rows, FoldKind::Sum, one)
            }
        };
        self.op(rows, Operation::Div, &[sum, count])
    }

    pub(super) fn softmax(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let (Some(input), Some((output, dims, dtype))) = (self.slot(id, 0), self.result(id)) else {
            return Ok(None);
        };
        let call = self.call(op)?;
        let axis = shape::axis(call.int("axis")?, dims.len())?;
        // Before operator set 13 all axes from this one on are one.
        let is_last = axis + 1 == dims.len();
        if !dtype.is_float() || call.since() >= 13 && !is_last {
            return Ok(None);
        }
        let Some(rows) = self.rows(id, input, axis, &[])? else { return Ok(None) };
        let max = self.fold(&rows, FoldKind::Max, rows.x);
        let below = self.op(&rows, Operation::Sub, &[rows.x, max]);
        let exp = self.push(rows.item, Inst::Math(|x| x.exp(), below));
        let sum = self.fold(&rows, FoldKind::Sum, exp);
        let result = if op.op_type == "LogSoftmax" {
            let log = self.push(rows.item, Inst::Math(|x| x.ln(), sum));
            self.op(&rows, Operation::Sub, &[below, log])
        } else {
            let one = self.number(&rows, 1.0);
            let inverse = self.op(&rows, Operation::Div, &[one, sum]);
            self.op(&rows, Operation::Mul, &[exp, inverse])
        };
        Ok(self.give(&rows, result, output))
    }

    /// LayerNormalization, RMSNormalization, SimplifiedLayerNormalization.
    pub(super) fn normalization(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let (Some(input), Some((output, dims, dtype))) = (self.slot(id, 0), self.result(id)) else {
            return Ok(None);
        };
        let call = self.call(op)?;
        let axis = shape::axis(call.int("axis")?, dims.len())?;
        let epsilon = call.float("epsilon")?;
        if !dtype.is_float() {
            return Ok(None);
        }
        let parameters = [self.slot(id, 1), self.slot(id, 2)];
        let Some(rows) = self.rows(id, input, axis, &parameters)? else { return Ok(None) };
        let is_centered = op.op_type == "LayerNormalization";
        let (mut y, statistics) = self.normalized(&rows, is_centered, epsilon);
        for (slot, operation) in [(1, Operation::Mul), (2, Operation::Add)] {
            let Some(value) = self.slot(id, slot) else { continue };
            let Some(other) = self.parameter(&rows, value, &dims[axis..])? else {
                return Ok(None);
            };
            y = self.op(&rows, operation, &[y, other]);
        }
        let outputs: Vec<Option<ValueId>> = self.graph.node(id).outputs().to_vec();
        for (value, inst) in outputs.into_iter().skip(1).zip(statistics) {
            if let Some(value) = value
                && self.give(&rows, inst, value).is_none()
            {
                return Ok(None);
            }
        }
        Ok(self.give(&rows, y, output))
    }

    /// InstanceNormalization: each channel is a row.
    pub(super) fn instances(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let (Some(input), Some((output, dims, dtype))) = (self.slot(id, 0), self.result(id)) else {
            return Ok(None);
        };
        let epsilon = self.call(op)?.float("epsilon")?;
        let (Some(scale), Some(bias)) = (self.slot(id, 1), self.slot(id, 2)) else {
            return Ok(None);
        };
        if !dtype.is_float() || dims.len() < 3 {
            return Ok(None);
        }
        let parameters = [Some(scale), Some(bias)];
        let Some(rows) = self.rows(id, input, 2, &parameters)? else { return Ok(None) };
        let (mut y, _) = self.normalized(&rows, true, epsilon);
        for (value, operation) in [(scale, Operation::Mul), (bias, Operation::Add)] {
            let Some(view) = self.view(value)? else { return Ok(None) };
            if self.equal(&count(&view.dims), &dims[1]).is_none() {
                return Ok(None);
            }
            let view = view.reshaped(&[dims[1].clone(), 1.into()]);
            let space = self.group(rows.item).space.clone();
            let Some(view) = view.and_then(|view| self.spread(&view, &space)) else {
                return Ok(None);
            };
            let other = self.push(rows.item, Inst::Operand(view));
            y = self.op(&rows, operation, &[y, other]);
        }
        Ok(self.give(&rows, y, output))
    }

    /// x/√(mean x² + ε), with x − mean x for x where it is centered; and that mean, and what is multiplied by.
    fn normalized(
        &mut self,
        rows: &Rows,
        is_centered: bool,
        epsilon: f64,
    ) -> (InstId, Vec<InstId>) {
        let mut statistics = Vec::new();
        let mut x = rows.x;
        if is_centered {
            let mean = self.mean(rows, x);
            statistics.push(mean);
            x = self.op(rows, Operation::Sub, &[x, mean]);
        }
        let square = self.op(rows, Operation::Mul, &[x, x]);
        let variance = self.mean(rows, square);
        let epsilon = self.number(rows, epsilon);
        let shifted = self.op(rows, Operation::Add, &[variance, epsilon]);
        let root = self.op(rows, Operation::Sqrt, &[shifted]);
        let one = self.number(rows, 1.0);
        let inverse = self.op(rows, Operation::Div, &[one, root]);
        statistics.push(inverse);
        (self.op(rows, Operation::Mul, &[x, inverse]), statistics)
    }

    /// A scale or a bias of a row's elements, which has the sizes of a row.
    fn parameter(&mut self, rows: &Rows, value: ValueId, row: &[Size]) -> Result<Option<InstId>> {
        let Some(view) = self.view(value)? else { return Ok(None) };
        let space = self.group(rows.item).space.clone();
        let is_row = view.dims.strip_suffix(row).is_some_and(|rest| rest.iter().all(is_one));
        let view = if is_row { view.reshaped(&[count(row)]) } else { None };
        let view = view.and_then(|view| self.spread(&view, &space));
        Ok(view.map(|view| self.push(rows.item, Inst::Operand(view))))
    }

    pub(super) fn reduce(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let (Some(input), Some((output, _, _))) = (self.slot(id, 0), self.result(id)) else {
            return Ok(None);
        };
        let Some((own, dtype)) = self.known(input) else { return Ok(None) };
        let call = self.call(op)?;
        let given = match (call.ints("axes").ok().flatten(), self.slot(id, 1)) {
            (Some(axes), _) => Some(axes),
            (None, None) => None,
            (None, Some(_)) => {
                let sizes = self.slot_sizes(id, 1);
                match sizes.and_then(|all| all.iter().map(Size::known).collect()) {
                    Some(axes) => Some(axes),
                    None => return Ok(None),
                }
            }
        };
        let axes = match given.as_deref() {
            None | Some([]) if call.flag("noop_with_empty_axes").unwrap_or(false) => {
                return Ok(None);
            }
            None | Some([]) => (0..own.len()).collect(),
            Some(axes) => shape::axes(axes, own.len())?,
        };
        let is_integer = !dtype.is_float();
        if axes.is_empty() || dtype == DataType::Bool || is_integer && op.op_type == "ReduceMean" {
            return Ok(None);
        }
        let kept: Vec<usize> = (0..own.len()).filter(|axis| !axes.contains(axis)).collect();
        let mut last: Vec<usize> = axes.clone();
        last.sort_unstable();
        let is_last = kept.len() == last[0];
        let rows = match is_last {
            true => self.rows(id, input, kept.len(), &[])?,
            false => {
                let Some(view) = self.view(input)? else { return Ok(None) };
                let order: Vec<usize> = kept.iter().chain(&last).copied().collect();
                self.rows_of(id, &view.transposed(&order), kept.len(), dtype)
            }
        };
        let Some(rows) = rows else { return Ok(None) };
        let Some(result) = self.reduced(&rows, op) else { return Ok(None) };
        // Sums are of 64 bits, and so is the largest or smallest of nothing.
        let (least, most) = limits(dtype);
        let result = match (op.op_type.as_str(), dtype) {
            (_, DataType::I64) => result,
            ("ReduceMax", _) if is_integer => {
                let least = self.number(&rows, least as f64);
                self.op(&rows, Operation::Max, &[result, least])
            }
            ("ReduceMin", _) if is_integer => {
                let most = self.number(&rows, most as f64);
                self.op(&rows, Operation::Min, &[result, most])
            }
            (_, DataType::I32) => self.push(rows.item, Inst::Math(|x| x.wrapped(32, true), result)),
            (_, DataType::U32) => {
                self.push(rows.item, Inst::Math(|x| x.wrapped(32, false), result))
            }
            _ => result,
        };
        Ok(self.give(&rows, result, output))
    }

    /// GlobalAveragePool, GlobalMaxPool.
    pub(super) fn global_pool(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let (Some(input), Some((output, dims, dtype))) = (self.slot(id, 0), self.result(id)) else {
            return Ok(None);
        };
        if !dtype.is_float() || dims.len() < 3 {
            return Ok(None);
        }
        let Some(rows) = self.rows(id, input, 2, &[])? else { return Ok(None) };
        let result = match op.op_type.as_str() {
            "GlobalMaxPool" => self.fold(&rows, FoldKind::Max, rows.x),
            _ => self.mean(&rows, rows.x),
        };
        Ok(self.give(&rows, result, output))
    }

    fn reduced(&mut self, rows: &Rows, op: &Op) -> Option<InstId> {
        let x = rows.x;
        let is_float = rows.ty.is_float();
        Some(match op.op_type.as_str() {
            "ReduceSum" => self.fold(rows, FoldKind::Sum, x),
            "ReduceMax" => self.fold(rows, FoldKind::Max, x),
            "ReduceMin" => self.fold(rows, FoldKind::Min, x),
            "ReduceProd" => self.fold(rows, FoldKind::Product, x),
            "ReduceMean" if is_float => self.mean(rows, x),
            "ReduceL1" => {
                let size = self.op(rows, Operation::Abs, &[x]);
                self.fold(rows, FoldKind::Sum, size)
            }
            "ReduceSumSquare" | "ReduceL2" if is_float => {
                let square = self.op(rows, Operation::Mul, &[x, x]);
                let sum = self.fold(rows, FoldKind::Sum, square);
                match op.op_type.as_str() {
                    "ReduceL2" => self.op(rows, Operation::Sqrt, &[sum]),
                    _ => sum,
                }
            }
            _ => return None,
        })
    }
}
