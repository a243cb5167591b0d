//! NumPy's archives (`.npz`): zip files whose entries are arrays (`.npy`), stored as they are.
//!
//! All places are known before any element is, and nothing depends on time or machine, so that
//! equal arrays make equal bytes. Checksums stand in front of the elements: headers are written
//! last.

mod crc32;
mod npy;
mod read;

pub(crate) use crc32::Crc32;
pub(crate) use read::{read, read_npy};

use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use std::collections::HashSet;

/// Sizes and places of 32 bits, as plain zip has them.
const MOST_BYTES: u64 = u32::MAX as u64;
const MOST_ENTRIES: usize = u16::MAX as usize;
/// The first day that zip knows: 1980-01-01.
const DATE: u16 = 0x21;
/// The version of zip that a reader needs.
const VERSION: u16 = 20;
/// The flag of names that are UTF-8.
const IS_UTF8: u16 = 1 << 11;
const LOCAL_LEN: u64 = 30;

/// Where everything in an archive is.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    entries: Vec<Entry>,
    directory: u64,
    len: u64,
}

/// One array.
#[derive(Clone, Debug)]
struct Entry {
    /// The name of the file in the archive.
    file: String,
    /// What stands before the elements.
    npy: Vec<u8>,
    /// Where its header begins.
    start: u64,
    elements: u64,
}

impl Layout {
    /// Lays out arrays of these names, types and sizes.
    ///
    /// # Errors
    /// NumPy has no such type; two arrays have one name; more than plain zip can hold.
    pub(crate) fn new<'a>(
        arrays: impl IntoIterator<Item = (&'a str, DataType, &'a [i64])>,
    ) -> Result<Self> {
        let mut names = HashSet::new();
        let (mut entries, mut start) = (Vec::new(), 0);
        for (name, dtype, dims) in arrays {
            if name.is_empty() || !names.insert(name) {
                return Err(Error::input(format!("an array without a name of its own: {name:?}")));
            }
            let file = format!("{name}.npy");
            let (npy, elements) = npy::header(name, dtype, dims)?;
            let entry = Entry { file, npy, start, elements };
            start = entry.elements_at().saturating_add(elements);
            entries.push(entry);
        }
        let directory = start;
        let listed = |entry: &Entry| entry.central(0).len() as u64;
        let len = entries.iter().map(listed).fold(directory, u64::saturating_add);
        let len = len.saturating_add(END_LEN);
        let is_small = |entry: &Entry| entry.file.len() <= usize::from(u16::MAX);
        if len > MOST_BYTES || entries.len() > MOST_ENTRIES || !entries.iter().all(is_small) {
            return Err(Error::input(format!(
                "an archive of {} arrays and {len} bytes: plain zip has {MOST_ENTRIES} of {MOST_BYTES} bytes at most",
                entries.len()
            )));
        }
        Ok(Self { entries, directory, len })
    }

    /// Its size.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Where the elements of each array begin, and how many bytes they are.
    pub(crate) fn elements(&self) -> impl Iterator<Item = (u64, u64)> {
        self.entries.iter().map(|entry| (entry.elements_at(), entry.elements))
    }

    /// All but the elements, and where it goes; `checksum` goes on over the elements of an array,
    /// by its number.
    pub(crate) fn headers(
        &self,
        mut checksum: impl FnMut(usize, Crc32) -> Result<Crc32>,
    ) -> Result<Vec<(u64, Vec<u8>)>> {
        let mut headers = Vec::new();
        let mut directory = Vec::new();
        for (number, entry) in self.entries.iter().enumerate() {
            let crc = checksum(number, Crc32::default().over(&entry.npy))?.value();
            headers.push((entry.start, [entry.local(crc), entry.npy.clone()].concat()));
            directory.extend(entry.central(crc));
        }
        directory.extend(self.end(directory.len()));
        headers.push((self.directory, directory));
        Ok(headers)
    }

    fn end(&self, directory: usize) -> Vec<u8> {
        let count = (self.entries.len() as u16).to_le_bytes();
        let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
        end.extend([count, count].concat());
        end.extend((directory as u32).to_le_bytes());
        end.extend((self.directory as u32).to_le_bytes());
        end.extend([0; 2]);
        end
    }
}

/// The length of the record at the end.
const END_LEN: u64 = 22;

