; test: unusual
model ir=8 opset ""=17
graph g(%x: f32[2]) -> (%y) carried hex"72030a0178" {
  %y = Neg(%x)
}
---
1 tensor has a quantization annotation, which is carried along as it is: "x"
