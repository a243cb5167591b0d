//! The IR as messages, but for the payloads of the main graph's initializers.

use crate::error::{Error, Result};
use crate::ir::{
    Attribute, AttributeValue, DataType, Function, Graph, Metadata, Model, Node, NodeKind, Op,
    Storage, Tensor, TensorData, ValueId, ValueInfo,
};
use crate::onnx::proto::*;
use crate::onnx::types::{metadata_proto, opset_protos, text, type_proto};
use bytes::Bytes;
use prost::Message;

/// The model without its graph.
pub(super) fn model_proto(model: &Model) -> Result<ModelProto> {
    let carried = carried::<ModelProto>(&model.carried)?;
    Ok(ModelProto {
        ir_version: Some(ir_version(model)),
        opset_import: opset_protos(&model.opset_imports),
        producer_name: text(&model.producer_name),
        producer_version: text(&model.producer_version),
        domain: text(&model.domain),
        model_version: (model.model_version != 0).then_some(model.model_version),
        doc_string: text(&model.doc_string),
        metadata_props: metadata_proto(&model.metadata),
        functions: model.functions.iter().map(function_proto).collect::<Result<_>>()?,
        graph: None,
        ..carried
    })
}

/// What was carried, as the message it is a part of.
fn carried<M: Message + Default>(bytes: &Bytes) -> Result<M> {
    M::decode(bytes.clone()).map_err(|e| Error::bug(format!("carried fields do not decode: {e}")))
}

/// The model's version of the IR, raised to the least that what it says needs.
fn ir_version(model: &Model) -> i64 {
    let mut needed = 0;
    if !model.functions.is_empty() {
        needed = 8;
    }
    let bodies = model.functions.iter().map(|f| &f.body);
    let has_metadata =
        model.functions.iter().any(|f| !f.metadata.is_empty() || !f.overload.is_empty());
    if has_metadata || std::iter::once(&model.graph).chain(bodies).any(needs_ir_10) {
        needed = 10;
    }
    model.ir_version.max(needed)
}

/// Whether a graph has named properties or overloads, which came with IR 10.
fn needs_ir_10(graph: &Graph) -> bool {
    let props = |m: &Metadata| !m.is_empty();
    let node = |node: &Node| match &node.kind {
        NodeKind::Op(op) => {
            props(&op.metadata) || !op.overload.is_empty() || op.subgraphs().any(needs_ir_10)
        }
        NodeKind::Initializer(tensor) | NodeKind::Input { default: Some(tensor) } => {
            props(&tensor.metadata)
        }
        _ => false,
    };
    props(&graph.metadata)
        || graph.node_ids().any(|id| node(graph.node(id)))
        || graph
            .value_ids()
            .any(|id| graph.value(id).info.as_ref().is_some_and(|i| props(&i.metadata)))
}

fn function_proto(function: &Function) -> Result<FunctionProto> {
    let body = graph_proto(&function.body, &[])?;
    let names = |infos: Vec<ValueInfoProto>| infos.into_iter().filter_map(|i| i.name).collect();
    let defaults =
        function.attribute_defaults.iter().map(|(name, a)| attribute_proto(name, a, &[]));
    Ok(FunctionProto {
        name: text(&function.name),
        input: names(body.input),
        output: names(body.output),
        attribute: function.attributes.clone(),
        attribute_proto: defaults.collect::<Result<_>>()?,
        node: body.node,
        doc_string: text(&function.doc_string),
        opset_import: opset_protos(&function.opset_imports),
        domain: text(&function.domain),
        overload: text(&function.overload),
        value_info: body.value_info,
        metadata_props: metadata_proto(&function.metadata),
    })
}

