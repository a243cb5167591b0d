//! Values in files of their own.

use super::Reader;
use crate::error::{Error, Result};
use crate::ir::tensor::MappedFile;
use crate::ir::{Type, TypeKind};
use crate::onnx::data::{OptionalProto, SequenceProto, kind};
use crate::onnx::external::ExternalFiles;
use crate::onnx::proto::TensorProto;
use crate::ops::Value;
use prost::Message;
use std::collections::BTreeMap;
use std::path::Path;

/// Reads one value of a type from a file of its own, as ONNX's test data has them.
///
/// # Errors
/// The file is missing or no such value, or elements are elsewhere.
pub(in crate::onnx) fn value_file(path: &Path, ty: Option<&Type>) -> Result<Value> {
    let map = MappedFile::open(path)?;
    let external = ExternalFiles::of_model(path)?;
    let bytes = map.to_bytes();
    let mut reader = Reader { external, map, ignored: BTreeMap::new() };
    let value = match ty.map(|ty| &ty.kind) {
        Some(TypeKind::Sequence(_)) => {
            decoded(bytes, "sequence").and_then(|proto| reader.sequence(proto))
        }
        Some(TypeKind::Optional(_)) => {
            decoded(bytes, "optional value").and_then(|proto| reader.optional(proto))
        }
        _ => {
            decoded(bytes, "tensor").and_then(|proto: TensorProto| Ok(reader.tensor(proto)?.into()))
        }
    };
    value.map_err(|e| e.within(path.display()))
}

fn decoded<M: Message + Default>(bytes: bytes::Bytes, what: &str) -> Result<M> {
    M::decode(bytes).map_err(|e| Error::input(format!("is no {what} of ONNX: {e}")))
}

impl Reader {
    fn sequence(&mut self, proto: SequenceProto) -> Result<Value> {
        let values = match proto.elem_type() {
            kind::TENSOR => {
                proto.tensor_values.into_iter().map(|t| Ok(self.tensor(t)?.into())).collect()
            }
            kind::SEQUENCE => proto.sequence_values.into_iter().map(|s| self.sequence(s)).collect(),
            kind::OPTIONAL => proto.optional_values.into_iter().map(|o| self.optional(o)).collect(),
            0 => Ok(Vec::new()),
            other => Err(unknown(other)),
        };
        values.map(Value::Sequence)
    }

    fn optional(&mut self, proto: OptionalProto) -> Result<Value> {
        let value = match proto.elem_type() {
            kind::TENSOR => proto.tensor_value.map(|t| Ok(self.tensor(t)?.into())),
            kind::SEQUENCE => proto.sequence_value.map(|s| self.sequence(*s)),
            kind::OPTIONAL => proto.optional_value.map(|o| self.optional(*o)),
            0 => None,
            other => return Err(unknown(other)),
        };
        Ok(Value::Optional(value.transpose()?.map(Box::new)))
    }
}

fn unknown(kind: i32) -> Error {
    Error::input(format!(
        "has elements of kind {kind}: tensors (1), sequences (3) and optional values (5) can be read"
    ))
}
