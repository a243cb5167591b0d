//! Lanes: side by side, several in each thread at once where memory is contiguous.

use super::order::Place;
use super::{Lowering, amount};
use crate::kernel::Operation;
use crate::kernel::cuda::WARP;
use crate::kernel::cuda::form::{Operand, Register, Source, Step};
use crate::kernel::ir::{Amount, Axis, AxisId, BufferId, Fold, Index, Stmt, Term, Type, ValueId};
use std::collections::{BTreeSet, HashSet};

/// Bytes that a thread loads at once, at most.
const BYTES: u64 = 16;

/// Lanes that a thread does at once, at most; each has registers of its own.
const WIDEST: u64 = 8;

/// The same of loops with more statements than `LONG`.
const WIDEST_OF_LONG: u64 = 4;
const LONG: usize = 48;

/// The lanes that a thread does at once.
pub(super) struct Lanes {
    pub(super) axis: AxisId,
    pub(super) width: usize,
    /// Their numbers, as far as they were needed; the first is the axis's index.
    numbers: Vec<Option<Register>>,
    /// The values that are made in the loop.
    inside: HashSet<ValueId>,
}

/// Some of the lanes of a loop.
pub(super) struct Part {
    pub(super) from: Operand,
    pub(super) to: Operand,
    /// How many a thread does at once.
    pub(super) width: i64,
}

/// When lanes can be done several at once, and where that ends.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct End {
    extent: Amount,
    width: i64,
    /// Buffers that have to be aligned.
    buffers: BTreeSet<BufferId>,
    /// Given integers that have to be multiples of the width.
    given: BTreeSet<u32>,
}

