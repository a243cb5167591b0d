//! Who does what.

use super::super::form::Team;
use crate::kernel::ir::{Axis, AxisKind, BufferId, Kernel, Stmt};
use std::collections::BTreeSet;

/// Who does what of a kernel.
pub(super) struct Plan<'k> {
    pub(super) team: Team,
    /// The outermost grids, each with nothing behind the next, and nothing before it but what any
    /// thread can compute for itself.
    pub(super) grid: Vec<Axis>,
    /// What is computed around and before these.
    pub(super) before: Vec<&'k Stmt>,
    /// Lanes in them that are all the rest.
    pub(super) lane: Option<Axis>,
    /// What is done in each pass.
    pub(super) body: &'k [Stmt],
    /// The buffers that are written.
    pub(super) written: BTreeSet<BufferId>,
}

impl<'k> Plan<'k> {
    pub(super) fn of(kernel: &'k Kernel) -> Self {
        let mut written = BTreeSet::new();
        let mut is_store = |stmt: &Stmt| {
            if let Stmt::Store { buffer, .. } = stmt {
                written.insert(*buffer);
            }
            false
        };
        kernel.body.iter().any(|stmt| stmt.any(&mut is_store));
        let mut plan = Self {
            team: Team::Thread,
            grid: Vec::new(),
            before: Vec::new(),
            lane: None,
            body: &kernel.body,
            written,
        };
        plan.descend();
        let mut is_lane = |stmt: &Stmt| match stmt {
            Stmt::For { axis, .. } | Stmt::Fold { axis, .. } => axis.kind == AxisKind::Lane,
            _ => false,
        };
        if plan.lane.is_none() && plan.body.iter().any(|stmt| stmt.any(&mut is_lane)) {
            plan.team = Team::Block;
        }
        plan
    }

    /// Takes grids from outside, and lanes in them.
    fn descend(&mut self) {
        while let Some((Stmt::For { axis, body }, before)) = self.body.split_last() {
            if axis.kind == AxisKind::Sequence || !before.iter().all(|stmt| self.is_pure(stmt)) {
                return;
            }
            self.before.extend(before);
            self.body = body;
            match axis.kind {
                AxisKind::Lane => self.lane = Some(*axis),
                _ => self.grid.push(*axis),
            }
        }
    }

    /// Whether any thread can do this for itself.
    fn is_pure(&self, stmt: &Stmt) -> bool {
        match stmt {
            Stmt::Constant { .. } | Stmt::Operation { .. } | Stmt::Index { .. } => true,
            Stmt::Load { buffer, .. } => !self.written.contains(buffer),
            Stmt::Store { .. } | Stmt::For { .. } | Stmt::Fold { .. } => false,
        }
    }
}
