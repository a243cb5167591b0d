//! Loops whose passes are the lanes of vectors.

use super::shape::{Shape, WIDTH};
use super::{Emitter, Made};
use crate::ir::DataType;
use crate::kernel::Operation;
use crate::kernel::ir::{Amount, Axis, AxisId, Fold, FoldKind, Index, Kernel, Stmt, Term, Type};
use cranelift::prelude::*;

/// Vectors that are computed side by side, so that none waits for another.
const UNROLLED: i64 = 4;

/// Whether a loop's passes can be lanes: all values are float32 or booleans, and places go by one or
/// stay.
pub(super) fn fit(kernel: &Kernel, axis: AxisId, body: &[Stmt]) -> bool {
    let is_lane = |ty: Type| matches!(ty, Type::F32 | Type::Bool);
    let is_plain =
        |at: &Index| at.terms.iter().filter(|(term, _)| *term == Term::Axis(axis)).count() <= 1;
    body.iter().all(|stmt| match stmt {
        Stmt::Load { at, .. } | Stmt::Store { at, .. } if !is_plain(at) => false,
        Stmt::Constant { result, .. } => is_lane(kernel.values[result.0 as usize]),
        Stmt::Operation { result, arguments, .. } => {
            let mut all = arguments.iter().chain([result]);
            all.all(|value| is_lane(kernel.values[value.0 as usize]))
        }
        Stmt::Load { buffer, at, .. } => {
            let dtype = kernel.buffers[buffer.0 as usize].dtype;
            match stride(at, axis) {
                Some(Amount::Constant(1)) => is_stored(dtype),
                // Once for all lanes: it may have any type that a value may have.
                Some(_) => false,
                None => is_lane_load(kernel, stmt),
            }
        }
        Stmt::Store { buffer, at, .. } => {
            let dtype = kernel.buffers[buffer.0 as usize].dtype;
            is_stored(dtype) && stride(at, axis) == Some(Amount::Constant(1))
        }
        Stmt::Index { .. } | Stmt::For { .. } | Stmt::Fold { .. } => false,
    })
}

/// Whether vectors are loaded and stored so.
fn is_stored(dtype: DataType) -> bool {
    matches!(dtype, DataType::F32 | DataType::F16 | DataType::BF16 | DataType::Bool)
}

fn is_lane_load(kernel: &Kernel, stmt: &Stmt) -> bool {
    let Stmt::Load { result, .. } = stmt else { return false };
    matches!(kernel.values[result.0 as usize], Type::F32 | Type::Bool)
}

/// The stride of an axis in a place; none where it does not depend on it.
pub(super) fn stride(at: &Index, axis: AxisId) -> Option<Amount> {
    let found = at.terms.iter().find(|(term, _)| *term == Term::Axis(axis));
    found.map(|(_, stride)| *stride).filter(|stride| *stride != Amount::Constant(0))
}

impl Emitter<'_, '_> {
    /// A loop in vectors: first several side by side, then one, then scalars. Gives what is folded.
    pub(super) fn vector_loop(
        &mut self,
        axis: &Axis,
        from: Value,
        to: Value,
        body: &[Stmt],
        folds: &[Fold],
    ) -> Result<Vec<Value>, String> {
        let many = UNROLLED as usize;
        let nothing: Vec<Value> =
            folds.iter().map(|fold| self.nothing(fold, Shape::vector(Type::F32))).collect();
        let carried: Vec<Value> = (0..many).flat_map(|_| nothing.clone()).collect();
        let (at, sums) =
            self.counted(axis.id, from, to, WIDTH * UNROLLED, &carried, |emitter, carried| {
                let mut sums = Vec::new();
                for number in 0..many {
                    emitter.ahead = WIDTH * number as i64;
                    let own = &carried[number * folds.len()..][..folds.len()];
                    sums.extend(emitter.vector_pass(axis.id, body, folds, own)?);
                }
                emitter.ahead = 0;
                Ok(sums)
            })?;
        let mut joined = sums[..folds.len()].to_vec();
        for number in 1..many {
            for (at, fold) in folds.iter().enumerate() {
                let other = sums[number * folds.len() + at];
                joined[at] = self.folded(fold.kind, joined[at], other, Shape::vector(Type::F32));
            }
        }
        let (at, joined) = self.counted(axis.id, at, to, WIDTH, &joined, |emitter, carried| {
            emitter.vector_pass(axis.id, body, folds, carried)
        })?;
        let scalars: Vec<Value> =
            folds.iter().zip(joined).map(|(fold, sum)| self.across(fold.kind, sum)).collect();
        let (_, sums) = self.counted(axis.id, at, to, 1, &scalars, |emitter, carried| {
            emitter.pass(body, folds, carried)
        })?;
        Ok(sums)
    }

