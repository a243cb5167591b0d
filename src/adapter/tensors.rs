//! The tensors of safetensors files.

use crate::error::{Error, Result};
use crate::ir::tensor::{FileSlice, MappedFile};
use crate::ir::{DataType, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The tensors of a file, as slices of it, by the names that `rename` makes of theirs.
pub(super) fn read(
    file: &Arc<MappedFile>,
    rename: impl Fn(&str) -> String,
) -> Result<BTreeMap<String, Tensor>> {
    read_inner(file, rename).map_err(|e| e.within(file.path().display()))
}

fn read_inner(
    file: &Arc<MappedFile>,
    rename: impl Fn(&str) -> String,
) -> Result<BTreeMap<String, Tensor>> {
    let size = file.as_slice().len();
    let parsed = SafeTensors::deserialize(file.as_slice()).map_err(|e| {
        Error::input(format!("is no safetensors file, or a truncated one ({size} bytes): {e}"))
    })?;
    let mut tensors = BTreeMap::new();
    for (name, view) in parsed.tensors() {
        let within = |e: Error| e.within(format!("tensor {name:?}"));
        let dtype = dtype(view.dtype()).map_err(within)?;
        let dims = view.shape().iter().map(|&d| i64::try_from(d)).collect::<Result<_, _>>();
        let dims = dims.map_err(|_| {
            within(Error::input(format!("cannot have the shape {:?}", view.shape())))
        })?;
        let slice = file
            .offset_of(view.data())
            .and_then(|offset| FileSlice::new(file.clone(), offset, view.data().len() as u64))
            .ok_or_else(|| within(Error::bug("its data is not in the file")))?;
        let tensor = Tensor::new(dtype, dims, TensorData::File(slice));
        let short = rename(&name);
        if tensors.insert(short.clone(), tensor).is_some() {
            return Err(Error::input(format!("two tensors have the name {short:?}")));
        }
    }
    Ok(tensors)
}

fn dtype(dtype: Dtype) -> Result<DataType> {
    Ok(match dtype {
        Dtype::F32 => DataType::F32,
        Dtype::F16 => DataType::F16,
        Dtype::BF16 => DataType::BF16,
        Dtype::F64 => DataType::F64,
        Dtype::I64 => DataType::I64,
        Dtype::I32 => DataType::I32,
        Dtype::I16 => DataType::I16,
        Dtype::I8 => DataType::I8,
        Dtype::U8 => DataType::U8,
        Dtype::U16 => DataType::U16,
        Dtype::U32 => DataType::U32,
        Dtype::U64 => DataType::U64,
        Dtype::BOOL => DataType::Bool,
        Dtype::F8_E4M3 => DataType::F8E4M3FN,
        Dtype::F8_E5M2 => DataType::F8E5M2,
        other => {
            return Err(Error::input(format!("its type {other:?} has no ONNX counterpart here")));
        }
    })
}
