; test: print
model ir=8
graph g() -> (%x) {
  const %x = f32[4096] elided(16384)
}
---
error: <pir>:4:30: the elements were left out when this text was printed
  4 |   const %x = f32[4096] elided(16384)
    |                              ^
