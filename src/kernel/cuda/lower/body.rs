//! Statements.

use super::order::Place;
use super::{Lowering, amount};
use crate::kernel::Operation;
use crate::kernel::cuda::form::{Operand, Register, Source, Step, Team};
use crate::kernel::ir::{Axis, AxisKind, BufferId, Fold, Index, Stmt, Term, Type, ValueId};

impl Lowering<'_> {
    pub(super) fn block(&mut self, block: &[Stmt]) {
        block.iter().for_each(|stmt| self.stmt(stmt));
    }

    pub(super) fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Constant { result, number } => {
                let register = self.set(self.ty(*result), Source::Number(*number));
                self.values.insert(*result, vec![register]);
            }
            Stmt::Operation { result, operation, arguments } => {
                self.operation(*result, *operation, arguments);
            }
            Stmt::Index { result, axis } => {
                let registers = (0..self.width(*axis)).map(|lane| self.axis(*axis, lane));
                let registers = registers.collect();
                self.values.insert(*result, registers);
            }
            Stmt::Load { result, buffer, at } => self.load(*result, *buffer, at),
            Stmt::Store { buffer, at, value } => self.store(*buffer, at, *value),
            Stmt::For { axis, body } => self.fold(axis, body, &[]),
            Stmt::Fold { axis, body, folds } => self.fold(axis, body, folds),
        }
    }

    fn operation(&mut self, result: ValueId, operation: Operation, arguments: &[ValueId]) {
        let ty = self.ty(result);
        let lanes = arguments.iter().map(|value| self.values[value].len()).max().unwrap_or(1);
        let one = |own: &mut Self, lane| {
            let arguments = arguments.iter().map(|value| own.value(*value, lane).into()).collect();
            own.set(ty, Source::Operation(operation, arguments))
        };
        let registers = (0..lanes).map(|lane| one(self, lane)).collect();
        self.values.insert(result, registers);
    }

    fn load(&mut self, result: ValueId, buffer: BufferId, at: &Index) {
        let (ty, is_checked) = (self.ty(result), at.is_computed());
        if self.lanes.is_none() {
            let read: Vec<Place> = self.exchanged(buffer).into_iter().collect();
            self.order(&read, &[]);
        }
        let mut registers = Vec::new();
        for (first, count) in self.parts(at) {
            let place = self.place(at, first);
            let results: Vec<Register> = (0..count).map(|_| self.register(ty)).collect();
            registers.extend(&results);
            self.steps.push(Step::Load { results, buffer, place, is_checked });
        }
        self.values.insert(result, registers);
    }

    fn store(&mut self, buffer: BufferId, at: &Index, value: ValueId) {
        if self.lanes.is_some() || self.program.work.team == Team::Thread {
            return self.store_own(buffer, at, value);
        }
        self.order(&[], &[Place::Buffer(buffer)]);
        let arguments = vec![self.thread, Operand::Integer(0)];
        let condition = self.set(Type::Bool, Source::Operation(Operation::Equal, arguments));
        let body = self.within(|own| own.store_own(buffer, at, value));
        self.steps.push(Step::If { condition, body });
    }

    fn store_own(&mut self, buffer: BufferId, at: &Index, value: ValueId) {
        for (first, count) in self.parts(at) {
            let place = self.place(at, first);
            let values = (first..first + count).map(|lane| self.value(value, lane)).collect();
            self.steps.push(Step::Store { values, buffer, place, is_checked: at.is_computed() });
        }
    }

    /// The place of an index, for a lane of those that are done at once.
    fn place(&mut self, at: &Index, lane: usize) -> Operand {
        let mut place = at.base.map_or(Operand::Integer(0), amount);
        for &(term, stride) in &at.terms {
            let along = match term {
                Term::Axis(axis) => self.axis(axis, lane),
                Term::Value(value) => self.value(value, lane),
            };
            let along = self.mul(along.into(), amount(stride));
            place = self.add(place, along);
        }
        place
    }

    /// A loop, and what it folds.
    fn fold(&mut self, axis: &Axis, body: &[Stmt], folds: &[Fold]) {
        let none =
            |fold: &Fold| self.set(self.ty(fold.result), Source::Number(fold.kind.of_none()));
        let sums: Vec<Register> = folds.iter().map(none).collect();
        let add = |own: &mut Self| {
            for (fold, &result) in folds.iter().zip(&sums) {
                for lane in 0..own.width(axis.id) {
                    let value = own.value(fold.value, lane);
                    let source =
                        Source::Operation(fold.kind.operation(), vec![result.into(), value.into()]);
                    own.steps.push(Step::Set { result, source, is_again: true });
                }
            }
        };
        let all = if axis.kind == AxisKind::Lane && self.program.work.team == Team::Block {
            self.lane_loop(axis, body, &add);
            self.across(folds, &sums)
        } else {
            let [zero, one] = [0, 1].map(Operand::Integer);
            let is_independent = axis.kind == AxisKind::Grid;
            self.looped(zero, amount(axis.extent), one, is_independent, &|own, index| {
                own.axes.insert(axis.id, index);
                own.block(body);
                add(own);
            });
            sums.clone()
        };
        for (fold, register) in folds.iter().zip(all) {
            self.values.insert(fold.result, vec![register]);
        }
    }

    pub(super) fn ty(&self, value: ValueId) -> Type {
        self.kernel.values[value.0 as usize]
    }

    /// The register of a value, for a lane of those that are done at once.
    pub(super) fn value(&self, value: ValueId, lane: usize) -> Register {
        let registers = &self.values[&value];
        registers[lane.min(registers.len() - 1)]
    }
}
