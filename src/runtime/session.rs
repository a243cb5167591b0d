//! A model that can be run again and again.

use super::facts::Watch;
use super::interpret::{self, Observer};
use super::support;
use crate::error::{Error, Result};
use crate::ir::{DimSize, Graph, Model, NodeId, NodeKind, Type};
use crate::ops::Value;
use std::collections::{BTreeMap, HashMap};

/// A model, ready to run.
#[derive(Debug)]
pub struct Session {
    model: Model,
    inputs: Vec<Signature>,
    outputs: Vec<Signature>,
}

/// An input or an output.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// Its type, as far as the model says it.
    pub ty: Option<Type>,
    /// Whether an input may be left out.
    pub has_default: bool,
}

impl Session {
    /// Makes a model ready to run.
    ///
    /// # Errors
    /// It has an operator, or an attribute of one, that is not supported: the first, with its node.
    pub fn new(model: Model) -> Result<Self> {
        support::check(&model)?;
        let graph = &model.graph;
        let signature = |&id: &NodeId| {
            let node = graph.node(id);
            let value = graph.output(id).or_else(|| graph.node_input(id, 0))?;
            Some(Signature {
                name: graph.value(value).name().to_owned(),
                ty: graph.value_type(value),
                has_default: matches!(node.kind, NodeKind::Input { default: Some(_) }),
            })
        };
        let inputs = graph.inputs().iter().filter_map(signature).collect();
        let outputs = graph.outputs().iter().filter_map(signature).collect();
        Ok(Self { model, inputs, outputs })
    }

    /// The main graph.
    pub(crate) fn graph(&self) -> &Graph {
        &self.model.graph
    }

    /// What goes in.
    pub fn inputs(&self) -> &[Signature] {
        &self.inputs
    }

    /// What comes out.
    pub fn outputs(&self) -> &[Signature] {
        &self.outputs
    }

    /// Runs the model: outputs in the order of [`outputs`](Self::outputs).
    ///
    /// # Errors
    /// An input is missing, unknown, or of another type or shape; an operator cannot be run.
    pub fn run(&self, inputs: HashMap<String, Value>) -> Result<Vec<Value>> {
        self.run_observed(inputs, &mut |_, _, _| {})
    }

    /// The same, and shows each value that a node of the main graph makes.
    pub(crate) fn run_observed(
        &self,
        mut inputs: HashMap<String, Value>,
        observer: Observer<'_>,
    ) -> Result<Vec<Value>> {
        let mut sizes: BTreeMap<&str, (i64, &str)> = BTreeMap::new();
        let mut given = Vec::new();
        for signature in &self.inputs {
            let value = inputs.remove(&signature.name);
            match &value {
                None if signature.has_default => {}
                None => return Err(self.missing(signature)),
                Some(value) => check(signature, value, &mut sizes)?,
            }
            given.push(value);
        }
        if let Some(name) = inputs.keys().min() {
            return Err(Error::input(format!("there is no input {name:?}")).help(self.list()));
        }
        let mut watch = cfg!(debug_assertions).then(|| Watch::new(&self.model, &given));
        let made = interpret::run(&self.model, given, &mut |node, id, value| {
            watch.iter_mut().for_each(|watch| watch.see(id, value));
            observer(node, id, value);
        })?;
        watch.map_or(Ok(()), Watch::result)?;
        Ok(made)
    }

    fn missing(&self, signature: &Signature) -> Error {
        Error::input(format!("input {:?} is missing", signature.name)).help(self.list())
    }

    fn list(&self) -> String {
        let one = |s: &Signature| match &s.ty {
            Some(ty) => format!("{}: {ty}", s.name),
            None => s.name.clone(),
        };
        format!("inputs: {}", self.inputs.iter().map(one).collect::<Vec<_>>().join(", "))
    }
}

/// Whether a value is of the type that the model says, and equal names of sizes are equal sizes.
fn check<'s>(
    signature: &'s Signature,
    value: &Value,
    sizes: &mut BTreeMap<&'s str, (i64, &'s str)>,
) -> Result<()> {
    let (Some(ty), Value::Tensor(tensor)) = (&signature.ty, value) else { return Ok(()) };
    let wrong = |what: String| {
        let found = tensor.ty();
        Err(Error::input(format!(
            "input {:?} is {found}, the model takes {ty}{what}",
            signature.name
        )))
    };
    if ty.dtype().is_some_and(|dtype| dtype != tensor.dtype) {
        return wrong(String::new());
    }
    let Some(shape) = ty.shape() else { return Ok(()) };
    if shape.len() != tensor.dims.len() {
        return wrong(String::new());
    }
    for (dim, &size) in shape.iter().zip(&tensor.dims) {
        match &dim.size {
            // Some exporters write an unknown size as −1.
            DimSize::Known(known @ 0..) if *known != size => return wrong(String::new()),
            DimSize::Symbol(symbol) => {
                let &mut (known, by) = sizes.entry(symbol).or_insert((size, &signature.name));
                if known != size {
                    return wrong(format!(", and {symbol} is {known} in {by:?}"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
