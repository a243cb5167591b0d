; test: pass lora mode=inject
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {0, 0, 0, 0, 0, 0}
  const %b = f32[3] {1, 1, 1}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
---
error: pass "lora" (plugin peftc-plugin-lora 0.1.0): neither an adapter nor a rank is given: `adapter` applies one, `rank` makes a fresh one
