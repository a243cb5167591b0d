//! Tensors as messages.

use crate::error::{Error, Result};
use crate::ir::{DataType, Storage, Tensor, TensorData};
use crate::onnx::proto::{SparseTensorProto, TensorProto};
use crate::onnx::types::{metadata_proto, text};
use bytes::Bytes;

/// What a tensor is, without its elements.
pub(super) fn header(tensor: &Tensor, name: &str) -> TensorProto {
    TensorProto {
        dims: tensor.dims.clone(),
        data_type: Some(tensor.dtype.to_onnx()),
        name: text(name),
        doc_string: text(&tensor.doc_string),
        metadata_props: metadata_proto(&tensor.metadata),
        ..Default::default()
    }
}

/// A sparse tensor, whole.
pub(super) fn sparse(tensor: &Tensor, name: &str) -> Result<SparseTensorProto> {
    let TensorData::Sparse(sparse) = &tensor.data else {
        return Err(Error::bug(format!("tensor {name:?} is not sparse")));
    };
    Ok(SparseTensorProto {
        values: Some(whole(&sparse.values, name)?),
        indices: Some(whole(&sparse.indices, &sparse.indices.name)?),
        dims: tensor.dims.clone(),
    })
}

/// A tensor with its elements.
pub(in crate::onnx) fn whole(tensor: &Tensor, name: &str) -> Result<TensorProto> {
    let mut proto = header(tensor, name);
    match (&tensor.data, tensor.bytes()) {
        (TensorData::Strings(strings), _) => proto.string_data = strings.clone(),
        (TensorData::Bytes(bytes), _) if tensor.storage == Storage::Typed => {
            set_typed(&mut proto, tensor, bytes);
        }
        (_, Some(bytes)) => proto.raw_data = Some(Bytes::copy_from_slice(bytes)),
        _ => return Err(Error::bug(format!("sparse tensor {name:?} has no entries"))),
    }
    Ok(proto)
}

/// Puts elements into the typed field that ONNX assigns to a data type.
pub(super) fn set_typed(proto: &mut TensorProto, tensor: &Tensor, bytes: &[u8]) {
    fn each<const N: usize, T>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|&chunk| value(chunk)).collect()
    }
    match tensor.dtype {
        DataType::F32 | DataType::C64 => proto.float_data = each(bytes, f32::from_le_bytes),
        DataType::F64 | DataType::C128 => proto.double_data = each(bytes, f64::from_le_bytes),
        DataType::I64 => proto.int64_data = each(bytes, i64::from_le_bytes),
        DataType::U64 => proto.uint64_data = each(bytes, u64::from_le_bytes),
        DataType::U32 => proto.uint64_data = each(bytes, |b| u64::from(u32::from_le_bytes(b))),
        DataType::I32 => proto.int32_data = each(bytes, i32::from_le_bytes),
        DataType::I16 => proto.int32_data = each(bytes, |b| i32::from(i16::from_le_bytes(b))),
        DataType::U16 | DataType::F16 | DataType::BF16 => {
            proto.int32_data = each(bytes, |b| i32::from(u16::from_le_bytes(b)));
        }
        DataType::F6E2M3 | DataType::F6E3M2 => {
            let elements = tensor.element_count().unwrap_or(0) as usize;
            proto.int32_data = (0..elements).map(|i| six_bits(bytes, i)).collect();
        }
        DataType::I8 => proto.int32_data = each(bytes, |[b]| i32::from(b as i8)),
        _ => proto.int32_data = each(bytes, |[b]| i32::from(b)),
    }
}

/// The element at an index of elements of six bits, packed from the lowest bit on.
fn six_bits(bytes: &[u8], index: usize) -> i32 {
    let byte = |i: usize| u16::from(bytes.get(i).copied().unwrap_or(0));
    let (first, shift) = (index * 6 / 8, index * 6 % 8);
    i32::from(((byte(first) | byte(first + 1) << 8) >> shift) & 0x3f)
}
