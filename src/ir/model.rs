//! A model: a graph, functions and what describes them.

use super::{Attribute, Graph, Metadata, Op, text};
use bytes::Bytes;

/// A model.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Version of the ONNX IR.
    pub ir_version: i64,
    /// Operator sets by domain, in the order of the file; `""` is ONNX's own.
    pub opset_imports: Vec<(String, i64)>,
    /// The tool that made the model.
    pub producer_name: String,
    /// Its version.
    pub producer_version: String,
    /// The model's name space.
    pub domain: String,
    /// The model's own version.
    pub model_version: i64,
    /// Documentation.
    pub doc_string: String,
    /// Named properties.
    pub metadata: Metadata,
    /// The main graph.
    pub graph: Graph,
    /// Model-local functions.
    pub functions: Vec<Function>,
    /// Fields that only the file format knows, encoded; written back as they are.
    pub carried: Bytes,
}

impl Model {
    /// The version of the operator set of `domain` that the model imports.
    pub fn opset(&self, domain: &str) -> Option<i64> {
        let same = |d: &str| d == domain || (domain.is_empty() && d == "ai.onnx");
        self.opset_imports.iter().find(|(d, _)| same(d)).map(|&(_, version)| version)
    }

    /// The function that a node calls.
    pub(crate) fn function(&self, op: &Op) -> Option<&Function> {
        let same = |f: &&Function| {
            f.name == op.op_type && f.domain == op.domain && f.overload == op.overload
        };
        self.functions.iter().find(same)
    }
}

impl Model {
    /// Imports a domain, as version 1 unless it is imported already.
    pub(super) fn import(&mut self, domain: String) {
        if self.opset(&domain).is_none() {
            self.opset_imports.push((domain, 1));
        }
    }

    /// Whether the function of this domain, name and overload says the same; none if there is none.
    pub fn has_function(&self, function: &Function) -> Option<bool> {
        let name = function.full_name();
        let known = self.functions.iter().find(|f| f.full_name() == name)?;
        Some(text::print_function(known) == text::print_function(function))
    }

    /// Adds a function, and imports its domain. One that is there and says the same stays.
    pub(super) fn add_function(&mut self, function: Function) -> Result<(), String> {
        match self.has_function(&function) {
            Some(true) => return Ok(()),
            Some(false) => {
                return Err(format!("another function {} is there", function.full_name()));
            }
            None => {}
        }
        self.import(function.domain.clone());
        self.functions.push(function);
        Ok(())
    }
}

/// A model-local function; its inputs and outputs are those of its body.
#[derive(Clone, Debug, Default)]
pub struct Function {
    /// Domain.
    pub domain: String,
    /// Name.
    pub name: String,
    /// Overload; empty where there is only one.
    pub overload: String,
    /// Names of attributes without a default.
    pub attributes: Vec<String>,
    /// Attributes with a default.
    pub attribute_defaults: Vec<(String, Attribute)>,
    /// Operator sets its body uses.
    pub opset_imports: Vec<(String, i64)>,
    /// Documentation.
    pub doc_string: String,
    /// Named properties.
    pub metadata: Metadata,
    /// The body.
    pub body: Graph,
}

impl Function {
    /// Domain, name and overload in one: `domain::name<overload>`.
    pub fn full_name(&self) -> String {
        let Self { domain, name, overload, .. } = self;
        let domain = if domain.is_empty() { String::new() } else { format!("{domain}::") };
        let overload = if overload.is_empty() { String::new() } else { format!("<{overload}>") };
        format!("{domain}{name}{overload}")
    }

    /// The attributes of a call, and the defaults of those that it does not have.
    pub(crate) fn given(&self, call: &Op) -> Vec<(String, Attribute)> {
        let mut attributes = call.attributes.clone();
        for (name, default) in &self.attribute_defaults {
            if call.attribute(name).is_none() {
                attributes.push((name.clone(), default.clone()));
            }
        }
        attributes
    }

    /// Imports what a model imports, as far as the body has operators of it: whatever else the model
    /// uses, a function stays the same.
    pub fn import_used(&mut self, imports: &[(String, i64)]) {
        let body = &self.body;
        self.opset_imports = imports.iter().filter(|(d, _)| uses(body, d)).cloned().collect();
    }
}

fn uses(graph: &Graph, domain: &str) -> bool {
    let same = |d: &str| d == domain || (d.is_empty() && domain == "ai.onnx");
    let ops = graph.ops();
    ops.iter().any(|(_, op)| same(&op.domain) || op.subgraphs().any(|inner| uses(inner, domain)))
}
