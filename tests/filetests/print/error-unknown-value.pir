; test: print
model ir=8
graph g(%x: f32[2]) -> (%y) {
  %y = Relu(%z)
}
---
error: <pir>:6:1: nothing in the graph above makes %z
  6 | 
    | ^
