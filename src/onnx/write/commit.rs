//! Writing the files of a plan. The model's rename into place is the only commit point.

use super::archive::ArchivePlan;
use super::layout::{Content, FilePlan, Segment, WritePlan};
use super::leftovers::{self, RunFile};
use crate::context::{Context, Event, Level};
use crate::disk;
use crate::error::{Error, Result};
use crate::ir::TensorData;
use crate::ir::tensor::FileSlice;
use crate::onnx::folder_of;
use crate::weights::Placement;
use rayon::prelude::*;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes copied between two looks at cancellation.
const CHUNK: u64 = 16 << 20;

/// Computes the weight tasks at their places; the second argument is told the bytes written.
pub(super) type Runner<'a, T> = dyn Fn(&[Placement<'_>], &(dyn Fn(u64) + Sync)) -> Result<T> + 'a;

impl WritePlan {
    /// Writes all files; `runner` computes the weight tasks. Gives what the runner gave.
    ///
    /// What runs that were killed left in the folder is removed before, and the data of a
    /// model that was at the path is removed after, where no model refers to it.
    ///
    /// # Errors
    /// Another run is writing this model; it is there, and is not to be replaced. After an error
    /// or a cancellation none of the new files is left, and what was at the path before is as it
    /// was; but for an error that says that the model is written.
    pub fn commit<T>(&self, context: &Context, runner: &Runner<'_, T>) -> Result<T> {
        let span = tracing::info_span!("write", path = %self.path.display());
        let _entered = span.enter();
        let folder = folder_of(&self.path);
        for removed in leftovers::clean(folder) {
            let removed = removed.display();
            context.note(Level::Info, format!("removed what a killed run left behind: {removed}"));
        }
        let run = RunFile::lock(&self.path)?;
        let mut paths = std::iter::once(&self.path).chain(self.archives.iter().map(|a| &a.path));
        let existing = paths.find(|path| path.symlink_metadata().is_ok());
        if let Some(path) = existing.filter(|_| self.refuse_existing) {
            return Err(Error::input(format!("{} is there already", path.display()))
                .help("--force overwrites it"));
        }
        let replaced = leftovers::own_data_of(&self.path);
        run.list(self, &replaced)?;
        let result = self.write(context, runner, &run)?;
        if let Err(error) = disk::sync_folder(folder) {
            run.keep();
            let path = self.path.display();
            return Err(Error::environment(format!(
                "{path}: is written, but may not survive a power failure: {error}"
            )));
        }
        if let Err(unreadable) = leftovers::remove_unneeded(replaced) {
            let unreadable = unreadable.display();
            context.note(
                Level::Info,
                format!("the data of the model that was replaced stays: {unreadable} cannot be read, and may refer to it"),
            );
        }
        Ok(result)
    }

    /// Writes all files under names that mean nothing yet, then gives the model its name.
    fn write<T>(&self, context: &Context, runner: &Runner<'_, T>, run: &RunFile) -> Result<T> {
        let progress = Progress::new(self, context);
        let mut model = NewFile::create(run.temporary(&self.path), &self.path, self.model.len)?;
        let data = match &self.data {
            Some((path, plan)) => Some((NewFile::create(path.clone(), path, plan.len)?, plan)),
            None => None,
        };
        let mut archives = self
            .archives
            .iter()
            .map(|plan| {
                let ArchivePlan { path, file, .. } = plan;
                Ok((NewFile::create(run.temporary(path), path, file.len)?, plan))
            })
            .collect::<Result<Vec<_>>>()?;
        let files: Vec<(&NewFile, &FilePlan)> = data
            .iter()
            .map(|(file, plan)| (file, *plan))
            .chain(archives.iter().map(|(file, plan)| (file, &plan.file)))
            .chain([(&model, &self.model)])
            .collect();
        let placements: Vec<Placement<'_>> =
            files.iter().flat_map(|(file, plan)| placements(file, plan)).collect();
        let jobs: Vec<(&NewFile, &Segment)> = files
            .iter()
            .flat_map(|(file, plan)| plan.segments.iter().map(move |s| (*file, s)))
            .collect();
        context.pool().install(|| {
            jobs.par_iter().try_for_each(|(file, segment)| file.write(segment, context, &progress))
        })?;
        let result = runner(&placements, &|bytes| progress.add(bytes))?;
        drop(placements);
        context.cancel().check()?;
        for (file, plan) in &archives {
            for (at, header) in plan.headers(&file.file, context.cancel())? {
                file.write_chunks(&header, at, context, &progress)?;
            }
        }
        files.iter().try_for_each(|(file, _)| file.sync())?;
        drop(files);
        let copy = |(from, to): &(PathBuf, PathBuf)| NewFile::copy_of(from, run.temporary(to), to);
        let side_files = self.side_files.iter().map(copy).collect::<Result<Vec<_>>>()?;
        let folder = folder_of(&self.path);
        disk::sync_folder(folder).map_err(|e| Error::write_file(folder, &e))?;
        for (mut file, (_, to)) in side_files.into_iter().zip(&self.side_files) {
            file.rename(to)?;
            file.keep();
        }
        archives.iter_mut().try_for_each(|(file, plan)| file.rename(&plan.path))?;
        model.rename(&self.path)?;
        let (data, archives) =
            (data.map(|(file, _)| file), archives.into_iter().map(|(file, _)| file));
        [model].into_iter().chain(data).chain(archives).for_each(NewFile::keep);
        Ok(result)
    }
}

