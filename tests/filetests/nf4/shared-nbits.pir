; test: pass nf4 block_size=16 format=nbits symmetric=false
model ir=8 opset ""=17
graph g(%x: f32[n, 4]) -> (%y) {
  const %w = f32[4, 4] {1, -2, 3, -4, 0.5, 0.25, 0, -1, 2, 2, 2, 2, -8, 4, -2, 1}
  %h = MatMul(%x, %w) name "/albert/MatMul"
  %y = MatMul(%h, %w) name "/albert/MatMul_1"
}
---
; albert: int4 blocks of 16, asymmetric, 0 parameters, w
; albert: int4 blocks of 16, asymmetric, 0 parameters, w
; pass 1 (nf4): albert.weight: 16 elements
; pass 1 (nf4): albert.weight: 3.333e-1 error_max
; pass 1 (nf4): albert.weight: 2.414e-1 error_squares
; pass 1 (nf4): albert.weight: 1.323e2 squares
; pass 1 (nf4): albert.weight: 7.500e-1 sum
model ir=8 opset ""=17 opset "com.microsoft"=1
graph g(%x: f32[n, 4]) -> (%y) {
  const %albert.weight.codes = u8[4, 1, 8] {222, 15, 0, 0, 0, 0, 0, 0, 96, 250, 0, 0, 0, 0, 0, 0, 111, 12, 0, 0, 0, 0, 0, 0, 128, 223, 0, 0, 0, 0, 0, 0} meta {"peftc.role": "nf4"}
  const %albert.weight.scales = f32[4, 1] {0.6666667, 0.4, 0.33333334, 0.4} meta {"peftc.role": "nf4"}
  const %albert.weight.zero_points = u8[4, 1] {140, 133, 134, 138} meta {"peftc.role": "nf4"}
  %/albert/MatMul_NBits_output_0 = "com.microsoft"::MatMulNBits(%x, %albert.weight.codes, %albert.weight.scales, %albert.weight.zero_points) name "/albert/MatMul_NBits" {K: 4, N: 4, bits: 4, block_size: 16, accuracy_level: 1} meta {"peftc.role": "linear.int4", "peftc.site": "albert"}
  %y = "com.microsoft"::MatMulNBits(%/albert/MatMul_NBits_output_0, %albert.weight.codes, %albert.weight.scales, %albert.weight.zero_points) name "/albert/MatMul_1_NBits" {K: 4, N: 4, bits: 4, block_size: 16, accuracy_level: 1} meta {"peftc.role": "linear.int4", "peftc.site": "albert"}
}
