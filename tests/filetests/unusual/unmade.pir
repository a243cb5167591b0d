; test: unusual
; "g" is declared and not there; "x" is declared twice
model ir=8 opset ""=17
graph g(%x: f32[2]) -> (%y) carried hex"6a030a01676a030a0178" {
  %y = Neg(%x)
}
---
1 value is declared that nothing makes: "g"
