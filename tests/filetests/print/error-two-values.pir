; test: print
model ir=8
graph g(%x: f32[2]) -> (%x) {
  %x = Relu(%x)
}
---
error: <pir>:4:3: two values have the name %x
  4 |   %x = Relu(%x)
    |   ^^
