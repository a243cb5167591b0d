; test: pass lora mode=inject rank=1 targets=v_proj
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {0, 0, 0, 0, 0, 0}
  const %b = f32[3] {1, 1, 1}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
---
error: pass "lora" (plugin peftc-plugin-lora 0.1.0): no linear layer of the model matches "v_proj"
  it has 1 linear layers, such as q
