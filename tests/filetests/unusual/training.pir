; test: unusual
model ir=8 opset ""=17 carried hex"a20100"
graph g(%x: f32[2]) -> (%y) {
  %y = Neg(%x)
}
---
the model has training information, which is carried along as it is, unseen by passes
