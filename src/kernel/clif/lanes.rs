//! Loops whose passes are the lanes of vectors.

use super::Emitter;
use super::shape::{Shape, WIDTH};
use crate::ir::DataType;
use crate::kernel::ir::{
    Amount, Axis, AxisId, AxisKind, BufferId, Fold, Index, Kernel, Stmt, Term, Type, ValueId,
};
use cranelift::prelude::*;

/// Vectors that are computed side by side, so that none waits for another.
const UNROLLED: i64 = 4;

/// Whether a loop's passes are to be lanes and can be: all values are float32 or booleans, and places go
/// by one or stay.
pub(super) fn fit(kernel: &Kernel, axis: &Axis, body: &[Stmt], folds: &[Fold]) -> bool {
    let ty = |value: &ValueId| kernel.values[value.0 as usize];
    let is_lane = |value: &ValueId| matches!(ty(value), Type::F32 | Type::Bool);
    let is_moving = |(term, _): &&(Term, Amount)| *term == Term::Axis(axis.id);
    let is_plain = |at: &Index| at.terms.iter().filter(is_moving).count() <= 1;
    let is_by_one = |buffer: &BufferId, stride: Option<Amount>| {
        is_stored(kernel.buffers[buffer.0 as usize].dtype) && stride == Some(Amount::Constant(1))
    };
    axis.kind == AxisKind::Lane
        && folds.iter().all(|fold| ty(&fold.result) == Type::F32)
        && body.iter().all(|stmt| match stmt {
            Stmt::Load { at, .. } | Stmt::Store { at, .. } if !is_plain(at) => false,
            Stmt::Constant { result, .. } => is_lane(result),
            Stmt::Operation { result, arguments, .. } => {
                arguments.iter().chain([result]).all(is_lane)
            }
            // Once for all lanes, of any type that a value may have; or one for each.
            Stmt::Load { result, buffer, at } => match stride(at, axis.id) {
                None => is_lane(result),
                by => is_by_one(buffer, by),
            },
            Stmt::Store { buffer, at, .. } => is_by_one(buffer, stride(at, axis.id)),
            Stmt::Index { .. } | Stmt::For { .. } | Stmt::Fold { .. } => false,
        })
}

/// Whether vectors are loaded and stored so.
fn is_stored(dtype: DataType) -> bool {
    matches!(dtype, DataType::F32 | DataType::F16 | DataType::BF16 | DataType::Bool)
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
        axis: AxisId,
        to: Value,
        body: &[Stmt],
        folds: &[Fold],
    ) -> Result<Vec<Value>, String> {
        let (many, vector) = (UNROLLED as usize, Shape::vector(Type::F32));
        let none = |fold: &Fold| self.constant(vector, fold.kind.of_none());
        let none: Vec<Value> = folds.iter().map(none).collect();
        let from = self.builder.ins().iconst(types::I64, 0);
        let (at, sums) =
            self.counted(axis, from, to, WIDTH * UNROLLED, &none.repeat(many), |own, carried| {
                let mut sums = Vec::new();
                for number in 0..many {
                    own.ahead = WIDTH * number as i64;
                    let carried = &carried[number * folds.len()..][..folds.len()];
                    sums.extend(own.vector_pass(axis, body, folds, carried)?);
                }
                own.ahead = 0;
                Ok(sums)
            })?;
        let (joined, others) = sums.split_at(folds.len());
        let mut joined = joined.to_vec();
        for (at, other) in others.iter().enumerate() {
            let at = at % folds.len();
            joined[at] = self.folded(&folds[at], joined[at], *other, vector);
        }
        let (at, joined) = self.counted(axis, at, to, WIDTH, &joined, |own, carried| {
            own.vector_pass(axis, body, folds, carried)
        })?;
        let across = |(fold, sum)| self.across(fold, sum);
        let scalars: Vec<Value> = folds.iter().zip(joined).map(across).collect();
        let pass = |own: &mut Self, carried: &[Value]| own.pass(body, folds, carried);
        Ok(self.counted(axis, at, to, 1, &scalars, pass)?.1)
    }

    fn vector_pass(
        &mut self,
        axis: AxisId,
        body: &[Stmt],
        folds: &[Fold],
        carried: &[Value],
    ) -> Result<Vec<Value>, String> {
        self.lanes = Some(axis);
        let sums = self.pass(body, folds, carried);
        self.lanes = None;
        sums
    }

    /// One pass, of one or of lanes: what it adds to what is folded.
    pub(super) fn pass(
        &mut self,
        body: &[Stmt],
        folds: &[Fold],
        carried: &[Value],
    ) -> Result<Vec<Value>, String> {
        let outside = self.values.clone();
        self.block(body)?;
        let sums = folds.iter().zip(carried).map(|(fold, sum)| {
            let made = self.values[&fold.value];
            let shape = Shape { ty: made.shape.ty, is_vector: self.lanes.is_some() };
            let value = self.in_shape(made, shape);
            self.folded(fold, *sum, value, shape)
        });
        let sums = sums.collect();
        self.values = outside;
        Ok(sums)
    }

    fn folded(&mut self, fold: &Fold, sum: Value, value: Value, shape: Shape) -> Value {
        self.arithmetic(fold.kind.operation(), sum, value, shape)
    }

    /// What the lanes of a vector are folded into.
    fn across(&mut self, fold: &Fold, vector: Value) -> Value {
        let lane = |emitter: &mut Self, lane: u8| emitter.builder.ins().extractlane(vector, lane);
        let mut sum = lane(self, 0);
        for number in 1..WIDTH as u8 {
            let other = lane(self, number);
            sum = self.folded(fold, sum, other, Shape::scalar(Type::F32));
        }
        sum
    }
}
