//! Format `portable`: the weight is what a model-local function of standard operators makes of
//! codes, so that any runtime runs it.

use crate::codec::{QuantType, nested};
use crate::layer::{Codes, Form, Layer};
use crate::options::Options;
use peftc_plugin::{
    Attr, DataType, Error, NodeSpec, Result, Run, SourceSpec, TaskSpec, TensorType, Value,
};

/// The oldest operator set that the bodies are written for.
const LEAST_OPSET: i64 = 13;
const DOMAIN: &str = "peftc";

/// The weight `[out, in]`: code[q]·absmax[i / block_size] over the flattened weight, cast to its
/// type. `codes` hold two elements a byte, the first in the high half.
const DEQUANTIZE_4BIT: &str = r#"
function "peftc" "Dequantize4Bit" attribute "block_size" attribute "to" doc "The matrix of a shape whose flattened elements are quant_map[code] * absmax[index / block_size]; codes are packed two a byte, the first in the high half (bitsandbytes)"
graph Dequantize4Bit(%codes, %quant_map, %absmax, %shape) -> (%weight) {
  %four = Constant() {value: tensor u8[1] {4}}
  %zero = Constant() {value: tensor i64[1] {0}}
  %one = Constant() {value: tensor i64[1] {1}}
  %all = Constant() {value: tensor i64[1] {-1}}
  %block_size = Constant() {value_int: ref int block_size}
  %block = Reshape(%block_size, %one)
  %high = BitShift(%codes, %four) {direction: "RIGHT"}
  %shifted = BitShift(%codes, %four) {direction: "LEFT"}
  %low = BitShift(%shifted, %four) {direction: "RIGHT"}
  %high_column = Unsqueeze(%high, %one)
  %low_column = Unsqueeze(%low, %one)
  %pairs = Concat(%high_column, %low_column) {axis: 1}
  %indices = Cast(%pairs) {to: 6}
  %values = Gather(%quant_map, %indices)
  %flat_values = Reshape(%values, %all)
  %count = ReduceProd(%shape)
  %used_values = Slice(%flat_values, %zero, %count)
  %absmax_column = Unsqueeze(%absmax, %one)
  %block_row = Concat(%one, %block) {axis: 0}
  %block_scales = Expand(%absmax_column, %block_row)
  %flat_scales = Reshape(%block_scales, %all)
  %used_scales = Slice(%flat_scales, %zero, %count)
  %scaled = Mul(%used_values, %used_scales)
  %matrix = Reshape(%scaled, %shape)
  %weight = Cast(%matrix) {to: ref int to}
}"#;

/// The magnitudes of double quantization: code[q]·absmax[i / 256] + offset.
const DEQUANTIZE_BLOCKWISE: &str = r#"
function "peftc" "DequantizeBlockwise" doc "quant_map[code] * absmax[index / 256] + offset (bitsandbytes)"
graph DequantizeBlockwise(%codes, %quant_map, %absmax, %offset) -> (%values) {
  %zero = Constant() {value: tensor i64[1] {0}}
  %one = Constant() {value: tensor i64[1] {1}}
  %all = Constant() {value: tensor i64[1] {-1}}
  %block_row = Constant() {value: tensor i64[2] {1, 256}}
  %indices = Cast(%codes) {to: 6}
  %mapped = Gather(%quant_map, %indices)
  %absmax_column = Unsqueeze(%absmax, %one)
  %block_scales = Expand(%absmax_column, %block_row)
  %flat_scales = Reshape(%block_scales, %all)
  %count = Shape(%codes)
  %scales = Slice(%flat_scales, %zero, %count)
  %scaled = Mul(%mapped, %scales)
  %values = Add(%scaled, %offset)
}"#;

/// What all layers share.
pub(crate) struct Portable<'o> {
    options: &'o Options<'o>,
    quant_map: Value,
    nested_quant_map: Option<Value>,
}

/// What [`weight`] makes a weight of.
pub(crate) struct Parts {
    pub(crate) codes: Value,
    pub(crate) quant_map: Value,
    pub(crate) absmax: Value,
    pub(crate) block_size: usize,
    pub(crate) quant_type: QuantType,
}

impl Form for Portable<'_> {
    /// The value that stands for the weight, stored as the weight was.
    fn quantize(&self, run: &Run<'_>, layer: &Layer<'_>) -> Result<Vec<Value>> {
        let Codes { codes, absmax } = layer.codes(run, self.options)?;
        let absmax = match self.nested_quant_map {
            Some(map) => self.nested(run, layer, Codes { codes, absmax }, map)?,
            None => {
                self.options.measure(run, layer, &[codes, absmax])?;
                absmax
            }
        };
        let Options { block_size, quant_type, .. } = *self.options;
        let parts = Parts { codes, quant_map: self.quant_map, absmax, block_size, quant_type };
        Ok(vec![weight(run, layer, &parts)?])
    }

    fn place(&self, run: &Run<'_>, layer: &Layer<'_>, weight: &[Value]) -> Result<()> {
        run.replace_parameter(layer.info.weight, weight[0])
    }
}

