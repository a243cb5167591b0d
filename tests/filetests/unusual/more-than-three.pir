; test: unusual
; a sentence has three examples
model ir=8 opset ""=17
graph g(%a: f32[], %b: f32[], %c: f32[], %d: f32[], %e: f32[], %x: f32[]) -> (%y) {
  %y = Neg(%x)
}
---
5 graph inputs are read by nothing: "a", "b", "c" and 2 more
