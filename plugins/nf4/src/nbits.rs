//! Format `nbits`: ONNX Runtime's `com.microsoft` MatMulNBits in place of the layer, with the
//! weight in integers of 4 or 8 bits as ONNX Runtime's own quantizer makes them: [`IntQuantizer`].

mod quantizer;

pub use quantizer::IntQuantizer;

use crate::layer::{Form, Layer};
use crate::operator::Operator;
use crate::options::Options;
use peftc_plugin::{Attr, DataType, Error, Result, Run, SourceSpec, TaskSpec, TensorType, Value};

/// `accuracy_level` of a kernel that computes in float32.
const FLOAT32: i64 = 1;

/// The format.
pub(crate) struct Nbits<'o> {
    pub(crate) quantizer: IntQuantizer,
    pub(crate) options: &'o Options<'o>,
}

impl Form for Nbits<'_> {
    fn quantize(&self, run: &Run<'_>, layer: &Layer<'_>) -> Result<Vec<Value>> {
        let values = codes(run, layer, self.quantizer)?;
        if self.options.measure {
            let Self { quantizer, .. } = self;
            let params = [
                quantizer.bits() as u64,
                quantizer.block_size() as u64,
                u64::from(quantizer.is_symmetric()),
            ];
            layer.probe(run, "measure-int", &values, &params, true)?;
        }
        Ok(values)
    }

    fn place(&self, run: &Run<'_>, layer: &Layer<'_>, weight: &[Value]) -> Result<()> {
        let Self { quantizer, .. } = self;
        let [out, inputs] = layer.shape();
        let operator = Operator {
            op_type: "MatMulNBits",
            suffix: "NBits",
            role: &format!("linear.int{}", quantizer.bits()),
            weight,
            attrs: vec![
                ("K", Attr::Int(inputs)),
                ("N", Attr::Int(out)),
                ("bits", Attr::Int(quantizer.bits() as i64)),
                ("block_size", Attr::Int(quantizer.block_size() as i64)),
                ("accuracy_level", Attr::Int(FLOAT32)),
            ],
        };
        operator.replace(run, layer)
    }
}

/// What the report says of a layer: `int4 blocks of 64, symmetric`.
pub(crate) fn describe(quantizer: IntQuantizer) -> String {
    let kind = if quantizer.is_symmetric() { "symmetric" } else { "asymmetric" };
    format!("int{} blocks of {}, {kind}", quantizer.bits(), quantizer.block_size())
}

/// Records the task that quantizes the weight: codes `[out, blocks, bytes of a block]`, scales
/// `[out, blocks]` and, where asymmetric, zero points `[out, bytes of a row's]`.
fn codes(run: &Run<'_>, layer: &Layer<'_>, quantizer: IntQuantizer) -> Result<Vec<Value>> {
    let [out, inputs] = layer.shape();
    let blocks = quantizer.blocks(inputs as usize);
    let result = |dtype, dims: &[usize], part: &str| {
        let dims = [out].into_iter().chain(dims.iter().map(|&d| d as i64)).collect::<Vec<_>>();
        (TensorType::new(dtype, dims), format!("{}.{part}", layer.name))
    };
    let mut results = vec![
        result(DataType::U8, &[blocks, quantizer.block_bytes()], "codes"),
        result(DataType::F32, &[blocks], "scales"),
    ];
    if !quantizer.is_symmetric() {
        let bytes = quantizer.zero_point_bytes(blocks);
        results.push(result(DataType::U8, &[bytes], "zero_points"));
    }
    let is_transposed = layer.weight.transposed;
    let params = [
        quantizer.bits() as u64,
        quantizer.block_size() as u64,
        u64::from(quantizer.is_symmetric()),
        u64::from(is_transposed),
    ];
    let expected = results.len();
    let values = run.add_task(TaskSpec {
        kind: "quantize-int",
        label: &layer.name,
        sources: vec![SourceSpec::Value {
            value: layer.weight.value,
            follows: vec![Some(u32::from(is_transposed))],
        }],
        results,
        params: params.iter().flat_map(|p| p.to_le_bytes()).collect(),
        ..Default::default()
    })?;
    match values.len() == expected {
        true => Ok(values),
        false => Err(Error::invalid("the host gave other values than results")),
    }
}
