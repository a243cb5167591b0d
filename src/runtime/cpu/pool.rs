//! The threads on which a model runs.

use std::any::Any;
use std::cell::UnsafeCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// How long a thread looks for work before it sleeps.
const SPIN: Duration = Duration::from_micros(80);

/// Threads that stay and share the work of one call of [`Pool::run`] after the other.
///
/// Between calls they look for work for a short time before they sleep, so that a chain of small steps
/// pays a microsecond or two for each.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    /// Held by the call that uses the threads.
    is_used: Mutex<()>,
    workers: Vec<JoinHandle<()>>,
}

/// What the caller and the threads see.
///
/// The parts are dealt out: each thread has its share, which is the same in calls of as many parts, so that
/// it finds in its cache what it had there. Who has done its own helps the others. A part is claimed by
/// lowering `unclaimed`. Whoever has claimed one keeps the job alive until it has lowered `unfinished`;
/// nobody else reads the job.
struct Shared {
    job: UnsafeCell<Job>,
    /// By thread.
    unclaimed: Vec<Line<AtomicUsize>>,
    unfinished: Line<AtomicUsize>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    sleepers: AtomicUsize,
    sleep: Mutex<()>,
    wake: Condvar,
    is_closed: AtomicBool,
}

/// Alone on its cache lines.
#[repr(align(128))]
struct Line<T>(T);

#[derive(Clone, Copy)]
struct Job {
    work: *const (dyn Fn(usize) + Sync),
    parts: usize,
}

// SAFETY: the job is written while no part of it is unclaimed or unfinished, and read by those that have
// claimed a part; its function may be called from any thread.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

impl Pool {
    /// With so many threads, the caller of [`Pool::run`] among them. Where the system gives fewer, there
    /// are fewer.
    pub(crate) fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            job: UnsafeCell::new(Job { work: &|_| (), parts: 0 }),
            unclaimed: (0..threads.max(1)).map(|_| Line(AtomicUsize::new(0))).collect(),
            unfinished: Line(AtomicUsize::new(0)),
            panic: Mutex::new(None),
            sleepers: AtomicUsize::new(0),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
            is_closed: AtomicBool::new(false),
        });
        let spawn = |index| {
            let shared = shared.clone();
            let name = format!("peftc-{index}");
            std::thread::Builder::new().name(name).spawn(move || shared.serve(index)).ok()
        };
        let workers = (1..threads).map_while(spawn).collect();
        Self { shared, is_used: Mutex::new(()), workers }
    }

    /// How many threads work, the caller among them.
    pub(crate) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `work` once with each number of `0..parts`, on all threads, and returns when all calls have
    /// ended.
    ///
    /// A call from within `work`, or while another thread's call is under way, does all its work on the
    /// calling thread.
    ///
    /// # Panics
    /// With the panic of a call of `work`, after all that began have ended.
    pub(crate) fn run(&self, parts: usize, work: &(dyn Fn(usize) + Sync)) {
        let is_shared = parts > 1 && !self.workers.is_empty();
        let Some(guard) = is_shared.then(|| self.is_used.try_lock().ok()).flatten() else {
            return (0..parts).for_each(work);
        };
        // SAFETY: `finish` returns after the last use of `work`, so it outlives the job.
        let work = unsafe {
            std::mem::transmute::<*const (dyn Fn(usize) + Sync), *const (dyn Fn(usize) + Sync)>(
                work,
            )
        };
        self.shared.start(Job { work, parts });
        while self.shared.work_on_one(0) {}
        if let Some(panic) = self.shared.finish() {
            drop(guard);
            resume_unwind(panic);
        }
    }

    /// Calls `work` once with each number of `0..parts`. Few calls come one after the other, so that each
    /// can share its own work among the threads.
    pub(crate) fn run_each(&self, parts: usize, work: &(dyn Fn(usize) + Sync)) {
        match parts >= 2 * self.threads() {
            true => self.run(parts, work),
            false => (0..parts).for_each(work),
        }
    }
}

impl Shared {
    /// Offers a job to the threads. The last one has been finished.
    fn start(&self, job: Job) {
        // SAFETY: no part of the last job is unclaimed or unfinished, so nobody reads it.
        unsafe { *self.job.get() = job };
        self.unfinished.0.store(job.parts, Ordering::Relaxed);
        for (thread, unclaimed) in self.unclaimed.iter().enumerate() {
            // Ordered against `sleepers`: either a thread sees the work before it sleeps, or it is seen
            // here.
            unclaimed.0.store(self.share(job.parts, thread).len(), Ordering::SeqCst);
        }
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(self.sleep.lock().unwrap_or_else(PoisonError::into_inner));
            self.wake.notify_all();
        }
    }

    /// The parts that a thread begins with.
    fn share(&self, parts: usize, thread: usize) -> Range<usize> {
        let threads = self.unclaimed.len();
        parts * thread / threads..parts * (thread + 1) / threads
    }

    /// Does one part, if there is one that nobody has claimed: of the thread's own share, or of another's.
    fn work_on_one(&self, thread: usize) -> bool {
        let threads = self.unclaimed.len();
        (thread..thread + threads).any(|owner| self.work_on_one_of(owner % threads))
    }

    /// Does one part of a thread's share, if there is one that nobody has claimed.
    fn work_on_one_of(&self, owner: usize) -> bool {
        let lower = |left: usize| left.checked_sub(1);
        let unclaimed = &self.unclaimed[owner].0;
        let claim = unclaimed.fetch_update(Ordering::Acquire, Ordering::Relaxed, lower);
        let Ok(left) = claim else { return false };
        // SAFETY: a part of it has been claimed and is not finished.
        let Job { work, parts } = unsafe { *self.job.get() };
        let part = self.share(parts, owner).end - left;
        // SAFETY: the caller of `run` waits until this part is finished.
        let work = unsafe { &*work };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(part))) {
            *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
        }
        self.unfinished.0.fetch_sub(1, Ordering::Release);
        true
    }

    /// Waits until the claimed parts are finished. Returns what one panicked with.
    fn finish(&self) -> Option<Box<dyn Any + Send>> {
        let start = Instant::now();
        while self.unfinished.0.load(Ordering::Acquire) > 0 {
            if start.elapsed() < SPIN { spin() } else { std::thread::yield_now() }
        }
        self.panic.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The life of a thread.
    fn serve(&self, thread: usize) {
        while !self.is_closed.load(Ordering::Acquire) {
            let start = Instant::now();
            while !self.work_on_one(thread) {
                if start.elapsed() >= SPIN {
                    self.sleep();
                    break;
                }
                spin();
            }
        }
    }

    /// Sleeps until there is work, or the pool is closed.
    fn sleep(&self) {
        let mut guard = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let is_idle = || self.unclaimed.iter().all(|share| share.0.load(Ordering::SeqCst) == 0);
        while is_idle() && !self.is_closed.load(Ordering::Acquire) {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A pause between two looks.
fn spin() {
    for _ in 0..16 {
        std::hint::spin_loop();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::Release);
        drop(self.shared.sleep.lock().unwrap_or_else(PoisonError::into_inner));
        self.shared.wake.notify_all();
        for worker in self.workers.drain(..) {
            // A thread of the pool ends without a panic: those of the work are caught.
            let _ = worker.join();
        }
    }
}
