//! Computing the regions of all jobs, on all threads.

use super::chain::{self, Input, Job, Node, Origin, ResultId};
use super::check::place;
use super::keep::Kept;
use super::measures::{Fold, Measures, Pieces, Place};
use super::place::write_range;
use super::queue::{Queue, Ticket};
use super::{Placement, Plan, TaskArgs, TaskContext, View, ViewMut};
use crate::error::{Error, ErrorKind, Result};
use crate::{CancelToken, Context};
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// [`super::run`] with regions of about `region` bytes.
pub(super) fn run(
    plan: &Plan,
    placements: &[Placement<'_>],
    context: &Context,
    written: &(dyn Fn(u64) + Sync),
    region: u64,
) -> Result<Measures> {
    let jobs = chain::jobs(plan, placements, region)?;
    let mut readers: BTreeMap<ResultId, usize> = BTreeMap::new();
    for id in jobs.iter().flat_map(|job| &job.reads) {
        *readers.entry(*id).or_default() += 1;
    }
    let placed: BTreeMap<ResultId, &Placement<'_>> =
        placements.iter().map(|p| ((p.task, p.result), p)).collect();
    let kept = |(id, readers)| (id, Kept::new(readers, placed.get(&id).copied()));
    let kept = readers.into_iter().map(kept).collect();
    let runner = Runner { jobs: &jobs, kept, context, written, measured: Mutex::default() };
    let queue = Queue::new(&jobs, context.memory());
    context.pool().scope(|scope| {
        for _ in 0..context.pool().current_num_threads() {
            scope.spawn(|_| runner.work(&queue));
        }
    });
    queue.end(context.cancel())?;
    Ok(runner.measured.into_inner().unwrap_or_else(PoisonError::into_inner).into_measures())
}

struct Runner<'r> {
    jobs: &'r [Job<'r>],
    kept: BTreeMap<ResultId, Kept<'r>>,
    context: &'r Context,
    written: &'r (dyn Fn(u64) + Sync),
    measured: Mutex<Pieces<'r>>,
}

/// The results of a node for one region, packed.
type Buffers = Vec<Vec<u8>>;

impl<'r> Runner<'r> {
    fn work(&self, queue: &Queue<'_>) {
        while let Some(ticket) = queue.take(self.context.cancel()) {
            let job = &self.jobs[ticket.job];
            let result = self
                .compute(job, &ticket)
                .and_then(|buffers| self.store(job, &ticket.range, &buffers));
            ticket.done(result, || self.close(job));
        }
    }

    /// Computes a region; returns the results of the job's own task.
    fn compute(&self, job: &Job<'r>, ticket: &Ticket<'_>) -> Result<Buffers> {
        let mut computed: Vec<Buffers> = Vec::with_capacity(job.nodes.len());
        for node in &job.nodes {
            self.context.cancel().check()?;
            if ticket.is_overruled() {
                return Err(Error::interrupted());
            }
            let buffers = self.compute_node(node, &computed, ticket).map_err(|error| {
                if error.kind() == ErrorKind::Interrupted {
                    error
                } else {
                    error.within(place(node.task))
                }
            })?;
            computed.push(buffers);
        }
        Ok(computed.pop().unwrap_or_default())
    }

    fn compute_node(
        &self,
        node: &Node<'r>,
        computed: &[Buffers],
        ticket: &Ticket<'_>,
    ) -> Result<Buffers> {
        let range = &ticket.range;
        let sources = node
            .inputs
            .iter()
            .map(|input| self.source(input, computed, range))
            .collect::<Result<Vec<_>>>()?;
        let views: Vec<View<'_>> = node
            .inputs
            .iter()
            .zip(&sources)
            .map(|(input, source)| View {
                dtype: input.source.tensor.dtype,
                dims: dims_of_range(&input.source.tensor.dims, input.axis, range),
                data: source.as_slice(),
            })
            .collect();
        let mut buffers = Buffers::with_capacity(node.task.results.len());
        for result in 0..node.task.results.len() {
            buffers.push(zeros(node.result_cut(result).bytes(&node.range(result, range)))?);
        }
        let mut results: Vec<ViewMut<'_>> = node
            .task
            .results
            .iter()
            .zip(&mut buffers)
            .map(|((dtype, dims), data)| ViewMut {
                dtype: *dtype,
                dims: dims_of_range(dims, node.axis, range),
                data,
            })
            .collect();
        let range = node.range(0, range);
        let mut args = TaskArgs {
            params: &node.task.params,
            axis: node.axis.unwrap_or(0),
            start: range.start,
            end: range.end,
            sources: &views,
            results: &mut results,
        };
        let context =
            RegionContext { ticket, cancel: self.context.cancel(), measured: RefCell::default() };
        let _span = tracing::debug_span!(
            "weights",
            label = node.task.label,
            kind = node.task.kind.name(),
            range.start,
            range.end
        )
        .entered();
        node.task.kind.run(&context, &mut args)?;
        if node.counts {
            self.count(node, range.start, context.measured.into_inner());
        }
        Ok(buffers)
    }

