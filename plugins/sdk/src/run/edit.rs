//! Recording edits, weight tasks and the report.

use super::graph::NO_ATTR;
use super::{EMPTY, Run, filled, raw_strs};
use crate::error::{Error, Result, check};
use crate::ids::{Node, Parameter, Site, Value};
use crate::run::Attr;
use crate::tensor::TensorType;
use peftc_abi::*;

/// An operator to add.
#[derive(Clone, Debug, Default)]
pub struct NodeSpec<'s> {
    /// Operator.
    pub op_type: &'s str,
    /// Domain; empty for ONNX's own.
    pub domain: &'s str,
    /// Preferred name.
    pub name: &'s str,
    /// What it is for, such as `lora.A`: a later pass tells it from a layer.
    pub role: &'s str,
    /// The module it belongs to.
    pub module: &'s str,
    /// Inputs; none leaves an optional one out.
    pub inputs: Vec<Option<Value>>,
    /// Preferred names of the outputs.
    pub outputs: Vec<String>,
    /// Attributes.
    pub attrs: Vec<(&'s str, Attr<'s>)>,
}

/// A source of a weight task.
#[derive(Clone, Debug)]
pub enum SourceSpec<'s> {
    /// A constant, whole or split.
    Value {
        /// The constant, or a result of another task.
        value: Value,
        /// For each axis of the results, the axis of this source that is split alike; none where
        /// the whole source is needed.
        follows: Vec<Option<u32>>,
    },
    /// A whole tensor of the adapter, which then counts as used.
    Adapter(&'s str),
    /// The inputs that the recipe gives for a site, whole.
    Inputs(Site),
}

/// A weight task to record.
#[derive(Clone, Debug, Default)]
pub struct TaskSpec<'s> {
    /// The name of a task kind of this plugin.
    pub kind: &'s str,
    /// What it is for, mostly a module path.
    pub label: &'s str,
    /// Sources.
    pub sources: Vec<SourceSpec<'s>>,
    /// Types and preferred names of the results.
    pub results: Vec<(TensorType, String)>,
    /// The types that the graph declares the results with, of as many elements; empty where they
    /// are those of `results`.
    pub declared: Vec<TensorType>,
    /// Parameter bytes.
    pub params: Vec<u8>,
}

/// A line of the report.
#[derive(Clone, Debug, Default)]
pub struct Record<'s> {
    /// The module.
    pub module: &'s str,
    /// The value of the graph that was changed or added to.
    pub value: Option<Value>,
    /// What was done.
    pub what: &'s str,
    /// Parameters of the adapter there.
    pub parameters: u64,
    /// Floating-point operations that the model computes more there for each token: 2·m·n for a product
    /// with a matrix m×n, 1 for a scale. 0 for what is merged.
    pub flops_per_token: u64,
}

/// The one value of a task or of a node.
///
/// # Errors
/// The host gave none, or more.
pub fn one(values: Vec<Value>) -> Result<Value> {
    match values[..] {
        [value] => Ok(value),
        _ => Err(Error::invalid("the host gave other values than results")),
    }
}

