//! Operators that move elements: as views, without moving them where strides can say it.

use super::group::{Inst, Kind};
use super::lowering::{Home, Lowering, stored};
use super::program::Origin;
use super::view::{View, count};
use crate::error::Result;
use crate::ir::{NodeId, Op, ValueId};
use crate::kernel::{Operation, Type};
use crate::ops::shape;
use crate::ops::size::Size;

impl Lowering<'_> {
    pub(super) fn is(&mut self, value: ValueId, view: View) -> Option<()> {
        self.homes.insert(value, Home::View(view));
        Some(())
    }

    /// The output has the input's elements in the same order.
    pub(super) fn reshape(&mut self, id: NodeId) -> Result<Option<()>> {
        let (Some(input), Some((output, dims, dtype))) = (self.slot(id, 0), self.result(id)) else {
            return Ok(None);
        };
        let Some((own, _)) = self.known(input).filter(|(_, own)| *own == dtype) else {
            return Ok(None);
        };
        if self.equal(&count(&own), &count(&dims)).is_none() {
            return Ok(None);
        }
        self.ensure(input)?;
        if let Some(&Home::Inst(item, inst)) = self.homes.get(&input) {
            let (item, shift) = self.resolved(item, 0);
            let group = self.group(item);
            if matches!(group.kind, Kind::Product { .. } | Kind::Slide(_)) && group.has(&dims) {
                self.homes.insert(output, Home::Inst(item, inst + shift));
                return Ok(Some(()));
            }
        }
        let Some(view) = self.view(input)? else { return Ok(None) };
        if let Some(view) = view.reshaped(&dims) {
            return Ok(self.is(output, view));
        }
        let copy = self.copied(id, &view, dtype);
        Ok(copy.reshaped(&dims).and_then(|view| self.is(output, view)))
    }

    /// The elements of a view in a new buffer, in C order.
    pub(super) fn copied(&mut self, id: NodeId, view: &View, dtype: crate::ir::DataType) -> View {
        let copy = self.made(dtype, &view.dims);
        self.copied_into(id, view.clone(), &copy);
        copy
    }

    /// The output is the input.
    pub(super) fn alias(&mut self, id: NodeId) -> Result<Option<()>> {
        let (Some(input), Some(output)) = (self.slot(id, 0), self.graph.output(id)) else {
            return Ok(None);
        };
        self.ensure(input)?;
        let is_same = self.fact(input).dtype == self.fact(output).dtype;
        match self.homes.get(&input).cloned() {
            // A value of a reference, or a constant, is of the model's own type.
            None | Some(Home::Value(_)) if !is_same => Ok(None),
            // So are views of one.
            Some(Home::View(view)) if !is_same && self.is_held_in_16_bits(&view) => Ok(None),
            None => Ok(self.view(input)?.and_then(|view| self.is(output, view))),
            Some(home) => {
                self.homes.insert(output, home);
                Ok(Some(()))
            }
        }
    }

    fn is_held_in_16_bits(&self, view: &View) -> bool {
        let held = self.program.buffers[view.buffer].dtype;
        stored(held) != held
    }

    pub(super) fn transpose(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let (Some(input), Some((output, dims, _))) = (self.slot(id, 0), self.result(id)) else {
            return Ok(None);
        };
        let order = match self.call(op)?.ints("perm")? {
            Some(order) => order.iter().map(|&axis| axis as usize).collect(),
            None => (0..dims.len()).rev().collect::<Vec<_>>(),
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if sorted.into_iter().ne(0..dims.len()) {
            return Ok(None);
        }
        let Some(view) = self.view(input)? else { return Ok(None) };
        Ok(self.is(output, view.transposed(&order)))
    }

    pub(super) fn expand(&mut self, id: NodeId) -> Result<Option<()>> {
        let (Some(input), Some((output, dims, _))) = (self.slot(id, 0), self.result(id)) else {
            return Ok(None);
        };
        let (Some(view), Some(given)) = (self.view(input)?, self.slot_sizes(id, 1)) else {
            return Ok(None);
        };
        for (given, dim) in given.iter().rev().zip(dims.iter().rev()) {
            if self.may_spread(given, dim).is_none() {
                return Ok(None);
            }
        }
        Ok(self.spread(&view, &dims).and_then(|view| self.is(output, view)))
    }

    /// A constant, spread.
    pub(super) fn constant_of_shape(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let Some((output, dims, dtype)) = self.result(id) else { return Ok(None) };
        let given = self.call(op)?.tensor("value")?.cloned();
        let tensor = given.unwrap_or_else(|| crate::ops::zero(dtype));
        let buffer = self.buffer(dtype, &1.into(), Origin::Constant(crate::ops::dense(&tensor)?));
        let strides = vec![Size::from(0); dims.len()];
        Ok(self.is(output, View { buffer, offset: 0.into(), dims, strides }))
    }

    pub(super) fn slice(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let (Some(input), Some((output, dims, _))) = (self.slot(id, 0), self.result(id)) else {
            return Ok(None);
        };
        if self.call(op)?.since() < 10 {
            return Ok(None);
        }
        let rank = dims.len();
        let Some(starts) = self.slot_sizes(id, 1) else { return Ok(None) };
        let numbers =
            |sizes: Vec<Size>| -> Option<Vec<i64>> { sizes.iter().map(Size::known).collect() };
        let axes = match self.slot(id, 3) {
            None => Some((0..starts.len() as i64).collect()),
            Some(_) => self.slot_sizes(id, 3).and_then(numbers),
        };
        let steps = match self.slot(id, 4) {
            None => Some(vec![1; starts.len()]),
            Some(_) => self.slot_sizes(id, 4).and_then(numbers),
        };
        let (Some(axes), Some(steps)) = (axes, steps) else { return Ok(None) };
        let axes = shape::axes(&axes, rank)?;
        let Some(mut view) = self.view(input)? else { return Ok(None) };
        for ((start, &axis), &step) in starts.iter().zip(&axes).zip(&steps) {
            let size = view.dims[axis].clone();
            let Some(start) = first(start, &size, step) else { return Ok(None) };
            // No axis is longer: what steps further has the first element alone.
            let step = step.min(i32::MAX.into());
            view = view.sliced(axis, &start, step, dims[axis].clone());
        }
        Ok(self.is(output, view))
    }

    pub(super) fn split(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let outputs: Vec<ValueId> =
            self.graph.node(id).outputs().iter().flatten().copied().collect();
        let Some(input) = self.slot(id, 0) else { return Ok(None) };
        let Some(view) = self.view(input)? else { return Ok(None) };
        let axis = shape::axis(self.call(op)?.int("axis")?, view.dims.len())?;
        let all: Option<Vec<_>> = outputs.iter().map(|&value| self.made_known(value)).collect();
        let Some(all) = all.filter(|all| all.len() == self.graph.node(id).outputs().len()) else {
            return Ok(None);
        };
        let parts = all.iter().map(|(dims, _)| dims[axis].clone());
        let sum = parts.fold(Size::from(0), |sum, size| &sum + &size);
        if self.equal(&sum, &view.dims[axis]).is_none() {
            return Ok(None);
        }
        let mut start = Size::from(0);
        for (output, (dims, _)) in outputs.into_iter().zip(all) {
            let size = dims[axis].clone();
            self.is(output, view.sliced(axis, &start, 1, size.clone()));
            start = &start + &size;
        }
        Ok(Some(()))
    }

    /// Elements along an axis: a slice where the index is known, else a table that is read by computed
    /// places.
    pub(super) fn gather(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let (Some(data), Some(indices)) = (self.slot(id, 0), self.slot(id, 1)) else {
            return Ok(None);
        };
        let Some((output, dims, _)) = self.result(id) else { return Ok(None) };
        let Some(table) = self.view(data)? else { return Ok(None) };
        let axis = shape::axis(self.call(op)?.int("axis")?, table.dims.len())?;
        let known = self.slot_sizes(id, 1);
        let is_scalar = self.fact(indices).shape.is_some_and(|shape| shape.is_empty());
        if let (Some([index]), true) = (known.as_deref(), is_scalar) {
            let size = &table.dims[axis];
            let start = match index.known() {
                Some(..0) => size + index,
                _ => index.clone(),
            };
            let is_place = index.known().is_some() || index.is_at_least(&0.into());
            if !is_place || self.below(&start, size).is_none() {
                return Ok(None);
            }
            let mut view = table.sliced(axis, &start, 1, 1.into());
            view.dims.remove(axis);
            view.strides.remove(axis);
            return Ok(self.is(output, view));
        }
        let Some(index) = self.view(indices)? else { return Ok(None) };
        let item = self.begin(id, Kind::Map, dims.clone());
        let zeros = |count: usize| vec![Size::from(0); count];
        let behind = table.dims.len() - axis - 1;
        let places = View {
            strides: [zeros(axis), index.strides.clone(), zeros(behind)].concat(),
            dims: dims.clone(),
            ..index.clone()
        };
        let rest = View {
            strides: [
                table.strides[..axis].to_vec(),
                zeros(index.dims.len()),
                table.strides[axis + 1..].to_vec(),
            ]
            .concat(),
            dims,
            ..table.clone()
        };
        let index = self.push(item, Inst::Operand(places));
        let (stride, length) = (table.strides[axis].clone(), table.dims[axis].clone());
        // A place below 0 counts from the end.
        let zero = self.push(item, Inst::Constant(Type::I64, 0.0));
        let one = self.push(item, Inst::Constant(Type::I64, 1.0));
        let group = self.group_mut(item);
        let is_below = group.op(Operation::Less, &[index, zero]);
        let turns = group.op(Operation::Select, &[is_below, one, zero]);
        let gathered = Inst::Gathered { table: rest, stride, length, index, turns };
        let inst = self.push(item, gathered);
        self.homes.insert(output, Home::Inst(item, inst));
        Ok(Some(()))
    }

    /// Each input is written into its part of the output.
    pub(super) fn concat(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let Some((output, dims, dtype)) = self.result(id) else { return Ok(None) };
        let axis = shape::axis(self.call(op)?.int("axis")?, dims.len())?;
        let inputs: Vec<ValueId> = self.graph.node_inputs(id).into_iter().flatten().collect();
        let mut sizes = Vec::new();
        for &input in &inputs {
            let Some((mut own, _)) = self.known(input) else { return Ok(None) };
            if own.len() != dims.len() {
                return Ok(None);
            }
            sizes.push(own[axis].clone());
            own[axis] = dims[axis].clone();
            if self.all_equal(&own, &dims).is_none() {
                return Ok(None);
            }
        }
        let mut rest = dims[axis].clone();
        sizes.iter().for_each(|size| rest = &rest - size);
        if self.equal(&rest, &0.into()).is_none() {
            return Ok(None);
        }
        let whole = self.made(dtype, &dims);
        let mut start = Size::from(0);
        for (&input, size) in inputs.iter().zip(sizes) {
            let part = whole.sliced(axis, &start, 1, size.clone());
            if !self.written_into(input, &part)? {
                let Some(view) = self.view(input)? else { return Ok(None) };
                self.copied_into(id, view, &part);
            }
            start = &start + &size;
        }
        Ok(self.is(output, whole))
    }

    /// Lets the group of a value that is used once write it into a part of another.
    pub(super) fn written_into(&mut self, value: ValueId, part: &View) -> Result<bool> {
        self.ensure(value)?;
        let Some(&Home::Inst(item, inst)) = self.homes.get(&value) else { return Ok(false) };
        let (item, shift) = self.resolved(item, 0);
        let group = self.group(item);
        let fits = match group.kind {
            Kind::Map => group.space == part.dims,
            Kind::Product { .. } | Kind::Slide(_) => group.has(&part.dims),
            Kind::Rows => group.space == part.dims && group.varying()[inst + shift],
            Kind::Batch { .. } | Kind::Attention(_) => false,
        };
        let is_fine = fits && self.is_read_once(value);
        Ok(is_fine && self.stored(item, inst + shift, part))
    }
}

/// The first element of a slice, counted from the end where it is negative; none where that is not known.
fn first(start: &Size, size: &Size, step: i64) -> Option<Size> {
    if step < 1 {
        return None;
    }
    match start.known() {
        Some(..0) => Some((size + start).larger(&Size::from(0))),
        Some(_) => Some(start.smaller(size)),
        None => start.is_at_least(&Size::from(0)).then(|| start.smaller(size)),
    }
}
