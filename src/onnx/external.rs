//! External data files: where a model may refer to.

use super::folder_of;
use super::proto::StringStringEntryProto;
use crate::error::{Error, Result};
use crate::ir::tensor::{FileSlice, MappedFile};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The external data files of one model, each mapped once.
pub(super) struct ExternalFiles {
    /// The folder the user named the model in, and that of the file it links to.
    folders: Vec<PathBuf>,
    open: HashMap<String, Arc<MappedFile>>,
}

impl ExternalFiles {
    pub(super) fn of_model(model: &Path) -> Result<Self> {
        let unreadable = |e| Error::read_file(model, &e);
        let mut folders = vec![folder_of(model).canonicalize().map_err(unreadable)?];
        let real = model.canonicalize().map_err(unreadable)?;
        folders.extend(real.parent().filter(|p| **p != folders[0]).map(Path::to_owned));
        Ok(Self { folders, open: HashMap::new() })
    }

    /// The bytes that the entries of `external_data` name; `expected` is what the type needs.
    pub(super) fn slice(
        &mut self,
        entries: &[StringStringEntryProto],
        expected: u64,
    ) -> Result<FileSlice> {
        let get = |key: &str| entries.iter().find(|e| e.key() == key).map(|e| e.value());
        let number =
            |key: &str| match get(key) {
                None => Ok(None),
                Some(text) => text.trim().parse::<u64>().map(Some).map_err(|_| {
                    Error::input(format!("external data: {key} is {text:?}, no number"))
                }),
            };
        let location =
            get("location").ok_or_else(|| Error::input("external data without a location"))?;
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        if length.is_some_and(|length| length != expected) {
            let length = length.unwrap_or_default();
            return Err(Error::input(format!(
                "external data {location:?} has {length} bytes, its type and shape need {expected}"
            )));
        }
        let file = self.file(location)?;
        let size = file.as_slice().len();
        FileSlice::new(file, offset, expected).ok_or_else(|| {
            Error::input(format!(
                "external data {location:?} ends at byte {size}; the tensor needs {expected} bytes at {offset}"
            ))
        })
    }

    /// The file at a location.
    pub(super) fn file(&mut self, location: &str) -> Result<Arc<MappedFile>> {
        if let Some(file) = self.open.get(location) {
            return Ok(file.clone());
        }
        let file = MappedFile::open(&self.resolve(location)?)?;
        self.open.insert(location.to_owned(), file.clone());
        Ok(file)
    }

    fn resolve(&self, location: &str) -> Result<PathBuf> {
        let relative = Path::new(location);
        let plain = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::CurDir);
        if location.is_empty() || !relative.components().all(plain) {
            return Err(Error::input(format!(
                "external data {location:?} leads out of the model's folder"
            ))
            .help("accepted: a relative path without .."));
        }
        let candidates = self.folders.iter().map(|f| f.join(relative));
        let Some(found) = candidates.clone().find(|c| c.exists()) else {
            let error = Error::input(format!("external data file {location:?} is missing"));
            return Err(
                candidates.fold(error, |e, c| e.help(format!("looked for {}", c.display())))
            );
        };
        let real = found.canonicalize().map_err(|e| Error::read_file(&found, &e))?;
        if !self.folders.iter().any(|folder| real.starts_with(folder)) {
            return Err(Error::input(format!(
                "external data {location:?} links to {}, out of the model's folder",
                real.display()
            )));
        }
        Ok(found)
    }
}
