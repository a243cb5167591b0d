; test: unusual
; w is read twice by one node and once by a subgraph, v by four nodes, once by one; the scalar and the integers are no weights
model ir=8 opset ""=17
graph g(%c: bool[], %x: f32[2]) -> (%y, %k) {
  const %w = f32[2] {1, 2}
  const %v = f32[2] {1, 2}
  const %once = f32[2] {1, 2}
  const %one = f32[] {1}
  const %ints = i64[2] {1, 2}
  %a = Mul(%w, %w)
  %i = If(%c) captures(%w) {then_branch: graph t() -> (%t) {
    capture %w = 0
    %t = Neg(%w)
  }, else_branch: graph e() -> (%e) {
    const %e = f32[2] {1, 2}
  }}
  %b = Add(%a, %v)
  %d = Add(%b, %v)
  %f = Add(%d, %v)
  %g = Add(%f, %v)
  %h = Add(%g, %one)
  %j = Add(%h, %one)
  %l = Add(%j, %once)
  %m = Add(%l, %i)
  %y = Add(%m, %x)
  %k0 = Neg(%ints)
  %k = Add(%k0, %ints)
}
---
2 weights are read by several nodes (tied or deduplicated), and a change for one of them adds a copy: "v" (4 nodes), "w" (2 nodes)
