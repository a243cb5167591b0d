//! Results kept in temporary files for the tasks that read them.

use crate::error::{Error, Result};
use crate::ir::tensor::map_temporary;
use bytes::Bytes;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A result in a temporary file: written by regions, then mapped, then dropped by its last
/// reader.
pub(super) struct Kept {
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

impl Kept {
    /// One that this many jobs will read.
    pub(super) fn new(readers: usize) -> Self {
        Self { state: Mutex::new(State { readers, content: Content::Nothing }) }
    }

    /// The file to write to; made in `folder` by the first who asks.
    pub(super) fn file(&self, folder: &Path) -> Result<Arc<File>> {
        let mut state = self.state();
        if let Content::Writing(file) = &state.content {
            return Ok(file.clone());
        }
        let file = tempfile::tempfile_in(folder).map_err(|error| {
            let folder = folder.display();
            Error::environment(format!("{folder}: cannot make a temporary file: {error}"))
        })?;
        let file = Arc::new(file);
        state.content = Content::Writing(file.clone());
        Ok(file)
    }

    /// Ends writing.
    pub(super) fn close(&self) -> Result<()> {
        let mut state = self.state();
        let Content::Writing(file) = &state.content else {
            return Err(Error::bug("a kept result was closed before it was written"));
        };
        let bytes = map_temporary(file)
            .map_err(|error| Error::environment(format!("cannot map a temporary file: {error}")))?;
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
