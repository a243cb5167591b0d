//! Deferred weights: tasks that compute new tensors while the output is written.
//!
//! A task is data: a kind (a function of a plugin), source tensors, the types of its results
//! and parameter bytes. Nothing is computed when a task is recorded; a tensor whose data is
//! [`TensorData::Pending`](crate::ir::TensorData::Pending) refers to it.

use crate::error::Result;
use crate::ir::{DataType, Tensor};
use bytes::Bytes;
use std::sync::Arc;

/// What a task computes, for one region of its results at a time.
///
/// The host calls [`TaskKind::run`] on any of its threads, concurrently.
pub trait TaskKind: Send + Sync {
    /// Its name, for messages.
    fn name(&self) -> &str;

    /// Bit `i`: results can be computed for a range of axis `i` at a time. 0: only whole.
    fn split_axes(&self) -> u32;

    /// Computes one region: fills every byte of every result view.
    fn run(&self, context: &dyn TaskContext, args: &mut TaskArgs<'_>) -> Result<()>;
}

/// What a running task may ask of the host.
pub trait TaskContext {
    /// Whether it should stop.
    fn is_cancelled(&self) -> bool;

    /// Adds to a counter of the task, such as the elements that rounding left unchanged.
    fn count(&self, counter: &str, amount: u64);
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
    /// split there; none where the whole source is needed.
    pub follows: Vec<Option<usize>>,
}

/// One task. All results have the same size along every axis that can be split.
#[derive(Clone)]
pub struct Task {
    /// What it computes.
    pub kind: Arc<dyn TaskKind>,
    /// What it is for: a pass and a module, for messages and counters.
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
}

impl Plan {
    /// Adds a task and gives its number.
    pub fn add(&mut self, task: Task) -> u32 {
        self.tasks.push(task);
        (self.tasks.len() - 1) as u32
    }

    /// The tasks, by number.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }
}
