//! One call of an operator.

use super::schema::Schema;
use super::shape::room;
use super::value::Value;
use crate::error::{Error, Result};
use crate::ir::{AttributeValue, DataType, Graph, Op, Tensor};
use bytes::Bytes;

/// Runs a subgraph of the operator on inputs.
pub(crate) type RunGraph<'a> = &'a dyn Fn(&Graph, Vec<Value>) -> Result<Vec<Value>>;

/// Where no subgraph can be run.
fn no_graph(_: &Graph, _: Vec<Value>) -> Result<Vec<Value>> {
    Err(Error::bug("nothing runs subgraphs here"))
}

/// One call of an operator: its node, and what comes in.
pub(crate) struct Call<'a> {
    pub(crate) op: &'a Op,
    pub(crate) schema: &'static Schema,
    /// By slot; none where an optional one is left out.
    pub(crate) inputs: Vec<Option<&'a Value>>,
    /// How many output slots the node has.
    pub(crate) outputs: usize,
    pub(crate) run_graph: RunGraph<'a>,
}

impl<'a> Call<'a> {
    /// A call without inputs: of a constant, or to read attributes.
    pub(crate) fn without_inputs(op: &'a Op, schema: &'static Schema) -> Self {
        Call { op, schema, inputs: Vec::new(), outputs: 1, run_graph: &no_graph }
    }

    /// The version of the operator: the first operator set that has it so.
    pub(crate) fn since(&self) -> i64 {
        self.schema.since
    }

    /// An input that must be there.
    pub(crate) fn input(&self, slot: usize) -> Result<&Tensor> {
        self.optional(slot)?.ok_or_else(|| {
            let name = self.schema.input(slot).map_or("?", |input| input.name);
            Error::input(format!("input {slot} ({name}) is missing"))
        })
    }

    /// An input that may be left out.
    pub(crate) fn optional(&self, slot: usize) -> Result<Option<&Tensor>> {
        let Some(value) = self.inputs.get(slot).copied().flatten() else { return Ok(None) };
        let tensor = value.tensor().map_err(|e| e.within(format!("input {slot}")))?;
        if tensor.dims.contains(&0) {
            // Its bytes do not say that its other sizes are small.
            room(&tensor.dims)?;
        }
        Ok(Some(tensor))
    }

    /// An input of any kind.
    pub(crate) fn value(&self, slot: usize) -> Result<&Value> {
        let value = self.inputs.get(slot).copied().flatten();
        value.ok_or_else(|| Error::input(format!("input {slot} is missing")))
    }

    /// All inputs that are there, as tensors.
    pub(crate) fn tensors(&self) -> Result<Vec<&Tensor>> {
        let all = (0..self.inputs.len()).map(|slot| self.optional(slot));
        all.filter_map(Result::transpose).collect()
    }

    /// Whether the node has this attribute.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.op.attribute(name).is_some()
    }

    fn default(&self, name: &str) -> Option<&'static serde_json::Value> {
        self.schema.attribute(name)?.default.as_ref()
    }

    fn wrong(&self, name: &str) -> Error {
        match self.op.attribute(name) {
            Some(value) => Error::input(format!("attribute {name:?} is a {:?}", value.kind())),
            None => Error::input(format!("attribute {name:?} is missing")),
        }
    }

    /// An integer, or its default.
    pub(crate) fn int(&self, name: &str) -> Result<i64> {
        match self.op.attribute(name) {
            Some(AttributeValue::Int(int)) => Ok(*int),
            Some(_) => Err(self.wrong(name)),
            None => self
                .default(name)
                .and_then(serde_json::Value::as_i64)
                .ok_or_else(|| self.wrong(name)),
        }
    }

    /// Whether an integer is not 0.
    pub(crate) fn flag(&self, name: &str) -> Result<bool> {
        self.int(name).map(|int| int != 0)
    }

    /// A float, or its default.
    pub(crate) fn float(&self, name: &str) -> Result<f64> {
        match self.op.attribute(name) {
            Some(AttributeValue::Float(float)) => Ok(f64::from(*float)),
            Some(_) => Err(self.wrong(name)),
            None => {
                let default = self.default(name).and_then(serde_json::Value::as_f64);
                // A default is the float32 that it was written for.
                default.map(|x| f64::from(x as f32)).ok_or_else(|| self.wrong(name))
            }
        }
    }

    /// A string, or its default.
    pub(crate) fn string(&self, name: &str) -> Result<String> {
        match self.op.attribute(name) {
            Some(AttributeValue::String(bytes)) => Ok(String::from_utf8_lossy(bytes).into_owned()),
            Some(_) => Err(self.wrong(name)),
            None => self
                .default(name)
                .and_then(serde_json::Value::as_str)
                .map(str::to_owned)
                .ok_or_else(|| self.wrong(name)),
        }
    }

    /// Integers, if they are there.
    pub(crate) fn ints(&self, name: &str) -> Result<Option<Vec<i64>>> {
        match self.op.attribute(name) {
            Some(AttributeValue::Ints(ints)) => Ok(Some(ints.clone())),
            Some(_) => Err(self.wrong(name)),
            None => Ok(self.default(name).and_then(|default| {
                default.as_array()?.iter().map(serde_json::Value::as_i64).collect()
            })),
        }
    }

    /// Floats, if they are there.
    pub(crate) fn floats(&self, name: &str) -> Result<Option<Vec<f64>>> {
        match self.op.attribute(name) {
            Some(AttributeValue::Floats(floats)) => {
                Ok(Some(floats.iter().map(|x| f64::from(*x)).collect()))
            }
            Some(_) => Err(self.wrong(name)),
            None => Ok(None),
        }
    }

    /// Strings, if they are there.
    pub(crate) fn strings(&self, name: &str) -> Result<Option<&[Bytes]>> {
        match self.op.attribute(name) {
            Some(AttributeValue::Strings(strings)) => Ok(Some(strings)),
            Some(_) => Err(self.wrong(name)),
            None => Ok(None),
        }
    }

    /// A tensor, if it is there.
    pub(crate) fn tensor(&self, name: &str) -> Result<Option<&Tensor>> {
        match self.op.attribute(name) {
            Some(AttributeValue::Tensor(tensor)) => Ok(Some(tensor)),
            Some(_) => Err(self.wrong(name)),
            None => Ok(None),
        }
    }

    /// A type of elements, as the number that ONNX gives it.
    pub(crate) fn dtype(&self, name: &str) -> Result<DataType> {
        let number = self.int(name)?;
        let dtype = i32::try_from(number).ok().and_then(DataType::from_onnx);
        dtype.ok_or_else(|| Error::input(format!("{name} is {number}, which is no data type")))
    }

    /// Integers of an input, or in older operator sets of an attribute.
    pub(crate) fn numbers(&self, slot: usize, name: &str) -> Result<Option<Vec<i64>>> {
        match self.op.attribute(name) {
            Some(AttributeValue::Int(int)) => Ok(Some(vec![*int])),
            Some(_) => self.ints(name),
            None => self.optional(slot)?.map(super::numbers::i64s).transpose(),
        }
    }

    /// A subgraph.
    pub(crate) fn graph(&self, name: &str) -> Result<&Graph> {
        match self.op.attribute(name) {
            Some(AttributeValue::Graph(graph)) => Ok(graph),
            _ => Err(self.wrong(name)),
        }
    }
}
