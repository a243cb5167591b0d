//! What ONNX and ONNX Runtime say of their operators, in all versions: `schema.tsv`, which
//! `generate_schema.py` makes of their own tables.

use crate::ir::{AttributeKind, DataType};
use std::collections::HashMap;
use std::sync::LazyLock;

/// An operator as a version of its operator set has it.
#[derive(Debug)]
pub struct Schema {
    /// Domain; empty for ONNX's own.
    pub domain: &'static str,
    /// Operator.
    pub name: &'static str,
    /// The first operator set that has it so.
    pub since: i64,
    /// Inputs by slot.
    pub inputs: Vec<Parameter>,
    /// Outputs by slot.
    pub outputs: Vec<Parameter>,
    /// Attributes by name.
    pub attributes: Vec<AttributeSchema>,
    types: HashMap<&'static str, Vec<&'static str>>,
}

/// An input or an output.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// How often it stands.
    pub arity: Arity,
    /// Its type: a name that stands for several, or one.
    ty: &'static str,
}

/// How often a parameter stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arity {
    /// Once.
    One,
    /// Once or not at all.
    Optional,
    /// Any number of times, last.
    Any,
}

/// An attribute.
#[derive(Debug)]
pub struct AttributeSchema {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: AttributeKind,
    /// Whether it must be there.
    pub is_required: bool,
    /// What it is where it is not there.
    pub default: Option<serde_json::Value>,
}

static TABLE: &str = include_str!("schema.tsv");

/// By domain and operator, from the oldest version on.
static SCHEMAS: LazyLock<HashMap<String, Vec<Schema>>> = LazyLock::new(|| {
    let mut all: HashMap<String, Vec<Schema>> = HashMap::new();
    for schema in TABLE.lines().filter_map(Schema::parse) {
        all.entry(key(schema.domain, schema.name)).or_default().push(schema);
    }
    all
});

/// What tells operators apart.
pub(super) fn key(domain: &str, name: &str) -> String {
    format!("{}::{name}", if domain == "ai.onnx" { "" } else { domain })
}

/// The schema of an operator in a version of its operator set.
pub fn schema(domain: &str, name: &str, opset: i64) -> Option<&'static Schema> {
    SCHEMAS.get(&key(domain, name))?.iter().rev().find(|schema| schema.since <= opset)
}

impl Schema {
    fn parse(line: &'static str) -> Option<Self> {
        let mut fields = line.split('\t');
        let mut next = || fields.next();
        let words = |text: &'static str| text.split(' ').filter(|word| !word.is_empty());
        Some(Self {
            domain: next()?,
            name: next()?,
            since: next()?.parse().ok()?,
            inputs: words(next()?).filter_map(Parameter::parse).collect(),
            outputs: words(next()?).filter_map(Parameter::parse).collect(),
            attributes: words(next()?).filter_map(AttributeSchema::parse).collect(),
            types: words(next()?)
                .filter_map(|word| word.split_once('='))
                .map(|(name, types)| (name, types.split('|').collect()))
                .collect(),
        })
    }

    /// The attribute of a name.
    pub fn attribute(&self, name: &str) -> Option<&AttributeSchema> {
        self.attributes.iter().find(|a| a.name == name)
    }

    /// Whether two calls may give other results of the same inputs.
    pub fn is_random(&self) -> bool {
        self.name == "Dropout" || self.attribute("seed").is_some()
    }

    /// The input of a slot: the last may stand any number of times.
    pub fn input(&self, slot: usize) -> Option<&Parameter> {
        at(&self.inputs, slot)
    }

    /// The output of a slot.
    pub fn output(&self, slot: usize) -> Option<&Parameter> {
        at(&self.outputs, slot)
    }

    /// The types that a parameter may have, in the text form.
    pub fn types<'s>(&'s self, parameter: &'s Parameter) -> &'s [&'static str] {
        self.types.get(parameter.ty).map_or(std::slice::from_ref(&parameter.ty), Vec::as_slice)
    }

