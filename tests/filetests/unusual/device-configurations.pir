; test: unusual
; the model has a configuration "d" and the node names it
model ir=11 opset ""=17 carried hex"d201030a0164"
graph g(%x: f32[2]) -> (%y) {
  %y = Neg(%x) carried hex"52030a0164"
}
---
1 device configuration is carried along as it is, unseen by passes: "d"
