; test: verify
model ir=8
graph g(%x: f32[2]) -> (%a) {
  %a = Add(%x, %b) name "first"
  %b = Relu(%a) name "second"
}
---
node "second" (Relu): it is on a cycle: it feeds node "first" (Add), which feeds itself
