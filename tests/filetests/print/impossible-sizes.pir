; test: print
model ir=8
graph g() -> (%w) {
  const %w = f32[-2] {0, 1}
  const %v = string[9223372036854775807, 3] {"a"}
}
---
model ir=8
graph g() -> (%w) {
  const %w = f32[-2] {0.0, 1.0}
  const %v = string[9223372036854775807, 3] {"a"}
}
