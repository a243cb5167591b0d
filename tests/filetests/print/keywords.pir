; test: print
model ir=8
graph g(%x: f32[2]) -> (%x) {
  const %w = f32[1] {1}
  "typed"(%x)
  "name"(%x) name "n"
  "const"()
  "capture"() {a: 1}
  "doc"()
  "carried"()
  "y"::meta()
  %a = const(%x)
}
---
model ir=8
graph g(%x: f32[2]) -> (%x) {
  const %w = f32[1] {1.0}
  "typed"(%x)
  "name"(%x) name "n"
  "const"()
  "capture"() {a: 1}
  "doc"()
  "carried"()
  "y"::meta()
  %a = const(%x)
}
