; test: pass nf4 format=ort
model ir=8 opset ""=17
graph g(%x: f32[n, 16]) -> (%y) {
  const %w = f32[16, 2] {0.22035491, 0.6758305, -0.3480964, 0.6758305, -0.26253653, -2.0, 0.5, -1.3923856, -0.26253653, 0.0, 0.22035491, -0.18210007, 0.2813085, 1.4459137, 0.0804651, 0.1591606, -0.5, -0.18210007, -0.3480964, -2.0, -0.092386715, 0.4922246, -0.045525018, 0.3218604, 0.0804651, -1.0501461, 0.0, 0.6758305, -0.14222069, 0.88141966, -0.26253653, 2.0}
  const %albert.norm.weight = f32[2] {1, 2}
  %y0 = MatMul(%x, %w) name "/albert/fc/MatMul"
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
; albert.fc: nf4 blocks of 16, imported, 0 parameters, w
; note: MatMulBnb4 has plain magnitudes: where they are double quantized (1 weights), they were decoded to float32, which changes no value; format = "portable" keeps them as they are
; note: the same in checkpoint and model: 1 tensors that are not quantized, 32 of 32 sampled codes
; pass 1 (nf4): albert.fc.weight: 32 elements
; pass 1 (nf4): albert.fc.weight: 0 error_max
; pass 1 (nf4): albert.fc.weight: 0 error_squares
; pass 1 (nf4): albert.fc.weight: 2.089e1 squares
; pass 1 (nf4): albert.fc.weight: -3.596e-1 sum
model ir=8 opset ""=17 opset "com.microsoft"=1
graph g(%x: f32[n, 16]) -> (%y) {
  const %albert.norm.weight = f32[2] {1.0, 2.0}
  const %albert.fc.weight.codes = u8[16] {193, 47, 44, 217, 1, 86, 151, 66, 187, 1, 118, 232, 96, 169, 43, 207} meta {"peftc.role": "nf4"}
  const %albert.fc.weight.absmax = f32[2] {0.5, 2.0} meta {"peftc.role": "nf4"}
  %/albert/fc/MatMul_Bnb4_output_0 = "com.microsoft"::MatMulBnb4(%x, %albert.fc.weight.codes, %albert.fc.weight.absmax) name "/albert/fc/MatMul_Bnb4" {K: 16, N: 2, block_size: 16, quant_type: 1} meta {"peftc.role": "linear.nf4", "peftc.site": "albert.fc"}
  %y = Mul(%/albert/fc/MatMul_Bnb4_output_0, %albert.norm.weight) name "/albert/norm/Mul"
}
