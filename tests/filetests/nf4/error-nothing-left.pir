; test: pass nf4 exclude=["albert"]
model ir=8 opset ""=17
graph g(%x: f32[n, 4]) -> (%y) {
  const %w = f32[4, 4] {1, -2, 3, -4, 0.5, 0.25, 0, -1, 2, 2, 2, 2, -8, 4, -2, 1}
  %h = MatMul(%x, %w) name "/albert/MatMul"
  %y = MatMul(%h, %w) name "/albert/MatMul_1"
}
---
error: pass "nf4" (plugin peftc-plugin-nf4 0.1.0): no layer is left to quantize: all targets are excluded or quantized