/// A graph without its initializers. `captures` are the names of the outer values of a subgraph.
pub(super) fn graph_skeleton(graph: &Graph, captures: &[String]) -> Result<GraphProto> {
    let name = |value: ValueId| name_of(graph, value, captures);
    let mut proto = carried::<GraphProto>(&graph.carried)?;
    let dangling = std::mem::take(&mut proto.value_info);
    proto.name = text(&graph.name);
    proto.doc_string = text(&graph.doc_string);
    proto.metadata_props = metadata_proto(&graph.metadata);
    for value in graph.inputs().iter().filter_map(|&id| graph.output(id)) {
        proto.input.push(value_info_proto(&name(value), graph.value(value).info.as_ref()));
    }
    for value in graph.outputs().iter().filter_map(|&id| graph.node_input(id, 0)) {
        proto.output.push(value_info_proto(&name(value), graph.value(value).info.as_ref()));
    }
    for (id, op) in graph.ops() {
        proto.node.push(node_proto(graph, id, op, captures)?);
    }
    let in_signature: std::collections::HashSet<ValueId> = graph
        .inputs()
        .iter()
        .filter_map(|&id| graph.output(id))
        .chain(graph.outputs().iter().filter_map(|&id| graph.node_input(id, 0)))
        .collect();
    for value in graph.value_ids().filter(|v| !in_signature.contains(v)) {
        if let Some(info) = &graph.value(value).info {
            proto.value_info.push(value_info_proto(&name(value), Some(info)));
        }
    }
    proto.value_info.extend(dangling);
    Ok(proto)
}

/// A whole graph: a subgraph or a function body.
fn graph_proto(graph: &Graph, captures: &[String]) -> Result<GraphProto> {
    let mut proto = graph_skeleton(graph, captures)?;
    for (name, tensor) in constants(graph) {
        match &tensor.data {
            TensorData::Sparse(_) => proto.sparse_initializer.push(sparse_proto(tensor, name)?),
            _ => proto.initializer.push(tensor_proto(tensor, name)?),
        }
    }
    Ok(proto)
}

/// The initializers of a graph, defaults of its inputs included, in the order of the file.
pub(super) fn constants(graph: &Graph) -> Vec<(&str, &Tensor)> {
    let defaults = graph.inputs().iter().filter_map(|&id| match &graph.node(id).kind {
        NodeKind::Input { default: Some(tensor) } => {
            Some((graph.value(graph.output(id)?).name(), tensor))
        }
        _ => None,
    });
    let initializers = graph.initializers();
    defaults
        .chain(initializers.into_iter().map(|(id, tensor)| (graph.value(id).name(), tensor)))
        .collect()
}

/// A value's name; that of a capture is what its outer value is called now.
fn name_of(graph: &Graph, value: ValueId, captures: &[String]) -> String {
    match graph.node(graph.value(value).producer()).kind {
        NodeKind::Capture { slot } if (slot as usize) < captures.len() => {
            captures[slot as usize].clone()
        }
        _ => graph.value(value).name().to_owned(),
    }
}

fn node_proto(
    graph: &Graph,
    id: crate::ir::NodeId,
    op: &Op,
    captures: &[String],
) -> Result<NodeProto> {
    let name =
        |value: Option<ValueId>| value.map_or_else(String::new, |v| name_of(graph, v, captures));
    let captured: Vec<String> = graph.node_captures(id).into_iter().map(name).collect();
    let attributes = op.attributes.iter().map(|(n, a)| attribute_proto(n, a, &captured));
    Ok(NodeProto {
        input: graph.node_inputs(id).into_iter().map(name).collect(),
        output: graph.node(id).outputs().iter().copied().map(name).collect(),
        name: text(&op.name),
        op_type: text(&op.op_type),
        domain: text(&op.domain),
        overload: text(&op.overload),
        attribute: attributes.collect::<Result<_>>()?,
        doc_string: text(&op.doc_string),
        metadata_props: metadata_proto(&op.metadata),
        ..carried(&op.carried)?
    })
}

fn value_info_proto(name: &str, info: Option<&ValueInfo>) -> ValueInfoProto {
    ValueInfoProto {
        name: text(name),
        r#type: info.and_then(|i| i.ty.as_ref()).map(type_proto),
        doc_string: info.and_then(|i| text(&i.doc_string)),
        metadata_props: info.map(|i| metadata_proto(&i.metadata)).unwrap_or_default(),
    }
}

