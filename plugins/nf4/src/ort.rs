//! Format `ort`: ONNX Runtime's `com.microsoft` MatMulBnb4 in place of the layer.

use crate::codec::QuantType;
use crate::layer::{Codes, Layer};
use crate::operator::{self, Operator};
use crate::options::Options;
use peftc_plugin::{Attr, Result, Run};

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
    let bias = operator::bias(run, layer, "MatMulBnb4")?;
    let Codes { codes, absmax } = layer.codes(run, options)?;
    let [out, inputs] = layer.shape();
    let operator = Operator {
        op_type: "MatMulBnb4",
        suffix: "Bnb4",
        role: &format!("linear.{}", options.quant_type.name()),
        weight: &[codes, absmax],
        attrs: vec![
            ("K", Attr::Int(inputs)),
            ("N", Attr::Int(out)),
            ("block_size", Attr::Int(options.block_size as i64)),
            ("quant_type", Attr::Int(i64::from(options.quant_type == QuantType::Nf4))),
        ],
    };
    operator.replace(run, layer, bias)
}
