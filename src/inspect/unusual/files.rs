//! Rules on where tensors lie in external data files.

use super::{Facts, examples, found};
use crate::inspect::sizes::file_name;
use crate::inspect::survey::{external, stored};
use crate::ir::tensor::FileSlice;
use std::collections::BTreeMap;
use std::path::Path;

/// What ONNX Runtime and others want external tensors aligned to.
const ALIGNMENT: u64 = 64;
/// Bytes of a file that no tensor uses are padding up to this.
const LEAST_UNUSED: u64 = 1 << 20;

/// A tensor in a data file.
struct External<'a> {
    place: String,
    slice: &'a FileSlice,
}

impl External<'_> {
    fn end(&self) -> u64 {
        self.slice.offset() + self.slice.len()
    }

    fn range(&self) -> (u64, u64) {
        (self.slice.offset(), self.end())
    }
}

/// The tensors of every data file, by where they start.
fn by_file<'a>(facts: &Facts<'a>) -> BTreeMap<&'a Path, Vec<External<'a>>> {
    let mut files: BTreeMap<&Path, Vec<External<'_>>> = BTreeMap::new();
    for placed in &facts.survey.tensors {
        for tensor in stored(placed.tensor) {
            if let Some(slice) = external(tensor).filter(|slice| !slice.is_empty()) {
                let tensor = External { place: placed.place.to_string(), slice };
                files.entry(slice.file().path()).or_default().push(tensor);
            }
        }
    }
    files.values_mut().for_each(|tensors| tensors.sort_by_key(External::range));
    files
}

/// Linked files are not what they were.
pub(super) fn changed_links(facts: &Facts<'_>) -> Option<String> {
    found(
        &facts.read.changed_links,
        "linked data file is not what was linked any more, so that apply refuses the model",
        "linked data files are not what was linked any more, so that apply refuses the model",
    )
}

/// Data files were another model's when this one was made.
pub(super) fn linked(facts: &Facts<'_>) -> Option<String> {
    let files = facts.read.linked.iter().map(|file| format!("{:?}", file.location));
    found(
        &files.collect::<Vec<_>>(),
        "data file is linked: it was another model's when this one was made",
        "data files are linked: they were another model's when this one was made",
    )
}

/// Tensors start where they cannot be mapped for vectors.
pub(super) fn unaligned(facts: &Facts<'_>) -> Option<String> {
    let files = by_file(facts);
    let unaligned =
        files.values().flatten().filter(|t| !t.slice.offset().is_multiple_of(ALIGNMENT));
    found(
        &unaligned.map(|t| &t.place).collect::<Vec<_>>(),
        "external tensor does not start at a multiple of 64 bytes",
        "external tensors do not start at multiples of 64 bytes",
    )
}

/// Several tensors are the same bytes.
pub(super) fn shared(facts: &Facts<'_>) -> Option<String> {
    let files = by_file(facts);
    let groups = files.values().flat_map(|tensors| tensors.chunk_by(|a, b| a.range() == b.range()));
    let several = groups.filter(|group| group.len() > 1);
    let shown = |group: &[External<'_>]| {
        format!("({})", examples(&group.iter().map(|t| &t.place).collect::<Vec<_>>()))
    };
    found(
        &several.map(shown).collect::<Vec<_>>(),
        "piece of a data file is the content of several tensors",
        "pieces of data files are the content of several tensors each",
    )
}

/// Tensors share some bytes and not all.
pub(super) fn overlapping(facts: &Facts<'_>) -> Option<String> {
    let mut pairs = Vec::new();
    for tensors in by_file(facts).values() {
        let mut furthest: Option<&External<'_>> = None;
        for tensor in tensors {
            if let Some(before) = furthest.filter(|b| b.end() > tensor.slice.offset())
                && before.range() != tensor.range()
            {
                pairs.push(format!("{} and {}", before.place, tensor.place));
            }
            furthest = furthest.filter(|b| b.end() >= tensor.end()).or(Some(tensor));
        }
    }
    found(
        &pairs,
        "pair of external tensors overlaps, though not as a whole",
        "pairs of external tensors overlap, though not as a whole",
    )
}

/// Data files are larger than what is in them.
pub(super) fn unused_bytes(facts: &Facts<'_>) -> Option<String> {
    let mut files = Vec::new();
    for (path, tensors) in by_file(facts) {
        let Some(first) = tensors.first() else { continue };
        let whole = first.slice.file().as_slice().len() as u64;
        let unused = whole - covered(&tensors);
        if unused > LEAST_UNUSED && unused > whole / 100 {
            let percent = 100.0 * unused as f64 / whole as f64;
            files.push(format!("{:?} ({percent:.0}%)", file_name(path, facts.folder)));
        }
    }
    found(
        &files,
        "data file has bytes that no tensor uses",
        "data files have bytes that no tensor uses",
    )
}

/// How many bytes at least one tensor uses.
fn covered(tensors: &[External<'_>]) -> u64 {
    let mut covered = 0;
    let mut end = 0;
    for tensor in tensors {
        covered += tensor.end().saturating_sub(tensor.slice.offset().max(end));
        end = end.max(tensor.end());
    }
    covered
}
