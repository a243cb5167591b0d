//! Links: models whose weights stay in the data file of the model they were made from.
//!
//! The metadata property `peftc.linked` lists the files and what they were, so that a reader
//! sees when one of them is another one now.

use super::external::ExternalFiles;
use super::folder_of;
use super::proto::StringStringEntryProto;
use crate::error::{Error, Result};
use crate::ir::tensor::MappedFile;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// What to do about a linked file that has changed.
pub const LINK_REMEDY: &str =
    "put the file back as it was, or make this model again from the one it was made from";

/// The metadata property, a JSON list of [`LinkedFile`].
const PROPERTY: &str = "peftc.linked";
const INLINE_REMEDY: &str = "a copy of the model with external data can be linked: \
    peftc apply copy.toml MODEL -o BASE.onnx --external-data always, where copy.toml says pass = []";
/// How many blocks of a large file are looked at, and how long they are.
const BLOCKS: u64 = 4096;
const BLOCK: u64 = 4096;

/// A data file that a model refers to and another model has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedFile {
    /// Its path from the folder of the model.
    pub location: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content up to 16 MiB; of a larger file, of 4096 blocks of 4096 bytes that
    /// lie evenly over it, the first and the last byte among them. So every change of more than
    /// `bytes / 4095` bytes on end is seen, whatever the size, in some milliseconds.
    pub sampled_sha256: String,
}

impl LinkedFile {
    fn new(location: String, content: &[u8]) -> Self {
        Self { location, bytes: content.len() as u64, sampled_sha256: sampled_sha256(content) }
    }

    /// How a file differs from what was linked; none if it does not.
    fn change(&self, content: &[u8]) -> Option<String> {
        let (bytes, location) = (content.len() as u64, &self.location);
        if bytes != self.bytes {
            let linked = self.bytes;
            return Some(format!(
                "{location:?} has {bytes} bytes, it had {linked} when it was linked"
            ));
        }
        let is_same = sampled_sha256(content) == self.sampled_sha256;
        (!is_same).then(|| format!("{location:?} has another content than when it was linked"))
    }
}

fn sampled_sha256(content: &[u8]) -> String {
    let len = content.len() as u64;
    if len <= BLOCKS * BLOCK {
        return super::hex(&Sha256::digest(content));
    }
    let mut hash = Sha256::new();
    for i in 0..BLOCKS {
        let start = (u128::from(len - BLOCK) * u128::from(i) / u128::from(BLOCKS - 1)) as usize;
        hash.update(&content[start..start + BLOCK as usize]);
    }
    super::hex(&hash.finalize())
}

/// Data files that an output refers to.
#[derive(Default)]
pub(super) struct Links {
    linked: Vec<Arc<MappedFile>>,
    files: Vec<LinkedFile>,
}

impl Links {
    /// Links all data files of a model to an output at `path`.
    ///
    /// # Errors
    /// There is none, or one is not in the output's folder or below it.
    pub(super) fn new(data_files: &[Arc<MappedFile>], path: &Path) -> Result<Self> {
        if data_files.is_empty() {
            return Err(Error::input("--link-weights: the weights are in the model file itself")
                .help(INLINE_REMEDY));
        }
        let folder = real_folder(folder_of(path));
        let link =
            |file: &Arc<MappedFile>| Ok(LinkedFile::new(location(file, &folder)?, file.as_slice()));
        let files = data_files.iter().map(link).collect::<Result<_>>()?;
        Ok(Self { linked: data_files.to_vec(), files })
    }

    /// The linked files.
    pub(super) fn files(&self) -> &[LinkedFile] {
        &self.files
    }

    /// Where a file is, from the folder of the output; none if it is not linked.
    pub(super) fn location(&self, file: &Arc<MappedFile>) -> Option<&str> {
        let at = self.linked.iter().position(|linked| Arc::ptr_eq(linked, file))?;
        Some(&self.files[at].location)
    }
}

/// The folder without links, also where it is still to be made.
fn real_folder(folder: &Path) -> PathBuf {
    let real = |f: &Path| f.canonicalize().ok();
    match (real(folder), folder.parent(), folder.file_name()) {
        (Some(real), ..) => real,
        (None, Some(parent), Some(name)) if parent.as_os_str().is_empty() => {
            real(Path::new(".")).unwrap_or_default().join(name)
        }
        (None, Some(parent), Some(name)) => real_folder(parent).join(name),
        _ => folder.to_owned(),
    }
}

fn location(file: &MappedFile, folder: &Path) -> Result<String> {
    let real = file.path().canonicalize().map_err(|e| Error::read_file(file.path(), &e))?;
    let outside = || {
        Error::input(format!(
            "--link-weights: the data file {} is neither in the output's folder {} nor below it, and ONNX allows no other place",
            real.display(),
            folder.display()
        ))
        .help(format!("write the output into {} or a folder above it", folder_of(&real).display()))
        .help("or leave --link-weights out: the output then has a copy of the weights")
    };
    let relative = real.strip_prefix(folder).map_err(|_| outside())?;
    let parts: Option<Vec<&str>> = relative
        .components()
        .map(|c| match c {
            Component::Normal(part) => part.to_str(),
            _ => None,
        })
        .collect();
    Ok(parts.ok_or_else(outside)?.join("/"))
}

/// The property that tells of linked files; none if there are none.
pub(super) fn property(files: &[LinkedFile]) -> Result<Option<StringStringEntryProto>> {
    if files.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_string(files).map_err(|e| Error::bug(e.to_string()))?;
    Ok(Some(StringStringEntryProto { key: Some(PROPERTY.to_owned()), value: Some(text) }))
}

/// Takes the property out of a model's properties: how it is stored is not what it says. One
/// that is not what peftc writes stays, and means nothing.
pub(super) fn take(properties: &mut Vec<StringStringEntryProto>) -> Vec<LinkedFile> {
    let at = properties.iter().position(|p| p.key() == PROPERTY);
    let linked = at.and_then(|at| serde_json::from_str(properties[at].value()).ok());
    if let (Some(at), Some(_)) = (at, &linked) {
        properties.remove(at);
    }
    linked.unwrap_or_default()
}

/// How linked files differ from what they were.
pub(super) fn changes(linked: &[LinkedFile], external: &mut ExternalFiles) -> Vec<String> {
    let change = |file: &LinkedFile| match external.file(&file.location) {
        Ok(content) => file.change(content.as_slice()),
        Err(_) => Some(format!("{:?} was linked and cannot be read any more", file.location)),
    };
    linked.iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_longer_change_of_a_large_file_is_seen() {
        let content = vec![7u8; (BLOCKS * BLOCK + 123_457) as usize];
        let linked = LinkedFile::new("w.data".into(), &content);
        assert_eq!(linked.change(&content), None);
        let span = content.len() / (BLOCKS as usize - 1) + 1;
        for start in [0, 1, 4095, 1 << 20, content.len() - span] {
            let mut changed = content.clone();
            changed[start..start + span].fill(8);
            assert!(linked.change(&changed).is_some_and(|c| c.contains("another content")));
        }
        assert!(linked.change(&content[1..]).is_some_and(|c| c.contains("bytes")));
    }
}