impl Run<'_> {
    /// Adds a small tensor; `bytes` are its packed elements. Large ones are for weight tasks.
    pub fn add_tensor(&self, name: &str, ty: &TensorType, bytes: &[u8]) -> Result<Value> {
        let raw = ty.raw();
        let mut view = PeftcTensorMut {
            data: std::ptr::null_mut(),
            byte_len: 0,
            dims: std::ptr::null(),
            rank: 0,
            dtype: 0,
        };
        // SAFETY: host and context are those of this run; the type outlives the call.
        let value = filled(PeftcValue::default(), |o| unsafe {
            (self.host.add_tensor)(self.ctx, PeftcStr::new(name), &raw const raw, &raw mut view, o)
        })?;
        if view.byte_len != bytes.len() {
            return Err(Error::invalid(format!(
                "{ty} has {} bytes, not {}",
                view.byte_len,
                bytes.len()
            )));
        }
        if !bytes.is_empty() {
            // SAFETY: the host gives `byte_len` writable bytes, which are as many as `bytes`.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), view.data, bytes.len()) };
        }
        Ok(Value(value))
    }

    /// Records a weight task; its results are initializers.
    pub fn add_task(&self, task: TaskSpec<'_>) -> Result<Vec<Value>> {
        let mut values = vec![PeftcValue::default(); task.results.len()];
        let names: Vec<PeftcStr> =
            task.results.iter().map(|(_, name)| PeftcStr::new(name)).collect();
        self.record_task(&task, names.as_ptr(), &mut values)?;
        Ok(values.into_iter().map(Value).collect())
    }

    /// Records a task that runs for what it measures alone. Its results have no names, and only say
    /// how it is split.
    pub fn add_probe(&self, task: TaskSpec<'_>) -> Result<()> {
        self.record_task(&task, std::ptr::null(), &mut [])
    }

    /// `names` are as many as results, with as many `values`; or null.
    fn record_task(
        &self,
        task: &TaskSpec<'_>,
        names: *const PeftcStr,
        values: &mut [PeftcValue],
    ) -> Result<()> {
        let follows: Vec<Vec<i32>> = task.sources.iter().map(raw_follows).collect();
        let sources: Vec<PeftcSource> = task
            .sources
            .iter()
            .zip(&follows)
            .map(|(source, follows)| raw_source(source, follows))
            .collect();
        let results: Vec<PeftcTensorType> = task.results.iter().map(|(ty, _)| ty.raw()).collect();
        let declared: Vec<PeftcTensorType> = task.declared.iter().map(TensorType::raw).collect();
        if !declared.is_empty() && declared.len() != results.len() {
            return Err(Error::invalid("a task declares other types than it has results"));
        }
        let desc = PeftcTaskDesc {
            kind: PeftcStr::new(task.kind),
            label: PeftcStr::new(task.label),
            sources: sources.as_ptr(),
            source_count: sources.len(),
            results: results.as_ptr(),
            names,
            result_count: results.len(),
            declared: if declared.is_empty() { std::ptr::null() } else { declared.as_ptr() },
            params: task.params.as_ptr(),
            params_len: task.params.len(),
        };
        // SAFETY: host and context are those of this run; all arrays outlive the call, and there
        // is room for a value of each result that has a name.
        check(unsafe { (self.host.add_task)(self.ctx, &raw const desc, values.as_mut_ptr()) })
    }

    /// Adds an operator and gives the values it makes.
    pub fn add_node(&self, node: NodeSpec<'_>) -> Result<Vec<Value>> {
        let inputs: Vec<PeftcValue> =
            node.inputs.iter().map(|v| v.map_or(PeftcValue::default(), |v| v.0)).collect();
        let outputs = raw_strs(&node.outputs);
        let attrs: Vec<PeftcNamedAttr> = node
            .attrs
            .iter()
            .map(|(name, attr)| {
                Ok(PeftcNamedAttr { name: PeftcStr::new(name), value: raw_attr(attr)? })
            })
            .collect::<Result<_>>()?;
        let desc = PeftcNodeDesc {
            op_type: PeftcStr::new(node.op_type),
            domain: PeftcStr::new(node.domain),
            name: PeftcStr::new(node.name),
            role: PeftcStr::new(node.role),
            module: PeftcStr::new(node.module),
            inputs: inputs.as_ptr(),
            input_count: inputs.len(),
            outputs: outputs.as_ptr(),
            output_count: outputs.len(),
            attrs: attrs.as_ptr(),
            attr_count: attrs.len(),
        };
        let mut values = vec![PeftcValue::default(); outputs.len()];
        // SAFETY: host and context are those of this run; all arrays outlive the call, and there
        // is room for a value of each output.
        check(unsafe { (self.host.add_node)(self.ctx, &raw const desc, values.as_mut_ptr()) })?;
        Ok(values.into_iter().map(Value).collect())
    }

    /// Redirects the uses that `old` has now to `by`, graph outputs and captures included.
    pub fn replace_uses(&self, old: Value, by: Value) -> Result<()> {
        // SAFETY: host and context are those of this run.
        check(unsafe { (self.host.replace_uses)(self.ctx, old.0, by.0) })
    }

    /// Redirects one input slot.
    pub fn replace_input(&self, node: Node, slot: usize, by: Value) -> Result<()> {
        // SAFETY: host and context are those of this run.
        check(unsafe { (self.host.replace_input)(self.ctx, node.0, slot, by.0) })
    }

    /// Replaces a parameter by an added tensor, or by an added value that is declared with its
    /// type, for the uses that are the module's own.
    pub fn replace_parameter(&self, parameter: Parameter, by: Value) -> Result<()> {
        // SAFETY: host and context are those of this run.
        check(unsafe { (self.host.replace_parameter)(self.ctx, parameter.0, by.0) })
    }

    /// Adds `delta` to the output of a site. Several deltas on one site add up.
    pub fn add_delta(&self, site: Site, delta: Value) -> Result<()> {
        // SAFETY: host and context are those of this run.
        check(unsafe { (self.host.add_delta)(self.ctx, site.0, delta.0) })
    }

    /// Removes an operator whose values nothing uses any more.
    pub fn remove_node(&self, node: Node) -> Result<()> {
        // SAFETY: host and context are those of this run.
        check(unsafe { (self.host.remove_node)(self.ctx, node.0) })
    }

    /// Declares the type of a value that an added operator makes.
    pub fn declare(&self, value: Value, ty: &TensorType) -> Result<()> {
        let raw = ty.raw();
        // SAFETY: host and context are those of this run; the type outlives the call.
        check(unsafe { (self.host.declare)(self.ctx, value.0, &raw const raw) })
    }

    /// Forgets the sizes that are declared of a value, but not its rank, since what is edited makes
    /// it longer; or that an added value takes over with the uses of another.
    pub fn forget_sizes(&self, value: Value) -> Result<()> {
        // SAFETY: host and context are those of this run.
        check(unsafe { (self.host.forget_sizes)(self.ctx, value.0) })
    }

    /// Gives an input of the graph a default, a tensor that this run adds, so that callers may leave
    /// it out. Its declared type and shape stay.
    pub fn set_default(&self, input: Value, tensor: Value) -> Result<()> {
        // SAFETY: host and context are those of this run.
        check(unsafe { (self.host.set_default)(self.ctx, input.0, tensor.0) })
    }

    /// Has the host write constants to a file beside the model, `STEM.NAME.npz`: an archive of NumPy
    /// with an array for each, by these names.
    pub fn add_archive(&self, name: &str, arrays: &[(&str, Value)]) -> Result<()> {
        let names: Vec<PeftcStr> = arrays.iter().map(|(name, _)| PeftcStr::new(name)).collect();
        let values: Vec<PeftcValue> = arrays.iter().map(|(_, value)| value.0).collect();
        // SAFETY: host and context are those of this run; both arrays outlive the call.
        check(unsafe {
            (self.host.add_archive)(
                self.ctx,
                PeftcStr::new(name),
                names.as_ptr(),
                values.as_ptr(),
                arrays.len(),
            )
        })
    }

    /// Adds a model-local function, given in the text form (`function "domain" "name" …`);
    /// without opset imports it has the model's. One that is there already, and says the same,
    /// stays.
    pub fn add_function(&self, text: &str) -> Result<()> {
        // SAFETY: host and context are those of this run.
        check(unsafe { (self.host.add_function)(self.ctx, PeftcStr::new(text)) })
    }

    /// Adds a line to the report.
    pub fn record(&self, record: &Record<'_>) -> Result<()> {
        let raw = PeftcRecord {
            module: PeftcStr::new(record.module),
            value: record.value.map_or(PeftcValue::default(), |v| v.0),
            what: PeftcStr::new(record.what),
            parameters: record.parameters,
            flops_per_token: record.flops_per_token,
        };
        // SAFETY: host and context are those of this run; the record outlives the call.
        check(unsafe { (self.host.record)(self.ctx, &raw const raw) })
    }
}

