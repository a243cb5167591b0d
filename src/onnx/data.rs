//! The messages of `onnx-data.proto`: values of other kinds than tensors, in files of their own.
//! Maps are left out.

use super::proto::{SparseTensorProto, TensorProto};

/// `elem_type`, in both messages: what the elements are.
pub(super) mod kind {
    pub(crate) const TENSOR: i32 = 1;
    pub(crate) const SEQUENCE: i32 = 3;
    pub(crate) const OPTIONAL: i32 = 5;
}

/// Values of one kind.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SequenceProto {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(int32, optional, tag = "2")]
    pub elem_type: Option<i32>,
    #[prost(message, repeated, tag = "3")]
    pub tensor_values: Vec<TensorProto>,
    #[prost(message, repeated, tag = "4")]
    pub sparse_tensor_values: Vec<SparseTensorProto>,
    #[prost(message, repeated, tag = "5")]
    pub sequence_values: Vec<SequenceProto>,
    #[prost(message, repeated, tag = "7")]
    pub optional_values: Vec<OptionalProto>,
}

/// A value or nothing.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OptionalProto {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(int32, optional, tag = "2")]
    pub elem_type: Option<i32>,
    #[prost(message, optional, tag = "3")]
    pub tensor_value: Option<TensorProto>,
    #[prost(message, optional, tag = "4")]
    pub sparse_tensor_value: Option<SparseTensorProto>,
    #[prost(message, optional, boxed, tag = "5")]
    pub sequence_value: Option<Box<SequenceProto>>,
    #[prost(message, optional, boxed, tag = "7")]
    pub optional_value: Option<Box<OptionalProto>>,
}
