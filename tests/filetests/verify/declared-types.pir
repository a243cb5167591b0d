; test: verify
model ir=8
graph g(%x: f32[2]) -> (%y) {
  const %w: f32[3] = f32[2] {1, 2}
  const %v: f16[2] = f32[2] {1, 2}
  %y = Add(%w, %v)
}
---
initializer "w": it is declared as f32[3], but its tensor is f32[2]
initializer "v": it is declared as f16[2], but its tensor is f32[2]
