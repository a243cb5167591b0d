; test: verify
model ir=8
graph g(%x: f32[2]) -> (%y) {
  const %w: f32[2] = f32[2] {1, 2}
  %y = Add(%x, %w)
}
