//! What a run may leave behind when it is killed, and how the next one cleans it up.
//!
//! While a run writes a model, a *run file* beside it, `.NAME.run`, lists the files it may leave:
//! those under temporary names, the new data and archives, those it replaces. The run holds a
//! lock on it, which ends with the process. So no two runs write one model, and a run file that
//! can be locked is that of a run that was killed, at whatever moment; of the files it lists
//! those that no model refers to are garbage.
//!
//! Whether a model refers to a file is asked of every file, whatever its name, in the file's
//! folder and those above, since data lies in the model's folder or below it; and of the runs
//! that are under way there. Where one of them cannot be read, nothing is removed.

use super::layout::WritePlan;
use crate::disk;
use crate::error::{Error, Result};
use crate::onnx::folder_of;
use crate::onnx::read::external_locations;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{File, Metadata, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::path::{Component, Path, PathBuf};

/// The content of a run file.
#[derive(Serialize, Deserialize)]
struct Listed {
    /// Names in its folder that the run may leave.
    may_leave: Vec<String>,
    /// Locations of data that the model refers to once it is there.
    needs: Vec<String>,
}

/// The run file of this run. It is removed when it is dropped, unless it is to be kept.
pub(super) struct RunFile {
    path: PathBuf,
    /// Holds the lock.
    file: File,
    /// Part of the names of temporary files.
    id: String,
    is_kept: bool,
}

impl RunFile {
    /// Takes the run file of a model.
    ///
    /// # Errors
    /// Another run has it; the folder is not there, or cannot be written to.
    pub(super) fn lock(model: &Path) -> Result<Self> {
        let name = file_name(model)
            .ok_or_else(|| Error::input(format!("{}: is no file name", model.display())))?;
        let path = model.with_file_name(format!(".{name}.run"));
        loop {
            let file = disk::open_or_create(&path).map_err(|e| match e.kind() {
                std::io::ErrorKind::NotFound => {
                    Error::input(format!("{}: its folder is not there", model.display()))
                }
                _ => Error::write_file(model, &e),
            })?;
            // A file system without locks has runs that are never taken for killed.
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                return Err(Error::input(format!(
                    "{}: another run is writing it",
                    model.display()
                )));
            }
            // The run that had it may have removed it meanwhile.
            if is_at(&file, &path) {
                clean_listed(&path, &file);
                let id = format!("{:08x}", RandomState::new().hash_one(0) as u32);
                return Ok(Self { path, file, id, is_kept: false });
            }
        }
    }

    /// Lists, on the disk, what writing a plan may leave, and the files that it replaces.
    pub(super) fn list(&self, plan: &WritePlan, replaced: &[PathBuf]) -> Result<()> {
        let archives = || plan.archives.iter().map(|archive| &archive.path);
        let named = plan.side_files.iter().map(|(_, to)| to).chain(archives()).chain([&plan.path]);
        let files = named.map(|path| self.temporary(path)).chain(replaced.iter().cloned());
        let files = files.chain(plan.data.iter().map(|(path, _)| path.clone()));
        let files = files.chain(archives().filter(|a| a.symlink_metadata().is_err()).cloned());
        let listed = Listed {
            may_leave: files.filter_map(|path| Some(file_name(&path)?.to_owned())).collect(),
            needs: plan.linked().iter().map(|file| file.location.clone()).collect(),
        };
        let text = serde_json::to_vec(&listed).map_err(|e| Error::bug(e.to_string()))?;
        self.write(&text).map_err(|e| Error::write_file(&plan.path, &e))
    }

    fn write(&self, text: &[u8]) -> std::io::Result<()> {
        self.file.set_len(0)?;
        disk::write_all_at(&self.file, text, 0)?;
        disk::sync_file(&self.file)?;
        disk::sync_folder(folder_of(&self.path))
    }

    /// The name that a file is written under until it is whole, `.NAME.<8 hex>.tmp`.
    pub(super) fn temporary(&self, path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!(".{name}.{}.tmp", self.id))
    }

    /// Leaves the run file to the next run, as if this one had been killed.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for RunFile {
    fn drop(&mut self) {
        if !self.is_kept {
            // The next run cleans it up.
            let _ = disk::remove(&self.path);
        }
    }
}

/// Whether a path still leads to an open file.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    fn same(a: &Metadata, b: &Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        (a.dev(), a.ino()) == (b.dev(), b.ino())
    }
    #[cfg(not(unix))]
    fn same(_: &Metadata, _: &Metadata) -> bool {
        true
    }
    matches!((file.metadata(), path.metadata()), (Ok(a), Ok(b)) if same(&a, &b))
}

/// Removes what killed runs left in a folder. Gives the files that are gone.
pub(super) fn clean(folder: &Path) -> Vec<PathBuf> {
    let names = names_in(folder).unwrap_or_default();
    let runs = names.iter().filter_map(|name| name.to_str()).filter(|n| model_of_run(n).is_some());
    runs.flat_map(|name| clean_run(&folder.join(name))).collect()
}

fn clean_run(run: &Path) -> Vec<PathBuf> {
    let is_file = run.symlink_metadata().is_ok_and(|m| m.is_file());
    let Some(file) = is_file.then(|| File::open(run).ok()).flatten() else { return Vec::new() };
    if file.try_lock().is_err() || !is_at(&file, run) {
        return Vec::new();
    }
    let removed = clean_listed(run, &file);
    let _ = disk::remove(run);
    removed
}

