; test: print
model ir=8
graph g() -> (%w) {
  const %w = f32[1] hex"0000803f00"
  const %v = i64[1] hex"00"
}
---
model ir=8
graph g() -> (%w) {
  const %w = f32[1] hex"0000803f00"
  const %v = i64[1] hex"00"
}
