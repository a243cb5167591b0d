; test: unusual
model ir=8 opset ""=17
graph g(%x: f32[2], %mask: i64[batch, 2]) -> (%y) {
  %y = Neg(%x)
}
---
1 graph input is read by nothing: "mask"
