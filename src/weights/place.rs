//! Writing regions where they belong in a file.

use super::cut::Cut;
use crate::disk::write_all_at;
use std::fs::File;
use std::io;
use std::ops::Range;

/// Where the packed bytes of a result go in an open output file.
#[derive(Clone, Copy, Debug)]
pub struct Placement<'a> {
    /// The task's number in the plan.
    pub task: u32,
    /// Which of its results.
    pub result: u32,
    /// The file, open for writing. Its cursor means nothing.
    pub file: &'a File,
    /// Where the result begins, in bytes.
    pub offset: u64,
}

/// Writes the bytes of a range of a tensor that begins at `offset`.
pub(super) fn write_range(
    file: &File,
    offset: u64,
    cut: &Cut,
    range: &Range<u64>,
    mut data: &[u8],
) -> io::Result<()> {
    for piece in cut.pieces(range) {
        let (now, later) = data.split_at((piece.end - piece.start) as usize);
        write_all_at(file, now, offset + piece.start)?;
        data = later;
    }
    Ok(())
}
