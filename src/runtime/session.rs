//! A model that can be run again and again.

use super::facts::Watch;
use super::interpret::{self, Observer};
use super::profile::{Profile, Recorder};
use super::{gradient, support};
use crate::error::{Error, Result};
use crate::ir::{Graph, Model, NodeId, NodeKind, Type, TypeKind};
use crate::ops::Value;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// A model, ready to run, on any number of threads at once.
///
/// ```
/// use peftc::ir::{DataType, Tensor, TensorData};
/// use peftc::runtime::{Options, Session};
/// use std::collections::HashMap;
///
/// # fn main() -> peftc::Result<()> {
/// let model = peftc::onnx::read("models/llama/torchscript.onnx".as_ref())?.model;
/// let session = Session::new(&model, &Options::default())?;
/// let integers = |dims: Vec<i64>, all: &[i64]| {
///     let bytes: Vec<u8> = all.iter().flat_map(|x| x.to_le_bytes()).collect();
///     Tensor::new(DataType::I64, dims, TensorData::Bytes(bytes.into())).into()
/// };
/// for length in [3, 5] {
///     // Another length compiles nothing.
///     let inputs = HashMap::from([
///         ("input_ids".to_owned(), integers(vec![1, length], &[5, 7, 11, 13, 17][..length as usize])),
///         ("attention_mask".to_owned(), integers(vec![1, length], &[1; 5][..length as usize])),
///     ]);
///     let outputs = session.run(&inputs)?;
///     assert_eq!(outputs[0].tensor()?.dims, [1, length, 232]);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Session {
    model: Arc<Model>,
    inputs: Vec<Signature>,
    outputs: Vec<Signature>,
    #[cfg(feature = "cpu")]
    engine: Option<super::cpu::Engine>,
}

/// How a model is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// On so many threads, the caller's among them.
    pub threads: usize,
    /// By the operators' references alone, in float64: slow, and rounded once an operator.
    pub is_reference: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self::on(None)
    }
}