impl<'o> Portable<'o> {
    pub(crate) fn new(run: &Run<'_>, options: &'o Options<'o>) -> Result<Self> {
        add_functions(run, options.double_quant)?;
        let nested_quant_map = match options.double_quant {
            true => Some(map(run, "nested_quant_map", nested::code_book())?),
            false => None,
        };
        let quant_map = map(run, "quant_map", options.quant_type.code_book())?;
        Ok(Self { options, quant_map, nested_quant_map })
    }

    /// The magnitudes, quantized themselves.
    fn nested(
        &self,
        run: &Run<'_>,
        layer: &Layer<'_>,
        Codes { codes: of_weight, absmax }: Codes,
        map: Value,
    ) -> Result<Value> {
        let blocks = layer.blocks(self.options);
        let groups = (blocks as u64).div_ceil(nested::BLOCK_SIZE as u64) as i64;
        let name = |part: &str| format!("{}.{part}", layer.name);
        let values = run.add_task(TaskSpec {
            kind: "nest",
            label: &layer.name,
            sources: vec![SourceSpec::Value { value: absmax, follows: Vec::new() }],
            results: vec![
                (TensorType::new(DataType::U8, [blocks]), name("absmax_codes")),
                (TensorType::new(DataType::F32, [groups]), name("nested_absmax")),
                (TensorType::new(DataType::F32, []), name("nested_offset")),
            ],
            ..Default::default()
        })?;
        let [codes, absmax, offset] = values[..] else {
            return Err(Error::invalid("the host gave other values than results"));
        };
        self.options.measure(run, layer, &[of_weight, codes, absmax, offset])?;
        absmax_of(run, layer, self.options.quant_type, [codes, map, absmax, offset])
    }
}

/// Adds the functions to the model.
///
/// # Errors
/// Its operator set is too old for them.
pub(crate) fn add_functions(run: &Run<'_>, is_nested: bool) -> Result<()> {
    let opset = run.opset("")?.unwrap_or(0);
    if opset < LEAST_OPSET {
        return Err(Error::unsupported(format!(
            "format = \"portable\" needs operators of opset {LEAST_OPSET}, the model imports {opset}: export it anew"
        )));
    }
    run.add_function(DEQUANTIZE_4BIT.trim())?;
    match is_nested {
        true => run.add_function(DEQUANTIZE_BLOCKWISE.trim()),
        false => Ok(()),
    }
}

/// The value that stands for a layer's weight, stored as the weight was.
pub(crate) fn weight(run: &Run<'_>, layer: &Layer<'_>, parts: &Parts) -> Result<Value> {
    let dims = layer.shape();
    let bytes: Vec<u8> = dims.iter().flat_map(|d| d.to_le_bytes()).collect();
    let ty = TensorType::new(DataType::I64, [2]);
    let shape = run.add_tensor(&format!("{}.shape", layer.name), &ty, &bytes)?;
    let dtype = layer.weight.stored.dtype;
    let Parts { codes, quant_map, absmax, block_size, quant_type } = *parts;
    let attrs = vec![("block_size", Attr::Int(block_size as i64)), ("to", Attr::Int(dtype as i64))];
    let inputs = [codes, quant_map, absmax, shape];
    let weight = node(run, layer, quant_type, "Dequantize4Bit", DOMAIN, &inputs, attrs)?;
    run.declare(weight, &TensorType::new(dtype, dims))?;
    if !layer.weight.transposed {
        return Ok(weight);
    }
    let perm = vec![("perm", Attr::Ints(&[1, 0]))];
    let turned = node(run, layer, quant_type, "Transpose", "", &[weight], perm)?;
    run.declare(turned, &layer.weight.stored)?;
    Ok(turned)
}

/// The magnitudes of double quantization: of codes, their map, their magnitudes and the offset.
pub(crate) fn absmax_of(
    run: &Run<'_>,
    layer: &Layer<'_>,
    quant_type: QuantType,
    inputs: [Value; 4],
) -> Result<Value> {
    node(run, layer, quant_type, "DequantizeBlockwise", DOMAIN, &inputs, Vec::new())
}

fn node(
    run: &Run<'_>,
    layer: &Layer<'_>,
    quant_type: QuantType,
    op_type: &str,
    domain: &str,
    inputs: &[Value],
    attrs: Vec<(&str, Attr<'_>)>,
) -> Result<Value> {
    let name = format!("{}/{op_type}", layer.name);
    let role = format!("weight.{}", quant_type.name());
    let values = run.add_node(NodeSpec {
        op_type,
        domain,
        name: &name,
        role: &role,
        module: layer.info.module,
        inputs: inputs.iter().map(|&v| Some(v)).collect(),
        outputs: vec![format!("{name}_output_0")],
        attrs,
    })?;
    values.first().copied().ok_or_else(|| Error::invalid("the host gave no value for a node"))
}

/// A code book that layers read.
pub(crate) fn map(run: &Run<'_>, name: &str, values: &[f32]) -> Result<Value> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    run.add_tensor(name, &TensorType::new(DataType::F32, [values.len() as i64]), &bytes)
}
