; test: pass nf4
model ir=8 opset ""=17
graph g(%x: f32[n, 16]) -> (%y) {
  const %w = f32[2, 16] {0.22035491, -0.3480964, -0.26253653, 0.5, -0.26253653, 0.22035491, 0.2813085, 0.0804651, -0.5, -0.3480964, -0.092386715, -0.045525018, 0.0804651, 0.0, -0.14222069, -0.26253653, 0.6758305, 0.6758305, -2.0, -1.3923856, 0.0, -0.18210007, 1.4459137, 0.1591606, -0.18210007, -2.0, 0.4922246, 0.3218604, -1.0501461, 0.6758305, 0.88141966, 2.0}
  const %albert.norm.weight = f32[2] {1, 2}
  %y0 = Gemm(%x, %w) name "/albert/fc/Gemm" {alpha: 1.0, transB: 1}
  %y = Mul(%y0, %albert.norm.weight) name "/albert/norm/Mul"
}
--- adapter
{"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": true}}
const %albert.fc.weight = u8[16, 1] {193, 47, 44, 217, 1, 86, 151, 66, 187, 1, 118, 232, 96, 169, 43, 207}
const %albert.fc.weight.quant_map = f32[16] {-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0.0, 0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0}
const %albert.fc.weight.absmax = u8[2] {0, 255}
const %albert.fc.weight.nested_absmax = f32[1] {0.75}
const %albert.fc.weight.nested_quant_map = f32[256] {-1.0, 0.75, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0}
json %albert.fc.weight.quant_state.bitsandbytes__nf4 = {"quant_type": "nf4", "blocksize": 16, "dtype": "float32", "shape": [2, 16], "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 1.25}
const %albert.norm.weight = f32[2] {1, 2}
---
; albert.fc: nf4 blocks of 16, double quantized, imported, 0 parameters, w
; note: the same in checkpoint and model: 1 tensors that are not quantized, 32 of 32 sampled codes
; pass 1 (nf4): albert.fc.weight: 32 elements
; pass 1 (nf4): albert.fc.weight: 0 error_max
; pass 1 (nf4): albert.fc.weight: 0 error_squares
; pass 1 (nf4): albert.fc.weight: 2.089e1 squares
; pass 1 (nf4): albert.fc.weight: -3.596e-1 sum
model ir=8 opset ""=17 opset "peftc"=1
function "peftc" "Dequantize4Bit" opset ""=17 attribute "block_size" attribute "to" doc "The matrix of a shape whose flattened elements are quant_map[code] * absmax[index / block_size]; codes are packed two a byte, the first in the high half (bitsandbytes)"
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
}
function "peftc" "DequantizeBlockwise" opset ""=17 doc "quant_map[code] * absmax[index / 256] + offset (bitsandbytes)"
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
}
graph g(%x: f32[n, 16]) -> (%y) {
  const %albert.norm.weight = f32[2] {1.0, 2.0}
  const %albert.fc.weight.codes = u8[16] {193, 47, 44, 217, 1, 86, 151, 66, 187, 1, 118, 232, 96, 169, 43, 207} meta {"peftc.role": "nf4"}
  const %albert.fc.weight.absmax_codes = u8[2] {0, 255} meta {"peftc.role": "nf4"}
  const %albert.fc.weight.nested_absmax = f32[1] {0.75} meta {"peftc.role": "nf4"}
  const %nested_quant_map = f32[256] {-1.0, 0.75, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0} meta {"peftc.role": "nf4"}
  const %albert.fc.weight.nested_offset = f32[] {1.25} meta {"peftc.role": "nf4"}
  const %quant_map = f32[16] {-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0.0, 0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0} meta {"peftc.role": "nf4"}
  const %albert.fc.weight.shape = i64[2] {2, 16} meta {"peftc.role": "nf4"}
  %albert.fc.weight/DequantizeBlockwise_output_0 = "peftc"::DequantizeBlockwise(%albert.fc.weight.absmax_codes, %nested_quant_map, %albert.fc.weight.nested_absmax, %albert.fc.weight.nested_offset) name "albert.fc.weight/DequantizeBlockwise" meta {"peftc.role": "weight.nf4", "peftc.site": "albert.fc"}
  %albert.fc.weight/Dequantize4Bit_output_0: f32[2, 16] = "peftc"::Dequantize4Bit(%albert.fc.weight.codes, %quant_map, %albert.fc.weight/DequantizeBlockwise_output_0, %albert.fc.weight.shape) name "albert.fc.weight/Dequantize4Bit" {block_size: 16, to: 1} meta {"peftc.role": "weight.nf4", "peftc.site": "albert.fc"}
  %y0 = Gemm(%x, %albert.fc.weight/Dequantize4Bit_output_0) name "/albert/fc/Gemm" {alpha: 1.0, transB: 1}
  %y = Mul(%y0, %albert.norm.weight) name "/albert/norm/Mul"
}
