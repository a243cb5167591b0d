//! From a plan and what is placed to jobs: what is computed, in which regions and which order.

use super::cut::{Cut, cuts};
use super::{Placement, Plan, Source, Task};
use crate::error::{Error, Result};
use crate::ir::{TensorData, element_count};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

/// A result of a task: its number and which result.
pub(super) type ResultId = (u32, u32);

/// One task whose results are placed or kept, computed region by region.
pub(super) struct Job<'p> {
    /// What a region computes, producers before consumers. The last is the task itself.
    pub(super) nodes: Vec<Node<'p>>,
    /// Steps of the axis, and steps in a region. 1 and 1 where the task is not split.
    size: u64,
    step: u64,
    /// Where results go.
    pub(super) placements: Vec<Placement<'p>>,
    /// Results that other jobs read.
    pub(super) keeps: BTreeSet<ResultId>,
    /// Results of earlier jobs that this one reads.
    pub(super) reads: BTreeSet<ResultId>,
}

/// One task, computed for the range of the region, or whole.
pub(super) struct Node<'p> {
    pub(super) number: u32,
    pub(super) task: &'p Task,
    /// The axis of its results that the region is a range of; none for whole results.
    pub(super) axis: Option<usize>,
    /// Its sources.
    pub(super) inputs: Vec<Input<'p>>,
    /// Whether what it measures counts: the first that computes this task does.
    pub(super) counts: bool,
}

/// Where a source comes from.
pub(super) struct Input<'p> {
    pub(super) source: &'p Source,
    pub(super) origin: Origin<'p>,
    /// The axis of the source that the region is a range of; none for the whole source.
    pub(super) axis: Option<usize>,
}

pub(super) enum Origin<'p> {
    /// Packed bytes of the whole tensor.
    Data(&'p [u8]),
    /// A result of an earlier node of the job, for the same range.
    Node { node: usize, result: usize },
    /// A kept result, whole.
    Kept(ResultId),
}

/// A task and the axis along which it is computed.
type Step = (u32, Option<usize>);

/// What a source needs.
enum Need {
    Nothing,
    Chained(Step),
    Kept(ResultId),
}

/// The jobs for what is placed, each behind those it reads from. Regions take about `region`
/// bytes of the largest tensor they are cut from.
pub(super) fn jobs<'p>(
    plan: &'p Plan,
    placements: &[Placement<'p>],
    region: u64,
) -> Result<Vec<Job<'p>>> {
    let mut placed: Vec<u32> = Vec::new();
    for placement in placements {
        check(plan, placement)?;
        if !is_empty(&plan.tasks[placement.task as usize]) {
            placed.push(placement.task);
        }
    }
    let roots = with_probes(plan, &placed);
    let chains = Chains::new(plan, &roots, region);
    let mut jobs: BTreeMap<u32, usize> = BTreeMap::new();
    let mut counted = BTreeSet::new();
    let mut ordered: Vec<Job<'p>> = Vec::new();
    for &root in &roots {
        for root in chains.with_what_it_reads(root, &jobs) {
            jobs.insert(root, ordered.len());
            ordered.push(chains.job(root, region, &mut counted));
        }
    }
    for placement in placements {
        if let Some(&job) = jobs.get(&placement.task) {
            ordered[job].placements.push(*placement);
        }
    }
    let kept: BTreeSet<ResultId> = ordered.iter().flat_map(|job| &job.reads).copied().collect();
    for id in kept {
        ordered[jobs[&id.0]].keeps.insert(id);
    }
    Ok(spread(ordered))
}

/// The placed tasks, each with the probes behind it that it is the last source of.
fn with_probes(plan: &Plan, placed: &[u32]) -> Vec<u32> {
    let mut first: BTreeMap<u32, usize> = BTreeMap::new();
    for (place, &task) in placed.iter().enumerate() {
        first.entry(task).or_insert(place);
    }
    let mut probes: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for &probe in &plan.probes {
        let task = &plan.tasks[probe as usize];
        let mut sources = task.sources.iter().filter_map(pending).peekable();
        let last = match sources.peek() {
            None => Some(placed.len()),
            Some(_) => sources.filter_map(|task| first.get(&task).copied()).max(),
        };
        if let Some(last) = last.filter(|_| !is_empty(task)) {
            probes.entry(last).or_default().push(probe);
        }
    }
    let mut roots = Vec::with_capacity(placed.len() + plan.probes.len());
    for (place, &task) in placed.iter().enumerate() {
        roots.push(task);
        roots.extend(probes.remove(&place).unwrap_or_default());
    }
    roots.extend(probes.into_values().flatten());
    roots
}

/// The task that computes a source.
fn pending(source: &Source) -> Option<u32> {
    match source.tensor.data {
        TensorData::Pending { task, .. } => Some(task),
        _ => None,
    }
}

