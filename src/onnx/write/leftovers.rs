//! What a run may leave behind when it is killed, and how the next one cleans it up.
//!
//! While a run writes, a *run file* beside the model lists the files it may leave: those
//! under temporary names, the new data, the data it replaces. The run holds a lock on it,
//! which ends with the process. So a run file that can be locked is that of a run that was
//! killed, at whatever moment, and of the files it lists those that no model refers to are
//! garbage.

use super::layout::WritePlan;
use crate::disk;
use crate::error::{Error, Result};
use crate::onnx::folder_of;
use crate::onnx::read::external_locations;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

/// The content of a run file: names in its folder.
#[derive(Serialize, Deserialize)]
struct Listed {
    model: String,
    may_leave: Vec<String>,
}

/// The run file of this run, removed when it is dropped.
pub(super) struct RunFile {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
    id: String,
}

impl RunFile {
    /// Makes the run file for writing what is planned, in place of these data files.
    pub(super) fn create(plan: &WritePlan, replaced: &[PathBuf]) -> Result<Self> {
        let name = file_name(&plan.path)
            .ok_or_else(|| Error::input(format!("{}: is no file name", plan.path.display())))?;
        let id = format!("{:08x}", RandomState::new().hash_one(0) as u32);
        let named = plan.side_files.iter().map(|(_, to)| to).chain([&plan.path]);
        let files = named.map(|path| temporary(path, &id)).chain(replaced.iter().cloned());
        let files = files.chain(plan.data.iter().map(|(path, _)| path.clone()));
        let listed = Listed {
            model: name.to_owned(),
            may_leave: files.filter_map(|path| Some(file_name(&path)?.to_owned())).collect(),
        };
        let path = plan.path.with_file_name(format!(".{name}.{id}.run"));
        let file = Self::write(&path, &listed).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => {
                Error::input(format!("{}: its folder is not there", plan.path.display()))
            }
            _ => Error::write_file(&path, &e),
        })?;
        Ok(Self { path, _file: file, id })
    }

    fn write(path: &Path, listed: &Listed) -> std::io::Result<File> {
        let text = serde_json::to_vec(listed)?;
        loop {
            let file = disk::create_new(path)?;
            // A file system without locks has runs that are never taken for killed.
            let _ = file.try_lock();
            disk::write_all_at(&file, &text, 0)?;
            disk::sync_file(&file)?;
            disk::sync_folder(folder_of(path))?;
            // Before it was locked, a cleaner may have taken it for that of a killed run.
            if path.exists() {
                return Ok(file);
            }
        }
    }

    /// The name that a file is written under until it is whole.
    pub(super) fn temporary(&self, path: &Path) -> PathBuf {
        temporary(path, &self.id)
    }
}

impl Drop for RunFile {
    fn drop(&mut self) {
        // The next run cleans it up.
        let _ = disk::remove(&self.path);
    }
}

/// Removes what killed runs left in a folder. Gives the files that are gone.
pub(super) fn clean(folder: &Path) -> Vec<PathBuf> {
    let is_run = |name: &OsString| {
        name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(".run"))
    };
    let runs = names_in(folder).into_iter().filter(is_run);
    runs.flat_map(|name| clean_run(&folder.join(name))).collect()
}

fn clean_run(run: &Path) -> Vec<PathBuf> {
    let Ok(file) = File::open(run) else { return Vec::new() };
    if file.try_lock().is_err() {
        return Vec::new();
    }
    let Ok(text) = std::fs::read(run) else { return Vec::new() };
    let removed = match serde_json::from_slice::<Listed>(&text) {
        Ok(Listed { model, may_leave }) => {
            let own = may_leave.iter().filter(|name| is_temporary(name) || is_data(name, &model));
            remove_unneeded(own.map(|name| run.with_file_name(name)).collect())
        }
        // Killed before it was written: it lists nothing yet.
        Err(_) if text.is_empty() => Vec::new(),
        Err(_) => return Vec::new(),
    };
    let _ = disk::remove(run);
    removed
}

/// Removes the files that no model refers to; gives those that are gone. A failure leaves a
/// file too many, which is no failure of the output.
pub(super) fn remove_unneeded(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let Some(first) = files.first() else { return files };
    let needed = needed_files(folder_of(first));
    let is_needed = |path: &PathBuf| path.canonicalize().is_ok_and(|real| needed.contains(&real));
    files.into_iter().filter(|path| !is_needed(path) && disk::remove(path).is_ok()).collect()
}

/// The data files that models refer to which could refer to a file in this folder: those in it,
/// and, since a model may refer to data below its folder, those in the folders above.
fn needed_files(folder: &Path) -> HashSet<PathBuf> {
    let Ok(folder) = folder.canonicalize() else { return HashSet::new() };
    let mut needed = HashSet::new();
    for folder in folder.ancestors() {
        let is_model = |name: &OsString| Path::new(name).extension() == Some(OsStr::new("onnx"));
        for name in names_in(folder).into_iter().filter(is_model) {
            let locations = external_locations(&folder.join(name));
            needed.extend(locations.iter().filter_map(|l| folder.join(l).canonicalize().ok()));
        }
    }
    needed
}

/// The data files that peftc wrote for the model that is at this path now.
pub(super) fn own_data_of(model: &Path) -> Vec<PathBuf> {
    let Some(name) = file_name(model) else { return Vec::new() };
    let locations = external_locations(model).into_iter();
    locations.filter(|l| is_data(l, name)).map(|l| model.with_file_name(l)).collect()
}

/// Whether a name is that of a model's data file, `NAME.<8 hex>.data`.
fn is_data(file: &str, model: &str) -> bool {
    file.strip_prefix(model).is_some_and(|rest| is_id(rest, ".data"))
}

/// The name that a file is written under until it is whole, `.NAME.<8 hex>.tmp`.
fn temporary(path: &Path, id: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{id}.tmp"))
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

fn names_in(folder: &Path) -> Vec<OsString> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.sort();
    names
}
