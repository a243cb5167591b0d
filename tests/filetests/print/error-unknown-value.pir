; test: print
model ir=8
graph g(%x: f32[2]) -> (%y) {
  %y = Relu(%z)
}
---
error: <pir>:4:13: nothing in this graph makes %z
  4 |   %y = Relu(%z)
    |             ^^
