//! Deferred weights: tasks that compute new tensors while the output is written.
//!
//! A task is data: a kind (a function of a plugin), source tensors, the types of its results
//! and parameter bytes. Nothing is computed when a task is recorded; a tensor whose data is
//! [`TensorData::Pending`](crate::ir::TensorData::Pending) refers to it.
//!
//! [`run`] computes what is placed in output files, a *region* at a time: a range of one axis
//! of the results, about 16 MiB of the largest tensor that the range touches.
//!
//! - **Bytes.** Where regions begin and end depends on the plan and on what is placed, never
//!   on threads or budget. So do the bytes written and what is measured.
//! - **Chains.** A source that is a result of another task is computed for the same range,
//!   into scratch memory, where the source follows the axis and its task can be split along
//!   it: the whole of it never exists. Otherwise it is *kept*: computed once, region by
//!   region, into an unlinked temporary file that is mapped until its last reader is done.
//!   A result that is kept for one reader is read back by all; one that is placed too, from where
//!   it is placed. A result that is only placed in the file is computed again for a chain that
//!   needs it; what it measures counts once.
//! - **Probes.** A task can be recorded for what it measures alone. It runs if a task it reads from
//!   is placed, or if it reads from none, behind the last of them; its results are dropped.
//! - **Memory.** A region's results and scratch, those of its whole chain, are reserved at
//!   once before it starts, in the order of the placements, never while its thread holds
//!   another reservation. A region over the budget runs alone.
//! - **Packed types.** Ranges begin at whole bytes. An axis along which the elements of a
//!   4-bit or 2-bit tensor share bytes with their neighbours, whatever the range, is not split.

mod chain;
mod check;
mod cut;
mod keep;
mod measures;
mod place;
mod queue;
mod region;
#[cfg(test)]
mod tests;

pub use measures::{Fold, Measures};
pub use place::Placement;

use crate::Context;
use crate::error::Result;
use crate::ir::{DataType, Tensor};
use bytes::Bytes;
use std::sync::Arc;

/// About how many bytes of a tensor a region takes.
const REGION: u64 = 16 << 20;

/// What a task computes, for one region of its results at a time.
///
/// The host calls [`TaskKind::run`] on any of its threads, concurrently.
pub trait TaskKind: Send + Sync {
    /// Its name, for messages.
    fn name(&self) -> &str;

    /// Bit `i`: results can be computed for a range of axis `i` at a time. 0: only whole.
    /// Bits of axes that no result of a task has mean nothing for it.
    fn split_axes(&self) -> u32;

    /// Computes one region: fills every byte of every result view.
    fn run(&self, context: &dyn TaskContext, args: &mut TaskArgs<'_>) -> Result<()>;
}

/// What a running task may ask of the host.
pub trait TaskContext {
    /// Whether it should stop.
    fn is_cancelled(&self) -> bool;

    /// Measures something of the region, such as the elements that rounding left unchanged. All
    /// values of one name are folded alike.
    fn measure(&self, name: &str, fold: Fold, value: f64);
}

/// The arguments of one call.
pub struct TaskArgs<'a> {
    /// The task's parameters.
    pub params: &'a [u8],
    /// The axis along which this region is a range of the results, and the range. Whole
    /// results are the full range of axis 0.
    pub axis: usize,
    /// First index of the range.
    pub start: u64,
    /// Index behind the range.
    pub end: u64,
    /// The sources: whole ones, or the range of those that follow the axis. Dense, unaligned.
    pub sources: &'a [View<'a>],
    /// The results, of this region alone. Dense.
    pub results: &'a mut [ViewMut<'a>],
}

/// A dense tensor or region to read.
pub struct View<'a> {
    /// Element type.
    pub dtype: DataType,
    /// Sizes of what `data` holds.
    pub dims: Vec<i64>,
    /// Packed elements.
    pub data: &'a [u8],
}

/// A dense region to fill.
pub struct ViewMut<'a> {
    /// Element type.
    pub dtype: DataType,
    /// Sizes of what `data` holds.
    pub dims: Vec<i64>,
    /// Packed elements.
    pub data: &'a mut [u8],
}

/// A source of a task.
#[derive(Clone, Debug)]
pub struct Source {
    /// The tensor: of the graph, of the adapter, or a result of another task.
    pub tensor: Tensor,
    /// For each result axis, the axis of this source whose range is the same when results are
    /// split there; none, or no entry, where the whole source is needed.
    pub follows: Vec<Option<usize>>,
}

/// One task. All results have the same size along every axis that can be split.
#[derive(Clone)]
pub struct Task {
    /// What it computes.
    pub kind: Arc<dyn TaskKind>,
    /// What it is for: a pass and a module, for messages and measures.
    pub label: String,
    /// Its sources.
    pub sources: Vec<Source>,
    /// Types and shapes of its results.
    pub results: Vec<(DataType, Vec<i64>)>,
    /// Parameters, copied from the plugin.
    pub params: Bytes,
}

/// All tasks of a run, numbered in the order they were recorded.
#[derive(Clone, Default)]
pub struct Plan {
    tasks: Vec<Task>,
    /// For each task, the axes its results can be split along, as bits.
    axes: Vec<u32>,
    /// The tasks that run for what they measure.
    probes: Vec<u32>,
}

impl Plan {
    /// Adds a task and gives its number.
    ///
    /// # Errors
    ///
    /// A bug of the task's plugin, named by the task's label: no result; a result or a source
    /// without packed bytes, or more of them than memory can address; a source whose data is
    /// not as long as its shape says, or that is no result of an earlier task; an axis out of
    /// range; sizes that differ along an axis that can be split or is followed.
    pub fn add(&mut self, task: Task) -> Result<u32> {
        let axes =
            check::axes(&self.tasks, &task).map_err(|error| error.within(check::place(&task)))?;
        self.tasks.push(task);
        self.axes.push(axes);
        Ok((self.tasks.len() - 1) as u32)
    }

    /// Adds a task that runs for what it measures alone. Its results only say how it is split; no
    /// other task may read them.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_probe(&mut self, task: Task) -> Result<()> {
        let number = self.add(task)?;
        self.probes.push(number);
        Ok(())
    }

    /// The tasks, by number.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }
}

/// Computes the results that are placed in files, and all that they need, on the context's
/// threads and within its memory budget. `written` is told the bytes of each write to a
/// placement, by any thread, as they are written. Returns what the tasks measured.
///
/// # Errors
///
/// The first error in the order the tasks are computed in, that of the placements but for tasks
/// that wait for others, whatever the number of threads, with the
/// task's label and kind in front; interrupted, once the context is cancelled. Files then hold
/// some of the bytes.
pub fn run(
    plan: &Plan,
    placements: &[Placement<'_>],
    context: &Context,
    written: &(dyn Fn(u64) + Sync),
) -> Result<Measures> {
    region::run(plan, placements, context, written, REGION)
}
