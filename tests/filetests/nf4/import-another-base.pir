; test: pass nf4 check_base=false
model ir=8 opset ""=17
graph g(%x: f32[n, 16]) -> (%y) {
  const %w = f32[16, 2] {0.22035491, 0.6758305, -0.3480964, 0.6758305, -0.26253653, -2.0, 0.5, -1.3923856, -0.26253653, 0.0, 0.22035491, -0.18210007, 0.2813085, 1.4459137, 0.0804651, 0.1591606, -0.5, -0.18210007, -0.3480964, -2.0, -0.092386715, 0.4922246, -0.045525018, 0.3218604, 0.0804651, -1.0501461, 0.0, 0.6758305, -0.14222069, 0.88141966, -0.26253653, 2.0}
  const %albert.norm.weight = f32[2] {1, 3}
  %y0 = MatMul(%x, %w) name "/albert/fc/MatMul"
  %y = Mul(%y0, %albert.norm.weight) name "/albert/norm/Mul"
}
--- adapter
{"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": true}}
const %albert.fc.weight = u8[16, 1] {193, 47, 44, 217, 1, 86, 151, 66, 187, 1, 118, 232, 96, 169, 43, 207}
const %albert.fc.weight.quant_map = f32[16] {-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0.0, 0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0}
const %albert.fc.weight.absmax = f32[2] {0.5, 2}
json %albert.fc.weight.quant_state.bitsandbytes__nf4 = {"quant_type": "nf4", "blocksize": 16, "dtype": "float32", "shape": [2, 16]}
const %albert.norm.weight = f32[2] {1, 2}
---
; albert.fc: nf4 blocks of 16, imported, 0 parameters, w
; note: the same in checkpoint and model: 0 tensors that are not quantized, 32 of 32 sampled codes
; note: the checkpoint seems to be of another model: albert.norm.weight has 2 at [1] in the checkpoint, 3 in the model
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
graph g(%x: f32[n, 16]) -> (%y) {
  const %albert.norm.weight = f32[2] {1.0, 3.0}
  const %albert.fc.weight.codes = u8[16] {193, 47, 44, 217, 1, 86, 151, 66, 187, 1, 118, 232, 96, 169, 43, 207} meta {"peftc.role": "nf4"}
  const %albert.fc.weight.absmax = f32[2] {0.5, 2.0} meta {"peftc.role": "nf4"}
  const %quant_map = f32[16] {-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0.0, 0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0} meta {"peftc.role": "nf4"}
  const %albert.fc.weight.shape = i64[2] {2, 16} meta {"peftc.role": "nf4"}
  %albert.fc.weight/Dequantize4Bit_output_0: f32[2, 16] = "peftc"::Dequantize4Bit(%albert.fc.weight.codes, %quant_map, %albert.fc.weight.absmax, %albert.fc.weight.shape) name "albert.fc.weight/Dequantize4Bit" {block_size: 16, to: 1} meta {"peftc.role": "weight.nf4", "peftc.site": "albert.fc"}
  %albert.fc.weight/Transpose_output_0: f32[16, 2] = Transpose(%albert.fc.weight/Dequantize4Bit_output_0) name "albert.fc.weight/Transpose" {perm: ints [1, 0]} meta {"peftc.role": "weight.nf4", "peftc.site": "albert.fc"}
  %y0 = MatMul(%x, %albert.fc.weight/Transpose_output_0) name "/albert/fc/MatMul"
  %y = Mul(%y0, %albert.norm.weight) name "/albert/norm/Mul"
}
