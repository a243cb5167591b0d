//! What the threads of a block have read and written since they last waited for each other.

use super::Lowering;
use crate::kernel::cuda::form::{Step, Team};
use crate::kernel::ir::{BufferId, Stmt};
use std::collections::BTreeSet;

/// Memory that threads may exchange values through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Place {
    Buffer(BufferId),
    Shared(u32),
}

/// What was done since the last barrier.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// The buffers that are written anywhere: others need no order.
    written_ever: BTreeSet<BufferId>,
    read: BTreeSet<Place>,
    written: BTreeSet<Place>,
}

impl Order {
    pub(super) fn new(written_ever: &BTreeSet<BufferId>) -> Self {
        let nothing = BTreeSet::new();
        Self { written_ever: written_ever.clone(), read: nothing.clone(), written: nothing }
    }

    /// Adds what a pass of a loop has done, for what is behind it; for the next of passes that do not
    /// depend on each other that is shared memory alone. Whether there was more.
    pub(super) fn join(&mut self, pass: &Self, is_independent: bool) -> bool {
        let count = self.read.len() + self.written.len();
        let lasts = |place: &&Place| !is_independent || matches!(place, Place::Shared(_));
        self.read.extend(pass.read.iter().filter(lasts));
        self.written.extend(pass.written.iter().filter(lasts));
        self.read.len() + self.written.len() > count
    }
}

impl Lowering<'_> {
    /// A barrier, where these could meet what other threads have done.
    pub(super) fn order(&mut self, read: &[Place], written: &[Place]) {
        if self.program.work.team == Team::Thread {
            return;
        }
        let order = &mut self.order;
        let meets = read.iter().any(|place| order.written.contains(place))
            || written.iter().any(|at| order.written.contains(at) || order.read.contains(at));
        if meets {
            self.steps.push(Step::Barrier);
            order.read.clear();
            order.written.clear();
        }
        order.read.extend(read);
        order.written.extend(written);
    }

    /// A barrier, where lanes could meet what other threads have done.
    pub(super) fn order_lanes(&mut self, body: &[Stmt]) {
        let (mut read, mut written) = (Vec::new(), Vec::new());
        for stmt in body {
            match stmt {
                Stmt::Load { buffer, .. } => read.extend(self.exchanged(*buffer)),
                Stmt::Store { buffer, .. } => written.extend(self.exchanged(*buffer)),
                _ => {}
            }
        }
        self.order(&read, &written);
    }

    /// A buffer, where threads may exchange values through it.
    pub(super) fn exchanged(&self, buffer: BufferId) -> Option<Place> {
        self.order.written_ever.contains(&buffer).then_some(Place::Buffer(buffer))
    }
}