impl Lowering<'_> {
    /// A loop of lanes by the threads of a block.
    pub(super) fn lane_loop(&mut self, axis: &Axis, body: &[Stmt], at_end: &dyn Fn(&mut Self)) {
        self.order_lanes(body);
        self.lane_parts(axis, body, &|own, part| {
            let width = Operand::Integer(part.width);
            let from = own.mul(own.thread, width);
            let from = own.add(part.from, from);
            let step = own.mul(own.threads, width);
            own.looped(from, part.to, step, true, &|own, lane| {
                own.lane_pass(axis, body, part.width, lane, at_end);
            });
        });
    }

    /// Does something for the lanes that are done several at once, and for the others.
    pub(super) fn lane_parts(
        &mut self,
        axis: &Axis,
        body: &[Stmt],
        each: &dyn Fn(&mut Self, &Part),
    ) {
        let end = self.several(axis, body);
        self.program.work.lanes.push((axis.extent, end.width));
        let mut from = Operand::Integer(0);
        if end.width > 1 {
            let (width, to) = (end.width, self.end(end));
            each(self, &Part { from, to, width });
            from = to;
        }
        each(self, &Part { from, to: amount(axis.extent), width: 1 });
    }

    /// How many passes a part takes.
    pub(super) fn lane_count(&mut self, part: &Part) -> Operand {
        match (part.width, part.from) {
            (1, Operand::Integer(0)) => part.to,
            (1, from) => self.integer(Operation::Sub, &[part.to, from]),
            (width, _) => self.integer(Operation::Div, &[part.to, Operand::Integer(width)]),
        }
    }

    /// One pass, of one or several lanes.
    pub(super) fn lane_pass(
        &mut self,
        axis: &Axis,
        body: &[Stmt],
        width: i64,
        first: Register,
        at_end: &dyn Fn(&mut Self),
    ) {
        self.axes.insert(axis.id, first);
        let (width, inside) = (width as usize, made(body));
        self.lanes = Some(Lanes { axis: axis.id, width, numbers: vec![None; width], inside });
        self.block(body);
        at_end(self);
        self.lanes = None;
    }

    /// How many passes of an axis are done at once.
    pub(super) fn width(&self, axis: AxisId) -> usize {
        self.lanes.as_ref().filter(|lanes| lanes.axis == axis).map_or(1, |lanes| lanes.width)
    }

    /// The index of an axis, in one of the lanes that are done at once.
    pub(super) fn axis(&mut self, axis: AxisId, lane: usize) -> Register {
        let first = self.axes[&axis];
        if self.width(axis) == 1 || lane == 0 {
            return first;
        }
        let known = self.lanes.as_ref().and_then(|lanes| lanes.numbers[lane]);
        known.unwrap_or_else(|| {
            let arguments = vec![first.into(), Operand::Integer(lane as i64)];
            let number = self.set(Type::I64, Source::Operation(Operation::Add, arguments));
            if let Some(lanes) = &mut self.lanes {
                lanes.numbers[lane] = Some(number);
            }
            number
        })
    }

    /// How a place is reached for all lanes that are done at once: the first lane and the number of each access.
    pub(super) fn parts(&self, at: &Index) -> Vec<(usize, usize)> {
        let Some(lanes) = &self.lanes else { return vec![(0, 1)] };
        let differs = |(term, _): &(Term, Amount)| match term {
            Term::Axis(axis) => *axis == lanes.axis,
            Term::Value(value) => self.values[value].len() > 1,
        };
        let is_wide = contiguous(at, lanes.axis, lanes.width as i64, &lanes.inside).is_some();
        match at.terms.iter().any(differs) {
            true if is_wide => vec![(0, lanes.width)],
            true => (0..lanes.width).map(|lane| (lane, 1)).collect(),
            false => vec![(0, 1)],
        }
    }

    /// How many lanes a thread does at once, and when.
    fn several(&self, axis: &Axis, body: &[Stmt]) -> End {
        let inside = made(body);
        let accesses = || {
            body.iter().filter_map(|stmt| match stmt {
                Stmt::Load { buffer, at, .. } | Stmt::Store { buffer, at, .. } => {
                    Some((*buffer, at))
                }
                _ => None,
            })
        };
        let sizes = accesses()
            .filter(|(_, at)| contiguous(at, axis.id, 1, &inside).is_some())
            .map(|(buffer, _)| self.bytes(buffer));
        // Values of float64 take two registers.
        let is_wide = inside.iter().any(|value| self.ty(*value) == Type::F64);
        let widest = match (is_wide, body.len() > LONG) {
            (true, _) => BYTES / 8,
            (_, true) => WIDEST_OF_LONG,
            _ => WIDEST,
        };
        let width = sizes.max().map_or(1, |size| (BYTES / size).min(widest)) as i64;
        let (mut buffers, mut given) = (BTreeSet::new(), BTreeSet::new());
        for (buffer, at) in accesses() {
            if let Some(strides) = contiguous(at, axis.id, width, &inside) {
                buffers.insert(buffer);
                given.extend(strides);
            }
        }
        let width = if buffers.is_empty() { 1 } else { width };
        End { extent: axis.extent, width, buffers, given }
    }

    fn bytes(&self, buffer: BufferId) -> u64 {
        self.kernel.buffers[buffer.0 as usize].bytes()
    }

    /// Where lanes end that are done several at once: 0 where memory is not as it has to be.
    fn end(&mut self, end: End) -> Operand {
        if let Some(known) = self.ends.get(&end) {
            return (*known).into();
        }
        let around = std::mem::take(&mut self.steps);
        self.steps = std::mem::take(&mut self.first);
        let (zero, width) = (Operand::Integer(0), Operand::Integer(end.width));
        let mut conditions: Vec<Register> = Vec::new();
        for buffer in &end.buffers {
            let bytes = end.width as u32 * self.bytes(*buffer) as u32;
            conditions.push(self.set(Type::Bool, Source::IsAligned(*buffer, bytes)));
        }
        for given in &end.given {
            let rest = self.integer(Operation::Rem, &[Register(*given).into(), width]);
            let is_none = Source::Operation(Operation::Equal, vec![rest, zero]);
            conditions.push(self.set(Type::Bool, is_none));
        }
        let both = |own: &mut Self, x: Register, y: Register| {
            own.set(Type::Bool, Source::Operation(Operation::And, vec![x.into(), y.into()]))
        };
        let all = conditions.into_iter().reduce(|x, y| both(self, x, y));
        let extent = amount(end.extent);
        let rest = self.integer(Operation::Rem, &[extent, width]);
        let whole = self.integer(Operation::Sub, &[extent, rest]);
        let to = match all {
            Some(all) => self.integer(Operation::Select, &[all.into(), whole, zero]),
            None => whole,
        };
        let to = self.in_register(to);
        self.first = std::mem::replace(&mut self.steps, around);
        self.ends.insert(end, to);
        to.into()
    }

    /// What the sums of all threads of a block are folded into: of a warp by exchanges, of warps in their
    /// order, so that all threads have the same.
    pub(super) fn across(&mut self, folds: &[Fold], sums: &[Register]) -> Vec<Register> {
        if folds.is_empty() {
            return Vec::new();
        }
        let warp = Operand::Integer(WARP.into());
        let mut arrays = Vec::new();
        for (fold, &sum) in folds.iter().zip(sums) {
            let (ty, operation) = (self.ty(fold.result), fold.kind.operation());
            let mut sum = sum;
            for bits in [16, 8, 4, 2, 1] {
                let other = self.set(ty, Source::Shuffle(sum, bits));
                sum = self.set(ty, Source::Operation(operation, vec![sum.into(), other.into()]));
            }
            let array = self.program.shared.len() as u32;
            self.program.shared.push(ty);
            self.order(&[], &[Place::Shared(array)]);
            let lane = self.integer(Operation::Rem, &[self.thread, warp]);
            let is_first = Source::Operation(Operation::Equal, vec![lane, Operand::Integer(0)]);
            let condition = self.set(Type::Bool, is_first);
            let body = self.within(|own| {
                let place = own.integer(Operation::Div, &[own.thread, warp]);
                own.steps.push(Step::Share { array, place, value: sum });
            });
            self.steps.push(Step::If { condition, body });
            arrays.push((array, ty, operation));
        }
        let warps = self.integer(Operation::Div, &[self.threads, warp]);
        let all = |own: &mut Self, (array, ty, operation)| {
            own.order(&[Place::Shared(array)], &[]);
            let result = own.set(ty, Source::Shared(array, Operand::Integer(0)));
            own.looped(Operand::Integer(1), warps, Operand::Integer(1), true, &|own, at| {
                let other = own.set(ty, Source::Shared(array, at.into()));
                let source = Source::Operation(operation, vec![result.into(), other.into()]);
                own.steps.push(Step::Set { result, source, is_again: true });
            });
            result
        };
        arrays.into_iter().map(|array| all(self, array)).collect()
    }
}

