//! Writing the files of a plan. The model's rename into place is the only commit point.

use super::layout::{Content, FilePlan, Segment, WritePlan};
use crate::context::{Context, Event};
use crate::error::{Error, Result};
use crate::ir::TensorData;
use crate::ir::tensor::FileSlice;
use crate::weights::Placement;
use rayon::prelude::*;
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file of an output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutputFile {
    /// Its path.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// Bytes copied between two looks at cancellation.
const CHUNK: u64 = 16 << 20;

/// Computes the weight tasks at their places; the second argument is told the bytes written.
pub(super) type Runner<'a, T> = dyn Fn(&[Placement<'_>], &(dyn Fn(u64) + Sync)) -> Result<T> + 'a;

impl WritePlan {
    /// The files that are written, and their sizes.
    pub fn files(&self) -> Vec<OutputFile> {
        let model = OutputFile { path: self.path.clone(), bytes: self.model.len };
        let data =
            self.data.iter().map(|(path, plan)| OutputFile { path: path.clone(), bytes: plan.len });
        std::iter::once(model).chain(data).collect()
    }

    /// Writes all files; `runner` computes the weight tasks. Gives what the runner gave.
    ///
    /// # Errors
    /// After an error or a cancellation none of the new files is left, and what was at the
    /// path before is as it was.
    pub fn commit<T>(&self, context: &Context, runner: &Runner<'_, T>) -> Result<T> {
        let span = tracing::info_span!("write", path = %self.path.display());
        let _entered = span.enter();
        let progress = Progress::new(self, context);
        let model = NewFile::create(temporary(&self.path), self.model.len)?;
        let data = match &self.data {
            Some((path, plan)) => Some((NewFile::create(path.clone(), plan.len)?, plan)),
            None => None,
        };
        let files: Vec<(&NewFile, &FilePlan)> =
            data.iter().map(|(file, plan)| (file, *plan)).chain([(&model, &self.model)]).collect();
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
        let replaced = replaced_data(&self.path);
        files.iter().try_for_each(|(file, _)| file.sync())?;
        drop(files);
        sync_folder(&self.path)?;
        model.rename(&self.path)?;
        if let Some((data, _)) = data {
            data.keep();
        }
        sync_folder(&self.path)?;
        remove_replaced(&replaced, self.data.as_ref().map(|(path, _)| path.as_path()));
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

fn temporary(model: &Path) -> PathBuf {
    let name = model.file_name().unwrap_or_default().to_string_lossy();
    model.with_file_name(format!(".{name}.{:08x}.tmp", std::process::id()))
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
    file: File,
    kept: bool,
}

impl NewFile {
    fn create(path: PathBuf, len: u64) -> Result<Self> {
        let failed = |e| Error::write_file(&path, &e);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).map_err(
            |e| match e.kind() {
                std::io::ErrorKind::NotFound => {
                    Error::input(format!("{}: its folder is not there", path.display()))
                }
                _ => failed(e),
            },
        )?;
        let new = Self { path: path.clone(), file, kept: false };
        new.file.set_len(len).map_err(failed)?;
        Ok(new)
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::write_file(&self.path, error)
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
            write_all_at(&self.file, chunk, at).map_err(|e| self.failed(&e))?;
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
        let mut done = 0;
        while done < slice.len() {
            context.cancel().check()?;
            let len = CHUNK.min(slice.len() - done);
            match copy_range(slice.file().file(), slice.offset() + done, &self.file, at + done, len)
            {
                Some(Ok(0)) | None => {
                    return self.write_chunks(
                        &slice.as_slice()[done as usize..],
                        at + done,
                        context,
                        progress,
                    );
                }
                Some(Ok(copied)) => {
                    done += copied;
                    progress.add(copied);
                }
                Some(Err(e)) => return Err(self.failed(&e)),
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|e| self.failed(&e))
    }

    fn rename(mut self, to: &Path) -> Result<()> {
        std::fs::rename(&self.path, to).map_err(|e| Error::write_file(to, &e))?;
        self.kept = true;
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
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// None where the operating system or the file systems cannot.
#[cfg(target_os = "linux")]
fn copy_range(
    from: &File,
    from_at: u64,
    to: &File,
    to_at: u64,
    len: u64,
) -> Option<std::io::Result<u64>> {
    use rustix::io::Errno;
    let (mut from_at, mut to_at) = (from_at, to_at);
    match rustix::fs::copy_file_range(from, Some(&mut from_at), to, Some(&mut to_at), len as usize)
    {
        Ok(copied) => Some(Ok(copied as u64)),
        Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => None,
        Err(e) => Some(Err(e.into())),
    }
}

#[cfg(not(target_os = "linux"))]
fn copy_range(_: &File, _: u64, _: &File, _: u64, _: u64) -> Option<std::io::Result<u64>> {
    None
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, at)?;
        bytes = &bytes[written..];
        at += written as u64;
    }
    Ok(())
}

fn sync_folder(file: &Path) -> Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| Error::write_file(folder, &e))
}

/// The data files that peftc wrote for the model that is at this path now.
fn replaced_data(model: &Path) -> Vec<PathBuf> {
    let Some(name) = model.file_name().and_then(|n| n.to_str()) else { return Vec::new() };
    let is_own = |file: &str| {
        file.strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(|rest| rest.strip_suffix(".data"))
            .is_some_and(|hex| hex.len() == 8 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    crate::onnx::read::external_locations(model)
        .into_iter()
        .filter(|location| is_own(location))
        .map(|location| model.with_file_name(location))
        .collect()
}

/// A failure leaves a file too many, which is no failure of the output.
fn remove_replaced(replaced: &[PathBuf], new: Option<&Path>) {
    for path in replaced.iter().filter(|path| Some(path.as_path()) != new) {
        let _ = std::fs::remove_file(path);
    }
}
