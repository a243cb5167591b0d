//! Whether a kernel is one.

use super::ir::{
    Amount, Axis, AxisId, AxisKind, BufferId, Fold, Index, Kernel, Stmt, Term, Type, ValueId,
};
use std::collections::HashSet;

/// Holds a kernel against the specification: every value has one definition before its uses and the type
/// that its operation gives, every index stands in the loop of its axis, grids are outermost, lanes are
/// innermost, and only outputs are written. Beside a grid stands no other, nor what reads or writes
/// outputs: each part of a grid does again what stands beside it.
///
/// # Errors
/// What is wrong, and where.
pub fn check(kernel: &Kernel) -> Result<(), String> {
    let mut scope =
        Scope { kernel, defined: HashSet::new(), ever: HashSet::new(), axes: Vec::new() };
    let is_grid =
        |stmt: &&Stmt| matches!(stmt, Stmt::For { axis, .. } if axis.kind == AxisKind::Grid);
    let wrong = |error: &str| format!("{}: {error}", kernel.name);
    let (grids, others): (Vec<_>, Vec<_>) = kernel.body.iter().partition(is_grid);
    if grids.len() > 1 {
        return Err(wrong("a grid stands beside another"));
    }
    let mut meets_output = |stmt: &Stmt| match stmt {
        Stmt::Load { buffer, .. } | Stmt::Store { buffer, .. } => {
            kernel.buffers.get(buffer.0 as usize).is_some_and(|buffer| buffer.is_output)
        }
        _ => false,
    };
    if !grids.is_empty() && others.into_iter().any(|stmt| stmt.any(&mut meets_output)) {
        return Err(wrong("an output is read or written beside a grid"));
    }
    for buffer in &kernel.buffers {
        if Type::of_stored(buffer.dtype).is_none() {
            return Err(format!("{} is {}, which is not computed with", buffer.name, buffer.dtype));
        }
    }
    kernel.body.iter().try_for_each(|stmt| scope.stmt(stmt)).map_err(|error| wrong(&error))
}

struct Scope<'k> {
    kernel: &'k Kernel,
    /// Values that can be used here.
    defined: HashSet<ValueId>,
    /// Values that were defined anywhere.
    ever: HashSet<ValueId>,
    /// The loops around, from outside.
    axes: Vec<Axis>,
}

impl Scope<'_> {
    fn stmt(&mut self, stmt: &Stmt) -> Result<(), String> {
        match stmt {
            Stmt::Constant { result, .. } => self.define(*result, None),
            Stmt::Operation { result, operation, arguments } => {
                let types: Vec<Type> =
                    arguments.iter().map(|v| self.used(*v)).collect::<Result<_, _>>()?;
                self.define(*result, Some(operation.result(&types)?))
            }
            Stmt::Index { result, axis } => {
                self.axis(*axis)?;
                self.define(*result, Some(Type::I64))
            }
            Stmt::Load { result, buffer, at } => {
                self.index(at)?;
                let stored = Type::of_stored(self.buffer(*buffer)?.dtype);
                self.define(*result, stored)
            }
            Stmt::Store { buffer, at, value } => {
                self.index(at)?;
                let (buffer, ty) = (self.buffer(*buffer)?, self.used(*value)?);
                match buffer.is_output && Type::of_stored(buffer.dtype) == Some(ty) {
                    true => Ok(()),
                    false => {
                        Err(format!("a value of {} cannot be stored in {}", ty.name(), buffer.name))
                    }
                }
            }
            Stmt::Fold { axis, .. } if axis.kind == AxisKind::Grid => {
                Err("a grid is not folded over".to_owned())
            }
            Stmt::For { axis, body } => self.looped(*axis, body, &[]),
            Stmt::Fold { axis, body, folds } => self.looped(*axis, body, folds),
        }
    }

    fn looped(&mut self, axis: Axis, body: &[Stmt], folds: &[Fold]) -> Result<(), String> {
        let around = self.axes.last().map(|axis| axis.kind);
        match (around, axis.kind) {
            (Some(AxisKind::Lane), _) => return Err("a loop stands in lanes".to_owned()),
            (Some(AxisKind::Sequence), AxisKind::Grid) => {
                return Err("a grid stands in a sequence".to_owned());
            }
            _ => {}
        }
        if axis.id.0 >= self.kernel.axes || self.axes.iter().any(|other| other.id == axis.id) {
            return Err(format!("axis {} is not there, or twice", axis.id.0));
        }
        self.amount(axis.extent)?;
        self.axes.push(axis);
        let outside = self.defined.clone();
        body.iter().try_for_each(|stmt| self.stmt(stmt))?;
        let types: Vec<Type> =
            folds.iter().map(|fold| self.used(fold.value)).collect::<Result<_, _>>()?;
        self.defined = outside;
        self.axes.pop();
        for (fold, ty) in folds.iter().zip(types) {
            if ty == Type::Bool {
                return Err("booleans are not folded".to_owned());
            }
            self.define(fold.result, Some(ty))?;
        }
        Ok(())
    }

    fn define(&mut self, value: ValueId, ty: Option<Type>) -> Result<(), String> {
        let declared = self.kernel.values.get(value.0 as usize);
        let declared = declared.ok_or_else(|| format!("%{} has no type", value.0))?;
        if let Some(ty) = ty.filter(|ty| ty != declared) {
            return Err(format!("%{} is {}, not {}", value.0, ty.name(), declared.name()));
        }
        if !self.ever.insert(value) {
            return Err(format!("%{} is defined twice", value.0));
        }
        self.defined.insert(value);
        Ok(())
    }

    fn used(&self, value: ValueId) -> Result<Type, String> {
        match self.defined.contains(&value) {
            true => Ok(self.kernel.values[value.0 as usize]),
            false => Err(format!("%{} is not defined here", value.0)),
        }
    }

    fn amount(&self, amount: Amount) -> Result<(), String> {
        match amount {
            Amount::Given(at) if at as usize >= self.kernel.given.len() => {
                Err(format!("integer {at} is not given"))
            }
            _ => Ok(()),
        }
    }

    fn axis(&self, axis: AxisId) -> Result<(), String> {
        match self.axes.iter().any(|around| around.id == axis) {
            true => Ok(()),
            false => Err(format!("no loop of axis {} is around", axis.0)),
        }
    }

    fn buffer(&self, buffer: BufferId) -> Result<&super::Buffer, String> {
        let found = self.kernel.buffers.get(buffer.0 as usize);
        found.ok_or_else(|| format!("there is no buffer {}", buffer.0))
    }

    fn index(&self, index: &Index) -> Result<(), String> {
        for (term, stride) in &index.terms {
            self.amount(*stride)?;
            match term {
                Term::Axis(axis) => self.axis(*axis)?,
                Term::Value(value) if self.used(*value)? == Type::I64 => {}
                Term::Value(value) => return Err(format!("%{} is no integer", value.0)),
            }
        }
        index.base.map_or(Ok(()), |base| self.amount(base))
    }
}
