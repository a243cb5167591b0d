//! The parts of the IR that are messages of their own, without what [`super::encode`] adds in
//! pieces: nodes, attributes and tensors.

use super::version::ir_version;
use crate::error::Result;
use crate::ir::{
    Attribute, AttributeValue, Function, Graph, Model, NodeId, NodeKind, Op, ValueId, ValueInfo,
};
use crate::onnx::carried::decode as carried;
use crate::onnx::proto::*;
use crate::onnx::types::{metadata_proto, opset_protos, text, type_proto};
use std::collections::HashSet;

/// A model without its graph and functions.
pub(super) fn model_proto(model: &Model) -> Result<ModelProto> {
    Ok(ModelProto {
        ir_version: Some(ir_version(model)),
        opset_import: opset_protos(&model.opset_imports),
        producer_name: text(&model.producer_name),
        producer_version: text(&model.producer_version),
        domain: text(&model.domain),
        model_version: (model.model_version != 0).then_some(model.model_version),
        doc_string: text(&model.doc_string),
        metadata_props: metadata_proto(&model.metadata),
        ..carried(&model.carried)?
    })
}

/// A function without its nodes and the defaults of its attributes.
pub(super) fn function_proto(function: &Function) -> Result<FunctionProto> {
    let body = graph_proto(&function.body, &[])?;
    let names = |infos: Vec<ValueInfoProto>| infos.into_iter().filter_map(|i| i.name).collect();
    Ok(FunctionProto {
        name: text(&function.name),
        input: names(body.input),
        output: names(body.output),
        attribute: function.attributes.clone(),
        doc_string: text(&function.doc_string),
        opset_import: opset_protos(&function.opset_imports),
        domain: text(&function.domain),
        overload: text(&function.overload),
        value_info: body.value_info,
        metadata_props: metadata_proto(&function.metadata),
        ..Default::default()
    })
}

/// A graph without its nodes and initializers. `captures` are the names of the outer values of
/// a subgraph.
pub(super) fn graph_proto(graph: &Graph, captures: &[String]) -> Result<GraphProto> {
    let name = |value: ValueId| name_of(graph, value, captures);
    let mut proto = carried::<GraphProto>(&graph.carried)?;
    let dangling = std::mem::take(&mut proto.value_info);
    proto.name = text(&graph.name);
    proto.doc_string = text(&graph.doc_string);
    proto.metadata_props = metadata_proto(&graph.metadata);
    let inputs = graph.inputs().iter().filter_map(|&id| graph.output(id));
    let outputs = graph.outputs().iter().filter_map(|&id| graph.node_input(id, 0));
    let declared =
        |value: ValueId| value_info_proto(&name(value), graph.value(value).info.as_ref());
    proto.input = inputs.clone().map(declared).collect();
    let own = std::mem::take(&mut proto.output);
    let output = |(i, value): (usize, ValueId)| {
        let declared = declared(value);
        own.get(i).filter(|own| own.name == declared.name).cloned().unwrap_or(declared)
    };
    proto.output = outputs.clone().enumerate().map(output).collect();
    let in_signature: HashSet<ValueId> = inputs.chain(outputs).collect();
    let others = graph.declared_values().into_iter().filter(|v| !in_signature.contains(v));
    proto.value_info = others.map(declared).chain(dangling).collect();
    Ok(proto)
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

/// A node without its attributes, and the names of the values its subgraphs capture.
pub(super) fn node_proto(
    graph: &Graph,
    id: NodeId,
    op: &Op,
    captures: &[String],
) -> Result<(NodeProto, Vec<String>)> {
    let name =
        |value: Option<ValueId>| value.map_or_else(String::new, |v| name_of(graph, v, captures));
    let captured = graph.node_captures(id).into_iter().map(name).collect();
    let proto = NodeProto {
        input: graph.node_inputs(id).into_iter().map(name).collect(),
        output: graph.node(id).outputs().iter().copied().map(name).collect(),
        name: text(&op.name),
        op_type: text(&op.op_type),
        domain: text(&op.domain),
        overload: text(&op.overload),
        doc_string: text(&op.doc_string),
        metadata_props: metadata_proto(&op.metadata),
        ..carried(&op.carried)?
    };
    Ok((proto, captured))
}

fn value_info_proto(name: &str, info: Option<&ValueInfo>) -> ValueInfoProto {
    ValueInfoProto {
        name: text(name),
        r#type: info.and_then(|i| i.ty.as_ref()).map(type_proto),
        doc_string: info.and_then(|i| text(&i.doc_string)),
        metadata_props: info.map(|i| metadata_proto(&i.metadata)).unwrap_or_default(),
    }
}

/// An attribute without its tensors and graphs.
pub(super) fn attribute_proto(name: &str, attribute: &Attribute) -> AttributeProto {
    let mut proto = AttributeProto {
        name: text(name),
        doc_string: text(&attribute.doc_string),
        r#type: Some(attribute.value.kind() as i32),
        ..Default::default()
    };
    match &attribute.value {
        AttributeValue::Float(f) => proto.f = Some(*f),
        AttributeValue::Int(i) => proto.i = Some(*i),
        AttributeValue::String(s) => proto.s = Some(s.clone()),
        AttributeValue::Type(t) => proto.tp = Some(Box::new(type_proto(t))),
        AttributeValue::Floats(floats) => proto.floats = floats.clone(),
        AttributeValue::Ints(ints) => proto.ints = ints.clone(),
        AttributeValue::Strings(strings) => proto.strings = strings.clone(),
        AttributeValue::Types(all) => proto.type_protos = all.iter().map(type_proto).collect(),
        AttributeValue::Reference { name, .. } => proto.ref_attr_name = Some(name.clone()),
        AttributeValue::Tensor(_)
        | AttributeValue::Tensors(_)
        | AttributeValue::SparseTensor(_)
        | AttributeValue::SparseTensors(_)
        | AttributeValue::Graph(_)
        | AttributeValue::Graphs(_) => {}
    }
    proto
}
