//! Kernels as functions of Cranelift.
//!
//! A kernel becomes `fn(buffers: *const *mut u8, lengths: *const i64, given: *const i64, begin: i64, end: i64) -> i64`.
//! `begin..end` are the passes of the outermost grid that this call does; without a grid a call does all.
//! The result is 0, or 1 + the number of a buffer in which a computed place was outside. Lanes become
//! vectors of 128 bits, which is what Cranelift has, four at a time, where all of a loop's values are
//! float32 (in memory also of 16 bits) or booleans; other loops are scalar.

mod half;
mod lanes;
mod memory;
mod operation;
mod shape;

use super::ir::{Amount, Axis, AxisId, AxisKind, Fold, Index, Kernel, Stmt, Term, Type, ValueId};
use cranelift::codegen::ir::{BlockArg, Function, StackSlot, UserFuncName};
use cranelift::prelude::*;
use std::collections::HashMap;

use shape::Shape;
pub use shape::{Target, signature};

/// The function of a kernel that [`check`](super::check) accepts.
///
/// # Errors
/// It has what this target does not: the message says what.
pub fn function(
    kernel: &Kernel,
    target: Target,
    context: &mut FunctionBuilderContext,
) -> Result<Function, String> {
    let signature = signature(target.config);
    let mut function = Function::with_name_signature(UserFuncName::default(), signature);
    let mut builder = FunctionBuilder::new(&mut function, context);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let &[buffers, lengths, given, begin, end] = builder.block_params(entry) else {
        return Err("the signature has five parameters".to_owned());
    };
    let mut emitter = Emitter::new(kernel, target, builder, [buffers, lengths, given]);
    emitter.grid = Some((begin, end));
    emitter.block(&kernel.body)?;
    let fault = emitter.builder.use_var(emitter.fault);
    emitter.builder.ins().return_(&[fault]);
    emitter.builder.seal_all_blocks();
    emitter.builder.finalize(target.config);
    Ok(function)
}

/// What is known while a function is made.
struct Emitter<'k, 'f> {
    kernel: &'k Kernel,
    target: Target,
    builder: FunctionBuilder<'f>,
    buffers: Vec<Value>,
    lengths: Vec<Value>,
    given: Vec<Value>,
    /// The passes of the outermost grid, until its loop is made.
    grid: Option<(Value, Value)>,
    /// The indices of the loops around.
    axes: HashMap<AxisId, Value>,
    innermost: Option<AxisId>,
    /// The loop whose passes are the lanes of vectors here, if there is one.
    lanes: Option<AxisId>,
    /// How many elements the vectors here are ahead of the index of their loop.
    ahead: i64,
    values: HashMap<ValueId, Made>,
    /// 0, or 1 + the number of a buffer.
    fault: Variable,
    /// Memory for one vector, which places that are outside lead to.
    spare: StackSlot,
}

/// A value, as it was made.
#[derive(Clone, Copy)]
struct Made {
    value: Value,
    shape: Shape,
}

impl<'k, 'f> Emitter<'k, 'f> {
    fn new(
        kernel: &'k Kernel,
        target: Target,
        mut builder: FunctionBuilder<'f>,
        [buffers, lengths, given]: [Value; 3],
    ) -> Self {
        let mut all = |base: Value, count: usize| -> Vec<Value> {
            let at = |i: usize| 8 * i as i32;
            let load = |i| builder.ins().load(types::I64, memory::flags(), base, at(i));
            (0..count).map(load).collect()
        };
        let buffers = all(buffers, kernel.buffers.len());
        let lengths = all(lengths, kernel.buffers.len());
        let given = all(given, kernel.given.len());
        let fault = builder.declare_var(types::I64);
        let zero = builder.ins().iconst(types::I64, 0);
        builder.def_var(fault, zero);
        let spare = StackSlotData::new(StackSlotKind::ExplicitSlot, 16, 4);
        let spare = builder.create_sized_stack_slot(spare);
        Self {
            kernel,
            target,
            builder,
            buffers,
            lengths,
            given,
            grid: None,
            axes: HashMap::new(),
            innermost: None,
            lanes: None,
            ahead: 0,
            values: HashMap::new(),
            fault,
            spare,
        }
    }

    fn block(&mut self, block: &[Stmt]) -> Result<(), String> {
        block.iter().try_for_each(|stmt| self.stmt(stmt))
    }

    fn stmt(&mut self, stmt: &Stmt) -> Result<(), String> {
        match stmt {
            Stmt::Constant { result, number } => {
                let shape = Shape::scalar(self.kernel.values[result.0 as usize]);
                let value = self.constant(shape, *number);
                self.values.insert(*result, Made { value, shape });
            }
            Stmt::Operation { result, operation, arguments } => {
                let made = self.operation(*operation, arguments)?;
                self.values.insert(*result, made);
            }
            Stmt::Index { result, axis } => {
                let value = self.axes[axis];
                self.values.insert(*result, Made { value, shape: Shape::scalar(Type::I64) });
            }
            Stmt::Load { result, buffer, at } => {
                let made = self.load(*buffer, at)?;
                self.values.insert(*result, made);
            }
            Stmt::Store { buffer, at, value } => self.store(*buffer, at, *value)?,
            Stmt::For { axis, body } => self.looped(axis, body, &[])?,
            Stmt::Fold { axis, body, folds } => self.looped(axis, body, folds)?,
        }
        Ok(())
    }