fn placements<'a>(file: &'a NewFile, plan: &'a FilePlan) -> impl Iterator<Item = Placement<'a>> {
    plan.segments.iter().filter_map(move |segment| match segment.content {
        Content::Elements(TensorData::Pending { task, result }) => {
            Some(Placement { task, result, file: &file.file, offset: segment.offset })
        }
        _ => None,
    })
}

/// Bytes written so far, told as events.
struct Progress<'a> {
    done: AtomicU64,
    total: u64,
    context: &'a Context,
}

impl<'a> Progress<'a> {
    fn new(plan: &WritePlan, context: &'a Context) -> Self {
        Self { done: AtomicU64::new(0), total: plan.files().iter().map(|f| f.bytes).sum(), context }
    }

    fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.context.emit(Event::Progress { done, total: self.total });
    }
}

/// A file that is removed again unless it is kept.
struct NewFile {
    path: PathBuf,
    /// What messages call it: the name it gets.
    shown: PathBuf,
    file: File,
    kept: bool,
}

impl NewFile {
    fn create(path: PathBuf, shown: &Path, len: u64) -> Result<Self> {
        let failed = |e| Error::write_file(shown, &e);
        let file = disk::create_new(&path).map_err(failed)?;
        let new = Self { path, shown: shown.to_owned(), file, kept: false };
        new.file.set_len(len).map_err(failed)?;
        Ok(new)
    }

    /// A small file's copy, on the disk.
    fn copy_of(from: &Path, path: PathBuf, shown: &Path) -> Result<Self> {
        let bytes = std::fs::read(from).map_err(|e| Error::read_file(from, &e))?;
        let new = Self::create(path, shown, bytes.len() as u64)?;
        disk::write_all_at(&new.file, &bytes, 0).map_err(|e| new.failed(&e))?;
        new.sync()?;
        Ok(new)
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::write_file(&self.shown, error)
    }

    /// Writes a segment that is there already; results of weight tasks are not.
    fn write(&self, segment: &Segment, context: &Context, progress: &Progress<'_>) -> Result<()> {
        match &segment.content {
            Content::Encoded(bytes) => self.write_chunks(bytes, segment.offset, context, progress),
            Content::Elements(TensorData::Bytes(bytes)) => {
                self.write_chunks(bytes, segment.offset, context, progress)
            }
            Content::Elements(TensorData::File(slice)) => {
                self.copy(slice, segment.offset, context, progress)
            }
            Content::Elements(TensorData::Pending { .. }) => Ok(()),
            Content::Elements(TensorData::Strings(_) | TensorData::Sparse(_)) => {
                Err(Error::bug("strings and sparse tensors are encoded whole"))
            }
        }
    }

    fn write_chunks(
        &self,
        bytes: &[u8],
        mut at: u64,
        context: &Context,
        progress: &Progress<'_>,
    ) -> Result<()> {
        for chunk in bytes.chunks(CHUNK as usize) {
            context.cancel().check()?;
            disk::write_all_at(&self.file, chunk, at).map_err(|e| self.failed(&e))?;
            at += chunk.len() as u64;
            progress.add(chunk.len() as u64);
        }
        Ok(())
    }

    /// Copies through the operating system, or, where it cannot, from the map.
    fn copy(
        &self,
        slice: &FileSlice,
        at: u64,
        context: &Context,
        progress: &Progress<'_>,
    ) -> Result<()> {
        let (file, start) = (slice.file().file(), slice.offset());
        let mut done = 0;
        while done < slice.len() {
            context.cancel().check()?;
            let len = CHUNK.min(slice.len() - done);
            match disk::copy_range(file, start + done, &self.file, at + done, len) {
                Some(Ok(0)) | None => {
                    let rest = &slice.as_slice()[done as usize..];
                    return self.write_chunks(rest, at + done, context, progress);
                }
                Some(Ok(copied)) => {
                    done += copied;
                    progress.add(copied);
                }
                Some(Err(e)) => {
                    let (from, to) = (slice.file().path().display(), self.shown.display());
                    return Err(Error::environment(format!("cannot copy {from} to {to}: {e}")));
                }
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        disk::sync_file(&self.file).map_err(|e| self.failed(&e))
    }

    fn rename(&mut self, to: &Path) -> Result<()> {
        disk::rename(&self.path, to).map_err(|e| Error::write_file(to, &e))?;
        self.path = to.to_owned();
        Ok(())
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing can be done about a failure here, and the error that led here is told.
            let _ = disk::remove(&self.path);
        }
    }
}
