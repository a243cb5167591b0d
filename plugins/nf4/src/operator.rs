//! An operator of `com.microsoft` that reads a quantized weight, in place of a layer's MatMul or
//! Gemm: what formats `ort` and `nbits` share.

use crate::layer::Layer;
use peftc_plugin::{Attr, DataType, Error, NodeSpec, Result, Run, Value};

/// The operator.
pub(crate) struct Operator<'a> {
    pub(crate) op_type: &'a str,
    /// What the node's name ends with.
    pub(crate) suffix: &'a str,
    pub(crate) role: &'a str,
    /// The inputs behind the activations.
    pub(crate) weight: &'a [Value],
    pub(crate) attrs: Vec<(&'a str, Attr<'a>)>,
}

/// The bias that a layer's Gemm adds; an error where the operator cannot stand for the layer.
fn bias(run: &Run<'_>, layer: &Layer<'_>, op_type: &str) -> Result<Option<Value>> {
    if layer.info.dtype != DataType::F32 {
        return Err(Error::unsupported(format!(
            "{} is of type {}: {op_type} is written for f32 alone, format = \"portable\" takes f16 and bf16",
            layer.name, layer.info.dtype
        )));
    }
    let node = layer.info.node;
    let info = run.node(node)?;
    if info.op_type != "Gemm" {
        return Ok(None);
    }
    let is_one = |name: &str| -> Result<bool> {
        Ok(matches!(run.attr(node, name)?, None | Some(Attr::Float(1.0))))
    };
    if layer.info.transposed_input || !is_one("alpha")? || !is_one("beta")? {
        return Err(Error::unsupported(format!(
            "{} is a Gemm with alpha, beta or transA, which {op_type} has not: format = \"portable\" keeps the Gemm",
            layer.name
        )));
    }
    if info.input_count > 2 { run.node_input(node, 2) } else { Ok(None) }
}

impl Operator<'_> {
    /// Puts the operator in place of the layer's, and an Add for a bias behind it.
    ///
    /// # Errors
    /// It cannot stand for the layer.
    pub(crate) fn replace(self, run: &Run<'_>, layer: &Layer<'_>) -> Result<()> {
        let bias = bias(run, layer, self.op_type)?;
        let node = run.node(layer.info.node)?;
        let base = if node.name.is_empty() { &layer.name } else { node.name };
        let name = format!("{base}_{}", self.suffix);
        let weight = self.weight.iter().copied().map(Some);
        let spec = NodeSpec {
            op_type: self.op_type,
            domain: "com.microsoft",
            name: &name,
            role: self.role,
            module: layer.info.module,
            inputs: [Some(layer.info.input)].into_iter().chain(weight).collect(),
            outputs: vec![format!("{name}_output_0")],
            attrs: self.attrs,
        };
        let mut output = add(run, spec)?;
        if let Some(bias) = bias {
            let name = format!("{name}/Add");
            output = add(
                run,
                NodeSpec {
                    op_type: "Add",
                    domain: "",
                    name: &name,
                    role: "",
                    module: layer.info.module,
                    inputs: vec![Some(output), Some(bias)],
                    outputs: vec![format!("{name}_output_0")],
                    attrs: Vec::new(),
                },
            )?;
        }
        run.replace_uses(layer.info.output, output)?;
        run.remove_node(layer.info.node)
    }
}

fn add(run: &Run<'_>, spec: NodeSpec<'_>) -> Result<Value> {
    let values = run.add_node(spec)?;
    values.first().copied().ok_or_else(|| Error::invalid("the host gave no value for a node"))
}