fn raw_follows(source: &SourceSpec<'_>) -> Vec<i32> {
    match source {
        SourceSpec::Value { follows, .. } => {
            follows.iter().map(|axis| axis.map_or(PEFTC_WHOLE, |a| a as i32)).collect()
        }
        SourceSpec::Adapter(_) | SourceSpec::Inputs(_) => Vec::new(),
    }
}

fn raw_source(source: &SourceSpec<'_>, follows: &[i32]) -> PeftcSource {
    let mut raw = PeftcSource {
        value: PeftcValue::default(),
        adapter_tensor: EMPTY,
        inputs_of: PeftcSite::default(),
        follows: follows.as_ptr(),
        follows_count: follows.len(),
    };
    match source {
        SourceSpec::Value { value, .. } => raw.value = value.0,
        SourceSpec::Adapter(name) => raw.adapter_tensor = PeftcStr::new(name),
        SourceSpec::Inputs(site) => raw.inputs_of = site.0,
    }
    raw
}

fn raw_attr(attr: &Attr<'_>) -> Result<PeftcAttr> {
    Ok(match attr {
        Attr::Float(f) => PeftcAttr { kind: 1, f: *f, ..NO_ATTR },
        Attr::Int(i) => PeftcAttr { kind: 2, i: *i, ..NO_ATTR },
        Attr::Str(s) => PeftcAttr { kind: 3, s: PeftcStr::new(s), ..NO_ATTR },
        Attr::Floats(floats) => {
            PeftcAttr { kind: 6, floats: floats.as_ptr(), len: floats.len(), ..NO_ATTR }
        }
        Attr::Ints(ints) => PeftcAttr { kind: 7, ints: ints.as_ptr(), len: ints.len(), ..NO_ATTR },
        Attr::Other => return Err(Error::invalid("an attribute of this kind cannot be added")),
    })
}