impl Options {
    /// On so many threads, or on all of the machine's.
    pub fn on(threads: Option<NonZeroUsize>) -> Self {
        let threads = threads.or_else(|| std::thread::available_parallelism().ok());
        Self { threads: threads.map_or(1, NonZeroUsize::get), is_reference: false }
    }
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
    /// Makes a model ready to run: kernels are compiled, and weights packed, once for all sizes.
    ///
    /// # Errors
    /// It has an operator, or an attribute of one, that is not supported: the first, with its node.
    pub fn new(model: &Model, options: &Options) -> Result<Self> {
        let model = supported(model)?;
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
        let model = Arc::new(match options.is_reference {
            true => model,
            false => crate::lower::expand::expand(&model)?,
        });
        #[cfg(feature = "cpu")]
        let engine = match options.is_reference {
            true => None,
            false => {
                let program = crate::lower::lower(&model)?;
                Some(super::cpu::Engine::new(model.clone(), program, options.threads)?)
            }
        };
        Ok(Self {
            model,
            inputs,
            outputs,
            #[cfg(feature = "cpu")]
            engine,
        })
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
    pub fn run(&self, inputs: &HashMap<String, Value>) -> Result<Vec<Value>> {
        let given = self.given(inputs)?;
        #[cfg(feature = "cpu")]
        if let Some(engine) = &self.engine {
            return engine.run(&given, None);
        }
        self.interpret(given, &mut |_, _, _| {})
    }

    /// The same, and takes down what the time of each step goes to. References alone have no steps.
    ///
    /// # Errors
    /// As of [`run`](Self::run).
    pub fn run_profiled(&self, inputs: &HashMap<String, Value>) -> Result<(Vec<Value>, Profile)> {
        let given = self.given(inputs)?;
        let recorder = Recorder::new();
        #[cfg(feature = "cpu")]
        if let Some(engine) = &self.engine {
            let outputs = engine.run(&given, Some(&recorder))?;
            return Ok((outputs, recorder.finish()));
        }
        let outputs = self.interpret(given, &mut |_, _, _| {})?;
        Ok((outputs, recorder.finish()))
    }

    /// The kernels that the graph was lowered to.
    #[cfg(feature = "cpu")]
    pub fn kernels(&self) -> impl Iterator<Item = &crate::kernel::Kernel> {
        self.engine.iter().flat_map(super::cpu::Engine::kernels)
    }

    /// How long compiling kernels took.
    pub fn compile_time(&self) -> Duration {
        #[cfg(feature = "cpu")]
        if let Some(engine) = &self.engine {
            return engine.compile_time();
        }
        Duration::ZERO
    }

    /// The same by the operators' references, and shows each value that a node of the main graph makes.
    pub(crate) fn run_observed(
        &self,
        inputs: &HashMap<String, Value>,
        observer: Observer<'_>,
    ) -> Result<Vec<Value>> {
        self.interpret(self.given(inputs)?, observer)
    }

    /// The inputs by slot, with defaults.
    fn given(&self, inputs: &HashMap<String, Value>) -> Result<Vec<Option<Value>>> {
        let mut sizes: BTreeMap<&str, (i64, &str)> = BTreeMap::new();
        let mut given = Vec::new();
        for (signature, &id) in self.inputs.iter().zip(self.model.graph.inputs()) {
            let value = inputs.get(&signature.name);
            given.push(match (value, &self.model.graph.node(id).kind) {
                (Some(value), _) => {
                    check(signature, value, &mut sizes)?;
                    Some(value.clone())
                }
                (None, NodeKind::Input { default: Some(tensor) }) => {
                    Some(crate::ops::dense(tensor)?.into())
                }
                (None, _) => return Err(self.missing(signature)),
            });
        }
        let unknown = |name: &&String| !self.inputs.iter().any(|known| known.name == **name);
        if let Some(name) = inputs.keys().filter(unknown).min() {
            return Err(Error::input(format!("there is no input {name:?}")).help(self.list()));
        }
        Ok(given)
    }

    /// By references; debug builds hold what is inferred against each value.
    fn interpret(&self, given: Vec<Option<Value>>, observer: Observer<'_>) -> Result<Vec<Value>> {
        let mut watch = cfg!(debug_assertions).then(|| Watch::new(&self.model, &given));
        let made = interpret::run(&self.model, given, &mut |node, id, value| {
            if let Some(watch) = &mut watch {
                watch.see(id, value);
            }
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

/// What a model is run as, as text: steps over buffers, and their kernels.
///
/// # Errors
/// As of [`Session::new`].
pub fn steps(model: &Model) -> Result<String> {
    let model = crate::lower::expand::expand(&supported(model)?)?;
    Ok(crate::lower::text(&crate::lower::lower(&model)?, &model.graph))
}

/// A model whose operators can all be run.
fn supported(model: &Model) -> Result<Model> {
    let mut model = model.clone();
    gradient::expand(&mut model)?;
    support::check(&model)?;
    Ok(model)
}

/// Whether a value is of the type that the model says, and equal names of sizes are equal sizes.
fn check<'s>(
    signature: &'s Signature,
    value: &Value,
    sizes: &mut BTreeMap<&'s str, (i64, &'s str)>,
) -> Result<()> {
    let Some(ty) = &signature.ty else { return Ok(()) };
    let wrong = |what: String| {
        let found = value.ty();
        Err(Error::input(format!(
            "input {:?} is {found}, the model takes {ty}{what}",
            signature.name
        )))
    };
    let tensor = match (&ty.kind, value) {
        (TypeKind::Tensor { .. } | TypeKind::SparseTensor { .. }, Value::Tensor(tensor)) => tensor,
        (TypeKind::Tensor { .. }, _) | (TypeKind::Sequence(_), Value::Tensor(_)) => {
            return wrong(String::new());
        }
        _ => return Ok(()),
    };
    if ty.dtype().is_some_and(|dtype| dtype != tensor.dtype) {
        return wrong(String::new());
    }
    let Some(shape) = ty.shape() else { return Ok(()) };
    if shape.len() != tensor.dims.len() {
        return wrong(String::new());
    }
    for (dim, &size) in shape.iter().zip(&tensor.dims) {
        // Some exporters write an unknown size as −1.
        if dim.as_known().is_some_and(|known| known >= 0 && known != size) {
            return wrong(String::new());
        }
        let Some(name) = dim.name() else { continue };
        let &mut (known, by) = sizes.entry(name).or_insert((size, &signature.name));
        if known != size {
            return wrong(format!(", and {name} is {known} in {by:?}"));
        }
    }
    Ok(())
}
