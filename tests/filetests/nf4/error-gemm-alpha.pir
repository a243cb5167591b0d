; test: pass nf4 block_size=16 format=ort
model ir=8 opset ""=17
graph g(%x: f32[n, 4]) -> (%y) {
  const %w = f32[4, 4] {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
  %y = Gemm(%x, %w) name "/fc/Gemm" {alpha: 2.0}
}
---
error: pass "nf4" (plugin peftc-plugin-nf4 0.1.0): fc.weight is a Gemm with alpha, beta or transA, which MatMulBnb4 has not: format = "portable" keeps the Gemm
