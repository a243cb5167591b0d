; test: pass nf4 block_size=16
model ir=8 opset ""=17
graph g(%x: f32[n, 4]) -> (%y) {
  const %w = f32[4, 4] {1, -2, 3, -4, 0.5, 0.25, 0, -1, 2, 2, 2, 2, -8, 4, -2, 1}
  %h = MatMul(%x, %w) name "/albert/MatMul"
  %y = MatMul(%h, %w) name "/albert/MatMul_1"
}
---
; albert: nf4 blocks of 16, double quantized, 0 parameters, w
; albert: nf4 blocks of 16, double quantized, 0 parameters, w
; pass 1 (nf4): albert.weight: 16 elements
; pass 1 (nf4): albert.weight: 4.743e-1 error_max
; pass 1 (nf4): albert.weight: 8.291e-1 error_squares
; pass 1 (nf4): albert.weight: 1.323e2 squares
; pass 1 (nf4): albert.weight: 7.500e-1 sum
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
graph g(%x: f32[n, 4]) -> (%y) {
  const %nested_quant_map = f32[256] {-0.99296874, -0.9789063, -0.96484375, -0.9507812, -0.93671876, -0.92265624, -0.9085938, -0.89453125, -0.8804687, -0.86640626, -0.85234374, -0.8382813, -0.82421875, -0.8101562, -0.79609376, -0.78203124, -0.7679688, -0.75390625, -0.7398437, -0.72578126, -0.7117188, -0.6976563, -0.68359375, -0.6695312, -0.65546876, -0.6414063, -0.6273438, -0.61328125, -0.5992187, -0.58515626, -0.5710938, -0.5570313, -0.54296875, -0.5289062, -0.5148437, -0.50078124, -0.4867187, -0.47265625, -0.45859373, -0.44453126, -0.43046874, -0.41640624, -0.40234375, -0.38828123, -0.37421876, -0.36015624, -0.34609374, -0.33203125, -0.31796873, -0.30390626, -0.28984374, -0.27578127, -0.26171875, -0.24765624, -0.23359375, -0.21953125, -0.20546874, -0.19140625, -0.17734376, -0.16328125, -0.14921875, -0.13515624, -0.12109375, -0.107031256, -0.09859375, -0.09578126, -0.092968754, -0.09015625, -0.08734375, -0.08453125, -0.08171876, -0.07890625, -0.07609375, -0.07328125, -0.070468746, -0.067656256, -0.06484375, -0.06203125, -0.059218753, -0.05640625, -0.05359375, -0.05078125, -0.04796875, -0.04515625, -0.042343747, -0.03953125, -0.036718752, -0.03390625, -0.03109375, -0.028281251, -0.02546875, -0.02265625, -0.019843752, -0.01703125, -0.01421875, -0.01140625, -0.00971875, -0.009156249, -0.00859375, -0.00803125, -0.00746875, -0.00690625, -0.00634375, -0.00578125, -0.0052187503, -0.0046562497, -0.00409375, -0.0035312497, -0.00296875, -0.00240625, -0.00184375, -0.0012812499, -0.0009437501, -0.00083125, -0.00071875006, -0.0006062501, -0.00049375003, -0.00038125002, -0.00026875004, -0.00015625001, -8.875e-5, -6.625e-5, -4.375e-5, -2.1249998e-5, -7.75e-6, -3.2500002e-6, -5.5000004e-7, 0.0, 5.5000004e-7, 3.2500002e-6, 7.75e-6, 2.1249998e-5, 4.375e-5, 6.625e-5, 8.875e-5, 0.00015625001, 0.00026875004, 0.00038125002, 0.00049375003, 0.0006062501, 0.00071875006, 0.00083125, 0.0009437501, 0.0012812499, 0.00184375, 0.00240625, 0.00296875, 0.0035312497, 0.00409375, 0.0046562497, 0.0052187503, 0.00578125, 0.00634375, 0.00690625, 0.00746875, 0.00803125, 0.00859375, 0.009156249, 0.00971875, 0.01140625, 0.01421875, 0.01703125, 0.019843752, 0.02265625, 0.02546875, 0.028281251, 0.03109375, 0.03390625, 0.036718752, 0.03953125, 0.042343747, 0.04515625, 0.04796875, 0.05078125, 0.05359375, 0.05640625, 0.059218753, 0.06203125, 0.06484375, 0.067656256, 0.070468746, 0.07328125, 0.07609375, 0.07890625, 0.08171876, 0.08453125, 0.08734375, 0.09015625, 0.092968754, 0.09578126, 0.09859375, 0.107031256, 0.12109375, 0.13515624, 0.14921875, 0.16328125, 0.17734376, 0.19140625, 0.20546874, 0.21953125, 0.23359375, 0.24765624, 0.26171875, 0.27578127, 0.28984374, 0.30390626, 0.31796873, 0.33203125, 0.34609374, 0.36015624, 0.37421876, 0.38828123, 0.40234375, 0.41640624, 0.43046874, 0.44453126, 0.45859373, 0.47265625, 0.4867187, 0.50078124, 0.5148437, 0.5289062, 0.54296875, 0.5570313, 0.5710938, 0.58515626, 0.5992187, 0.61328125, 0.6273438, 0.6414063, 0.65546876, 0.6695312, 0.68359375, 0.6976563, 0.7117188, 0.72578126, 0.7398437, 0.75390625, 0.7679688, 0.78203124, 0.79609376, 0.8101562, 0.82421875, 0.8382813, 0.85234374, 0.86640626, 0.8804687, 0.89453125, 0.9085938, 0.92265624, 0.93671876, 0.9507812, 0.96484375, 0.9789063, 0.99296874, 1.0} meta {"peftc.role": "nf4"}
  const %quant_map = f32[16] {-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0.0, 0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0} meta {"peftc.role": "nf4"}
  const %albert.weight.codes = u8[8] {152, 160, 71, 172, 183, 164, 38, 169} meta {"peftc.role": "nf4"}
  const %albert.weight.absmax_codes = u8[1] {0} meta {"peftc.role": "nf4"}
  const %albert.weight.nested_absmax = f32[1] {0.0} meta {"peftc.role": "nf4"}
  const %albert.weight.nested_offset = f32[] {8.0} meta {"peftc.role": "nf4"}
  const %albert.weight.shape = i64[2] {4, 4} meta {"peftc.role": "nf4"}
  %albert.weight/DequantizeBlockwise_output_0 = "peftc"::DequantizeBlockwise(%albert.weight.absmax_codes, %nested_quant_map, %albert.weight.nested_absmax, %albert.weight.nested_offset) name "albert.weight/DequantizeBlockwise" meta {"peftc.role": "weight.nf4", "peftc.site": "albert"}
  %albert.weight/Dequantize4Bit_output_0: f32[4, 4] = "peftc"::Dequantize4Bit(%albert.weight.codes, %quant_map, %albert.weight/DequantizeBlockwise_output_0, %albert.weight.shape) name "albert.weight/Dequantize4Bit" {block_size: 16, to: 1} meta {"peftc.role": "weight.nf4", "peftc.site": "albert"}
  %albert.weight/Transpose_output_0: f32[4, 4] = Transpose(%albert.weight/Dequantize4Bit_output_0) name "albert.weight/Transpose" {perm: ints [1, 0]} meta {"peftc.role": "weight.nf4", "peftc.site": "albert"}
  %h = MatMul(%x, %albert.weight/Transpose_output_0) name "/albert/MatMul"
  %y = MatMul(%h, %albert.weight/Transpose_output_0) name "/albert/MatMul_1"
}
