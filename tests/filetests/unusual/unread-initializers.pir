; test: unusual
model ir=8 opset ""=17
graph g(%c: bool[]) -> (%y) {
  const %spare = f32[2] {1, 2}
  %y = If(%c) name "if" {then_branch: graph t() -> (%t) {
    const %left = f32[1] {0}
    const %t = f32[1] {1}
  }, else_branch: graph e() -> (%e) {
    const %e = f32[1] {1}
  }}
}
---
2 initializers are read by nothing: "spare", "left" in subgraph "then_branch" of node "if" (If)
