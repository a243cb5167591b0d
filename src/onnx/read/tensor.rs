//! Tensors: all storage fields become packed little-endian bytes.

use super::Reader;
use crate::error::{Error, Result};
use crate::ir::tensor::{FileSlice, Sparse};
use crate::ir::{DataType, Storage, Tensor, TensorData, element_count};
use crate::onnx::proto::*;
use crate::onnx::types::{dtype, metadata};
use bytes::Bytes;

/// `data_location` of a tensor outside.
const EXTERNAL: i32 = 1;

impl Reader {
    pub(super) fn tensor(&mut self, proto: TensorProto) -> Result<Tensor> {
        let name = proto.name.clone().unwrap_or_default();
        self.unnamed_tensor(proto).map_err(|e| e.within(format!("tensor {name:?}")))
    }

    fn unnamed_tensor(&mut self, proto: TensorProto) -> Result<Tensor> {
        if proto.segment.is_some() {
            return Err(Error::input(
                "is stored in segments, which ONNX never defined the reading of",
            ));
        }
        let dtype = dtype(proto.data_type())?;
        let elements = element_count(&proto.dims)
            .ok_or_else(|| Error::input(format!("cannot have the shape {:?}", proto.dims)))?;
        self.ignore_other_storage(&proto, dtype);
        let (data, storage) = self.data(&proto, dtype, elements)?;
        Ok(Tensor {
            dtype,
            dims: proto.dims,
            data,
            storage,
            name: proto.name.unwrap_or_default(),
            doc_string: proto.doc_string.unwrap_or_default(),
            metadata: metadata(proto.metadata_props),
        })
    }

    /// Notes what a tensor holds elements in besides the one field that counts.
    fn ignore_other_storage(&mut self, proto: &TensorProto, dtype: DataType) {
        const RAW_DATA: u32 = 9;
        let counts = match dtype {
            _ if proto.data_location() == EXTERNAL => None,
            DataType::String => typed_field(dtype),
            _ if has_raw_data(proto) => Some(RAW_DATA),
            _ => typed_field(dtype),
        };
        let set = [
            (4, !proto.float_data.is_empty()),
            (5, !proto.int32_data.is_empty()),
            (6, !proto.string_data.is_empty()),
            (7, !proto.int64_data.is_empty()),
            (RAW_DATA, has_raw_data(proto)),
            (10, !proto.double_data.is_empty()),
            (11, !proto.uint64_data.is_empty()),
        ];
        for (tag, _) in set.into_iter().filter(|&(tag, is_set)| is_set && Some(tag) != counts) {
            self.ignore("TensorProto", tag, format!("tensor {:?}", proto.name()));
        }
    }

    fn data(
        &mut self,
        proto: &TensorProto,
        dtype: DataType,
        elements: u64,
    ) -> Result<(TensorData, Storage)> {
        let misfit = |found: u64, unit: &str, needed: u64| {
            Error::input(format!("{dtype} {:?} has {found} {unit}, it needs {needed}", proto.dims))
        };
        if dtype == DataType::String {
            let strings = proto.string_data.clone();
            if strings.len() as u64 != elements {
                return Err(misfit(strings.len() as u64, "strings", elements));
            }
            return Ok((TensorData::Strings(strings), Storage::Typed));
        }
        let needed = dtype.byte_len(elements).ok_or_else(|| {
            Error::input(format!("{dtype} {:?} is larger than memory can be", proto.dims))
        })?;
        if proto.data_location() == EXTERNAL {
            let slice = self.external.slice(&proto.external_data, needed)?;
            return Ok((TensorData::File(slice), Storage::External));
        }
        let (bytes, storage) = match &proto.raw_data {
            Some(raw) if has_raw_data(proto) => (raw.clone(), Storage::Raw),
            _ => (typed_bytes(proto, dtype), Storage::Typed),
        };
        if bytes.len() as u64 != needed {
            return Err(misfit(bytes.len() as u64, "bytes", needed));
        }
        let data = match self.slice_of_model(&bytes) {
            Some(slice) => TensorData::File(slice),
            None => TensorData::Bytes(bytes),
        };
        Ok((data, storage))
    }

