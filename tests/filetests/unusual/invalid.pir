; test: unusual
model ir=8 opset ""=17
graph g(%x: f32[2]) -> (%a) {
  %a = Add(%x, %b) name "a"
  %b = Neg(%a) name "b"
}
---
1 rule of ONNX does not hold, so that apply refuses the model: node "b" (Neg): it is on a cycle: it feeds node "a" (Add), which feeds itself
