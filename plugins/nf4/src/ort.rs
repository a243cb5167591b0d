//! Format `ort`: ONNX Runtime's `com.microsoft` MatMulBnb4 in place of the layer.

use crate::codec::QuantType;
use crate::layer::{Codes, Form, Layer};
use crate::operator::Operator;
use crate::options::Options;
use peftc_plugin::{Attr, Result, Run, Value};

/// The format.
pub(crate) struct Ort<'o>(&'o Options<'o>);

impl<'o> Ort<'o> {
    /// The format, with a warning of what of the options it cannot hold.
    pub(crate) fn new(run: &Run<'_>, options: &'o Options<'o>) -> Self {
        if options.double_quant {
            run.warn(&format!(
                "MatMulBnb4 has plain magnitudes: double quantization is lost, which costs {:.3} bits a weight; \
                 format = \"portable\" keeps it",
                (32.0 - 8.0 - 32.0 / 256.0) / options.block_size as f64
            ));
        }
        Self(options)
    }
}

impl Form for Ort<'_> {
    fn quantize(&self, run: &Run<'_>, layer: &Layer<'_>) -> Result<Vec<Value>> {
        let Codes { codes, absmax } = layer.codes(run, self.0)?;
        self.0.measure(run, layer, &[codes, absmax])?;
        Ok(vec![codes, absmax])
    }

    fn place(&self, run: &Run<'_>, layer: &Layer<'_>, weight: &[Value]) -> Result<()> {
        place(run, layer, weight, self.0.block_size, self.0.quant_type)
    }
}

/// Puts the operator that reads codes and magnitudes in place of a layer's.
pub(crate) fn place(
    run: &Run<'_>,
    layer: &Layer<'_>,
    weight: &[Value],
    block_size: usize,
    quant_type: QuantType,
) -> Result<()> {
    let [out, inputs] = layer.shape();
    let operator = Operator {
        op_type: "MatMulBnb4",
        suffix: "Bnb4",
        role: &format!("linear.{}", quant_type.name()),
        weight,
        attrs: vec![
            ("K", Attr::Int(inputs)),
            ("N", Attr::Int(out)),
            ("block_size", Attr::Int(block_size as i64)),
            ("quant_type", Attr::Int(i64::from(quant_type == QuantType::Nf4))),
        ],
    };
    operator.replace(run, layer)
}
