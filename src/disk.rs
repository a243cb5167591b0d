//! Everything that changes the disk goes through here: positioned writes, copies by the
//! operating system, syncs, renames, removals.
//!
//! In debug builds each of them is two failpoints, one before and one behind it: with
//! `PEFTC_FAILPOINT=N` in the environment the process ends at the N-th one.

use crate::error::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Exit code of a process that ended at a failpoint.
#[cfg(debug_assertions)]
const FAILED: i32 = 86;

#[cfg(debug_assertions)]
fn failpoint() {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static WANTED: LazyLock<Option<u64>> =
        LazyLock::new(|| std::env::var("PEFTC_FAILPOINT").ok()?.parse().ok());
    static PASSED: AtomicU64 = AtomicU64::new(0);
    if WANTED.is_some() && Some(PASSED.fetch_add(1, Ordering::SeqCst) + 1) == *WANTED {
        std::process::exit(FAILED);
    }
}

#[cfg(not(debug_assertions))]
fn failpoint() {}

fn step<T>(change: impl FnOnce() -> T) -> T {
    failpoint();
    let result = change();
    failpoint();
    result
}

/// Makes a file that is not there yet, to read and write.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    step(|| OpenOptions::new().read(true).write(true).create_new(true).open(path))
}

/// Opens a file to read and write, and makes it if it is not there.
pub(crate) fn open_or_create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    step(|| options.read(true).write(true).create(true).truncate(false).open(path))
}

/// Writes all bytes at a place of a file, whose cursor means nothing.
pub(crate) fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    step(|| write_at(file, bytes, at))?;
    start_writeback(file, bytes.len(), at);
    Ok(())
}

/// Has the system begin to bring larger writes to the disk, which goes on while more is computed
/// and leaves less to wait for at the end.
#[cfg(target_os = "linux")]
fn start_writeback(file: &File, len: usize, at: u64) {
    const LARGE: usize = 1 << 20;
    let len = std::num::NonZeroU64::new(len as u64).filter(|len| len.get() >= LARGE as u64);
    if len.is_some() {
        // A hint: nothing depends on it.
        let _ = rustix::fs::fadvise(file, at, len, rustix::fs::Advice::DontNeed);
    }
}

#[cfg(not(target_os = "linux"))]
fn start_writeback(_: &File, _: usize, _: u64) {}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn write_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, at)?;
        bytes = &bytes[written..];
        at += written as u64;
    }
    Ok(())
}

/// Copies a range between files, shared where the file system can; gives how many bytes it
/// was. None where the operating system or the file systems cannot.
#[cfg(target_os = "linux")]
pub(crate) fn copy_range(
    from: &File,
    mut from_at: u64,
    to: &File,
    mut to_at: u64,
    len: u64,
) -> Option<io::Result<u64>> {
    use rustix::io::Errno;
    let copy = || {
        rustix::fs::copy_file_range(from, Some(&mut from_at), to, Some(&mut to_at), len as usize)
    };
    match step(copy) {
        Ok(copied) => Some(Ok(copied as u64)),
        Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => None,
        Err(e) => Some(Err(e.into())),
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn copy_range(_: &File, _: u64, _: &File, _: u64, _: u64) -> Option<io::Result<u64>> {
    None
}

/// Returns once the file's content and size are on the disk.
pub(crate) fn sync_file(file: &File) -> io::Result<()> {
    step(|| file.sync_all())
}

/// Returns once the names in a folder are on the disk, where the platform knows that.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    step(|| File::open(folder)?.sync_all())
}

/// Gives a file another name, in place of the file that has it.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    step(|| std::fs::rename(from, to))
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    step(|| std::fs::remove_file(path))
}

/// Refuses to write over a file that is there, unless it is wanted.
pub(crate) fn check_free(path: &Path, force: bool) -> Result<()> {
    match path.exists() && !force {
        true => Err(Error::input(format!("{} is there already", path.display()))
            .help("--force overwrites it")),
        false => Ok(()),
    }
}

/// Writes a file whole: under another name first.
pub(crate) fn put(path: &Path, bytes: &[u8], force: bool) -> Result<()> {
    let failed = |e| Error::write_file(path, &e);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // What is kept is no secret, as temporary files are.
    #[cfg(unix)]
    let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    sync_file(file.as_file()).map_err(failed)?;
    let kept = match force {
        true => file.persist(path),
        false => file.persist_noclobber(path),
    };
    kept.map_err(|e| failed(e.error))?;
    sync_folder(folder).map_err(failed)
}