/// The values that are made in a loop of lanes.
fn made(body: &[Stmt]) -> HashSet<ValueId> {
    let result = |stmt: &Stmt| match stmt {
        Stmt::Constant { result, .. }
        | Stmt::Operation { result, .. }
        | Stmt::Index { result, .. }
        | Stmt::Load { result, .. } => Some(*result),
        Stmt::Store { .. } | Stmt::For { .. } | Stmt::Fold { .. } => None,
    };
    body.iter().filter_map(result).collect()
}

/// Whether the places of so many lanes, the first of which is a multiple of that, are one behind the
/// other and begin at such a multiple: the given integers that have to be multiples for that.
fn contiguous(at: &Index, axis: AxisId, width: i64, inside: &HashSet<ValueId>) -> Option<Vec<u32>> {
    let is_lane = |term: &Term| *term == Term::Axis(axis);
    let mut lanes = at.terms.iter().filter(|(term, _)| is_lane(term));
    if lanes.next()?.1 != Amount::Constant(1) || lanes.next().is_some() {
        return None;
    }
    let mut given = Vec::new();
    for (term, stride) in at.terms.iter().filter(|(term, _)| !is_lane(term)) {
        match (term, stride) {
            (Term::Value(value), _) if inside.contains(value) => return None,
            (_, Amount::Constant(number)) if number % width != 0 => return None,
            (_, Amount::Given(number)) => given.push(*number),
            _ => {}
        }
    }
    match at.base {
        Some(Amount::Constant(number)) if number % width != 0 => return None,
        Some(Amount::Given(number)) => given.push(number),
        _ => {}
    }
    Some(given)
}
