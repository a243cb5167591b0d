; test: unusual
model ir=8 opset ""=17
graph g(%x: f32[2], %w: f32[2] = f32[2] {1, 2}, %v: f32[2] = f32[2] {1, 2}) -> (%y) {
  %a = Add(%x, %w)
  %y = Add(%a, %v)
}
---
2 initializers are graph inputs too, so callers can override them and no adapter is merged into them: "w", "v"
