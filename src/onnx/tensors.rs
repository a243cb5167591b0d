//! Tensors in files of their own (`.pb`), as ONNX's test data has them.

use crate::error::Result;
use crate::ir::Tensor;
use prost::Message;
use std::path::Path;

/// Reads one.
///
/// # Errors
/// The file is missing, or no tensor.
pub fn read_tensor(path: &Path) -> Result<Tensor> {
    super::read::tensor_file(path)
}

/// The bytes of such a file.
///
/// # Errors
/// The tensor has no elements in memory.
pub fn tensor_bytes(tensor: &Tensor, name: &str) -> Result<Vec<u8>> {
    Ok(super::write::tensor_message(tensor, name)?.encode_to_vec())
}
