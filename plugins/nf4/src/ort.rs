//! Format `ort`: ONNX Runtime's `com.microsoft` MatMulBnb4 in place of the layer.

use crate::codec::QuantType;
use crate::layer::{Codes, Layer};
use crate::options::Options;
use peftc_plugin::{Attr, DataType, Error, NodeSpec, Result, Run, Value};

/// Says what of the options the operator cannot hold.
pub(crate) fn check(run: &Run<'_>, options: &Options<'_>) -> Result<()> {
    if options.double_quant {
        run.warn(&format!(
            "MatMulBnb4 has plain magnitudes: double quantization is lost, which costs {:.3} bits a weight; \
             format = \"portable\" keeps it",
            (32.0 - 8.0 - 32.0 / 256.0) / options.block_size as f64
        ));
    }
    Ok(())
}

/// Puts the operator in place of a layer's MatMul or Gemm.
pub(crate) fn quantize(run: &Run<'_>, layer: &Layer<'_>, options: &Options<'_>) -> Result<()> {
    if layer.info.dtype != DataType::F32 {
        return Err(Error::unsupported(format!(
            "{} is of type {}: format = \"ort\" is for f32, ONNX Runtime's CPU kernel knows no other",
            layer.name, layer.info.dtype
        )));
    }
    let node = run.node(layer.info.node)?;
    let bias = match node.op_type {
        "Gemm" => gemm_bias(run, layer)?,
        _ => None,
    };
    let Codes { codes, absmax } = layer.codes(run, options)?;
    let [out, inputs] = layer.shape();
    let attrs = vec![
        ("K", Attr::Int(inputs)),
        ("N", Attr::Int(out)),
        ("block_size", Attr::Int(options.block_size as i64)),
        ("quant_type", Attr::Int(i64::from(options.quant_type == QuantType::Nf4))),
    ];
    let name = format!("{}_Bnb4", if node.name.is_empty() { &layer.name } else { node.name });
    let role = format!("linear.{}", options.quant_type.name());
    let product = [Some(layer.info.input), Some(codes), Some(absmax)];
    let mut output = add(run, layer, "MatMulBnb4", "com.microsoft", &name, &role, &product, attrs)?;
    if let Some(bias) = bias {
        let name = format!("{name}/Add");
        output = add(run, layer, "Add", "", &name, "", &[Some(output), Some(bias)], Vec::new())?;
    }
    run.replace_uses(layer.info.output, output)?;
    run.remove_node(layer.info.node)
}

/// Gemm's C, if the rest of it is a plain product.
fn gemm_bias(run: &Run<'_>, layer: &Layer<'_>) -> Result<Option<Value>> {
    let node = layer.info.node;
    let is_one = |name: &str| -> Result<bool> {
        Ok(matches!(run.attr(node, name)?, None | Some(Attr::Float(1.0))))
    };
    if layer.info.transposed_input || !is_one("alpha")? || !is_one("beta")? {
        return Err(Error::unsupported(format!(
            "{} is a Gemm with alpha, beta or transA, which MatMulBnb4 has not: format = \"portable\" keeps the Gemm",
            layer.name
        )));
    }
    run.node_input(node, 2)
}

#[expect(clippy::too_many_arguments, reason = "the parts of a node")]
fn add(
    run: &Run<'_>,
    layer: &Layer<'_>,
    op_type: &str,
    domain: &str,
    name: &str,
    role: &str,
    inputs: &[Option<Value>],
    attrs: Vec<(&str, Attr<'_>)>,
) -> Result<Value> {
    let values = run.add_node(NodeSpec {
        op_type,
        domain,
        name,
        role,
        module: layer.info.module,
        inputs: inputs.to_vec(),
        outputs: vec![format!("{name}_output_0")],
        attrs,
    })?;
    values.first().copied().ok_or_else(|| Error::invalid("the host gave no value for a node"))
}