    /// The bytes of a source that a region needs.
    fn source<'s>(
        &self,
        input: &Input<'s>,
        computed: &'s [Buffers],
        range: &Range<u64>,
    ) -> Result<SourceData<'s>> {
        let whole = match input.origin {
            Origin::Node { node, result } => return Ok(SourceData::Part(&computed[node][result])),
            Origin::Data(data) => SourceData::Part(data),
            Origin::Kept(id) => SourceData::Kept(self.kept[&id].bytes()?),
        };
        let Some(cut) = input.cut() else { return Ok(whole) };
        let mut pieces = cut.pieces(range).map(|p| p.start as usize..p.end as usize);
        if input.gathered(range).is_some() {
            let mut gathered = reserved(cut.bytes(range))?;
            pieces.for_each(|piece| gathered.extend_from_slice(&whole.as_slice()[piece]));
            return Ok(SourceData::Gathered(gathered));
        }
        let piece = pieces.next().unwrap_or(0..0);
        Ok(match whole {
            SourceData::Part(data) => SourceData::Part(&data[piece]),
            SourceData::Kept(bytes) => SourceData::Kept(bytes.slice(piece)),
            SourceData::Gathered(_) => whole,
        })
    }

    /// Writes the results of a region to where they are placed and kept.
    fn store(&self, job: &Job<'_>, range: &Range<u64>, buffers: &Buffers) -> Result<()> {
        let Some(node) = job.nodes.last() else { return Ok(()) };
        let write = |file: &File, offset: u64, result: u32| {
            let result = result as usize;
            let (cut, range) = (node.result_cut(result), node.range(result, range));
            write_range(file, offset, &cut, &range, &buffers[result]).map_err(|error| {
                Error::environment(format!("cannot write result {result}: {error}"))
                    .within(place(node.task))
            })
        };
        for id in &job.keeps {
            if let Some(file) = self.kept[id].file(self.context.scratch_folder())? {
                write(&file, 0, id.1)?;
            }
        }
        for placement in &job.placements {
            write(placement.file, placement.offset, placement.result)?;
            (self.written)(buffers[placement.result as usize].len() as u64);
        }
        Ok(())
    }

    /// Ends a job: others may read what it keeps, and what it read may go.
    fn close(&self, job: &Job<'_>) -> Result<()> {
        for id in &job.keeps {
            self.kept[id].close(job.bytes(id.1))?;
        }
        for id in &job.reads {
            self.kept[id].release();
        }
        Ok(())
    }

    fn count(&self, node: &Node<'r>, start: u64, measured: BTreeMap<String, (Fold, f64)>) {
        let mut pieces = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, (fold, value)) in measured {
            let place = Place { label: &node.task.label, name, task: node.number, start };
            pieces.insert(place, fold, value);
        }
    }
}

enum SourceData<'s> {
    Part(&'s [u8]),
    Kept(Bytes),
    Gathered(Vec<u8>),
}

impl SourceData<'_> {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Part(data) => data,
            Self::Kept(bytes) => bytes,
            Self::Gathered(data) => data,
        }
    }
}

/// What a task that computes a region may ask.
struct RegionContext<'r> {
    ticket: &'r Ticket<'r>,
    cancel: &'r CancelToken,
    measured: RefCell<BTreeMap<String, (Fold, f64)>>,
}

impl TaskContext for RegionContext<'_> {
    fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled() || self.ticket.is_overruled()
    }

    fn measure(&self, name: &str, fold: Fold, value: f64) {
        let mut measured = self.measured.borrow_mut();
        let folded = measured.get(name).map_or(value, |(_, before)| fold.apply(*before, value));
        measured.insert(name.to_owned(), (fold, folded));
    }
}

fn dims_of_range(dims: &[i64], axis: Option<usize>, range: &Range<u64>) -> Vec<i64> {
    let mut dims = dims.to_vec();
    if let Some(size) = axis.and_then(|axis| dims.get_mut(axis)) {
        *size = (range.end - range.start) as i64;
    }
    dims
}

/// An empty buffer with room for this many bytes.
fn reserved(bytes: u64) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    let room = usize::try_from(bytes).ok().and_then(|len| buffer.try_reserve_exact(len).ok());
    match room {
        Some(()) => Ok(buffer),
        None => Err(Error::environment(format!("not enough memory for {bytes} bytes at once"))),
    }
}

/// Zeros, so that a kind that leaves bytes out still writes the same bytes every time.
fn zeros(bytes: u64) -> Result<Vec<u8>> {
    let mut buffer = reserved(bytes)?;
    buffer.resize(bytes as usize, 0);
    Ok(buffer)
}
