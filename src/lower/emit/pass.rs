//! Passes along the rows, statement by statement.

use super::{Access, Emitter, Kept, Surroundings, index, lower};
use crate::ir::DataType;
use crate::kernel::{Amount, AxisKind, BufferId as KernelBuffer, Term, Type, ValueId};
use crate::lower::group::{Inst, InstId};
use crate::lower::view::{View, count};
use crate::ops::size::Size;
use std::collections::HashMap;

impl Emitter<'_> {
    pub(super) fn passes(&mut self, around: &mut Surroundings<'_>) -> Result<(), String> {
        let outer = self.loops.len() - 1;
        for number in 0..outer {
            let kind = if number == 0 { AxisKind::Grid } else { AxisKind::Sequence };
            let axis = self.builder.open(kind, self.extents[number]);
            self.axes.push(axis);
        }
        for pass in 0..=self.last_pass() {
            self.alone(pass)?;
            self.pass(pass, around)?;
        }
        for _ in 0..outer {
            self.builder.close();
        }
        Ok(())
    }

    /// Values that are one a row.
    pub(super) fn alone(&mut self, pass: usize) -> Result<(), String> {
        for inst in 0..self.group.insts.len() {
            let is_fold = matches!(self.group.insts[inst], Inst::Fold(..));
            let is_now = self.needed[inst] && !self.varying[inst] && self.ready[inst] == pass;
            if is_now && !is_fold {
                let value = self.computed(inst, &HashMap::new())?;
                self.defined.insert(inst, value);
            }
        }
        for at in 0..self.group.outputs.len() {
            let inst = self.group.outputs[at].inst;
            if !self.is_in_loop(at) && self.ready[inst] == pass {
                let value = self.defined.get(&inst).ok_or("a value is used before it is known")?;
                self.store(self.stored[at], *value);
            }
        }
        Ok(())
    }

    /// One loop along the rows.
    pub(super) fn pass(
        &mut self,
        pass: usize,
        around: &mut Surroundings<'_>,
    ) -> Result<(), String> {
        let folds = self.folds(pass);
        let stores: Vec<usize> = (0..self.group.outputs.len())
            .filter(|&at| self.is_in_loop(at) && self.ready[self.group.outputs[at].inst] == pass)
            .collect();
        if folds.is_empty() && stores.is_empty() {
            return Ok(());
        }
        let axis = self.builder.open(AxisKind::Lane, self.extents[self.loops.len() - 1]);
        self.axes.push(axis);
        let mut made = HashMap::new();
        for inst in self.in_pass(pass) {
            let value = match self.kept.get(&inst) {
                Some(Kept { first, at: Some((buffer, strides)), .. }) if *first < pass => {
                    let at = index(&self.axes, strides);
                    self.builder.load(*buffer, at)
                }
                _ => self.computed(inst, &made)?,
            };
            made.insert(inst, value);
            if self.kept.get(&inst).is_some_and(|kept| kept.first == pass) {
                self.keep_value(inst, value, around);
            }
        }
        let value = |inst: InstId| made.get(&inst).or_else(|| self.defined.get(&inst)).copied();
        let missing = || "a value is used before it is known".to_owned();
        let folded: Option<Vec<_>> =
            folds.iter().map(|(_, kind, of)| value(*of).map(|value| (*kind, value))).collect();
        let stored: Option<Vec<_>> = stores
            .iter()
            .map(|&at| value(self.group.outputs[at].inst).map(|value| (self.stored[at], value)))
            .collect();
        for (access, value) in stored.ok_or_else(missing)? {
            self.store(access, value);
        }
        self.axes.pop();
        let folded = folded.ok_or_else(missing)?;
        match folded.is_empty() {
            true => self.builder.close(),
            false => {
                let results = self.builder.fold(&folded);
                self.defined.extend(folds.iter().map(|(inst, ..)| *inst).zip(results));
            }
        }
        Ok(())
    }

    /// Stores a value for later passes: in an output that is written later, or in memory of its own.
    pub(super) fn keep_value(
        &mut self,
        inst: InstId,
        value: ValueId,
        around: &mut Surroundings<'_>,
    ) {
        let last = self.kept[&inst].last;
        let ty = self.builder.ty(value);
        let is_taken = |buffer: KernelBuffer| {
            self.kept.values().any(|kept| kept.at.as_ref().is_some_and(|(b, _)| *b == buffer))
        };
        let output = (0..self.group.outputs.len()).find(|&at| {
            let access = &self.accesses[self.stored[at]];
            let is_float = (around.dtypes)(access.view.buffer) == DataType::F32;
            self.is_in_loop(at)
                && ty == Type::F32
                && is_float
                && self.ready[self.group.outputs[at].inst] >= last
                && !is_taken(access.buffer)
        });
        let at = match output {
            Some(at) => {
                let access = self.stored[at];
                (self.accesses[access].buffer, self.strides[access].clone())
            }
            None => self.scratch(ty, around),
        };
        let place = index(&self.axes, &at.1);
        self.builder.store(at.0, place, value);
        if let Some(kept) = self.kept.get_mut(&inst) {
            kept.at = Some(at);
        }
    }

    pub(super) fn scratch(
        &mut self,
        ty: Type,
        around: &mut Surroundings<'_>,
    ) -> (KernelBuffer, Vec<Option<Amount>>) {
        let dtype = match ty {
            Type::F32 => DataType::F32,
            Type::F64 => DataType::F64,
            Type::I64 => DataType::I64,
            Type::Bool => DataType::Bool,
        };
        let dims: Vec<Size> = self.loops.iter().map(|one| one.extent.clone()).collect();
        let buffer = (around.scratch)(dtype, &count(&dims));
        let view = View::whole(buffer, dims);
        let name = format!("kept{}", self.accesses.len());
        let own = self.builder.buffer(&name, dtype, true);
        let last = view.dims.len() - 1;
        let strides: Vec<Option<Amount>> = (0..view.dims.len())
            .map(|number| match number == last {
                true => Some(Amount::Constant(1)),
                false => Some(self.given(&format!("{name}_{number}"), &view.strides[number])),
            })
            .collect();
        for (one, stride) in self.loops.iter_mut().zip(&view.strides) {
            one.strides.push(stride.clone());
        }
        self.accesses.push(Access { view, is_output: true, buffer: own });
        self.strides.push(strides.clone());
        (own, strides)
    }

    pub(super) fn store(&mut self, access: usize, value: ValueId) {
        let at = index(&self.axes, &self.strides[access]);
        self.builder.store(self.accesses[access].buffer, at, value);
    }

    /// Computes a value from those that are there.
    pub(super) fn computed(
        &mut self,
        inst: InstId,
        made: &HashMap<InstId, ValueId>,
    ) -> Result<ValueId, String> {
        let group = self.group;
        let value = |inst: &InstId| {
            let found = made.get(inst).or_else(|| self.defined.get(inst)).copied();
            found.ok_or_else(|| "a value is used before it is known".to_owned())
        };
        Ok(match &group.insts[inst] {
            Inst::Operand(_) | Inst::Product => {
                let access = self.loaded[&inst];
                let at = index(&self.axes, &self.strides[access]);
                self.builder.load(self.accesses[access].buffer, at)
            }
            Inst::Gathered { index: place, turns, .. } => {
                let (place, turns) = (value(place)?, value(turns)?);
                let (access, (stride, turn)) = (self.loaded[&inst], self.tables[&inst]);
                let mut at = index(&self.axes, &self.strides[access]);
                at.terms.push((Term::Value(place), stride));
                at.terms.push((Term::Value(turns), turn));
                self.builder.load(self.accesses[access].buffer, at)
            }
            Inst::Constant(ty, number) => self.builder.constant(*ty, *number),
            Inst::Index(axis) => self.builder.index(self.axes[*axis]),
            Inst::Op(operation, arguments) => {
                let arguments = arguments.iter().map(value).collect::<Result<Vec<_>, _>>()?;
                self.builder.op(*operation, &arguments)
            }
            Inst::Math(function, argument) => {
                let argument = value(argument)?;
                self.builder.compute([argument], |[x]| function(x))
            }
            Inst::Element(element) => {
                let all = element.arguments.iter();
                let values = all
                    .map(|argument| argument.as_ref().map(value).transpose())
                    .collect::<Result<Vec<_>, _>>()?;
                lower(&mut self.builder, element, &values)
                    .ok_or_else(|| format!("{} is not lowered", element.op.op_type))?
            }
            Inst::Fold(..) => return Err("a fold stands in a pass".to_owned()),
        })
    }
}
