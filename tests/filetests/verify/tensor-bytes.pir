; test: verify
model ir=8
graph g(%x: f32[2]) -> (%y) {
  const %w = f32[3] {1, 2}
  const %h = f32[2] hex"00"
  %y = Add(%x, %w)
}
---
initializer "w": the tensor is f32 [3], which is 12 bytes, but there are 8
initializer "h": the tensor is f32 [2], which is 8 bytes, but there are 1