/// Moves jobs that read what others keep some places back: threads take them in order, and find
/// something to do meanwhile.
fn spread(jobs: Vec<Job<'_>>) -> Vec<Job<'_>> {
    const PLACES: usize = 8;
    let mut spread = Vec::with_capacity(jobs.len());
    let mut back: VecDeque<(usize, Job<'_>)> = VecDeque::new();
    for job in jobs {
        if !job.reads.is_empty() {
            back.push_back((spread.len() + PLACES, job));
            continue;
        }
        spread.push(job);
        while let Some((_, job)) = back.pop_front_if(|(place, _)| *place <= spread.len()) {
            spread.push(job);
        }
    }
    spread.extend(back.into_iter().map(|(_, job)| job));
    spread
}

fn check(plan: &Plan, placement: &Placement<'_>) -> Result<()> {
    let Placement { task, result, offset, .. } = *placement;
    let found = plan.tasks.get(task as usize).and_then(|task| task.results.get(result as usize));
    let Some((dtype, dims)) = found else {
        return Err(Error::bug(format!(
            "result {result} of weight task {task} is not in the plan"
        )));
    };
    let bytes = element_count(dims).and_then(|n| dtype.byte_len(n)).unwrap_or(u64::MAX);
    match offset.checked_add(bytes) {
        Some(end) if i64::try_from(end).is_ok() => Ok(()),
        _ => Err(Error::bug(format!(
            "result {result} of weight task {task} is placed at {offset}, behind the end of any file"
        ))),
    }
}

fn is_empty(task: &Task) -> bool {
    task.results.iter().all(|(_, dims)| element_count(dims) == Some(0))
}

/// The axis along which the results of a task are cut: the outermost where a step is no more
/// than a region, else the one with the smallest steps. None where the task cannot be split.
fn split_axis(plan: &Plan, number: u32, region: u64) -> Option<usize> {
    let (task, axes) = (&plan.tasks[number as usize], plan.axes[number as usize]);
    let step = |axis: usize| cuts(task, axis).map(|cut| cut.step_bytes()).max().unwrap_or(0);
    let allowed = (0..32).filter(|axis| axes >> axis & 1 == 1);
    allowed.clone().find(|&axis| step(axis) <= region).or_else(|| allowed.min_by_key(|&a| step(a)))
}

/// For each task that is placed or kept, the tasks that a region of it computes.
struct Chains<'p> {
    plan: &'p Plan,
    kept: BTreeSet<ResultId>,
    steps: BTreeMap<u32, Vec<Step>>,
}

impl<'p> Chains<'p> {
    /// Follows the sources of the placed tasks until every source is known to be chained or
    /// kept. A result that one reader needs kept is read back by all, which may change other
    /// chains: hence the repetition, which ends as results only ever join the kept ones.
    fn new(plan: &'p Plan, placed: &[u32], region: u64) -> Self {
        let mut chains = Self { plan, kept: BTreeSet::new(), steps: BTreeMap::new() };
        loop {
            let kept = chains.kept.iter().map(|&(task, _)| task);
            let roots: BTreeSet<u32> = placed.iter().copied().chain(kept).collect();
            chains.steps = roots
                .into_iter()
                .map(|root| (root, chains.chain((root, split_axis(plan, root, region)))))
                .collect();
            let read: BTreeSet<ResultId> =
                chains.steps.keys().flat_map(|&root| chains.reads(root)).collect();
            let before = chains.kept.len();
            chains.kept.extend(read);
            if chains.kept.len() == before {
                return chains;
            }
        }
    }

    /// All that a region of `root` computes, producers first.
    fn chain(&self, root: Step) -> Vec<Step> {
        let mut todo = BTreeSet::from([root]);
        let mut found = Vec::new();
        while let Some(step) = todo.pop_last() {
            found.push(step);
            todo.extend(self.needs(step).filter_map(|need| match need {
                Need::Chained(step) => Some(step),
                Need::Nothing | Need::Kept(_) => None,
            }));
        }
        found.reverse();
        found
    }

    /// The kept results that the chain of `root` reads.
    fn reads(&self, root: u32) -> BTreeSet<ResultId> {
        let needs = self.steps[&root].iter().flat_map(|&step| self.needs(step));
        needs
            .filter_map(|need| match need {
                Need::Kept(id) => Some(id),
                Need::Nothing | Need::Chained(_) => None,
            })
            .collect()
    }

    fn needs(&self, (number, axis): Step) -> impl Iterator<Item = Need> {
        let sources = &self.plan.tasks[number as usize].sources;
        sources.iter().map(move |source| self.need(source, axis))
    }

    fn need(&self, source: &Source, axis: Option<usize>) -> Need {
        let TensorData::Pending { task, result } = source.tensor.data else { return Need::Nothing };
        if source.tensor.element_count() == Some(0) {
            return Need::Nothing;
        }
        let can_split = |axis: &usize| *axis < 32 && self.plan.axes[task as usize] >> axis & 1 == 1;
        match followed(source, axis).filter(can_split) {
            Some(axis) if !self.kept.contains(&(task, result)) => Need::Chained((task, Some(axis))),
            _ => Need::Kept((task, result)),
        }
    }

    /// The tasks of the jobs that the job of `root` reads from, directly or not, and `root`,
    /// without those that have a job; in an order in which each comes behind what it reads.
    fn with_what_it_reads(&self, root: u32, done: &BTreeMap<u32, usize>) -> BTreeSet<u32> {
        let mut todo = vec![root];
        let mut found = BTreeSet::new();
        while let Some(root) = todo.pop() {
            if !done.contains_key(&root) && found.insert(root) {
                todo.extend(self.reads(root).into_iter().map(|(task, _)| task));
            }
        }
        found
    }

    fn job(&self, root: u32, region: u64, counted: &mut BTreeSet<u32>) -> Job<'p> {
        let steps = &self.steps[&root];
        let nodes: Vec<Node<'p>> = steps
            .iter()
            .map(|&(number, axis)| Node {
                number,
                task: &self.plan.tasks[number as usize],
                axis,
                inputs: self.inputs((number, axis), steps),
                counts: counted.insert(number),
            })
            .collect();
        let (size, step) = regions(&nodes, region);
        let (placements, keeps) = (Vec::new(), BTreeSet::new());
        Job { nodes, size, step, placements, keeps, reads: self.reads(root) }
    }

    fn inputs(&self, (number, axis): Step, steps: &[Step]) -> Vec<Input<'p>> {
        let sources = &self.plan.tasks[number as usize].sources;
        let input = |source: &'p Source| {
            let followed = followed(source, axis);
            let origin = match self.need(source, axis) {
                Need::Nothing => Origin::Data(source.tensor.bytes().unwrap_or(&[])),
                Need::Kept(id) => Origin::Kept(id),
                Need::Chained(step) => Origin::Node {
                    node: steps.partition_point(|other| *other < step),
                    result: result_of(source),
                },
            };
            Input { source, origin, axis: followed }
        };
        sources.iter().map(input).collect()
    }
}

