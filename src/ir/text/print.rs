//! Printing.

use super::super::{
    Attribute, AttributeKind, AttributeValue, DataType, Dim, DimSize, Function, Graph, Metadata,
    Model, NodeId, NodeKind, Op, Storage, Tensor, TensorData, Type, TypeKind, ValueId, ValueInfo,
};
use super::lex::is_plain;
use half::{bf16, f16};
use std::fmt::Write;

/// How a model is printed.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Tensors of more elements are printed without them; such text cannot be parsed.
    pub most_elements: u64,
}

/// The whole text of a model.
pub fn print(model: &Model) -> String {
    print_with(model, Options { most_elements: u64::MAX })
}

/// The text of a model.
pub fn print_with(model: &Model, options: Options) -> String {
    let mut printer = Printer { text: String::new(), indent: 0, options };
    printer.model(model);
    printer.text
}

/// The text of a function.
pub fn print_function(function: &Function) -> String {
    let options = Options { most_elements: u64::MAX };
    let mut printer = Printer { text: String::new(), indent: 0, options };
    printer.function(function);
    printer.text
}

struct Printer {
    text: String,
    indent: usize,
    options: Options,
}

impl Printer {
    fn push(&mut self, text: impl AsRef<str>) {
        self.text.push_str(text.as_ref());
    }

    fn line(&mut self) {
        self.text.push('\n');
        self.push("  ".repeat(self.indent));
    }

    fn model(&mut self, model: &Model) {
        self.push(format!("model ir={}", model.ir_version));
        self.opsets(&model.opset_imports);
        if !model.producer_name.is_empty() || !model.producer_version.is_empty() {
            self.push(format!(" producer {:?} {:?}", model.producer_name, model.producer_version));
        }
        if !model.domain.is_empty() {
            self.push(format!(" domain {:?}", model.domain));
        }
        if model.model_version != 0 {
            self.push(format!(" version {}", model.model_version));
        }
        self.description(&model.doc_string, &model.metadata);
        self.carried(&model.carried);
        for function in &model.functions {
            self.line();
            self.function(function);
        }
        self.line();
        self.graph(&model.graph);
        self.text.push('\n');
    }

    fn opsets(&mut self, opsets: &[(String, i64)]) {
        for (domain, version) in opsets {
            self.push(format!(" opset {domain:?}={version}"));
        }
    }

    fn description(&mut self, doc: &str, metadata: &Metadata) {
        if !doc.is_empty() {
            self.push(format!(" doc {doc:?}"));
        }
        if !metadata.is_empty() {
            let entries: Vec<_> = metadata.iter().map(|(k, v)| format!("{k:?}: {v:?}")).collect();
            self.push(format!(" meta {{{}}}", entries.join(", ")));
        }
    }

