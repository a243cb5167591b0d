//! Operators whose elements depend on where they stand.

use super::group::{Inst, Kind};
use super::lowering::{Home, Lowering};
use crate::error::Result;
use crate::ir::{NodeId, Op};
use crate::kernel::{Operation, Type};

impl Lowering<'_> {
    /// start + i·delta, of integers.
    pub(super) fn range(&mut self, id: NodeId) -> Result<Option<()>> {
        let (Some(start), Some(delta)) = (self.slot(id, 0), self.slot(id, 2)) else {
            return Ok(None);
        };
        let Some((output, dims, dtype)) = self.result(id) else { return Ok(None) };
        if Type::of_stored(dtype) != Some(Type::I64) {
            return Ok(None);
        }
        let item = self.begin(id, Kind::Map, dims.clone());
        let index = self.push(item, Inst::Index(0));
        let (Some(start), Some(delta)) =
            (self.read(item, start, &dims)?, self.read(item, delta, &dims)?)
        else {
            return Ok(None);
        };
        let group = self.group_mut(item);
        let along = group.op(Operation::Mul, &[index, delta]);
        let inst = group.op(Operation::Add, &[start, along]);
        self.homes.insert(output, Home::Inst(item, inst));
        Ok(Some(()))
    }

    /// The triangle of matrices from a diagonal on, or up to it; 0 elsewhere.
    pub(super) fn triangle(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let (Some(input), Some((output, dims, dtype))) = (self.slot(id, 0), self.result(id)) else {
            return Ok(None);
        };
        let diagonal = match self.slot(id, 1) {
            None => Some(0.0),
            Some(diagonal) => self.scalar(diagonal),
        };
        let (Some(diagonal), Some(ty)) = (diagonal, Type::of_stored(dtype)) else {
            return Ok(None);
        };
        if ty == Type::Bool || dims.len() < 2 {
            return Ok(None);
        }
        let is_upper = self.call(op)?.flag("upper")?;
        let item = self.begin(id, Kind::Map, dims.clone());
        let Some(x) = self.read(item, input, &dims)? else { return Ok(None) };
        let zero = self.push(item, Inst::Constant(ty, 0.0));
        let row = self.push(item, Inst::Index(dims.len() - 2));
        let column = self.push(item, Inst::Index(dims.len() - 1));
        let by = self.push(item, Inst::Constant(Type::I64, diagonal));
        let group = self.group_mut(item);
        let from = group.op(Operation::Add, &[row, by]);
        let order = if is_upper { [from, column] } else { [column, from] };
        let is_kept = group.op(Operation::LessEqual, &order);
        let inst = group.op(Operation::Select, &[is_kept, x, zero]);
        self.homes.insert(output, Home::Inst(item, inst));
        Ok(Some(()))
    }
}
