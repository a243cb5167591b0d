; test: pass ia3
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1, 2, 3, 4, 5, 6}
  const %b = f32[3] {1, 1, 1}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
---
error: pass "ia3" (plugin peftc-plugin-ia3 0.1.0): neither an adapter nor layers are given: `adapter` applies one, `targets` and `feedforward` make a fresh one