    fn carried(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.push(format!(" carried {}", hex(bytes)));
        }
    }

    fn function(&mut self, function: &Function) {
        self.push(format!("function {:?} {:?}", function.domain, function.name));
        if !function.overload.is_empty() {
            self.push(format!(" overload {:?}", function.overload));
        }
        self.opsets(&function.opset_imports);
        for attribute in &function.attributes {
            self.push(format!(" attribute {attribute:?}"));
        }
        if !function.attribute_defaults.is_empty() {
            self.push(" defaults ");
            self.attributes(&function.attribute_defaults);
        }
        self.description(&function.doc_string, &function.metadata);
        self.line();
        self.graph(&function.body);
    }

    fn graph(&mut self, graph: &Graph) {
        self.push(format!("graph {}(", word(&graph.name)));
        for (i, &id) in graph.inputs().iter().enumerate() {
            self.push(if i > 0 { ", " } else { "" });
            if let (Some(value), NodeKind::Input { default }) =
                (graph.output(id), &graph.node(id).kind)
            {
                self.declared(graph, value);
                if let Some(tensor) = default {
                    self.push(" = ");
                    self.tensor(tensor);
                }
            }
        }
        let outputs = graph.outputs().iter().filter_map(|&id| graph.node_input(id, 0));
        let outputs: Vec<_> = outputs.map(|v| name(graph.value(v).name())).collect();
        self.push(format!(") -> ({})", outputs.join(", ")));
        self.description(&graph.doc_string, &graph.metadata);
        self.carried(&graph.carried);
        self.push(" {");
        self.indent += 1;
        self.graph_items(graph);
        self.indent -= 1;
        self.line();
        self.push("}");
    }

    fn graph_items(&mut self, graph: &Graph) {
        for id in graph.captures() {
            if let (Some(value), NodeKind::Capture { slot }) =
                (graph.output(id), &graph.node(id).kind)
            {
                self.line();
                self.push("capture ");
                self.declared(graph, value);
                self.push(format!(" = {slot}"));
            }
        }
        for (value, tensor) in graph.initializers() {
            self.line();
            self.push("const ");
            self.declared(graph, value);
            self.push(" = ");
            self.tensor(tensor);
        }
        for (id, op) in graph.ops() {
            self.line();
            self.op(graph, id, op);
        }
    }

    /// A value's name and what is declared about it.
    fn declared(&mut self, graph: &Graph, value: ValueId) {
        let value = graph.value(value);
        self.push(name(value.name()));
        let Some(ValueInfo { ty, doc_string, metadata }) = &value.info else { return };
        if let Some(ty) = ty {
            self.push(": ");
            self.ty(ty);
        }
        self.description(doc_string, metadata);
    }

    fn op(&mut self, graph: &Graph, id: NodeId, op: &Op) {
        for (i, output) in graph.node(id).outputs().iter().enumerate() {
            self.push(if i > 0 { ", " } else { "" });
            match output {
                Some(value) => self.declared(graph, *value),
                None => self.push("_"),
            }
        }
        self.push(if graph.node(id).outputs().is_empty() { "" } else { " = " });
        if !op.domain.is_empty() {
            self.push(format!("{:?}::", op.domain));
        }
        // At the start of a line it stands in quotes: there are words that start other things.
        self.push(match graph.node(id).outputs().is_empty() && op.domain.is_empty() {
            true => format!("{:?}", op.op_type),
            false => word(&op.op_type),
        });
        if !op.overload.is_empty() {
            self.push(format!("#{:?}", op.overload));
        }
        self.push(format!("({})", self.names(graph, graph.node_inputs(id))));
        if graph.node(id).capture_count() > 0 {
            self.push(format!(" captures({})", self.names(graph, graph.node_captures(id))));
        }
        if !op.name.is_empty() {
            self.push(format!(" name {:?}", op.name));
        }
        if !op.attributes.is_empty() {
            self.push(" ");
            self.attributes(&op.attributes);
        }
        self.description(&op.doc_string, &op.metadata);
        self.carried(&op.carried);
    }

    fn names(&self, graph: &Graph, values: Vec<Option<ValueId>>) -> String {
        let name = |v: Option<ValueId>| v.map_or("_".to_owned(), |v| name(graph.value(v).name()));
        values.into_iter().map(name).collect::<Vec<_>>().join(", ")
    }

    fn attributes(&mut self, attributes: &[(String, Attribute)]) {
        self.push("{");
        for (i, (name, attribute)) in attributes.iter().enumerate() {
            self.push(if i > 0 { ", " } else { "" });
            self.push(format!("{}: ", word(name)));
            self.attribute(&attribute.value);
            self.description(&attribute.doc_string, &Metadata::default());
        }
        self.push("}");
    }

    fn attribute(&mut self, value: &AttributeValue) {
        match value {
            AttributeValue::Float(f) => self.push(float(*f)),
            AttributeValue::Int(i) => self.push(i.to_string()),
            AttributeValue::String(s) => self.push(string(s)),
            AttributeValue::Tensor(t) => {
                self.push("tensor ");
                self.tensor(t);
            }
            AttributeValue::SparseTensor(t) => {
                self.push("sparse ");
                self.tensor(t);
            }
            AttributeValue::Graph(g) => self.graph(g),
            AttributeValue::Type(t) => {
                self.push("type ");
                self.ty(t);
            }
            AttributeValue::Floats(all) => self.list("floats", all, |p, f| p.push(float(*f))),
            AttributeValue::Ints(all) => self.list("ints", all, |p, i| p.push(i.to_string())),
            AttributeValue::Strings(all) => self.list("strings", all, |p, s| p.push(string(s))),
            AttributeValue::Tensors(all) => self.list("tensors", all, Self::tensor),
            AttributeValue::SparseTensors(all) => self.list("sparses", all, Self::tensor),
            AttributeValue::Graphs(all) => self.list("graphs", all, Self::graph),
            AttributeValue::Types(all) => self.list("types", all, Self::ty),
            AttributeValue::Reference { kind, name } => {
                self.push(format!("ref {} {}", kind_name(*kind), word(name)));
            }
        }
    }

    fn list<T>(&mut self, kind: &str, items: &[T], item: impl Fn(&mut Self, &T)) {
        self.push(format!("{kind} ["));
        for (i, one) in items.iter().enumerate() {
            self.push(if i > 0 { ", " } else { "" });
            item(self, one);
        }
        self.push("]");
    }

    fn ty(&mut self, ty: &Type) {
        let inner = |p: &mut Self, word: &str, inner: &Option<Box<Type>>| {
            p.push(format!("{word}("));
            match inner {
                Some(ty) => p.ty(ty),
                None => p.push("_"),
            }
            p.push(")");
        };
        match &ty.kind {
            TypeKind::Tensor { dtype, shape } => self.tensor_type(*dtype, shape.as_deref()),
            TypeKind::SparseTensor { dtype, shape } => {
                self.push("sparse ");
                self.tensor_type(*dtype, shape.as_deref());
            }
            TypeKind::Sequence(t) => inner(self, "sequence", t),
            TypeKind::Optional(t) => inner(self, "optional", t),
            TypeKind::Map { key, value } => inner(self, &format!("map {key}"), value),
            TypeKind::Opaque { domain, name } => self.push(format!("opaque({domain:?}, {name:?})")),
            TypeKind::Unset => self.push("unset"),
        }
        self.denotation(&ty.denotation);
    }

    fn denotation(&mut self, denotation: &str) {
        if !denotation.is_empty() {
            self.push(format!("@{denotation:?}"));
        }
    }

    fn tensor_type(&mut self, dtype: Option<DataType>, shape: Option<&[Dim]>) {
        self.push(dtype.map_or("?", DataType::name));
        let Some(shape) = shape else { return };
        self.push("[");
        for (i, dim) in shape.iter().enumerate() {
            self.push(if i > 0 { ", " } else { "" });
            match &dim.size {
                DimSize::Known(size) => self.push(size.to_string()),
                DimSize::Symbol(symbol) => self.push(word(symbol)),
                DimSize::Unknown => self.push("?"),
            }
            self.denotation(&dim.denotation);
        }
        self.push("]");
    }

    fn tensor(&mut self, tensor: &Tensor) {
        let dims: Vec<String> = tensor.dims.iter().map(ToString::to_string).collect();
        self.push(format!("{}[{}] ", tensor.dtype, dims.join(", ")));
        self.tensor_data(tensor);
        if tensor.storage == Storage::Typed && tensor.dtype != DataType::String {
            self.push(" typed");
        }
        if !tensor.name.is_empty() {
            self.push(format!(" name {:?}", tensor.name));
        }
        self.description(&tensor.doc_string, &tensor.metadata);
    }

    fn tensor_data(&mut self, tensor: &Tensor) {
        match &tensor.data {
            TensorData::Pending { task, result } => self.push(format!("pending({task}, {result})")),
            TensorData::Sparse(sparse) => {
                self.push("sparse(");
                self.tensor(&sparse.values);
                self.push(", ");
                self.tensor(&sparse.indices);
                self.push(")");
            }
            _ if tensor.element_count().unwrap_or(u64::MAX) > self.options.most_elements => {
                let bytes = tensor.byte_len().unwrap_or(0);
                self.push(format!("elided({bytes})"));
            }
            TensorData::Strings(strings) => {
                let strings: Vec<_> = strings.iter().map(|s| string(s)).collect();
                self.push(format!("{{{}}}", strings.join(", ")));
            }
            TensorData::Bytes(_) | TensorData::File(_) => {
                let bytes = tensor.bytes().unwrap_or_default();
                match numbers(tensor.dtype, bytes) {
                    Some(numbers) => self.push(format!("{{{}}}", numbers.join(", "))),
                    None => self.push(hex(bytes)),
                }
            }
        }
    }
}

