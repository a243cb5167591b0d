; test: pass nf4 block_size=16 format=ort double_quant=false
model ir=8 opset ""=17
graph g(%x: f32[n, 4]) -> (%y) {
  const %w = f32[4, 4] {1, -2, 3, -4, 0.5, 0.25, 0, -1, 2, 2, 2, 2, -8, 4, -2, 1}
  %h = MatMul(%x, %w) name "/albert/MatMul"
  %y = MatMul(%h, %w) name "/albert/MatMul_1"
}
---
; albert: nf4 blocks of 16, 0 parameters, w
; albert: nf4 blocks of 16, 0 parameters, w
; pass 1 (nf4): albert.weight: 16 elements
; pass 1 (nf4): albert.weight: 4.743e-1 error_max
; pass 1 (nf4): albert.weight: 8.291e-1 error_squares
; pass 1 (nf4): albert.weight: 1.323e2 squares
; pass 1 (nf4): albert.weight: 7.500e-1 sum
model ir=8 opset ""=17 opset "com.microsoft"=1
graph g(%x: f32[n, 4]) -> (%y) {
  const %albert.weight.codes = u8[8] {152, 160, 71, 172, 183, 164, 38, 169} meta {"peftc.role": "nf4"}
  const %albert.weight.absmax = f32[1] {8.0} meta {"peftc.role": "nf4"}
  %/albert/MatMul_Bnb4_output_0 = "com.microsoft"::MatMulBnb4(%x, %albert.weight.codes, %albert.weight.absmax) name "/albert/MatMul_Bnb4" {K: 4, N: 4, block_size: 16, quant_type: 1} meta {"peftc.role": "linear.nf4", "peftc.site": "albert"}
  %y = "com.microsoft"::MatMulBnb4(%/albert/MatMul_Bnb4_output_0, %albert.weight.codes, %albert.weight.absmax) name "/albert/MatMul_1_Bnb4" {K: 4, N: 4, block_size: 16, quant_type: 1} meta {"peftc.role": "linear.nf4", "peftc.site": "albert"}
}
