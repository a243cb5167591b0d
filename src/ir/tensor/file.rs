//! Read-only maps of files, and slices of them.

use crate::error::{Error, Result};
use bytes::Bytes;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A file mapped read-only. It must not be changed by others while it is open.
pub struct MappedFile {
    path: PathBuf,
    file: File,
    map: memmap2::Mmap,
}

impl MappedFile {
    /// Opens and maps a file.
    pub fn open(path: &Path) -> Result<Arc<Self>> {
        let unreadable = |e| Error::read_file(path, &e);
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() {
            let what = if metadata.is_dir() { "a folder" } else { "a device or a pipe" };
            return Err(Error::input(format!("{}: is {what}, not a file", path.display())));
        }
        let file = File::open(path).map_err(unreadable)?;
        // SAFETY: the map is read-only and private to this process. Another process that
        // truncates the file meanwhile would end ours with SIGBUS, as in every tool that
        // maps its input; outputs are renamed into place, so peftc itself never does.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(unreadable)?;
        let file = Arc::new(Self { path: path.to_owned(), file, map });
        let mut all = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|file| file.strong_count() > 0);
        all.push(Arc::downgrade(&file));
        Ok(file)
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, for copies by the operating system.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The whole content.
    pub fn as_slice(&self) -> &[u8] {
        &self.map
    }

    /// The whole content, sharing the map.
    pub fn to_bytes(self: &Arc<Self>) -> Bytes {
        Bytes::from_owner(Content(self.clone()))
    }

    /// Where `part` lies in this file, if it is a part of the map.
    pub fn offset_of(&self, part: &[u8]) -> Option<u64> {
        let start = (part.as_ptr() as usize).checked_sub(self.map.as_ptr() as usize)?;
        (start.checked_add(part.len())? <= self.map.len()).then_some(start as u64)
    }
}

/// A range of a file that this process has written and nobody else knows yet: mapped, and there for
/// as long as the bytes live.
///
/// # Errors
///
/// What the system says when it cannot map the range.
pub fn map_written(file: &File, offset: u64, len: u64) -> std::io::Result<Bytes> {
    if len == 0 {
        return Ok(Bytes::new());
    }
    let len = usize::try_from(len).map_err(std::io::Error::other)?;
    // SAFETY: the map is read-only. The file has no name, or one that means nothing yet; its owner
    // has written this range to the end, and neither changes nor truncates it while it is read.
    let map = unsafe { memmap2::MmapOptions::new().offset(offset).len(len).map(file) }?;
    Ok(Bytes::from_owner(map))
}

/// The files that are mapped.
static OPEN: Mutex<Vec<Weak<MappedFile>>> = Mutex::new(Vec::new());

/// Gives the memory back that holds bytes of a mapped file: who reads them again gets them from the
/// file. Does nothing with other bytes.
pub fn unload(bytes: &[u8]) {
    let all = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    for file in all.iter().filter_map(Weak::upgrade) {
        let Some(start) = file.offset_of(bytes) else { continue };
        // SAFETY: the map is of a file and read-only, so dropped pages come back as they were.
        let _ = unsafe {
            let advice = memmap2::UncheckedAdvice::DontNeed;
            file.map.unchecked_advise_range(advice, start as usize, bytes.len())
        };
    }
}

struct Content(Arc<MappedFile>);

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl std::fmt::Debug for MappedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MappedFile({}, {} bytes)", self.path.display(), self.map.len())
    }
}

/// A range of a mapped file.
#[derive(Clone, Debug)]
pub struct FileSlice {
    file: Arc<MappedFile>,
    offset: u64,
    len: u64,
}

impl FileSlice {
    /// The range of `len` bytes at `offset`; none if it leaves the file.
    pub fn new(file: Arc<MappedFile>, offset: u64, len: u64) -> Option<Self> {
        let end = offset.checked_add(len)?;
        (end <= file.as_slice().len() as u64).then_some(Self { file, offset, len })
    }

    /// The file.
    pub fn file(&self) -> &Arc<MappedFile> {
        &self.file
    }

    /// Where it starts, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.file.as_slice()[self.offset as usize..(self.offset + self.len) as usize]
    }
}

impl PartialEq for FileSlice {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}
