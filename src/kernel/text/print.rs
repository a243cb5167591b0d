//! Printing.

use crate::kernel::ir::{
    Amount, Axis, AxisKind, Fold, FoldKind, Index, Kernel, Stmt, Term, ValueId,
};
use std::fmt;

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buffer = |b: &crate::kernel::Buffer| {
            format!("{}{}: {}", if b.is_output { "out " } else { "" }, b.name, b.dtype)
        };
        let buffers: Vec<String> = self.buffers.iter().map(buffer).collect();
        writeln!(f, "kernel {}({}) {} {{", self.name, self.given.join(", "), buffers.join(", "))?;
        Printer { kernel: self }.block(f, &self.body, 1)?;
        f.write_str("}\n")
    }
}

struct Printer<'k> {
    kernel: &'k Kernel,
}

impl Printer<'_> {
    fn block(&self, f: &mut fmt::Formatter<'_>, block: &[Stmt], depth: usize) -> fmt::Result {
        block.iter().try_for_each(|stmt| self.stmt(f, stmt, depth))
    }

    fn stmt(&self, f: &mut fmt::Formatter<'_>, stmt: &Stmt, depth: usize) -> fmt::Result {
        write!(f, "{:indent$}", "", indent = 2 * depth)?;
        match stmt {
            Stmt::Constant { result, number } => {
                writeln!(f, "{} = const {number:?}", self.defined(*result))
            }
            Stmt::Operation { result, operation, arguments } => {
                let arguments: Vec<String> =
                    arguments.iter().map(|v| format!("%{}", v.0)).collect();
                let name = operation.name();
                writeln!(f, "{} = {name} {}", self.defined(*result), arguments.join(" "))
            }
            Stmt::Index { result, axis } => {
                writeln!(f, "{} = index #{}", self.defined(*result), axis.0)
            }
            Stmt::Load { result, buffer, at } => {
                let name = &self.kernel.buffers[buffer.0 as usize].name;
                writeln!(f, "{} = load {name}[{}]", self.defined(*result), self.index(at))
            }
            Stmt::Store { buffer, at, value } => {
                let name = &self.kernel.buffers[buffer.0 as usize].name;
                writeln!(f, "store {name}[{}] %{}", self.index(at), value.0)
            }
            Stmt::For { axis, body } => {
                writeln!(f, "for {} {{", self.axis(axis))?;
                self.block(f, body, depth + 1)?;
                writeln!(f, "{:indent$}}}", "", indent = 2 * depth)
            }
            Stmt::Fold { axis, body, folds } => {
                writeln!(f, "fold {} {{", self.axis(axis))?;
                self.block(f, body, depth + 1)?;
                let folds: Vec<String> = folds.iter().map(|fold| self.fold(fold)).collect();
                writeln!(f, "{:indent$}}} {}", "", folds.join(", "), indent = 2 * depth)
            }
        }
    }

    fn defined(&self, value: ValueId) -> String {
        format!("%{}: {}", value.0, self.kernel.values[value.0 as usize].name())
    }

    fn axis(&self, axis: &Axis) -> String {
        format!("{} #{} < {}", axis.kind.name(), axis.id.0, self.amount(axis.extent))
    }

    fn fold(&self, fold: &Fold) -> String {
        format!("{} %{} -> {}", fold.kind.name(), fold.value.0, self.defined(fold.result))
    }

    fn amount(&self, amount: Amount) -> String {
        match amount {
            Amount::Constant(number) => number.to_string(),
            Amount::Given(at) => self.kernel.given[at as usize].clone(),
        }
    }

    fn index(&self, index: &Index) -> String {
        let term = |(term, stride): &(Term, Amount)| {
            let term = match term {
                Term::Axis(axis) => format!("#{}", axis.0),
                Term::Value(value) => format!("%{}", value.0),
            };
            match stride {
                Amount::Constant(1) => term,
                stride => format!("{term}*{}", self.amount(*stride)),
            }
        };
        let base = index.base.map(|base| self.amount(base));
        let terms: Vec<String> = base.into_iter().chain(index.terms.iter().map(term)).collect();
        if terms.is_empty() { "0".to_owned() } else { terms.join(" + ") }
    }
}

impl AxisKind {
    /// All, with their names in the text form.
    pub(super) const NAMES: [(Self, &str); 3] =
        [(Self::Grid, "grid"), (Self::Sequence, "sequence"), (Self::Lane, "lane")];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

impl FoldKind {
    /// All, with their names in the text form.
    pub(super) const NAMES: [(Self, &str); 4] =
        [(Self::Sum, "sum"), (Self::Product, "product"), (Self::Max, "max"), (Self::Min, "min")];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}