/// Removes what a run file that is locked here lists. One that does not say what a run file
/// says was never whole on the disk, so nothing came after it.
fn clean_listed(run: &Path, file: &File) -> Vec<PathBuf> {
    let listed = std::io::read_to_string(file).ok();
    let listed = listed.and_then(|text| serde_json::from_str::<Listed>(&text).ok());
    let model = file_name(run).and_then(model_of_run);
    let (Some(Listed { may_leave, .. }), Some(model)) = (listed, model) else { return Vec::new() };
    let own = may_leave.iter().filter(|n| is_plain(n) && (is_temporary(n) || is_own(n, model)));
    remove_unneeded(own.map(|name| run.with_file_name(name)).collect()).unwrap_or_default()
}

/// Removes those files of one folder that no model refers to; gives those that are gone. A file
/// that cannot be removed is one too many, which is no failure of an output.
///
/// # Errors
/// The file or folder that cannot be read, so that nobody knows whether it refers to them; none
/// is removed then.
pub(super) fn remove_unneeded(mut files: Vec<PathBuf>) -> Result<Vec<PathBuf>, PathBuf> {
    files.retain(|path| path.symlink_metadata().is_ok());
    let Some(first) = files.first() else { return Ok(files) };
    let needed = needed_files(folder_of(first))?;
    let is_needed = |path: &PathBuf| path.canonicalize().is_ok_and(|real| needed.contains(&real));
    files.retain(|path| !is_needed(path) && disk::remove(path).is_ok());
    Ok(files)
}

/// The data files that models and runs in a folder and those above it refer to.
fn needed_files(folder: &Path) -> Result<HashSet<PathBuf>, PathBuf> {
    let folder = folder.canonicalize().map_err(|_| folder.to_owned())?;
    let mut needed = HashSet::new();
    for folder in folder.ancestors() {
        let names = names_in(folder).map_err(|_| folder.to_owned())?;
        // What a run writes is not a model yet; its run file says what it needs.
        for name in names.iter().filter(|name| !name.to_str().is_some_and(is_temporary)) {
            let path = folder.join(name);
            if path.metadata().is_ok_and(|m| m.is_file()) {
                let locations = locations_in(&path).map_err(|_| path)?;
                needed.extend(locations.iter().filter_map(|l| folder.join(l).canonicalize().ok()));
            }
        }
    }
    Ok(needed)
}

/// The locations of data that a model, or the run that this run file is of, refers to.
fn locations_in(path: &Path) -> Result<Vec<String>> {
    if file_name(path).and_then(model_of_run).is_none() {
        return Ok(external_locations(path)?.into_iter().collect());
    }
    let text = std::fs::read(path).map_err(|e| Error::read_file(path, &e))?;
    Ok(serde_json::from_slice::<Listed>(&text).map(|listed| listed.needs).unwrap_or_default())
}

/// The data files and archives that peftc wrote for the model that is at this path now.
pub(super) fn own_data_of(model: &Path) -> Vec<PathBuf> {
    let Some(name) = file_name(model) else { return Vec::new() };
    let locations = external_locations(model).unwrap_or_default().into_iter();
    let own = locations.filter(|l| is_plain(l) && is_own(l, name));
    own.map(|location| model.with_file_name(location)).collect()
}

/// Whether a name is that of a file in the folder itself.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name)
}

/// The name of the model that a run file is beside, `.NAME.run`; none for other files.
fn model_of_run(file: &str) -> Option<&str> {
    file.strip_prefix('.')?.strip_suffix(".run").filter(|model| !model.is_empty())
}

/// Whether a name is that of a file that peftc writes for a model: its data or an archive.
fn is_own(file: &str, model: &str) -> bool {
    is_data(file, model) || is_archive(file, model)
}

/// Whether a name is that of a model's archive, `STEM.<a-z, 0-9, ->.npz`.
fn is_archive(file: &str, model: &str) -> bool {
    let stem = Path::new(model).file_stem().and_then(|stem| stem.to_str());
    let rest = stem.and_then(|stem| file.strip_prefix(stem)?.strip_prefix('.'));
    let word = rest.and_then(|rest| rest.strip_suffix(".npz"));
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    word.is_some_and(|word| !word.is_empty() && word.bytes().all(is_word))
}

/// Whether a name is that of a model's data file, `NAME.<8 hex>.data`.
fn is_data(file: &str, model: &str) -> bool {
    file.strip_prefix(model).is_some_and(|rest| is_id(rest, ".data"))
}

fn is_temporary(file: &str) -> bool {
    const END: usize = ".01234567.tmp".len();
    let end = file.len().checked_sub(END).and_then(|at| file.get(at..));
    file.starts_with('.') && end.is_some_and(|end| is_id(end, ".tmp"))
}

fn is_id(rest: &str, end: &str) -> bool {
    let hex = rest.strip_prefix('.').and_then(|rest| rest.strip_suffix(end));
    hex.is_some_and(|hex| hex.len() == 8 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn file_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

fn names_in(folder: &Path) -> std::io::Result<Vec<OsString>> {
    let entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name()));
    let mut names = entries.collect::<std::io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}
