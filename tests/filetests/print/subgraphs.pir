; test: print
model ir=8 opset ""=17
graph outer(%cond: bool[], %x: f32[2] = f32[2] {0.0, 0.0}) -> (%y) {
  const %w = f32[2] {1, 2}
  %y = If(%cond) captures(%x, %w) name "if" {then_branch: graph then() -> (%t) {
    capture %x = 0
    capture %w = 1
    %inner = If(%x) captures(%w) {then_branch: graph a() -> (%o) {
      capture %w = 0
      %o = Neg(%w)
    }, else_branch: graph b() -> (%p) {
      const %p = f32[1] {3}
    }}
    %t = Add(%x, %inner)
  }, else_branch: graph else() -> (%e) {
    capture %w = 1
    %e = Neg(%w)
  }}
}
---
model ir=8 opset ""=17
graph outer(%cond: bool[], %x: f32[2] = f32[2] {0.0, 0.0}) -> (%y) {
  const %w = f32[2] {1.0, 2.0}
  %y = If(%cond) captures(%x, %w) name "if" {then_branch: graph then() -> (%t) {
    capture %x = 0
    capture %w = 1
    %inner = If(%x) captures(%w) {then_branch: graph a() -> (%o) {
      capture %w = 0
      %o = Neg(%w)
    }, else_branch: graph b() -> (%p) {
      const %p = f32[1] {3.0}
    }}
    %t = Add(%x, %inner)
  }, else_branch: graph else() -> (%e) {
    capture %w = 1
    %e = Neg(%w)
  }}
}
