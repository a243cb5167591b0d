//! The plan of an archive. Elements are written like those of a model, headers when they are there,
//! since checksums stand in front.

use super::layout::FilePlan;
use crate::context::CancelToken;
use crate::error::{Error, Result};
use crate::ir::Tensor;
use crate::ir::tensor::map_written;
use crate::npz::{Crc32, Layout};
use crate::onnx::Archive;
use std::fs::File;
use std::path::PathBuf;

/// Bytes between two looks at cancellation.
const CHUNK: usize = 16 << 20;

/// The plan of an archive.
#[derive(Clone, Debug)]
pub(super) struct ArchivePlan {
    pub(super) path: PathBuf,
    /// Its elements; headers are in the gaps.
    pub(super) file: FilePlan,
    layout: Layout,
}

impl ArchivePlan {
    pub(super) fn new(Archive { path, arrays }: Archive) -> Result<Self> {
        let within = |e: Error| e.within(path.display());
        let is_dense = |tensor: &Tensor| tensor.is_pending() || tensor.bytes().is_some();
        if let Some((name, _)) = arrays.iter().find(|(_, tensor)| !is_dense(tensor)) {
            return Err(within(Error::input(format!("{name:?} is not of dense numbers"))));
        }
        let types = arrays.iter().map(|(name, t)| (name.as_str(), t.dtype, t.dims.as_slice()));
        let layout = Layout::new(types).map_err(within)?;
        let mut file = FilePlan::default();
        for ((at, len), (_, tensor)) in layout.elements().zip(arrays) {
            file.push_at(at, len, tensor.data);
        }
        file.len = layout.len();
        Ok(Self { path, file, layout })
    }

    /// The headers, and where they go; the elements are in the file.
    pub(super) fn headers(&self, file: &File, cancel: &CancelToken) -> Result<Vec<(u64, Vec<u8>)>> {
        let elements: Vec<(u64, u64)> = self.layout.elements().collect();
        self.layout.headers(|number, crc| {
            let (at, len) = elements[number];
            let bytes = map_written(file, at, len).map_err(|e| Error::read_file(&self.path, &e))?;
            bytes.chunks(CHUNK).try_fold(crc, |crc: Crc32, chunk| {
                cancel.check()?;
                Ok(crc.over(chunk))
            })
        })
    }
}
