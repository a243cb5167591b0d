//! Graphs: names become edges, and outer names of subgraphs captures.

use super::Reader;
use crate::error::{Error, Result};
use crate::ir::{Graph, NodeId, Op, Slot, Tensor, Use, ValueId};
use crate::onnx::proto::*;
use crate::onnx::types::metadata;
use prost::Message;
use std::collections::{HashMap, HashSet};

/// Whether names of an outer graph can be read.
pub(super) enum Scope<'a> {
    /// A main graph or a function body.
    Closed,
    /// A subgraph: the names its control node captures so far, and their capture slots.
    Open(&'a mut Captures),
}

/// Capture slots by the outer name that they stand for.
pub(super) type Captures = HashMap<String, u32>;

/// Builds a graph of its message.
pub(super) fn build_graph(
    reader: &mut Reader,
    proto: GraphProto,
    scope: Scope<'_>,
) -> Result<Graph> {
    let mut builder = Builder { graph: Graph::default(), scope, made: HashSet::new() };
    builder.build(reader, proto)?;
    Ok(builder.graph)
}

struct Builder<'a> {
    graph: Graph,
    scope: Scope<'a>,
    /// Names of values that were added.
    made: HashSet<String>,
}

/// What an operator reads, by name.
struct Reads {
    node: NodeId,
    inputs: Vec<String>,
    captures: Captures,
}

