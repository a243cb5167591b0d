//! How much a model's tensors hold: by element type, by file, and the largest.

use super::survey::{PlacedTensor, TensorPlace, external, stored};
use crate::ir::{Tensor, TensorData};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// How many of the largest tensors are listed.
const MOST_LARGEST: usize = 10;

/// Tensors of one element type.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DtypeSize {
    /// The element type.
    pub dtype: &'static str,
    /// How many tensors.
    pub tensors: u64,
    /// Their elements.
    pub elements: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Tensors in one file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LocationSize {
    /// The data file, relative to the model's folder if it is in there; none for the model file.
    pub file: Option<String>,
    /// How many tensors; a sparse one is where its values are.
    pub tensors: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// One of the largest tensors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LargeTensor {
    /// Where it stands.
    #[serde(flatten)]
    pub place: TensorPlace,
    /// Element type.
    pub dtype: &'static str,
    /// Shape.
    pub shape: Vec<i64>,
    /// Its bytes.
    pub bytes: u64,
    /// The data file it is stored in; none for the model file.
    pub file: Option<String>,
}

/// The sizes by element type, the largest first.
pub(super) fn by_dtype(tensors: &[PlacedTensor<'_>]) -> Vec<DtypeSize> {
    let mut sizes: Vec<DtypeSize> = Vec::new();
    for PlacedTensor { tensor, .. } in tensors {
        let dtype = tensor.dtype.name();
        let at = sizes.iter().position(|s| s.dtype == dtype).unwrap_or_else(|| {
            sizes.push(DtypeSize { dtype, tensors: 0, elements: 0, bytes: 0 });
            sizes.len() - 1
        });
        sizes[at].tensors += 1;
        // A sparse tensor can say to have nearly any number of elements.
        let elements = tensor.element_count().unwrap_or(0);
        sizes[at].elements = sizes[at].elements.saturating_add(elements);
        sizes[at].bytes += bytes(tensor);
    }
    sizes.sort_by_key(|s| std::cmp::Reverse(s.bytes));
    sizes
}

/// The sizes by file, the model file first.
pub(super) fn by_location(tensors: &[PlacedTensor<'_>], folder: &Path) -> Vec<LocationSize> {
    let mut sizes: BTreeMap<Option<String>, (u64, u64)> = BTreeMap::new();
    for PlacedTensor { tensor, .. } in tensors {
        sizes.entry(file(tensor, folder)).or_default().0 += 1;
        for stored in stored(tensor) {
            sizes.entry(file(stored, folder)).or_default().1 += bytes(stored);
        }
    }
    let size = |(file, (tensors, bytes))| LocationSize { file, tensors, bytes };
    sizes.into_iter().map(size).collect()
}

/// The largest tensors, in descending order.
pub(super) fn largest(tensors: &[PlacedTensor<'_>], folder: &Path) -> Vec<LargeTensor> {
    let mut sorted: Vec<_> = tensors.iter().collect();
    sorted.sort_by_key(|t| std::cmp::Reverse(bytes(t.tensor)));
    let large = |PlacedTensor { place, tensor }: &PlacedTensor<'_>| LargeTensor {
        place: place.clone(),
        dtype: tensor.dtype.name(),
        shape: tensor.dims.clone(),
        bytes: bytes(tensor),
        file: file(tensor, folder),
    };
    sorted.into_iter().take(MOST_LARGEST).map(large).collect()
}

/// The bytes that a tensor's elements take.
fn bytes(tensor: &Tensor) -> u64 {
    match &tensor.data {
        TensorData::Strings(strings) => strings.iter().map(|s| s.len() as u64).sum(),
        TensorData::Sparse(sparse) => bytes(&sparse.values) + bytes(&sparse.indices),
        _ => tensor.byte_len().unwrap_or(0),
    }
}

/// The data file of a tensor, of a sparse one that of its values; none for the model file.
fn file(tensor: &Tensor, folder: &Path) -> Option<String> {
    match &tensor.data {
        TensorData::Sparse(sparse) => file(&sparse.values, folder),
        _ => Some(file_name(external(tensor)?.file().path(), folder)),
    }
}

/// What a report calls a data file: its path from the model's folder, if it is in there.
pub(super) fn file_name(file: &Path, folder: &Path) -> String {
    file.strip_prefix(folder).unwrap_or(file).display().to_string()
}