    /// A loop, and what it folds.
    fn looped(&mut self, axis: &Axis, body: &[Stmt], folds: &[Fold]) -> Result<(), String> {
        let extent = self.amount(axis.extent);
        let sums = if lanes::fit(self.kernel, axis, body, folds) {
            self.vector_loop(axis.id, extent, body, folds)?
        } else {
            let zero = self.builder.ins().iconst(types::I64, 0);
            let part = if axis.kind == AxisKind::Grid { self.grid.take() } else { None };
            let (from, to) = part.unwrap_or((zero, extent));
            let none = |fold: &Fold| {
                let shape = Shape::scalar(self.kernel.values[fold.result.0 as usize]);
                self.constant(shape, fold.kind.of_none())
            };
            let none: Vec<Value> = folds.iter().map(none).collect();
            self.counted(axis.id, from, to, 1, &none, |emitter, carried| {
                emitter.pass(body, folds, carried)
            })?
            .1
        };
        for (fold, value) in folds.iter().zip(sums) {
            let shape = Shape::scalar(self.kernel.values[fold.result.0 as usize]);
            self.values.insert(fold.result, Made { value, shape });
        }
        Ok(())
    }

    /// A loop from `from` as long as a whole `step` is below `to`, carrying values through its passes.
    /// Gives the index it ends with, and the values.
    fn counted(
        &mut self,
        axis: AxisId,
        from: Value,
        to: Value,
        step: i64,
        carried: &[Value],
        body: impl FnOnce(&mut Self, &[Value]) -> Result<Vec<Value>, String>,
    ) -> Result<(Value, Vec<Value>), String> {
        let (head, inside, behind) =
            (self.builder.create_block(), self.builder.create_block(), self.builder.create_block());
        let arguments = |first: Value, rest: &[Value]| -> Vec<BlockArg> {
            std::iter::once(first).chain(rest.iter().copied()).map(BlockArg::from).collect()
        };
        self.builder.append_block_param(head, types::I64);
        for value in carried {
            let ty = self.builder.func.dfg.value_type(*value);
            self.builder.append_block_param(head, ty);
        }
        self.builder.ins().jump(head, &arguments(from, carried));
        self.builder.switch_to_block(head);
        let parameters = self.builder.block_params(head).to_vec();
        let index = parameters[0];
        let next = self.builder.ins().iadd_imm_s(index, step);
        let is_in = self.builder.ins().icmp(IntCC::SignedLessThanOrEqual, next, to);
        self.builder.ins().brif(is_in, inside, &[], behind, &[]);
        self.builder.switch_to_block(inside);
        let around = self.axes.insert(axis, index);
        let outside = self.innermost.replace(axis);
        let made = body(self, &parameters[1..])?;
        self.innermost = outside;
        match around {
            Some(around) => self.axes.insert(axis, around),
            None => self.axes.remove(&axis),
        };
        self.builder.ins().jump(head, &arguments(next, &made));
        self.builder.switch_to_block(behind);
        Ok((index, parameters[1..].to_vec()))
    }

    fn constant(&mut self, shape: Shape, number: f64) -> Value {
        let value = match shape.ty {
            Type::F32 => self.builder.ins().f32const(number as f32),
            Type::F64 => self.builder.ins().f64const(number),
            Type::I64 => self.builder.ins().iconst(types::I64, number as i64),
            Type::Bool => self.builder.ins().iconst(types::I8, i64::from(number != 0.0)),
        };
        self.in_shape(Made { value, shape: Shape::scalar(shape.ty) }, shape)
    }

    fn amount(&mut self, amount: Amount) -> Value {
        match amount {
            Amount::Constant(number) => self.builder.ins().iconst(types::I64, number),
            Amount::Given(at) => self.given[at as usize],
        }
    }

    /// A term of a place, in elements.
    fn along(&mut self, term: Term, stride: Amount) -> Value {
        let along = match term {
            Term::Axis(axis) => self.axes[&axis],
            Term::Value(value) => self.values[&value].value,
        };
        match stride {
            Amount::Constant(1) => along,
            stride => {
                let stride = self.amount(stride);
                self.builder.ins().imul(along, stride)
            }
        }
    }

    /// The place of an index, in elements: what stays in the innermost loop, and what does not. Of lanes
    /// it is that of the first.
    fn place(&mut self, index: &Index) -> [Value; 2] {
        let zero = self.builder.ins().iconst(types::I64, 0);
        let base = index.base.map(|base| self.amount(base));
        let mut place = [base.unwrap_or(zero), zero];
        for &(term, stride) in &index.terms {
            let along = self.along(term, stride);
            let part = usize::from(self.innermost.is_some_and(|axis| term == Term::Axis(axis)));
            place[part] = self.builder.ins().iadd(place[part], along);
        }
        place
    }
}