    /// Whether a parameter may be a tensor of these elements.
    pub fn accepts(&self, parameter: &Parameter, dtype: DataType) -> bool {
        self.types(parameter).contains(&dtype.name())
    }

    /// The element type of an output, where it follows from those of the inputs.
    pub fn output_dtype(&self, slot: usize, inputs: &[Option<DataType>]) -> Option<DataType> {
        let output = self.output(slot)?;
        let same = |(slot, dtype): (usize, &Option<DataType>)| {
            dtype.filter(|_| self.input(slot).is_some_and(|input| input.ty == output.ty))
        };
        inputs.iter().enumerate().find_map(same).or_else(|| match self.types(output) {
            [only] => only.parse().ok(),
            _ => None,
        })
    }
}

fn at(parameters: &[Parameter], slot: usize) -> Option<&Parameter> {
    let last = parameters.last().filter(|last| last.arity == Arity::Any);
    parameters.get(slot).or(last)
}

impl Parameter {
    fn parse(word: &'static str) -> Option<Self> {
        let (name, ty) = word.split_once(':')?;
        let arity = match name.as_bytes().last()? {
            b'?' => Arity::Optional,
            b'*' => Arity::Any,
            _ => Arity::One,
        };
        Some(Self { name: name.trim_end_matches(['?', '*']), arity, ty })
    }
}

impl AttributeSchema {
    fn parse(word: &'static str) -> Option<Self> {
        let (name, rest) = word.split_once(':')?;
        let (kind, default) = match rest.split_once('=') {
            Some((kind, default)) => (kind, serde_json::from_str(default).ok()),
            None => (rest, None),
        };
        let is_required = kind.ends_with('!');
        let kind = match kind.trim_end_matches('!') {
            "f" => AttributeKind::Float,
            "i" => AttributeKind::Int,
            "s" => AttributeKind::String,
            "t" => AttributeKind::Tensor,
            "g" => AttributeKind::Graph,
            "st" => AttributeKind::SparseTensor,
            "tp" => AttributeKind::Type,
            "fs" => AttributeKind::Floats,
            "is" => AttributeKind::Ints,
            "ss" => AttributeKind::Strings,
            "ts" => AttributeKind::Tensors,
            "gs" => AttributeKind::Graphs,
            "sts" => AttributeKind::SparseTensors,
            "tps" => AttributeKind::Types,
            _ => return None,
        };
        Some(Self { name, kind, is_required, default })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_understood() {
        for line in TABLE.lines() {
            let schema = Schema::parse(line).expect(line);
            let count = |field: usize| {
                let field = line.split('\t').nth(field).unwrap_or_default();
                field.split(' ').filter(|word| !word.is_empty()).count()
            };
            assert_eq!(schema.inputs.len(), count(3), "{line}");
            assert_eq!(schema.outputs.len(), count(4), "{line}");
            assert_eq!(schema.attributes.len(), count(5), "{line}");
            assert_eq!(schema.types.len(), count(6), "{line}");
            for attribute in &schema.attributes {
                let has_default =
                    line.contains(&format!(" {}:", attribute.name)) && attribute.default.is_some();
                assert!(!(has_default && attribute.is_required), "{line}");
            }
        }
    }

    #[test]
    fn the_version_is_that_of_the_operator_set() {
        assert_eq!(schema("", "Pad", 17).map(|s| s.since), Some(13));
        assert_eq!(schema("ai.onnx", "Pad", 18).map(|s| s.since), Some(18));
        assert!(schema("", "Gelu", 19).is_none());
        let layer = schema("", "LayerNormalization", 17).expect("is there");
        assert_eq!(layer.output_dtype(0, &[Some(DataType::F16)]), Some(DataType::F16));
        assert_eq!(layer.output_dtype(1, &[Some(DataType::F16)]), None);
        let shape = schema("", "Shape", 13).expect("is there");
        assert_eq!(shape.output_dtype(0, &[Some(DataType::F16)]), Some(DataType::I64));
    }
}
