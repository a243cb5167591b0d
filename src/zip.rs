//! Zip archives whose entries are stored, not compressed, as `torch.save` and `numpy.savez` write them.

use crate::error::{Error, Result};
use std::collections::HashMap;

const END: &[u8] = b"PK\x05\x06";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
/// The end record without its comment, which has at most 65535 bytes.
const END_LEN: usize = 22;

/// The entries of an archive, by path.
pub(crate) struct Archive<'a> {
    entries: HashMap<String, &'a [u8]>,
}

impl<'a> Archive<'a> {
    /// Reads the directory of an archive; `path` says by what an entry of a name is known.
    ///
    /// # Errors
    /// It is none, is damaged, is compressed, or is larger than plain zip can be.
    pub(crate) fn open(bytes: &'a [u8], path: fn(&str) -> &str) -> Result<Self> {
        let end = find_end(bytes)?;
        let count = u16_at(bytes, end + 10)?;
        let mut at = u32_at(bytes, end + 16)? as usize;
        let mut entries = HashMap::new();
        for _ in 0..count {
            let (name, data, next) = entry(bytes, at)?;
            if entries.insert(path(name).to_owned(), data).is_some() {
                return Err(Error::input(format!("two entries have the name {name:?}")));
            }
            at = next;
        }
        Ok(Self { entries })
    }

    /// All entries.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &'a [u8])> {
        self.entries.iter().map(|(path, bytes)| (path.as_str(), *bytes))
    }

    /// The bytes of an entry.
    pub(crate) fn entry(&self, path: &str) -> Option<&'a [u8]> {
        self.entries.get(path).copied()
    }
}

fn find_end(bytes: &[u8]) -> Result<usize> {
    let last = bytes.len().checked_sub(END_LEN);
    let first = last.map(|last| last.saturating_sub(0xffff));
    let at = first
        .zip(last)
        .and_then(|(first, last)| (first..=last).rev().find(|&at| bytes[at..].starts_with(END)));
    at.ok_or_else(|| {
        Error::input(format!("is no zip archive, or a truncated one ({} bytes)", bytes.len()))
            .help("accepted: files of torch.save of PyTorch 1.6 or newer, and of numpy.savez")
    })
}

/// An entry of the directory: its name, its bytes, and where the next one begins.
fn entry(bytes: &[u8], at: usize) -> Result<(&str, &[u8], usize)> {
    if !get(bytes, at, 4).is_ok_and(|magic| magic == CENTRAL) {
        return Err(damaged("its directory"));
    }
    let (method, packed, size) =
        (u16_at(bytes, at + 10)?, u32_at(bytes, at + 20)?, u32_at(bytes, at + 24)?);
    let [name, extra, comment] = [28, 30, 32].map(|field| u16_at(bytes, at + field));
    let (name_len, others) = (name? as usize, extra? as usize + comment? as usize);
    let name =
        std::str::from_utf8(get(bytes, at + 46, name_len)?).map_err(|_| damaged("a name"))?;
    if method != 0 || packed != size {
        return Err(Error::input(format!(
            "its entry {name:?} is compressed, which torch.save and numpy.savez do not do"
        )));
    }
    let local = u32_at(bytes, at + 42)?;
    if [size, local].contains(&u32::MAX) {
        return Err(Error::input(format!(
            "its entry {name:?} is of 4 GB or more, which this version cannot read"
        )));
    }
    let local = local as usize;
    if !get(bytes, local, 4).is_ok_and(|magic| magic == LOCAL) {
        return Err(damaged(name));
    }
    let before = u16_at(bytes, local + 26)? as usize + u16_at(bytes, local + 28)? as usize;
    let data = get(bytes, local + 30 + before, size as usize)?;
    Ok((name, data, at + 46 + name_len + others))
}

fn damaged(what: &str) -> Error {
    Error::input(format!("is a damaged zip archive: {what} is not where it should be"))
}

fn get(bytes: &[u8], at: usize, len: usize) -> Result<&[u8]> {
    let end = at.checked_add(len).ok_or_else(|| damaged("an entry"))?;
    bytes.get(at..end).ok_or_else(|| damaged("an entry"))
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16> {
    let field = get(bytes, at, 2)?;
    Ok(u16::from_le_bytes([field[0], field[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32> {
    let field = get(bytes, at, 4)?;
    Ok(u32::from_le_bytes([field[0], field[1], field[2], field[3]]))
}
