; test: pass nf4 block_size=16
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 2] hex"0000803f0000c07f0000803f0000803f"
  %y = MatMul(%x, %w) name "/fc/MatMul"
}
---
error: pass 1 (nf4): fc.weight (quantize-whole): plugin peftc-plugin-nf4 0.1.0: the weight has an element that is NaN: it cannot be quantized
