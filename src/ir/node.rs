//! What a node of the graph is.

use super::{Graph, Metadata, Tensor, Type, ValueId};
use bytes::Bytes;
use petgraph::stable_graph::EdgeIndex;
use std::borrow::Cow;

/// A node of the graph.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// The values it makes, by output slot; none where an optional output is left out.
    pub(super) outputs: Vec<Option<ValueId>>,
    /// The edges into its input slots; none where an optional one is left out.
    pub(super) inputs: Vec<Option<EdgeIndex>>,
    /// The edges of the outer values that its subgraphs capture.
    pub(super) captures: Vec<Option<EdgeIndex>>,
    pub(super) order: Order,
}

/// Where a node stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    /// Its place in the file; an added node shares that of the node it stands behind.
    pub(super) place: u64,
    /// Its number among all nodes that were ever added.
    pub(super) added: u64,
}

impl Node {
    /// The operator, if the node is one.
    pub fn op(&self) -> Option<&Op> {
        match &self.kind {
            NodeKind::Op(op) => Some(op),
            _ => None,
        }
    }

    /// The tensor of an initializer.
    pub fn initializer(&self) -> Option<&Tensor> {
        match &self.kind {
            NodeKind::Initializer(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// The tensor of an initializer, or the default of a graph input.
    pub fn stored_tensor(&self) -> Option<&Tensor> {
        match &self.kind {
            NodeKind::Initializer(tensor) => Some(tensor),
            NodeKind::Input { default } => default.as_ref(),
            _ => None,
        }
    }

    /// The values it makes, by output slot.
    pub fn outputs(&self) -> &[Option<ValueId>] {
        &self.outputs
    }

    /// Input slots, optional ones that are left out included.
    pub fn input_count(&self) -> usize {
        self.inputs.len()
    }

    /// How many outer values its subgraphs capture.
    pub fn capture_count(&self) -> usize {
        self.captures.len()
    }
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// A graph input; with a default it is an initializer that callers can override, no constant.
    Input {
        /// The value where the caller gives none.
        default: Option<Tensor>,
    },
    /// A graph output: one input, no output.
    Output,
    /// A constant.
    Initializer(Tensor),
    /// In a subgraph: the outer value that stands at this capture slot of the control node.
    Capture {
        /// Capture slot of the node that owns this subgraph.
        slot: u32,
    },
    /// An operator.
    Op(Op),
}

/// An operator node.
#[derive(Clone, Debug, Default)]
pub struct Op {
    /// Domain; empty for ONNX's own.
    pub domain: String,
    /// Operator.
    pub op_type: String,
    /// Overload of a model-local function.
    pub overload: String,
    /// The node's name; may be empty, may repeat.
    pub name: String,
    /// Attributes in the order of the file.
    pub attributes: Vec<(String, Attribute)>,
    /// Documentation.
    pub doc_string: String,
    /// Named properties.
    pub metadata: Metadata,
    /// Fields that only the file format knows, encoded; written back as they are.
    pub carried: Bytes,
}

impl Op {
    /// Whether this is operator `op_type` of ONNX's own domain.
    pub fn is(&self, op_type: &str) -> bool {
        self.op_type == op_type && (self.domain.is_empty() || self.domain == "ai.onnx")
    }

    /// The attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&AttributeValue> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, a)| &a.value)
    }

    /// The operator with the attributes of the function that it is in, in place of references to
    /// them; a reference to one that is not given goes.
    pub(crate) fn resolved(&self, given: &[(String, Attribute)]) -> Cow<'_, Self> {
        let is_reference =
            |(_, a): &(String, Attribute)| matches!(a.value, AttributeValue::Reference { .. });
        if !self.attributes.iter().any(is_reference) {
            return Cow::Borrowed(self);
        }
        let resolve = |(name, attribute): &(String, Attribute)| match &attribute.value {
            AttributeValue::Reference { name: of, .. } => {
                let (_, given) = given.iter().find(|(known, _)| known == of)?;
                Some((name.clone(), given.clone()))
            }
            _ => Some((name.clone(), attribute.clone())),
        };
        let attributes = self.attributes.iter().filter_map(resolve).collect();
        Cow::Owned(Self { attributes, ..self.clone() })
    }

    /// An integer attribute.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.attribute(name)? {
            AttributeValue::Int(i) => Some(*i),
            _ => None,
        }
    }

    /// A float attribute.
    pub fn float(&self, name: &str) -> Option<f32> {
        match self.attribute(name)? {
            AttributeValue::Float(f) => Some(*f),
            _ => None,
        }
    }

    /// The subgraphs in its attributes.
    pub fn subgraphs(&self) -> impl Iterator<Item = &Graph> {
        self.attributes.iter().flat_map(|(_, a)| match &a.value {
            AttributeValue::Graph(graph) => std::slice::from_ref(&**graph),
            AttributeValue::Graphs(graphs) => graphs.as_slice(),
            _ => &[],
        })
    }

    /// The subgraphs in its attributes, each with what a message calls it.
    pub(crate) fn named_subgraphs(&self) -> Vec<(String, &Graph)> {
        let mut named = Vec::new();
        for (name, attribute) in &self.attributes {
            match &attribute.value {
                AttributeValue::Graph(graph) => {
                    named.push((format!("subgraph {name:?}"), &**graph));
                }
                AttributeValue::Graphs(graphs) => {
                    let numbered = graphs.iter().enumerate();
                    named.extend(numbered.map(|(i, g)| (format!("subgraph {i} of {name:?}"), g)));
                }
                _ => {}
            }
        }
        named
    }

    /// The subgraphs in its attributes, to change them.
    pub fn subgraphs_mut(&mut self) -> impl Iterator<Item = &mut Graph> {
        self.attributes.iter_mut().flat_map(|(_, a)| match &mut a.value {
            AttributeValue::Graph(graph) => std::slice::from_mut(&mut **graph),
            AttributeValue::Graphs(graphs) => graphs.as_mut_slice(),
            _ => &mut [],
        })
    }
}

