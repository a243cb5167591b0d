//! Which region is next, and when there is memory for it.
//!
//! All threads take regions from one queue, in order. The next region waits until what it
//! reads is there and until its memory fits into the budget beside that of the running ones,
//! or until none runs. A thread that waits holds no memory, and waits only for regions that
//! run on other threads: there is no deadlock, and no region is overtaken.

use super::chain::{Job, ResultId};
use crate::CancelToken;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

pub(super) struct Queue<'j> {
    jobs: &'j [Job<'j>],
    /// The job that keeps a result.
    keepers: BTreeMap<ResultId, usize>,
    budget: u64,
    state: Mutex<State>,
    changed: Condvar,
    /// The first region that failed, as the number it was taken by.
    failed: AtomicU64,
}

struct State {
    job: usize,
    region: u64,
    taken: u64,
    running: usize,
    held: u64,
    /// Regions that are not done, for each job, and whether the job is closed.
    left: Vec<(u64, bool)>,
    failure: Option<(u64, Error)>,
}

/// A region to compute, with its memory reserved until the ticket is done or dropped.
pub(super) struct Ticket<'q> {
    queue: &'q Queue<'q>,
    number: u64,
    pub(super) job: usize,
    pub(super) range: Range<u64>,
    cost: u64,
    is_done: bool,
}

impl<'j> Queue<'j> {
    pub(super) fn new(jobs: &'j [Job<'j>], budget: u64) -> Self {
        let keeps = |(i, job): (usize, &Job<'_>)| {
            job.keeps.iter().map(move |&id| (id, i)).collect::<Vec<_>>()
        };
        let left = jobs.iter().map(|job| (job.regions(), false)).collect();
        Self {
            jobs,
            keepers: jobs.iter().enumerate().flat_map(keeps).collect(),
            budget,
            state: Mutex::new(State {
                job: 0,
                region: 0,
                taken: 0,
                running: 0,
                held: 0,
                left,
                failure: None,
            }),
            changed: Condvar::new(),
            failed: AtomicU64::new(u64::MAX),
        }
    }

    /// The next region, once it may run; none when all are taken, one failed or the work is
    /// cancelled.
    pub(super) fn take(&self, cancel: &CancelToken) -> Option<Ticket<'_>> {
        let mut state = self.state();
        loop {
            if state.failure.is_some() || cancel.is_cancelled() {
                return None;
            }
            let job = self.jobs.get(state.job)?;
            let range = job.range(state.region);
            let cost = job.cost(&range);
            let fits = state.held.checked_add(cost).is_some_and(|held| held <= self.budget);
            let is_ready = job.reads.iter().all(|id| state.left[self.keepers[id]].1);
            if state.running == 0 || (fits && is_ready) {
                return Some(self.start(&mut state, range, cost));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn start(&self, state: &mut State, range: Range<u64>, cost: u64) -> Ticket<'_> {
        let (number, job) = (state.taken, state.job);
        state.taken += 1;
        state.running += 1;
        state.held = state.held.saturating_add(cost);
        state.region += 1;
        if state.region >= self.jobs[job].regions() {
            (state.job, state.region) = (job + 1, 0);
        }
        Ticket { queue: self, number, job, range, cost, is_done: false }
    }

    /// How it went, once no thread works on it.
    pub(super) fn end(self, cancel: &CancelToken) -> Result<()> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let is_complete = state.left.iter().all(|(_, is_closed)| *is_closed);
        match state.failure {
            None if is_complete => Ok(()),
            Some((_, error)) if !cancel.is_cancelled() => Err(error),
            _ => Err(Error::interrupted()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, state: &mut State, number: u64, error: Error) {
        if state.failure.as_ref().is_none_or(|(first, _)| number < *first) {
            state.failure = Some((number, error));
            self.failed.store(number, Ordering::Relaxed);
        }
    }
}

impl Ticket<'_> {
    /// Whether the region need not be finished: a region before it failed. Those before a
    /// failed one are finished, so that the first error does not depend on who is faster.
    pub(super) fn is_overruled(&self) -> bool {
        self.queue.failed.load(Ordering::Relaxed) < self.number
    }

    /// Gives the memory back and tells how the region went; `close` runs when it was the last
    /// of its job.
    pub(super) fn done(mut self, result: Result<()>, close: impl FnOnce() -> Result<()>) {
        self.is_done = true;
        let is_last = result.is_ok() && self.is_last();
        let result = result.and_then(|()| if is_last { close() } else { Ok(()) });
        let mut state = self.queue.state();
        match result {
            Ok(()) => state.left[self.job].1 |= is_last,
            Err(error) => self.queue.fail(&mut state, self.number, error),
        }
    }

    fn is_last(&self) -> bool {
        let left = &mut self.queue.state().left[self.job].0;
        *left -= 1;
        *left == 0
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        if !self.is_done {
            let error = Error::bug("a weight task panicked");
            self.queue.fail(&mut state, self.number, error);
        }
        state.running -= 1;
        state.held -= self.cost.min(state.held);
        self.queue.changed.notify_all();
    }
}
