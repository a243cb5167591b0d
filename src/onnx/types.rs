//! Types of values between protobuf and the IR.

use super::NEWEST_IR_VERSION;
use super::proto::*;
use crate::error::{Error, Result};
use crate::ir::{DataType, Dim, DimSize, Metadata, Type, TypeKind};

/// The data type of this number.
pub(super) fn dtype(number: i32) -> Result<DataType> {
    DataType::from_onnx(number).ok_or_else(|| {
        Error::input(format!(
            "data type {number} is unknown to this version (ONNX IR {NEWEST_IR_VERSION})"
        ))
    })
}

fn known_dtype(number: Option<i32>) -> Result<Option<DataType>> {
    match number.unwrap_or(0) {
        0 => Ok(None),
        number => dtype(number).map(Some),
    }
}

fn shape(proto: Option<TensorShapeProto>) -> Option<Vec<Dim>> {
    Some(proto?.dim.into_iter().map(dim).collect())
}

fn dim(proto: TensorShapeProtoDimension) -> Dim {
    let size = match (proto.dim_value, proto.dim_param) {
        (_, Some(symbol)) => DimSize::Symbol(symbol),
        (Some(size), None) => DimSize::Known(size),
        (None, None) => DimSize::Unknown,
    };
    Dim { size, denotation: proto.denotation.unwrap_or_default() }
}

/// The type that a message says; a message is no deeper than protobuf's limit on recursion.
pub(super) fn ty(proto: TypeProto) -> Result<Type> {
    let inner = |t: Option<Box<TypeProto>>| t.map(|t| ty(*t).map(Box::new)).transpose();
    let kind = if let Some(t) = proto.tensor_type {
        TypeKind::Tensor { dtype: known_dtype(t.elem_type)?, shape: shape(t.shape) }
    } else if let Some(t) = proto.sparse_tensor_type {
        TypeKind::SparseTensor { dtype: known_dtype(t.elem_type)?, shape: shape(t.shape) }
    } else if let Some(t) = proto.sequence_type {
        TypeKind::Sequence(inner(t.elem_type)?)
    } else if let Some(t) = proto.optional_type {
        TypeKind::Optional(inner(t.elem_type)?)
    } else if let Some(t) = proto.map_type {
        TypeKind::Map { key: dtype(t.key_type.unwrap_or(0))?, value: inner(t.value_type)? }
    } else if let Some(t) = proto.opaque_type {
        TypeKind::Opaque { domain: t.domain.unwrap_or_default(), name: t.name.unwrap_or_default() }
    } else {
        TypeKind::Unset
    };
    Ok(Type { kind, denotation: proto.denotation.unwrap_or_default() })
}

/// The message of a type.
pub(super) fn type_proto(ty: &Type) -> TypeProto {
    let mut proto = TypeProto { denotation: text(&ty.denotation), ..Default::default() };
    let number = |d: &Option<DataType>| Some(d.map_or(0, DataType::to_onnx));
    let inner = |t: &Option<Box<Type>>| t.as_ref().map(|t| Box::new(type_proto(t)));
    match &ty.kind {
        TypeKind::Tensor { dtype, shape } => {
            let shape = shape_proto(shape);
            proto.tensor_type = Some(TypeProtoTensor { elem_type: number(dtype), shape });
        }
        TypeKind::SparseTensor { dtype, shape } => {
            let shape = shape_proto(shape);
            proto.sparse_tensor_type =
                Some(TypeProtoSparseTensor { elem_type: number(dtype), shape });
        }
        TypeKind::Sequence(t) => {
            proto.sequence_type = Some(TypeProtoSequence { elem_type: inner(t) });
        }
        TypeKind::Optional(t) => {
            proto.optional_type = Some(TypeProtoOptional { elem_type: inner(t) });
        }
        TypeKind::Map { key, value } => {
            let key_type = Some(key.to_onnx());
            proto.map_type = Some(TypeProtoMap { key_type, value_type: inner(value) });
        }
        TypeKind::Opaque { domain, name } => {
            proto.opaque_type = Some(TypeProtoOpaque { domain: text(domain), name: text(name) });
        }
        TypeKind::Unset => {}
    }
    proto
}

fn shape_proto(shape: &Option<Vec<Dim>>) -> Option<TensorShapeProto> {
    let dim = |dim: &Dim| {
        let (dim_value, dim_param) = match &dim.size {
            DimSize::Known(size) => (Some(*size), None),
            DimSize::Symbol(symbol) => (None, Some(symbol.clone())),
            DimSize::Unknown => (None, None),
        };
        TensorShapeProtoDimension { dim_value, dim_param, denotation: text(&dim.denotation) }
    };
    Some(TensorShapeProto { dim: shape.as_ref()?.iter().map(dim).collect() })
}

/// A string field, left out if it is empty.
pub(super) fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// Named properties.
pub(super) fn metadata(props: Vec<StringStringEntryProto>) -> Metadata {
    props.into_iter().map(|p| (p.key.unwrap_or_default(), p.value.unwrap_or_default())).collect()
}

/// The messages of named properties.
pub(super) fn metadata_proto(metadata: &Metadata) -> Vec<StringStringEntryProto> {
    let entry = |(k, v): (&str, &str)| StringStringEntryProto {
        key: Some(k.into()),
        value: Some(v.into()),
    };
    metadata.iter().map(entry).collect()
}

/// Operator sets by domain.
pub(super) fn opsets(protos: Vec<OperatorSetIdProto>) -> Vec<(String, i64)> {
    protos.into_iter().map(|o| (o.domain.unwrap_or_default(), o.version.unwrap_or(0))).collect()
}

/// The messages of operator sets.
pub(super) fn opset_protos(opsets: &[(String, i64)]) -> Vec<OperatorSetIdProto> {
    let proto = |(domain, version): &(String, i64)| OperatorSetIdProto {
        domain: Some(domain.clone()),
        version: Some(*version),
    };
    opsets.iter().map(proto).collect()
}
