//! The places that elements of tensors can go to.

use super::encode::{Place, Store};
use super::layout::FilePlan;
use crate::ir::tensor::MappedFile;
use crate::ir::{Storage, Tensor, TensorData};
use crate::onnx::link::Links;
use crate::onnx::proto::StringStringEntryProto;
use std::collections::HashMap;
use std::sync::Arc;

/// Tensors below this stay in the model file: as ONNX Runtime, which wants shapes and such there.
const LEAST_EXTERNAL: u64 = 1024;
/// External tensors are aligned to this, and large ones to a page.
const ALIGN: u64 = 64;
const LARGE: u64 = 1 << 20;
const PAGE: u64 = 4096;

/// All into the model file. It notes which files the elements come from.
#[derive(Default)]
pub(super) struct Inline {
    /// Whether the model had external data.
    pub(super) has_external: bool,
    /// The files that elements are read from.
    pub(super) files: Vec<Arc<MappedFile>>,
    /// Those of them that are external data of the model.
    pub(super) external_files: Vec<Arc<MappedFile>>,
}

impl Store for Inline {
    fn place(&mut self, tensor: &Tensor, _: u64) -> Place {
        let is_external = tensor.storage == Storage::External;
        self.has_external |= is_external;
        if let TensorData::File(slice) = &tensor.data {
            add(&mut self.files, slice.file());
            if is_external {
                add(&mut self.external_files, slice.file());
            }
        }
        Place::Inline
    }
}

fn add(files: &mut Vec<Arc<MappedFile>>, file: &Arc<MappedFile>) {
    if !files.iter().any(|known| Arc::ptr_eq(known, file)) {
        files.push(file.clone());
    }
}

/// Nowhere: what a model says but for the elements.
pub(super) struct Omit;

impl Store for Omit {
    fn place(&mut self, _: &Tensor, _: u64) -> Place {
        Place::Omitted
    }
}

/// Into a data file, or where they are if that file is linked.
pub(super) struct Outside<'a> {
    location: String,
    /// What goes into the data file.
    pub(super) data: FilePlan,
    /// Where a range of a file that several tensors share was put.
    placed: HashMap<(*const MappedFile, u64, u64), u64>,
    links: &'a Links,
}

impl<'a> Outside<'a> {
    pub(super) fn new(location: String, links: &'a Links) -> Self {
        Self { location, data: FilePlan::default(), placed: HashMap::new(), links }
    }

    fn offset(&mut self, tensor: &Tensor, len: u64) -> u64 {
        let align = if len >= LARGE { PAGE } else { ALIGN };
        let TensorData::File(slice) = &tensor.data else {
            return self.data.push_aligned(align, len, tensor.data.clone());
        };
        let range = (Arc::as_ptr(slice.file()), slice.offset(), len);
        let put = || self.data.push_aligned(align, len, tensor.data.clone());
        *self.placed.entry(range).or_insert_with(put)
    }
}

impl Store for Outside<'_> {
    fn place(&mut self, tensor: &Tensor, len: u64) -> Place {
        if let TensorData::File(slice) = &tensor.data
            && tensor.storage == Storage::External
            && let Some(location) = self.links.location(slice.file())
        {
            return Place::Outside(entries(location, slice.offset(), len));
        }
        if len < LEAST_EXTERNAL {
            return Place::Inline;
        }
        let offset = self.offset(tensor, len);
        Place::Outside(entries(&self.location, offset, len))
    }
}

fn entries(location: &str, offset: u64, len: u64) -> Vec<StringStringEntryProto> {
    let entry = |key: &str, value: String| StringStringEntryProto {
        key: Some(key.into()),
        value: Some(value),
    };
    vec![
        entry("location", location.to_owned()),
        entry("offset", offset.to_string()),
        entry("length", len.to_string()),
    ]
}
