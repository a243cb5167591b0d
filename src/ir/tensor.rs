//! Tensors whose bytes lie in memory, in a mapped file, or are still to be computed.

mod file;

pub use file::{FileSlice, MappedFile, map_written, unload};

use super::{DataType, Dim, Metadata, Type, TypeKind};
use bytes::Bytes;

/// A tensor: element type, shape and data.
///
/// Elements lie in row-major order, little-endian, packed as ONNX `raw_data` packs them.
/// The data has no alignment: read it by element or by chunk.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Element type.
    pub dtype: DataType,
    /// Sizes, none negative.
    pub dims: Vec<i64>,
    /// The elements.
    pub data: TensorData,
    /// How the file stored them, so that they can be stored alike.
    pub storage: Storage,
    /// The tensor's own name, for a tensor that is an attribute; an initializer is named by its value.
    pub name: String,
    /// Documentation.
    pub doc_string: String,
    /// Named properties.
    pub metadata: Metadata,
}

/// Where the elements are.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorData {
    /// In memory, or a small part of the mapped model file.
    Bytes(Bytes),
    /// In a mapped file: the model's, an external data file, or an adapter's.
    File(FileSlice),
    /// Strings.
    Strings(Vec<Bytes>),
    /// The entries of a sparse tensor.
    Sparse(Box<Sparse>),
    /// Result `result` of weight task `task`, computed while the output is written.
    Pending {
        /// The task's number in the plan.
        task: u32,
        /// Which of its results.
        result: u32,
    },
}

/// The entries of a sparse tensor, as ONNX `SparseTensorProto` has them.
#[derive(Clone, Debug, PartialEq)]
pub struct Sparse {
    /// The non-default elements, `[NNZ]`.
    pub values: Tensor,
    /// Their positions, i64 `[NNZ]` (linear) or `[NNZ, rank]`.
    pub indices: Tensor,
}

/// Where a model stores the elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Storage {
    /// In the model file: `raw_data`.
    #[default]
    Raw,
    /// In the model file: the typed field (`float_data`, `int32_data`, …).
    Typed,
    /// In an external data file.
    External,
}

impl Tensor {
    /// A tensor of these bytes.
    pub fn new(dtype: DataType, dims: Vec<i64>, data: TensorData) -> Self {
        Self {
            dtype,
            dims,
            data,
            storage: Storage::Raw,
            name: String::new(),
            doc_string: String::new(),
            metadata: Metadata::default(),
        }
    }

    /// How many elements there are; none on overflow or a negative size.
    pub fn element_count(&self) -> Option<u64> {
        element_count(&self.dims)
    }

    /// How many bytes the elements take packed; none for strings and on overflow.
    pub fn byte_len(&self) -> Option<u64> {
        self.dtype.byte_len(self.element_count()?)
    }

    /// The packed elements, unless they are strings, sparse or pending.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.data {
            TensorData::Bytes(bytes) => Some(bytes),
            TensorData::File(slice) => Some(slice.as_slice()),
            TensorData::Strings(_) | TensorData::Sparse(_) | TensorData::Pending { .. } => None,
        }
    }

    /// Its type: element type and sizes.
    pub fn ty(&self) -> Type {
        let dtype = Some(self.dtype);
        let shape = Some(self.dims.iter().map(|&d| Dim::known(d)).collect());
        let kind = match self.data {
            TensorData::Sparse(_) => TypeKind::SparseTensor { dtype, shape },
            _ => TypeKind::Tensor { dtype, shape },
        };
        Type { kind, denotation: String::new() }
    }

    /// Whether the elements are still to be computed.
    pub fn is_pending(&self) -> bool {
        matches!(self.data, TensorData::Pending { .. })
    }
}

/// The product of `dims`; none on overflow or a negative size.
pub fn element_count(dims: &[i64]) -> Option<u64> {
    dims.iter().try_fold(1u64, |n, &d| n.checked_mul(u64::try_from(d).ok()?))
}
