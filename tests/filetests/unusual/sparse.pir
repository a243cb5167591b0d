; test: unusual
model ir=8 opset ""=17
graph g() -> (%y) {
  const %w = f32[2, 2] sparse(f32[1] {5.0}, i64[1] {3})
  %c = Constant() name "c" {sparse_value: sparse f32[4] sparse(f32[1] {2.0}, i64[1] {3})}
  %y = Mul(%w, %c)
}
---
2 tensors are sparse: "w", sparse_value of node "c" (Constant)
