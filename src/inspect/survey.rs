//! All graphs and tensors of a model, wherever they stand.

use crate::ir::tensor::FileSlice;
use crate::ir::{
    Attribute, AttributeValue, Function, Graph, Model, NodeId, Op, Storage, Tensor, TensorData,
};
use serde::Serialize;
use std::fmt;

/// All graphs and tensors of a model.
pub(super) struct Survey<'a> {
    pub(super) model: &'a Model,
    /// The main graph, its subgraphs, then the functions' bodies with theirs.
    pub(super) parts: Vec<Part<'a>>,
    /// The tensors of all parts: initializers, defaults of inputs, attributes.
    pub(super) tensors: Vec<PlacedTensor<'a>>,
}

/// A graph of a model.
pub(super) struct Part<'a> {
    pub(super) graph: &'a Graph,
    /// Its operators, those of subgraphs aside.
    pub(super) ops: Vec<(NodeId, &'a Op)>,
    /// The function it is the body of, or stands in.
    pub(super) function: Option<&'a Function>,
    /// What a message calls it; none for the main graph.
    pub(super) place: Option<String>,
}

/// A tensor of a model.
pub(super) struct PlacedTensor<'a> {
    pub(super) place: TensorPlace,
    pub(super) tensor: &'a Tensor,
}

/// Where a tensor stands: under a name, or in an attribute of a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TensorPlace {
    /// The initializer or input; none for an attribute.
    pub name: Option<String>,
    /// The node whose attribute it is.
    pub node: Option<String>,
    /// The attribute.
    pub attribute: Option<String>,
    /// The subgraph or function; none in the main graph.
    pub graph: Option<String>,
}

impl fmt::Display for TensorPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.attribute, &self.node) {
            (Some(name), ..) => write!(f, "{name:?}")?,
            (_, Some(attribute), Some(node)) => write!(f, "{attribute} of {node}")?,
            (_, Some(attribute), None) => write!(f, "default of attribute {attribute:?}")?,
            _ => {}
        }
        match &self.graph {
            Some(graph) => write!(f, " in {graph}"),
            None => Ok(()),
        }
    }
}

impl<'a> Survey<'a> {
    pub(super) fn new(model: &'a Model) -> Self {
        let mut survey = Self { model, parts: Vec::new(), tensors: Vec::new() };
        survey.add_graph(&model.graph, None, None);
        for function in &model.functions {
            let place = format!("function {}", function.full_name());
            survey.add_attributes(&function.attribute_defaults, None, Some(&place));
            survey.add_graph(&function.body, Some(function), Some(place));
        }
        survey
    }

    /// The main graph.
    pub(super) fn main(&self) -> &'a Graph {
        &self.model.graph
    }

    /// The operators of all parts.
    pub(super) fn ops(&self) -> impl Iterator<Item = &'a Op> {
        self.parts.iter().flat_map(|part| part.ops.iter().map(|&(_, op)| op))
    }

    fn add_graph(
        &mut self,
        graph: &'a Graph,
        function: Option<&'a Function>,
        place: Option<String>,
    ) {
        self.add_named(graph, place.as_deref());
        let ops = graph.ops();
        for &(id, op) in &ops {
            let node = graph.describe(id);
            self.add_attributes(&op.attributes, Some(&node), place.as_deref());
        }
        self.parts.push(Part { graph, ops: ops.clone(), function, place: place.clone() });
        for (id, op) in ops {
            for (attribute, subgraph) in op.named_subgraphs() {
                let inner = format!("{attribute} of {}", graph.describe(id));
                let inner = place.iter().fold(inner, |inner, outer| format!("{inner} in {outer}"));
                self.add_graph(subgraph, function, Some(inner));
            }
        }
    }

    /// Adds the initializers and the defaults of inputs.
    fn add_named(&mut self, graph: &'a Graph, place: Option<&str>) {
        for (value, tensor) in graph.stored_tensors() {
            let place = TensorPlace {
                name: Some(graph.value(value).name().to_owned()),
                node: None,
                attribute: None,
                graph: place.map(str::to_owned),
            };
            self.tensors.push(PlacedTensor { place, tensor });
        }
    }

    fn add_attributes(
        &mut self,
        attributes: &'a [(String, Attribute)],
        node: Option<&str>,
        graph: Option<&str>,
    ) {
        for (name, attribute) in attributes {
            for tensor in attribute_tensors(&attribute.value) {
                let place = TensorPlace {
                    name: None,
                    node: node.map(str::to_owned),
                    attribute: Some(name.clone()),
                    graph: graph.map(str::to_owned),
                };
                self.tensors.push(PlacedTensor { place, tensor });
            }
        }
    }
}

fn attribute_tensors(value: &AttributeValue) -> &[Tensor] {
    match value {
        AttributeValue::Tensor(tensor) | AttributeValue::SparseTensor(tensor) => {
            std::slice::from_ref(tensor)
        }
        AttributeValue::Tensors(tensors) | AttributeValue::SparseTensors(tensors) => tensors,
        _ => &[],
    }
}

/// The tensors that are stored for a tensor: of a sparse one its values and its indices.
pub(super) fn stored(tensor: &Tensor) -> Vec<&Tensor> {
    match &tensor.data {
        TensorData::Sparse(sparse) => vec![&sparse.values, &sparse.indices],
        _ => vec![tensor],
    }
}

/// The part of an external data file that a tensor is; none for one in the model file.
pub(super) fn external(tensor: &Tensor) -> Option<&FileSlice> {
    match &tensor.data {
        TensorData::File(slice) if tensor.storage == Storage::External => Some(slice),
        _ => None,
    }
}

/// How a report names an operator set's domain.
pub(super) fn domain_name(domain: &str) -> &str {
    if domain.is_empty() { "ai.onnx" } else { domain }
}
