//! The IR as messages in pieces; a [`Store`] decides where the elements of tensors go.

use super::messages::{attribute_proto, function_proto, graph_proto, model_proto, node_proto};
use super::rope::Rope;
use super::tensor;
use crate::error::{Error, Result};
use crate::ir::{
    Attribute, AttributeValue, Function, Graph, Model, NodeId, Op, Storage, Tensor, TensorData,
};
use crate::onnx::link::{self, LinkedFile};
use crate::onnx::proto::{StringStringEntryProto, TensorProto};

/// Field numbers of the messages that are put together in pieces.
mod tag {
    pub(super) const MODEL_GRAPH: u32 = 7;
    pub(super) const MODEL_FUNCTIONS: u32 = 25;
    pub(super) const GRAPH_NODE: u32 = 1;
    pub(super) const GRAPH_INITIALIZER: u32 = 5;
    pub(super) const GRAPH_SPARSE_INITIALIZER: u32 = 15;
    pub(super) const FUNCTION_NODE: u32 = 7;
    pub(super) const FUNCTION_ATTRIBUTE_PROTO: u32 = 11;
    pub(super) const NODE_ATTRIBUTE: u32 = 5;
    pub(super) const ATTRIBUTE_T: u32 = 5;
    pub(super) const ATTRIBUTE_G: u32 = 6;
    pub(super) const ATTRIBUTE_TENSORS: u32 = 10;
    pub(super) const ATTRIBUTE_GRAPHS: u32 = 11;
    pub(super) const ATTRIBUTE_SPARSE_TENSOR: u32 = 22;
    pub(super) const ATTRIBUTE_SPARSE_TENSORS: u32 = 23;
    pub(super) const TENSOR_RAW_DATA: u32 = 9;
}

/// Where the elements of a tensor go.
pub(super) enum Place {
    /// Into the message.
    Inline,
    /// Outside, where these entries of `external_data` say.
    Outside(Vec<StringStringEntryProto>),
    /// Nowhere.
    Omitted,
}

/// Decides where the elements of tensors go.
pub(super) trait Store {
    /// The place of a dense tensor's elements, which take `len` bytes.
    fn place(&mut self, tensor: &Tensor, len: u64) -> Place;
}

/// Encodes models.
pub(super) struct Encoder<'a, S> {
    pub(super) store: &'a mut S,
    /// Data files that the model refers to and another one has.
    pub(super) linked: &'a [LinkedFile],
}

impl<S: Store> Encoder<'_, S> {
    pub(super) fn model(&mut self, model: &Model) -> Result<Rope> {
        let mut rope = Rope::default();
        let mut proto = model_proto(model)?;
        proto.metadata_props.extend(link::property(self.linked)?);
        rope.fields(&proto);
        rope.field(tag::MODEL_GRAPH, self.graph(&model.graph, &[])?);
        for function in &model.functions {
            rope.field(tag::MODEL_FUNCTIONS, self.function(function)?);
        }
        Ok(rope)
    }

    fn function(&mut self, function: &Function) -> Result<Rope> {
        let mut rope = Rope::default();
        rope.fields(&function_proto(function)?);
        for (name, attribute) in &function.attribute_defaults {
            rope.field(tag::FUNCTION_ATTRIBUTE_PROTO, self.attribute(name, attribute, &[])?);
        }
        for (id, op) in function.body.ops() {
            rope.field(tag::FUNCTION_NODE, self.node(&function.body, id, op, &[])?);
        }
        Ok(rope)
    }

    /// A graph; `captures` are the names of the outer values of a subgraph.
    fn graph(&mut self, graph: &Graph, captures: &[String]) -> Result<Rope> {
        let mut rope = Rope::default();
        rope.fields(&graph_proto(graph, captures)?);
        for (id, op) in graph.ops() {
            rope.field(tag::GRAPH_NODE, self.node(graph, id, op, captures)?);
        }
        for (value, tensor) in graph.stored_tensors() {
            let name = graph.value(value).name();
            let tag = match tensor.data {
                TensorData::Sparse(_) => tag::GRAPH_SPARSE_INITIALIZER,
                _ => tag::GRAPH_INITIALIZER,
            };
            rope.field(tag, self.tensor(tensor, name)?);
        }
        Ok(rope)
    }

    fn node(&mut self, graph: &Graph, id: NodeId, op: &Op, captures: &[String]) -> Result<Rope> {
        let (proto, captured) = node_proto(graph, id, op, captures)?;
        let mut rope = Rope::default();
        rope.fields(&proto);
        for (name, attribute) in &op.attributes {
            rope.field(tag::NODE_ATTRIBUTE, self.attribute(name, attribute, &captured)?);
        }
        Ok(rope)
    }

    fn attribute(
        &mut self,
        name: &str,
        attribute: &Attribute,
        captures: &[String],
    ) -> Result<Rope> {
        let mut rope = Rope::default();
        rope.fields(&attribute_proto(name, attribute));
        match &attribute.value {
            AttributeValue::Tensor(t) => rope.field(tag::ATTRIBUTE_T, self.tensor(t, &t.name)?),
            AttributeValue::Graph(g) => rope.field(tag::ATTRIBUTE_G, self.graph(g, captures)?),
            AttributeValue::SparseTensor(t) => {
                rope.field(tag::ATTRIBUTE_SPARSE_TENSOR, self.tensor(t, &t.name)?);
            }
            AttributeValue::Tensors(all) => {
                for t in all {
                    rope.field(tag::ATTRIBUTE_TENSORS, self.tensor(t, &t.name)?);
                }
            }
            AttributeValue::Graphs(all) => {
                for g in all {
                    rope.field(tag::ATTRIBUTE_GRAPHS, self.graph(g, captures)?);
                }
            }
            AttributeValue::SparseTensors(all) => {
                for t in all {
                    rope.field(tag::ATTRIBUTE_SPARSE_TENSORS, self.tensor(t, &t.name)?);
                }
            }
            _ => {}
        }
        Ok(rope)
    }

    fn tensor(&mut self, tensor: &Tensor, name: &str) -> Result<Rope> {
        let mut rope = Rope::default();
        let mut header = tensor::header(tensor, name);
        match &tensor.data {
            TensorData::Sparse(_) => rope.fields(&tensor::sparse(tensor, name)?),
            TensorData::Strings(strings) => {
                header.string_data = strings.clone();
                rope.fields(&header);
            }
            TensorData::Bytes(_) | TensorData::File(_) | TensorData::Pending { .. } => {
                self.dense(&mut rope, header, tensor)?;
            }
        }
        Ok(rope)
    }

    fn dense(&mut self, rope: &mut Rope, mut header: TensorProto, tensor: &Tensor) -> Result<()> {
        let len = tensor.byte_len().ok_or_else(|| Error::bug("a tensor has no size"))?;
        match (self.store.place(tensor, len), &tensor.data) {
            (Place::Inline, TensorData::Bytes(bytes)) if tensor.storage == Storage::Typed => {
                tensor::set_typed(&mut header, tensor, bytes);
                rope.fields(&header);
            }
            (Place::Inline, data) => {
                rope.fields(&header);
                rope.elements(tag::TENSOR_RAW_DATA, len, data.clone());
            }
            (Place::Outside(entries), _) => {
                const EXTERNAL: i32 = 1;
                header.data_location = Some(EXTERNAL);
                header.external_data = entries;
                rope.fields(&header);
            }
            (Place::Omitted, _) => rope.fields(&header),
        }
        Ok(())
    }
}
