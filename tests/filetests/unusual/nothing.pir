; test: unusual
model ir=8 opset ""=17
graph g(%x: f32[2]) -> (%y) {
  const %w = f32[2] {1, 2}
  const %one = f32[] {1}
  %n = Mul(%x, %one) name "a"
  %m = Mul(%n, %one) name "b"
  %y = Add(%m, %w)
}
---