    /// The range of the model file that bytes are, where a copy by the operating system pays.
    fn slice_of_model(&self, bytes: &[u8]) -> Option<FileSlice> {
        const LARGE: usize = 64 << 10;
        let offset = self.map.offset_of(bytes).filter(|_| bytes.len() >= LARGE)?;
        FileSlice::new(self.map.clone(), offset, bytes.len() as u64)
    }

    pub(super) fn sparse(&mut self, proto: SparseTensorProto) -> Result<Tensor> {
        let missing = || Error::input("a sparse tensor without values or indices");
        let mut values = self.tensor(proto.values.ok_or_else(missing)?)?;
        let indices = self.tensor(proto.indices.ok_or_else(missing)?)?;
        let name = std::mem::take(&mut values.name);
        let dtype = values.dtype;
        let data = TensorData::Sparse(Box::new(Sparse { values, indices }));
        Ok(Tensor { name, ..Tensor::new(dtype, proto.dims, data) })
    }
}

/// Whether elements are in `raw_data`: set, but empty, says so only where nothing else is set.
fn has_raw_data(proto: &TensorProto) -> bool {
    let is_typed = !(proto.float_data.is_empty()
        && proto.int32_data.is_empty()
        && proto.int64_data.is_empty()
        && proto.double_data.is_empty()
        && proto.uint64_data.is_empty());
    proto.raw_data.as_ref().is_some_and(|raw| !raw.is_empty() || !is_typed)
}

/// The number of the typed field that ONNX assigns to a data type.
fn typed_field(dtype: DataType) -> Option<u32> {
    Some(match dtype {
        DataType::F32 | DataType::C64 => 4,
        DataType::String => 6,
        DataType::I64 => 7,
        DataType::F64 | DataType::C128 => 10,
        DataType::U32 | DataType::U64 => 11,
        _ => 5,
    })
}

/// The elements of the typed field that ONNX assigns to a data type.
fn typed_bytes(proto: &TensorProto, dtype: DataType) -> Bytes {
    fn le<const N: usize, T: Copy>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Bytes {
        values.iter().flat_map(|&v| bytes(v)).collect::<Vec<u8>>().into()
    }
    match dtype {
        DataType::F32 | DataType::C64 => le(&proto.float_data, f32::to_le_bytes),
        DataType::F64 | DataType::C128 => le(&proto.double_data, f64::to_le_bytes),
        DataType::I64 => le(&proto.int64_data, i64::to_le_bytes),
        DataType::U64 => le(&proto.uint64_data, u64::to_le_bytes),
        DataType::U32 => le(&proto.uint64_data, |v| (v as u32).to_le_bytes()),
        DataType::I32 => le(&proto.int32_data, i32::to_le_bytes),
        DataType::I16 | DataType::U16 | DataType::F16 | DataType::BF16 => {
            le(&proto.int32_data, |v| (v as u16).to_le_bytes())
        }
        DataType::F6E2M3 | DataType::F6E3M2 => pack_six_bits(&proto.int32_data),
        _ => le(&proto.int32_data, |v| [v as u8]),
    }
}

/// Elements of six bits: the typed field has one each, `raw_data` packs them from the lowest bit on.
fn pack_six_bits(values: &[i32]) -> Bytes {
    let mut bytes = vec![0u8; (values.len() * 6).div_ceil(8)];
    for (i, &value) in values.iter().enumerate() {
        let shifted = ((value as u16) & 0x3f) << (i * 6 % 8);
        bytes[i * 6 / 8] |= shifted as u8;
        if shifted > 0xff {
            bytes[i * 6 / 8 + 1] |= (shifted >> 8) as u8;
        }
    }
    bytes.into()
}
