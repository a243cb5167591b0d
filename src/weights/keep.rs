//! Results kept for the tasks that read them: where they are placed, or in temporary files.

use super::Placement;
use crate::error::{Error, Result};
use crate::ir::tensor::map_written;
use bytes::Bytes;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A result in a file: written by regions, then mapped, then dropped by its last reader.
pub(super) struct Kept<'p> {
    /// Where it is placed; none where it goes into a temporary file.
    placed: Option<&'p Placement<'p>>,
    state: Mutex<State>,
}

struct State {
    readers: usize,
    content: Content,
}

enum Content {
    Nothing,
    Writing(Arc<File>),
    Mapped(Bytes),
}

impl<'p> Kept<'p> {
    /// One that this many jobs will read.
    pub(super) fn new(readers: usize, placed: Option<&'p Placement<'p>>) -> Self {
        Self { placed, state: Mutex::new(State { readers, content: Content::Nothing }) }
    }

    /// The temporary file to write to, made in `folder` by the first who asks; none where it is
    /// placed.
    pub(super) fn file(&self, folder: &Path) -> Result<Option<Arc<File>>> {
        if self.placed.is_some() {
            return Ok(None);
        }
        let mut state = self.state();
        if let Content::Writing(file) = &state.content {
            return Ok(Some(file.clone()));
        }
        let file = tempfile::tempfile_in(folder).map_err(|error| {
            let folder = folder.display();
            Error::environment(format!("{folder}: cannot make a temporary file: {error}"))
        })?;
        let file = Arc::new(file);
        state.content = Content::Writing(file.clone());
        Ok(Some(file))
    }

    /// Ends writing; it has so many bytes.
    pub(super) fn close(&self, len: u64) -> Result<()> {
        let mut state = self.state();
        let bytes = match (self.placed, &state.content) {
            (Some(placed), _) => map_written(placed.file, placed.offset, len),
            (None, Content::Writing(file)) => map_written(file, 0, len),
            _ => return Err(Error::bug("a kept result was closed before it was written")),
        };
        let bytes = bytes.map_err(|error| {
            Error::environment(format!("cannot map a file just written: {error}"))
        })?;
        state.content = Content::Mapped(bytes);
        Ok(())
    }

    /// The packed bytes.
    pub(super) fn bytes(&self) -> Result<Bytes> {
        match &self.state().content {
            Content::Mapped(bytes) => Ok(bytes.clone()),
            _ => Err(Error::bug("a kept result was read before it was written")),
        }
    }

    /// Tells that one of the readers is done.
    pub(super) fn release(&self) {
        let mut state = self.state();
        state.readers = state.readers.saturating_sub(1);
        if state.readers == 0 {
            state.content = Content::Nothing;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