fn name(name: &str) -> String {
    format!("%{}", word(name))
}

/// A name: bare if it is plain.
fn word(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { format!("{text:?}") }
}

fn string(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => hex(bytes),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::from("hex\"");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text + "\""
}

/// A float that reads back as the same bits; its bits where it is not a number.
fn float(f: f32) -> String {
    if f.is_nan() { format!("bits({:#010x})", f.to_bits()) } else { format!("{f:?}") }
}

/// Elements as numbers, for types that have a text that reads back as the same bits, if the bytes
/// are whole elements.
fn numbers(dtype: DataType, bytes: &[u8]) -> Option<Vec<String>> {
    fn each<const N: usize>(
        bytes: &[u8],
        text: impl Fn([u8; N]) -> Option<String>,
    ) -> Option<Vec<String>> {
        let (elements, rest) = bytes.as_chunks::<N>();
        elements.iter().map(|&b| text(b)).collect::<Option<_>>().filter(|_| rest.is_empty())
    }
    let real = |f: f32| (!f.is_nan()).then(|| format!("{f:?}"));
    match dtype {
        DataType::F32 => each(bytes, |b| real(f32::from_le_bytes(b))),
        DataType::F16 => each(bytes, |b| real(f16::from_le_bytes(b).to_f32())),
        DataType::BF16 => each(bytes, |b| real(bf16::from_le_bytes(b).to_f32())),
        DataType::F64 => each(bytes, |b| {
            Some(f64::from_le_bytes(b)).filter(|f| !f.is_nan()).map(|f| format!("{f:?}"))
        }),
        DataType::I64 => each(bytes, |b| Some(i64::from_le_bytes(b).to_string())),
        DataType::I32 => each(bytes, |b| Some(i32::from_le_bytes(b).to_string())),
        DataType::I16 => each(bytes, |b| Some(i16::from_le_bytes(b).to_string())),
        DataType::I8 => each(bytes, |b| Some(i8::from_le_bytes(b).to_string())),
        DataType::U64 => each(bytes, |b| Some(u64::from_le_bytes(b).to_string())),
        DataType::U32 => each(bytes, |b| Some(u32::from_le_bytes(b).to_string())),
        DataType::U16 => each(bytes, |b| Some(u16::from_le_bytes(b).to_string())),
        DataType::U8 | DataType::Bool => each(bytes, |b: [u8; 1]| Some(b[0].to_string())),
        _ => None,
    }
}

pub(super) const KINDS: [(AttributeKind, &str); 14] = [
    (AttributeKind::Float, "float"),
    (AttributeKind::Int, "int"),
    (AttributeKind::String, "string"),
    (AttributeKind::Tensor, "tensor"),
    (AttributeKind::Graph, "graph"),
    (AttributeKind::Floats, "floats"),
    (AttributeKind::Ints, "ints"),
    (AttributeKind::Strings, "strings"),
    (AttributeKind::Tensors, "tensors"),
    (AttributeKind::Graphs, "graphs"),
    (AttributeKind::SparseTensor, "sparse"),
    (AttributeKind::SparseTensors, "sparses"),
    (AttributeKind::Type, "type"),
    (AttributeKind::Types, "types"),
];

fn kind_name(kind: AttributeKind) -> &'static str {
    KINDS.iter().find(|(k, _)| *k == kind).map_or("undefined", |(_, name)| name)
}
