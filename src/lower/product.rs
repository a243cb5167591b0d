//! Matrix products.

use super::group::{Inst, Kind};
use super::lowering::{Home, Lowering};
use super::program::Origin;
use super::view::View;
use crate::error::Result;
use crate::ir::{DataType, NodeId, Op};
use crate::kernel::{Operation, Type};
use crate::ops::size::Size;

impl Lowering<'_> {
    pub(super) fn matmul(&mut self, id: NodeId) -> Result<Option<()>> {
        let (Some(a), Some(b)) = (self.slot(id, 0), self.slot(id, 1)) else { return Ok(None) };
        let Some((output, dims, dtype)) = self.result(id) else { return Ok(None) };
        if !is_product(dtype) || self.known(a).is_none_or(|(dims, _)| dims.len() < 2) {
            return Ok(None);
        }
        let (Some(a), Some(b)) = (self.view(a)?, self.view(b)?) else { return Ok(None) };
        if b.dims.len() < 2 {
            return Ok(None);
        }
        let Some((a, b)) = self.factors(id, a, b, &dims) else { return Ok(None) };
        let (kind, space) = match a.dims.len() {
            2 => {
                let space = vec![a.dims[0].clone(), b.dims[1].clone()];
                (Kind::Product { a, b }, space)
            }
            _ => (Kind::Batch { a, b }, dims),
        };
        let item = self.begin(id, kind, space);
        let inst = self.push(item, Inst::Product);
        self.homes.insert(output, Home::Inst(item, inst));
        Ok(Some(()))
    }

    /// The factors of a product of these sizes: matrices, or both with all axes of the batch.
    fn factors(&mut self, id: NodeId, a: View, b: View, dims: &[Size]) -> Option<(View, View)> {
        self.equal(a.dims.last()?, &b.dims[b.dims.len() - 2])?;
        let a = match a.dims.len() {
            // Only constants on the right are widened when they are packed.
            2 if self.program.buffers[a.buffer].dtype != DataType::F32 => {
                self.copied(id, &a, DataType::F32)
            }
            _ => self.in_float32(id, a),
        };
        let is_constant = matches!(self.program.buffers[b.buffer].origin, Origin::Constant(_));
        let b = match is_constant && !b.sizes().all(|size| size.known().is_some()) {
            // Constants are packed before sizes are known.
            true => self.copied(id, &b, DataType::F32),
            false => self.in_float32(id, b),
        };
        if b.dims.len() == 2 {
            let rows = match a.rows() {
                Some(rows) => rows,
                None => self.copied(id, &a, DataType::F32).rows()?,
            };
            return Some((rows, b));
        }
        let batch = &dims[..dims.len() - 2];
        let mut over = |view: &View| {
            let own = &view.dims[view.dims.len() - 2..];
            self.spread(view, &[batch, own].concat())
        };
        Some((over(&a)?, over(&b)?))
    }

    /// A view, or its copy in float32 where it is stored in another type.
    pub(super) fn in_float32(&mut self, id: NodeId, view: View) -> View {
        let buffer = &self.program.buffers[view.buffer];
        match (buffer.dtype, &buffer.origin) {
            (DataType::F32, _) => view,
            // Weights are widened when they are packed.
            (_, Origin::Constant(_)) if view.dims.len() == 2 => view,
            _ => self.copied(id, &view, DataType::F32),
        }
    }

    pub(super) fn gemm(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let (Some(a), Some(b)) = (self.slot(id, 0), self.slot(id, 1)) else { return Ok(None) };
        let Some((output, dims, dtype)) = self.result(id) else { return Ok(None) };
        let (Some(mut a), Some(mut b)) = (self.view(a)?, self.view(b)?) else { return Ok(None) };
        if !is_product(dtype) || a.dims.len() != 2 || b.dims.len() != 2 {
            return Ok(None);
        }
        let call = self.call(op)?;
        if call.flag("transA")? {
            a = a.transposed(&[1, 0]);
        }
        if call.flag("transB")? {
            b = b.transposed(&[1, 0]);
        }
        let (alpha, beta) = (call.float("alpha")?, call.float("beta")?);
        let Some((a, b)) = self.factors(id, a, b, &dims) else { return Ok(None) };
        let item = self.begin(id, Kind::Product { a, b }, dims.clone());
        let mut inst = self.push(item, Inst::Product);
        let scaled = |lowering: &mut Self, inst, by: f64| match by {
            1.0 => inst,
            by => {
                let by = lowering.push(item, Inst::Constant(Type::F32, by));
                lowering.group_mut(item).op(Operation::Mul, &[inst, by])
            }
        };
        inst = scaled(self, inst, alpha);
        // As in BLAS, C is not read where beta is 0.
        if let Some(c) = self.slot(id, 2).filter(|_| beta != 0.0) {
            let Some(c) = self.read(item, c, &dims)? else { return Ok(None) };
            let c = scaled(self, c, beta);
            inst = self.group_mut(item).op(Operation::Add, &[inst, c]);
        }
        self.homes.insert(output, Home::Inst(item, inst));
        Ok(Some(()))
    }
}

/// Whether products of this type are computed in float32.
pub(super) fn is_product(dtype: DataType) -> bool {
    matches!(dtype, DataType::F32 | DataType::F16 | DataType::BF16)
}
