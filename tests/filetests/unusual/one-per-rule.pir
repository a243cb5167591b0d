; test: unusual
; the order: what stands in the way comes first
model ir=15
graph g(%x: f32[2], %spare: f32[2]) -> (%x) {
  const %w = f32[2, 2] sparse(f32[1] {5.0}, i64[1] {3})
}
---
IR version 15 is newer than 14, the newest that this version of peftc knows
1 graph input is read by nothing: "spare"
1 graph output is a graph input or an initializer as it is: "x"
1 initializer is read by nothing: "w"
1 tensor is sparse: "w"