fn followed(source: &Source, axis: Option<usize>) -> Option<usize> {
    source.follows.get(axis?).copied().flatten()
}

fn result_of(source: &Source) -> usize {
    match source.tensor.data {
        TensorData::Pending { result, .. } => result as usize,
        _ => 0,
    }
}

/// How many steps the axis of a job has, and how many of them a region.
fn regions(nodes: &[Node<'_>], region: u64) -> (u64, u64) {
    let cuts: Vec<Cut> = nodes
        .iter()
        .flat_map(|node| node.axis.into_iter().flat_map(|axis| cuts(node.task, axis)))
        .collect();
    let Some(size) = cuts.last().map(Cut::size) else { return (1, 1) };
    let step_bytes = cuts.iter().map(Cut::step_bytes).max().unwrap_or(0).max(1);
    let granule = cuts.iter().filter_map(Cut::granule).max().unwrap_or(1);
    let step = (region / step_bytes / granule).max(1) * granule;
    (size, step)
}

impl Job<'_> {
    /// How many regions it has.
    pub(super) fn regions(&self) -> u64 {
        self.size.div_ceil(self.step)
    }

    /// The range of a region.
    pub(super) fn range(&self, region: u64) -> Range<u64> {
        let start = region * self.step;
        start..start.saturating_add(self.step).min(self.size)
    }

    /// Bytes of a result of its own task.
    pub(super) fn bytes(&self, result: u32) -> u64 {
        let Some(node) = self.nodes.last() else { return 0 };
        let cut = node.result_cut(result as usize);
        cut.bytes(&(0..cut.size()))
    }

    /// Bytes of memory that a region takes: results and gathered sources of all nodes.
    pub(super) fn cost(&self, range: &Range<u64>) -> u64 {
        let mut cost = 0u64;
        for node in &self.nodes {
            for result in 0..node.task.results.len() {
                cost =
                    cost.saturating_add(node.result_cut(result).bytes(&node.range(result, range)));
            }
            for cut in node.inputs.iter().filter_map(|input| input.gathered(range)) {
                cost = cost.saturating_add(cut.bytes(range));
            }
        }
        cost
    }
}

impl Node<'_> {
    /// A result, seen along the axis of the region.
    pub(super) fn result_cut(&self, result: usize) -> Cut {
        let (dtype, dims) = &self.task.results[result];
        Cut::new(*dtype, dims, self.axis.unwrap_or(0))
    }

    /// The range of a result that the region `range` computes.
    pub(super) fn range(&self, result: usize, range: &Range<u64>) -> Range<u64> {
        if self.axis.is_some() { range.clone() } else { 0..self.result_cut(result).size() }
    }
}

impl Input<'_> {
    /// How the range is cut out of the source, where that takes a copy.
    pub(super) fn gathered(&self, range: &Range<u64>) -> Option<Cut> {
        let cut = self.cut()?;
        (!matches!(self.origin, Origin::Node { .. }) && !cut.is_one_piece(range)).then_some(cut)
    }

    /// The source, seen along the axis of the region; none where it is used whole.
    pub(super) fn cut(&self) -> Option<Cut> {
        Some(Cut::new(self.source.tensor.dtype, &self.source.tensor.dims, self.axis?))
    }
}
