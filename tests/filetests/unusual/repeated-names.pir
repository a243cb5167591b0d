; test: unusual
model ir=8 opset ""=17
graph g(%c: bool[], %x: f32[2]) -> (%y) {
  %a = Neg(%x) name "same"
  %b = Neg(%a) name "same"
  %z = If(%c) captures(%b) name "if" {then_branch: graph t() -> (%t) {
    capture %b = 0
    %s = Neg(%b) name "same"
    %t = Neg(%s) name "inner"
  }, else_branch: graph e() -> (%v) {
    capture %b = 0
    %u = Neg(%b) name "twice"
    %v = Neg(%u) name "twice"
  }}
  %y = Neg(%z)
}
---
2 node names are not unique in their graph: "same" (2 nodes), "twice" (2 nodes) in subgraph "else_branch" of node "if" (If)
