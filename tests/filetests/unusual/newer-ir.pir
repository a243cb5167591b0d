; test: unusual
model ir=15 opset ""=17
graph g(%x: f32[2]) -> (%y) {
  %y = Neg(%x)
}
---
IR version 15 is newer than 14, the newest that this version of peftc knows
