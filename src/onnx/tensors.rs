//! Values in files of their own (`.pb`), as ONNX's test data has them.

use super::data::{OptionalProto, SequenceProto, kind};
use super::write::tensor_message;
use crate::error::Result;
use crate::ir::Type;
use crate::ops::Value;
use prost::Message;
use std::path::Path;

/// Reads one of a type: a sequence, an optional value, or else a tensor.
///
/// # Errors
/// The file is missing, or no such value.
pub fn read_value(path: &Path, ty: Option<&Type>) -> Result<Value> {
    super::read::value_file(path, ty)
}

/// The bytes of such a file.
///
/// # Errors
/// A tensor has no elements in memory.
pub fn value_bytes(value: &Value, name: &str) -> Result<Vec<u8>> {
    Ok(match value {
        Value::Tensor(tensor) => tensor_message(tensor, name)?.encode_to_vec(),
        Value::Sequence(values) => sequence(values, name)?.encode_to_vec(),
        Value::Optional(value) => optional(value.as_deref(), name)?.encode_to_vec(),
    })
}

fn sequence(values: &[Value], name: &str) -> Result<SequenceProto> {
    let kind = values.first().map_or(kind::TENSOR, kind_of);
    let mut proto =
        SequenceProto { name: Some(name.to_owned()), elem_type: Some(kind), ..Default::default() };
    for value in values {
        match value {
            Value::Tensor(tensor) => proto.tensor_values.push(tensor_message(tensor, "")?),
            Value::Sequence(values) => proto.sequence_values.push(sequence(values, "")?),
            Value::Optional(value) => proto.optional_values.push(optional(value.as_deref(), "")?),
        }
    }
    Ok(proto)
}

fn optional(value: Option<&Value>, name: &str) -> Result<OptionalProto> {
    let elem_type = Some(value.map_or(0, kind_of));
    let mut proto = OptionalProto { name: Some(name.to_owned()), elem_type, ..Default::default() };
    match value {
        None => {}
        Some(Value::Tensor(tensor)) => proto.tensor_value = Some(tensor_message(tensor, "")?),
        Some(Value::Sequence(values)) => {
            proto.sequence_value = Some(Box::new(sequence(values, "")?));
        }
        Some(Value::Optional(value)) => {
            proto.optional_value = Some(Box::new(optional(value.as_deref(), "")?));
        }
    }
    Ok(proto)
}

fn kind_of(value: &Value) -> i32 {
    match value {
        Value::Tensor(_) => kind::TENSOR,
        Value::Sequence(_) => kind::SEQUENCE,
        Value::Optional(_) => kind::OPTIONAL,
    }
}
