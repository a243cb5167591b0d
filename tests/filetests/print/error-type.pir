; test: print
model ir=8
graph g(%x: float[2]) -> (%x) {
}
---
error: <pir>:3:13: expected an element type, found `float`
  3 | graph g(%x: float[2]) -> (%x) {
    |             ^^^^^
