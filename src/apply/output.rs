//! Where a result goes, and what goes with it.

use super::Job;
use crate::disk;
use crate::error::{Error, Result};
use crate::onnx::folder_of;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Where a result goes.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The model file.
    pub model: PathBuf,
    /// The folder the input is in, where a whole folder is made.
    side_files_of: Option<PathBuf>,
}

/// What is copied, and where it goes.
type Copied = (PathBuf, PathBuf);

/// Files beside a model that describe it or its tokenizer.
const SIDE_FILES: [&str; 4] = ["json", "txt", "model", "jinja"];

impl Destination {
    /// Decides it from the job; nothing is made yet.
    ///
    /// # Errors
    /// The output is there already and `force` is not given.
    pub(super) fn resolve(job: &Job, input: &Path) -> Result<Self> {
        let destination = match &job.output {
            None => Self { model: default_name(job, input), side_files_of: None },
            Some(path) if is_folder(path) => {
                let name = input.file_name().unwrap_or(OsStr::new("model.onnx"));
                Self { model: path.join(name), side_files_of: Some(folder_of(input).to_owned()) }
            }
            Some(path) => Self { model: path.clone(), side_files_of: None },
        };
        refuse_input(&destination.model, input)?;
        if !job.force && !job.dry_run {
            destination.refuse_existing()?;
        }
        Ok(destination)
    }

    /// Where an archive of this name goes, beside the model.
    pub(super) fn archive(&self, name: &str, input: &Path) -> Result<PathBuf> {
        let mut file = self.model.file_stem().unwrap_or_default().to_os_string();
        file.push(format!(".{name}.npz"));
        let path = self.model.with_file_name(file);
        refuse_input(&path, input)?;
        Ok(path)
    }

    fn refuse_existing(&self) -> Result<()> {
        let to = folder_of(&self.model);
        let side_files = self.side_files()?.0.into_iter().map(|name| to.join(name));
        match std::iter::once(self.model.clone())
            .chain(side_files)
            .find(|path| path.symlink_metadata().is_ok())
        {
            None => Ok(()),
            Some(path) => Err(Error::input(format!("{} is there already", path.display()))
                .help("--force overwrites it")),
        }
    }

    /// Runs `write` with the folder made that the model goes into, if it is to be a folder.
    /// Folders that were made for nothing are removed again.
    pub(super) fn within_folder<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        let folder = folder_of(&self.model);
        let new: Vec<&Path> = match self.side_files_of {
            Some(_) => folder.ancestors().take_while(|f| is_missing(f)).collect(),
            None => Vec::new(),
        };
        if !new.is_empty() {
            let failed = |e| Error::write_file(folder, &e);
            std::fs::create_dir_all(folder).map_err(failed)?;
            new.iter().try_for_each(|f| disk::sync_folder(folder_of(f))).map_err(failed)?;
        }
        write().inspect_err(|_| {
            for folder in &new {
                // A folder somebody has put a file into meanwhile stays.
                let _ = std::fs::remove_dir(folder);
            }
        })
    }

    /// The small files beside the input that are no models, as copied from where to where; and
    /// the names of the others, which are left out.
    pub(super) fn copies(&self) -> Result<(Vec<Copied>, Vec<String>)> {
        let Some(from) = &self.side_files_of else { return Ok(Default::default()) };
        let to = folder_of(&self.model);
        let (copied, left_out) = self.side_files()?;
        let pairs = copied.iter().map(|name| (from.join(name), to.join(name))).collect();
        Ok((pairs, left_out.iter().map(|n| n.to_string_lossy().into_owned()).collect()))
    }

    /// The files beside the input: those to copy, and those to leave out. None where they stand already.
    fn side_files(&self) -> Result<(Vec<OsString>, Vec<OsString>)> {
        let Some(from) = &self.side_files_of else { return Ok(Default::default()) };
        let to = folder_of(&self.model);
        if matches!((from.canonicalize(), to.canonicalize()), (Ok(a), Ok(b)) if a == b) {
            return Ok(Default::default());
        }
        let is_side_file = |name: &OsString| {
            let extension = Path::new(name).extension().and_then(OsStr::to_str).unwrap_or_default();
            SIDE_FILES.contains(&extension)
        };
        let others =
            file_names(from)?.into_iter().filter(|n| Some(n.as_os_str()) != self.model.file_name());
        Ok(others.partition(is_side_file))
    }
}

fn refuse_input(path: &Path, input: &Path) -> Result<()> {
    match (path.canonicalize(), input.canonicalize()) {
        (Ok(a), Ok(b)) if a == b => {
            let path = path.display();
            Err(Error::input(format!("{path}: is the input, which is never written to")))
        }
        _ => Ok(()),
    }
}

/// The file that `model` is, or the one ONNX file in that folder.
pub fn find_model(model: &Path) -> Result<PathBuf> {
    if !model.is_dir() {
        return Ok(model.to_owned());
    }
    let mut found: Vec<_> = file_names(model)?
        .into_iter()
        .map(|name| model.join(name))
        .filter(|path| path.extension() == Some(OsStr::new("onnx")))
        .collect();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Error::input(format!("{}: a folder without an .onnx file", model.display()))),
        n => {
            let error = Error::input(format!(
                "{}: a folder with {n} .onnx files; name one",
                model.display()
            ));
            Err(found.iter().fold(error, |e, path| e.help(path.display().to_string())))
        }
    }
}

/// The base model that the `config.json` beside a model names.
pub(super) fn config_entry(model: &Path, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(folder_of(model).join("config.json")).ok()?;
    let config: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(config.get(key)?.as_str()?.to_owned())
}

fn default_name(job: &Job, input: &Path) -> PathBuf {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    PathBuf::from(format!("{}.{}.onnx", stem(input), stem(&job.recipe.origin)))
}

fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.as_os_str().to_string_lossy().ends_with(std::path::MAIN_SEPARATOR)
}

/// Whether a folder is still to be made.
fn is_missing(folder: &Path) -> bool {
    !folder.as_os_str().is_empty() && !folder.exists()
}

/// The names of the files in a folder, sorted.
fn file_names(folder: &Path) -> Result<Vec<OsString>> {
    let unreadable = |e| Error::read_file(folder, &e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.path().is_file() {
            names.push(entry.file_name());
        }
    }
    names.sort();
    Ok(names)
}
