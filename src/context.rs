//! What a whole run shares: threads, memory budget, cancellation and events.

use crate::error::{Error, Result};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How loud a note is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Good to know.
    Info,
    /// The result may not be what was meant.
    Warning,
}

/// What the library tells while it works.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A note of a pass or of the host.
    Note {
        /// How loud.
        level: Level,
        /// The text.
        message: String,
    },
    /// The output is being written.
    Progress {
        /// Bytes written so far.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
}

/// Set once to stop the work; polled for every region of a weight task.
#[derive(Clone, Default, Debug)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Asks the work to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error once it was asked to stop.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::interrupted()) } else { Ok(()) }
    }
}

type Sink = dyn Fn(Event) + Send + Sync;

/// What a whole run shares.
#[derive(Clone)]
pub struct Context {
    pool: Arc<rayon::ThreadPool>,
    memory: u64,
    scratch: PathBuf,
    cancel: CancelToken,
    sink: Arc<Sink>,
}

impl Context {
    /// The memory budget where none is given: 256 MiB.
    pub const DEFAULT_MEMORY: u64 = 256 << 20;

    /// A context with this many threads (all of the machine's where none are given), a memory
    /// budget in bytes for weight tasks, and a place for events.
    pub fn new(
        threads: Option<NonZeroUsize>,
        memory: u64,
        sink: impl Fn(Event) + Send + Sync + 'static,
    ) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.map_or(0, NonZeroUsize::get))
            .thread_name(|i| format!("peftc-{i}"))
            .build()
            .map_err(|e| Error::environment(format!("cannot start threads: {e}")))?;
        let (pool, sink) = (Arc::new(pool), Arc::new(sink));
        let scratch = std::env::temp_dir();
        Ok(Self { pool, memory, scratch, cancel: CancelToken::default(), sink })
    }

    /// The same, with temporary files in this folder instead of the system's: one on a disk, not
    /// in memory.
    #[must_use]
    pub fn with_scratch_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.scratch = folder.into();
        self
    }

    /// The one thread pool.
    pub fn pool(&self) -> &rayon::ThreadPool {
        &self.pool
    }

    /// Bytes that weight tasks may hold at once.
    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// Where temporary files go. They have no names.
    pub fn scratch_folder(&self) -> &Path {
        &self.scratch
    }

    /// The cancellation token.
    pub fn cancel(&self) -> &CancelToken {
        &self.cancel
    }

    /// Tells an event.
    pub fn emit(&self, event: Event) {
        (self.sink)(event);
    }

    /// Tells a note.
    pub fn note(&self, level: Level, message: impl Into<String>) {
        self.emit(Event::Note { level, message: message.into() });
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("threads", &self.pool.current_num_threads())
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}