    fn vector_pass(
        &mut self,
        axis: AxisId,
        body: &[Stmt],
        folds: &[Fold],
        carried: &[Value],
    ) -> Result<Vec<Value>, String> {
        self.lanes = Some(axis);
        let outside = self.values.clone();
        self.block(body)?;
        let sums = folds.iter().zip(carried).map(|(fold, sum)| {
            let value = self.in_shape(self.values[&fold.value], Shape::vector(Type::F32));
            self.folded(fold.kind, *sum, value, Shape::vector(Type::F32))
        });
        let sums = sums.collect();
        self.values = outside;
        self.lanes = None;
        Ok(sums)
    }

    /// One pass of a loop of scalars.
    fn pass(
        &mut self,
        body: &[Stmt],
        folds: &[Fold],
        carried: &[Value],
    ) -> Result<Vec<Value>, String> {
        let outside = self.values.clone();
        self.block(body)?;
        let sums = folds.iter().zip(carried).map(|(fold, sum)| {
            let made = self.values[&fold.value];
            self.folded(fold.kind, *sum, made.value, made.shape)
        });
        let sums = sums.collect();
        self.values = outside;
        Ok(sums)
    }

    pub(super) fn fold_loop(
        &mut self,
        axis: &Axis,
        body: &[Stmt],
        folds: &[Fold],
    ) -> Result<(), String> {
        let zero = self.builder.ins().iconst(types::I64, 0);
        let extent = self.amount(axis.extent);
        let is_lanes = axis.kind == crate::kernel::AxisKind::Lane
            && lanes_fit(self.kernel, axis.id, body, folds);
        let sums = match is_lanes {
            true => self.vector_loop(axis, zero, extent, body, folds)?,
            false => {
                let types = folds.iter().map(|f| self.kernel.values[f.result.0 as usize]);
                let shapes: Vec<Shape> = types.map(Shape::scalar).collect();
                let nothing: Vec<Value> = folds
                    .iter()
                    .zip(shapes)
                    .map(|(fold, shape)| self.nothing(fold, shape))
                    .collect();
                let pass =
                    |emitter: &mut Self, carried: &[Value]| emitter.pass(body, folds, carried);
                self.counted(axis.id, zero, extent, 1, &nothing, pass)?.1
            }
        };
        for (fold, value) in folds.iter().zip(sums) {
            let shape = Shape::scalar(self.kernel.values[fold.result.0 as usize]);
            self.values.insert(fold.result, Made { value, shape });
        }
        Ok(())
    }

    /// What a fold of nothing is.
    fn nothing(&mut self, fold: &Fold, shape: Shape) -> Value {
        let (float, integer) = match fold.kind {
            FoldKind::Sum => (0.0, 0),
            FoldKind::Product => (1.0, 1),
            FoldKind::Max => (f64::NEG_INFINITY, i64::MIN),
            FoldKind::Min => (f64::INFINITY, i64::MAX),
        };
        let value = match shape.ty {
            Type::F32 => self.builder.ins().f32const(float as f32),
            Type::F64 => self.builder.ins().f64const(float),
            _ => self.builder.ins().iconst(types::I64, integer),
        };
        self.in_shape(Made { value, shape: Shape::scalar(shape.ty) }, shape)
    }

    fn folded(&mut self, kind: FoldKind, sum: Value, value: Value, shape: Shape) -> Value {
        let operation = match kind {
            FoldKind::Sum => Operation::Add,
            FoldKind::Product => Operation::Mul,
            FoldKind::Max => Operation::Max,
            FoldKind::Min => Operation::Min,
        };
        self.arithmetic(operation, sum, value, shape)
    }

    /// What the lanes of a vector are folded into.
    fn across(&mut self, kind: FoldKind, vector: Value) -> Value {
        let lane = |emitter: &mut Self, lane: u8| emitter.builder.ins().extractlane(vector, lane);
        let mut sum = lane(self, 0);
        for number in 1..WIDTH as u8 {
            let other = lane(self, number);
            sum = self.folded(kind, sum, other, Shape::scalar(Type::F32));
        }
        sum
    }
}

fn lanes_fit(kernel: &Kernel, axis: AxisId, body: &[Stmt], folds: &[Fold]) -> bool {
    let is_float = |fold: &Fold| kernel.values[fold.result.0 as usize] == Type::F32;
    folds.iter().all(is_float) && fit(kernel, axis, body)
}