/// An attribute.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Its value.
    pub value: AttributeValue,
    /// Documentation.
    pub doc_string: String,
}

impl From<AttributeValue> for Attribute {
    fn from(value: AttributeValue) -> Self {
        Self { value, doc_string: String::new() }
    }
}

/// The value of an attribute.
#[derive(Clone, Debug)]
pub enum AttributeValue {
    /// A float.
    Float(f32),
    /// An integer.
    Int(i64),
    /// A string of bytes, mostly UTF-8.
    String(Bytes),
    /// A tensor.
    Tensor(Tensor),
    /// A subgraph.
    Graph(Box<Graph>),
    /// A sparse tensor.
    SparseTensor(Tensor),
    /// A type.
    Type(Type),
    /// Floats.
    Floats(Vec<f32>),
    /// Integers.
    Ints(Vec<i64>),
    /// Strings.
    Strings(Vec<Bytes>),
    /// Tensors.
    Tensors(Vec<Tensor>),
    /// Subgraphs.
    Graphs(Vec<Graph>),
    /// Sparse tensors.
    SparseTensors(Vec<Tensor>),
    /// Types.
    Types(Vec<Type>),
    /// In a function body: the attribute of the function with this name.
    Reference {
        /// The kind it must have.
        kind: AttributeKind,
        /// The function's attribute.
        name: String,
    },
}

/// The kinds of attribute, numbered as ONNX `AttributeProto.AttributeType`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
#[expect(missing_docs, reason = "the variants are those of AttributeValue")]
pub enum AttributeKind {
    Undefined = 0,
    Float = 1,
    Int = 2,
    String = 3,
    Tensor = 4,
    Graph = 5,
    Floats = 6,
    Ints = 7,
    Strings = 8,
    Tensors = 9,
    Graphs = 10,
    SparseTensor = 11,
    SparseTensors = 12,
    Type = 13,
    Types = 14,
}

impl AttributeKind {
    /// All kinds, in the order of their numbers.
    const ALL: [Self; 15] = [
        Self::Undefined,
        Self::Float,
        Self::Int,
        Self::String,
        Self::Tensor,
        Self::Graph,
        Self::Floats,
        Self::Ints,
        Self::Strings,
        Self::Tensors,
        Self::Graphs,
        Self::SparseTensor,
        Self::SparseTensors,
        Self::Type,
        Self::Types,
    ];

    /// The kind with this ONNX number.
    pub fn from_onnx(number: i32) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

impl AttributeValue {
    /// What kind it is.
    pub fn kind(&self) -> AttributeKind {
        match self {
            Self::Float(_) => AttributeKind::Float,
            Self::Int(_) => AttributeKind::Int,
            Self::String(_) => AttributeKind::String,
            Self::Tensor(_) => AttributeKind::Tensor,
            Self::Graph(_) => AttributeKind::Graph,
            Self::SparseTensor(_) => AttributeKind::SparseTensor,
            Self::Type(_) => AttributeKind::Type,
            Self::Floats(_) => AttributeKind::Floats,
            Self::Ints(_) => AttributeKind::Ints,
            Self::Strings(_) => AttributeKind::Strings,
            Self::Tensors(_) => AttributeKind::Tensors,
            Self::Graphs(_) => AttributeKind::Graphs,
            Self::SparseTensors(_) => AttributeKind::SparseTensors,
            Self::Types(_) => AttributeKind::Types,
            Self::Reference { kind, .. } => *kind,
        }
    }
}
