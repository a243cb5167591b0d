; test: edit
; edit: node new = Neg(x)
; edit: uses x new
model ir=8
graph g(%c: bool[], %x: f32[2]) -> (%y) {
  %y = If(%c) captures(%x) name "if" {then_branch: graph t() -> (%a) {
    capture %x = 0
    %a = Relu(%x)
  }, else_branch: graph e() -> (%b) {
    capture %x = 0
    %b = Neg(%x)
  }}
}
---
model ir=8
graph g(%c: bool[], %x: f32[2]) -> (%y) {
  %new: f32[2] = Neg(%x) name "new"
  %y = If(%c) captures(%new) name "if" {then_branch: graph t() -> (%a) {
    capture %new = 0
    %a = Relu(%new)
  }, else_branch: graph e() -> (%b) {
    capture %new = 0
    %b = Neg(%new)
  }}
}
