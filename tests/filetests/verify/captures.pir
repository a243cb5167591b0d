; test: verify
model ir=8
graph g(%c: bool[], %x: f32[2]) -> (%y) {
  %y = If(%c) captures(%x) name "if" {then_branch: graph t() -> (%a) {
    capture %z = 3
    %a = Relu(%z)
  }, else_branch: graph e() -> (%x) {
    const %x = f32[2] {0, 0}
  }}
}
---
node "if" (If): none of its subgraphs captures its capture 0
in subgraph "then_branch" of node "if" (If): capture "z": it stands for capture 3, but node "if" (If) has 1 captures
in subgraph "else_branch" of node "if" (If): value "x": a value outside the subgraph has this name too
