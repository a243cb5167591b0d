//! Attributes.

use super::Reader;
use super::graph::{Captures, Scope, build_graph};
use crate::error::{Error, Result};
use crate::ir::{Attribute, AttributeKind, AttributeValue};
use crate::onnx::proto::*;
use crate::onnx::types::ty;

impl Reader {
    /// An attribute; the outer values that its subgraphs read are added to `captures`.
    pub(super) fn attribute(
        &mut self,
        proto: AttributeProto,
        captures: &mut Captures,
    ) -> Result<(String, Attribute)> {
        let name = proto.name.clone().unwrap_or_default();
        let doc_string = proto.doc_string.clone().unwrap_or_default();
        let value = self
            .attribute_value(proto, captures)
            .map_err(|e| e.within(format!("attribute {name:?}")))?;
        Ok((name, Attribute { value, doc_string }))
    }

    fn attribute_value(
        &mut self,
        proto: AttributeProto,
        captures: &mut Captures,
    ) -> Result<AttributeValue> {
        let kind = attribute_kind(&proto)?;
        let is_reference = !proto.ref_attr_name().is_empty();
        for (set, tag) in set_values(&proto) {
            if is_reference || set != kind {
                self.ignore("AttributeProto", tag, format!("attribute {:?}", proto.name()));
            }
        }
        if is_reference {
            let name = proto.ref_attr_name.unwrap_or_default();
            return Ok(AttributeValue::Reference { kind, name });
        }
        let missing = || Error::input("has no value of its type");
        Ok(match kind {
            AttributeKind::Undefined => return Err(Error::input("has no type")),
            AttributeKind::Float => AttributeValue::Float(proto.f.unwrap_or(0.0)),
            AttributeKind::Int => AttributeValue::Int(proto.i.unwrap_or(0)),
            AttributeKind::String => AttributeValue::String(proto.s.unwrap_or_default()),
            AttributeKind::Tensor => {
                AttributeValue::Tensor(self.tensor(*proto.t.ok_or_else(missing)?)?)
            }
            AttributeKind::Graph => {
                let graph =
                    build_graph(self, *proto.g.ok_or_else(missing)?, Scope::Open(captures))?;
                AttributeValue::Graph(Box::new(graph))
            }
            AttributeKind::Floats => AttributeValue::Floats(proto.floats),
            AttributeKind::Ints => AttributeValue::Ints(proto.ints),
            AttributeKind::Strings => AttributeValue::Strings(proto.strings),
            AttributeKind::Tensors => AttributeValue::Tensors(
                proto.tensors.into_iter().map(|t| self.tensor(t)).collect::<Result<_>>()?,
            ),
            AttributeKind::Graphs => {
                let graph = |g| build_graph(self, g, Scope::Open(captures));
                AttributeValue::Graphs(proto.graphs.into_iter().map(graph).collect::<Result<_>>()?)
            }
            AttributeKind::SparseTensor => {
                let sparse = proto.sparse_tensor.ok_or_else(missing)?;
                AttributeValue::SparseTensor(self.sparse(*sparse)?)
            }
            AttributeKind::SparseTensors => {
                let tensors = proto.sparse_tensors.into_iter().map(|t| self.sparse(t));
                AttributeValue::SparseTensors(tensors.collect::<Result<_>>()?)
            }
            AttributeKind::Type => AttributeValue::Type(ty(*proto.tp.ok_or_else(missing)?)?),
            AttributeKind::Types => {
                AttributeValue::Types(proto.type_protos.into_iter().map(ty).collect::<Result<_>>()?)
            }
        })
    }
}

/// The values that are set, as the kind they are of and the number of their field.
fn set_values(proto: &AttributeProto) -> impl Iterator<Item = (AttributeKind, u32)> {
    use AttributeKind::*;
    [
        (proto.f.is_some(), Float, 2),
        (proto.i.is_some(), Int, 3),
        (proto.s.is_some(), String, 4),
        (proto.t.is_some(), Tensor, 5),
        (proto.g.is_some(), Graph, 6),
        (!proto.floats.is_empty(), Floats, 7),
        (!proto.ints.is_empty(), Ints, 8),
        (!proto.strings.is_empty(), Strings, 9),
        (!proto.tensors.is_empty(), Tensors, 10),
        (!proto.graphs.is_empty(), Graphs, 11),
        (proto.tp.is_some(), Type, 14),
        (!proto.type_protos.is_empty(), Types, 15),
        (proto.sparse_tensor.is_some(), SparseTensor, 22),
        (!proto.sparse_tensors.is_empty(), SparseTensors, 23),
    ]
    .into_iter()
    .filter_map(|(is_set, kind, tag)| is_set.then_some((kind, tag)))
}

/// The declared kind, or, in models before IR 2, that of the value that is set.
fn attribute_kind(proto: &AttributeProto) -> Result<AttributeKind> {
    match proto.r#type.unwrap_or(0) {
        0 => Ok(set_values(proto).next().map_or(AttributeKind::Undefined, |(kind, _)| kind)),
        number => AttributeKind::from_onnx(number)
            .ok_or_else(|| Error::input(format!("has the unknown type {number}"))),
    }
}
