; test: unusual
model ir=8 opset ""=17
graph g(%x: f32[2]) -> (%x, %w, %y) {
  const %w = f32[1] {1}
  %y = Neg(%x)
}
---
2 graph outputs are graph inputs or initializers as they are: "x", "w"