impl Builder<'_> {
    fn build(&mut self, reader: &mut Reader, proto: GraphProto) -> Result<()> {
        self.graph.name = proto.name.unwrap_or_default();
        self.graph.doc_string = proto.doc_string.unwrap_or_default();
        self.graph.metadata = metadata(proto.metadata_props);
        self.add_constants(reader, proto.input, proto.initializer, proto.sparse_initializer)?;
        let reads: Vec<Reads> = proto
            .node
            .into_iter()
            .map(|node| self.add_node(reader, node))
            .collect::<Result<_>>()?;
        for Reads { node, inputs, captures } in reads {
            for (slot, name) in inputs.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
                let value = self.resolve(name).map_err(|e| e.within(self.describe(node)))?;
                self.graph.connect(value, Use::input(node, slot));
            }
            let mut captures: Vec<_> = captures.into_iter().map(|(n, slot)| (slot, n)).collect();
            captures.sort_unstable();
            for (slot, name) in captures {
                let value = self.resolve(&name).map_err(|e| e.within(self.describe(node)))?;
                self.graph.connect(value, Use { node, slot: Slot::Capture(slot) });
            }
        }
        let output = self.add_outputs(reader, proto.output)?;
        let dangling = self.add_value_info(reader, proto.value_info)?;
        let carried = GraphProto {
            quantization_annotation: proto.quantization_annotation,
            value_info: dangling,
            output,
            ..Default::default()
        };
        self.graph.carried = carried.encode_to_vec().into();
        Ok(())
    }

    fn describe(&self, node: NodeId) -> String {
        self.graph
            .node(node)
            .op()
            .map(|op| format!("node {:?} ({})", op.name, op.op_type))
            .unwrap_or_default()
    }

    /// Marks a name as made.
    fn make(&mut self, name: &str) -> Result<()> {
        if name.is_empty() {
            return Err(Error::input("an input or an initializer without a name"));
        }
        if !self.made.insert(name.to_owned()) {
            return Err(Error::input(format!("two values have the name {name:?}")));
        }
        Ok(())
    }

    /// Adds inputs and initializers; one that is both is an input with a default.
    fn add_constants(
        &mut self,
        reader: &mut Reader,
        inputs: Vec<ValueInfoProto>,
        tensors: Vec<TensorProto>,
        sparse: Vec<SparseTensorProto>,
    ) -> Result<()> {
        for input in inputs {
            let name = input.name().to_owned();
            self.make(&name)?;
            let info = reader.value_info(input).map_err(|e| e.within(format!("input {name:?}")))?;
            self.graph.add_input(&name, info, None);
        }
        let mut stored = HashSet::new();
        for proto in tensors {
            self.add_stored(reader.tensor(proto)?, &mut stored)?;
        }
        for proto in sparse {
            self.add_stored(reader.sparse(proto)?, &mut stored)?;
        }
        Ok(())
    }

    /// Adds an initializer, or the default of the input of its name.
    fn add_stored(&mut self, mut tensor: Tensor, stored: &mut HashSet<String>) -> Result<()> {
        let name = std::mem::take(&mut tensor.name);
        if !stored.insert(name.clone()) {
            return Err(Error::input(format!("two initializers have the name {name:?}")));
        }
        match self.graph.value_named(&name) {
            Some(input) => self.graph.set_default(input, tensor),
            None => {
                self.make(&name)?;
                self.graph.add_initializer(&name, tensor);
            }
        }
        Ok(())
    }

    fn add_node(&mut self, reader: &mut Reader, proto: NodeProto) -> Result<Reads> {
        let name = proto.name.unwrap_or_default();
        let op_type = proto.op_type.unwrap_or_default();
        let within = |e: Error| e.within(format!("node {name:?} ({op_type})"));
        let mut captures = Captures::new();
        let attributes = proto.attribute.into_iter().map(|a| reader.attribute(a, &mut captures));
        let attributes = attributes.collect::<Result<_>>().map_err(within)?;
        for output in proto.output.iter().filter(|o| !o.is_empty()) {
            self.make(output).map_err(within)?;
        }
        let carried =
            NodeProto { device_configurations: proto.device_configurations, ..Default::default() };
        let op = Op {
            domain: proto.domain.unwrap_or_default(),
            overload: proto.overload.unwrap_or_default(),
            doc_string: proto.doc_string.unwrap_or_default(),
            metadata: metadata(proto.metadata_props),
            carried: carried.encode_to_vec().into(),
            op_type,
            name,
            attributes,
        };
        let outputs: Vec<Option<&str>> =
            proto.output.iter().map(|o| Some(o.as_str()).filter(|o| !o.is_empty())).collect();
        let node = self.graph.add_op(op, proto.input.len(), &outputs);
        Ok(Reads { node, inputs: proto.input, captures })
    }

    /// The value of a name: of this graph, or an outer one that becomes a capture.
    fn resolve(&mut self, name: &str) -> Result<ValueId> {
        if let Some(value) = self.graph.value_named(name) {
            return Ok(value);
        }
        match &mut self.scope {
            Scope::Closed => {
                let error = Error::input(format!("reads {name:?}, which nothing makes"));
                let near = crate::error::near(name, self.made.iter().map(String::as_str), 2);
                Err(near.iter().fold(error, |e, n| e.help(format!("there is {n:?}"))))
            }
            Scope::Open(captures) => {
                let next = captures.len() as u32;
                let slot = *captures.entry(name.to_owned()).or_insert(next);
                Ok(self.graph.add_capture(name, slot))
            }
        }
    }

    /// Adds the outputs. Gives them back if one declares something else than its value does.
    fn add_outputs(
        &mut self,
        reader: &mut Reader,
        outputs: Vec<ValueInfoProto>,
    ) -> Result<Vec<ValueInfoProto>> {
        let mut differ = false;
        for output in &outputs {
            let name = output.name();
            let value = self.resolve(name).map_err(|e| e.within("graph output"))?;
            self.graph.add_graph_output(value);
            let info = reader
                .value_info(output.clone())
                .map_err(|e| e.within(format!("output {name:?}")))?;
            let declared = &mut self.graph.value_mut(value).info;
            differ |= declared.as_ref().is_some_and(|declared| *declared != info);
            declared.get_or_insert(info);
        }
        Ok(if differ { outputs } else { Vec::new() })
    }

    /// Declares what is said of values. Gives back what is said of values that are not there.
    fn add_value_info(
        &mut self,
        reader: &mut Reader,
        protos: Vec<ValueInfoProto>,
    ) -> Result<Vec<ValueInfoProto>> {
        let mut dangling = Vec::new();
        for proto in protos {
            match self.graph.value_named(proto.name()) {
                Some(value) if self.graph.value(value).info.is_none() => {
                    let name = proto.name().to_owned();
                    let info = reader
                        .value_info(proto)
                        .map_err(|e| e.within(format!("value {name:?}")))?;
                    self.graph.declare(value, info);
                }
                _ => dangling.push(proto),
            }
        }
        Ok(dangling)
    }
}