/// The bytes of an archive of tensors in memory.
///
/// # Errors
/// As [`Layout::new`], or a tensor is of strings.
pub(crate) fn write(tensors: &[(&str, &Tensor)]) -> Result<Vec<u8>> {
    let layout = Layout::new(tensors.iter().map(|(name, t)| (*name, t.dtype, t.dims.as_slice())))?;
    let elements = |at: usize| tensors[at].1.bytes().unwrap_or_default();
    let mut bytes = vec![0; layout.len() as usize];
    let mut put = |at: u64, part: &[u8]| bytes[at as usize..][..part.len()].copy_from_slice(part);
    layout.elements().enumerate().for_each(|(number, (at, _))| put(at, elements(number)));
    let headers = layout.headers(|number, crc| Ok(crc.over(elements(number))))?;
    headers.iter().for_each(|(at, header)| put(*at, header));
    Ok(bytes)
}

impl Entry {
    fn elements_at(&self) -> u64 {
        self.start + LOCAL_LEN + self.file.len() as u64 + self.npy.len() as u64
    }

    /// The header in front of it.
    fn local(&self, crc: u32) -> Vec<u8> {
        [b"PK\x03\x04".to_vec(), self.common(crc), self.file.clone().into_bytes()].concat()
    }

    /// Its record in the directory.
    fn central(&self, crc: u32) -> Vec<u8> {
        let mut record = b"PK\x01\x02".to_vec();
        record.extend(VERSION.to_le_bytes());
        record.extend(self.common(crc));
        // No comment, the first disk, no attributes.
        record.extend([0; 10]);
        record.extend((self.start as u32).to_le_bytes());
        record.extend(self.file.as_bytes());
        record
    }

    /// What both headers say: how it is stored, its checksum, and its sizes.
    fn common(&self, crc: u32) -> Vec<u8> {
        let flags = if self.file.is_ascii() { 0 } else { IS_UTF8 };
        let (stored, midnight, extra) = (0, 0, 0);
        let size = (self.npy.len() as u64 + self.elements) as u32;
        let words = |words: &[u16]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<_>>();
        let mut common = words(&[VERSION, flags, stored, midnight, DATE]);
        common.extend([crc, size, size].iter().flat_map(|n| n.to_le_bytes()));
        common.extend(words(&[self.file.len() as u16, extra]));
        common
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::TensorData;

    fn archive(arrays: &[(&'static str, DataType, &[i64], &[u8])]) -> Vec<u8> {
        let tensor = |&(name, dtype, dims, data): &(&'static str, DataType, &[i64], &[u8])| {
            let data = TensorData::Bytes(data.to_vec().into());
            (name, Tensor::new(dtype, dims.to_vec(), data))
        };
        let tensors: Vec<(&str, Tensor)> = arrays.iter().map(tensor).collect();
        let tensors: Vec<(&str, &Tensor)> = tensors.iter().map(|(n, t)| (*n, t)).collect();
        write(&tensors).expect("an archive")
    }

    #[test]
    fn an_archive_is_what_numpy_reads() {
        let bytes =
            archive(&[("a", DataType::I16, &[2], &[1, 0, 2, 0]), ("ü", DataType::Bool, &[], &[1])]);
        // python: zipfile.ZipFile(f).testzip() is None; np.load(f) has a = [1, 2] and ü = True.
        assert_eq!(&bytes[..10], b"PK\x03\x04\x14\0\0\0\0\0");
        assert_eq!(&bytes[30..41], b"a.npy\x93NUMPY");
        let dict = b"{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }";
        assert_eq!(&bytes[45..45 + dict.len()], dict);
        assert_eq!(bytes[30 + 5 + 127], b'\n');
        assert_eq!(&bytes[30 + 5 + 128..][..4], &[1, 0, 2, 0]);
        assert_eq!(
            bytes.len() as u64 - END_LEN,
            bytes.windows(4).position(|w| w == b"PK\x05\x06").expect("an end") as u64
        );
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        let bytes = archive(&[
            ("/model/past.0", DataType::I8, &[2], &[1, 2]),
            ("other/past.0", DataType::I8, &[], &[3]),
        ]);
        let arrays = read(&bytes).expect("an archive");
        let names: Vec<_> =
            arrays.iter().map(|(name, tensor)| (name.as_str(), tensor.bytes())).collect();
        assert_eq!(names, [("/model/past.0", Some(&[1, 2][..])), ("other/past.0", Some(&[3][..]))]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |arrays: &[(&str, DataType, &[i64])]| {
            Layout::new(arrays.iter().copied()).expect_err("refused").message().to_owned()
        };
        assert!(refused(&[("b", DataType::BF16, &[2])]).contains("NumPy has no bf16"));
        assert!(
            refused(&[("a", DataType::F32, &[1]), ("a", DataType::F32, &[1])]).contains("\"a\"")
        );
        assert!(refused(&[("", DataType::F32, &[1])]).contains("\"\""));
        assert!(refused(&[("a", DataType::F32, &[1 << 31])]).contains("4294967295"));
        assert!(refused(&[("a", DataType::F32, &[i64::MAX, i64::MAX])]).contains("elements"));
    }
}