fn attribute_proto(
    name: &str,
    attribute: &Attribute,
    captures: &[String],
) -> Result<AttributeProto> {
    let mut proto = AttributeProto {
        name: text(name),
        doc_string: text(&attribute.doc_string),
        r#type: Some(attribute.value.kind() as i32),
        ..Default::default()
    };
    let tensor = |t: &Tensor| tensor_proto(t, &t.name);
    let sparse = |t: &Tensor| sparse_proto(t, &t.name);
    match &attribute.value {
        AttributeValue::Float(f) => proto.f = Some(*f),
        AttributeValue::Int(i) => proto.i = Some(*i),
        AttributeValue::String(s) => proto.s = Some(s.clone()),
        AttributeValue::Tensor(t) => proto.t = Some(Box::new(tensor(t)?)),
        AttributeValue::Graph(g) => proto.g = Some(Box::new(graph_proto(g, captures)?)),
        AttributeValue::SparseTensor(t) => proto.sparse_tensor = Some(Box::new(sparse(t)?)),
        AttributeValue::Type(t) => proto.tp = Some(Box::new(type_proto(t))),
        AttributeValue::Floats(floats) => proto.floats = floats.clone(),
        AttributeValue::Ints(ints) => proto.ints = ints.clone(),
        AttributeValue::Strings(strings) => proto.strings = strings.clone(),
        AttributeValue::Tensors(all) => {
            proto.tensors = all.iter().map(tensor).collect::<Result<_>>()?
        }
        AttributeValue::Graphs(all) => {
            proto.graphs = all.iter().map(|g| graph_proto(g, captures)).collect::<Result<_>>()?;
        }
        AttributeValue::SparseTensors(all) => {
            proto.sparse_tensors = all.iter().map(sparse).collect::<Result<_>>()?;
        }
        AttributeValue::Types(all) => proto.type_protos = all.iter().map(type_proto).collect(),
        AttributeValue::Reference { name, .. } => proto.ref_attr_name = Some(name.clone()),
    }
    Ok(proto)
}

/// What a tensor is, without its elements.
pub(super) fn tensor_header(tensor: &Tensor, name: &str) -> TensorProto {
    TensorProto {
        dims: tensor.dims.clone(),
        data_type: Some(tensor.dtype.to_onnx()),
        name: text(name),
        doc_string: text(&tensor.doc_string),
        metadata_props: metadata_proto(&tensor.metadata),
        ..Default::default()
    }
}

/// A whole tensor.
pub(super) fn tensor_proto(tensor: &Tensor, name: &str) -> Result<TensorProto> {
    let mut proto = tensor_header(tensor, name);
    match (&tensor.data, tensor.storage) {
        (TensorData::Strings(strings), _) => proto.string_data = strings.clone(),
        (TensorData::Bytes(bytes), Storage::Typed) => {
            set_typed(&mut proto, tensor.dtype, bytes, tensor.element_count().unwrap_or(0));
        }
        (TensorData::Bytes(bytes), Storage::Raw) => proto.raw_data = Some(bytes.clone()),
        (TensorData::File(slice), _) => {
            proto.raw_data = Some(Bytes::copy_from_slice(slice.as_slice()))
        }
        (TensorData::Sparse(_) | TensorData::Pending { .. }, _) => {
            return Err(Error::bug(format!("tensor {name:?} cannot be encoded here")));
        }
    }
    Ok(proto)
}

pub(super) fn sparse_proto(tensor: &Tensor, name: &str) -> Result<SparseTensorProto> {
    let TensorData::Sparse(sparse) = &tensor.data else {
        return Err(Error::bug(format!("tensor {name:?} is not sparse")));
    };
    Ok(SparseTensorProto {
        values: Some(tensor_proto(&sparse.values, name)?),
        indices: Some(tensor_proto(&sparse.indices, &sparse.indices.name)?),
        dims: tensor.dims.clone(),
    })
}

/// Puts elements into the typed field that ONNX assigns to a data type.
fn set_typed(proto: &mut TensorProto, dtype: DataType, bytes: &[u8], elements: u64) {
    fn each<const N: usize, T>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|&chunk| value(chunk)).collect()
    }
    match dtype {
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
            proto.int32_data = (0..elements as usize).map(|i| six_bits(bytes, i)).collect();
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
