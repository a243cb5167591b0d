; test: lower
; A batch may be 1: its stride is 0 then.
model ir=10 opset ""=18
graph g(%x: f32[b, n], %y: f32[c, n]) -> (%z) {
  %z = Add(%x, %y)
}
---
b0 = input 0: b*n of f32
b1 = input 1: c*n of f32
b2 = made: n*broadcast(b, c) of f32
must b is 1 or broadcast(b, c)
must c is 1 or broadcast(b, c)
0: Add: kernel 0 over (broadcast(b, c), n), split Rows
     b2 by (n, 1)
     b0 by (n*min(1, -1 + b), 1)
     b1 by (n*min(1, -1 + c), 1)
out b2[broadcast(b, c), n] by (n, 1): f32

0: kernel map(n0, n1, s0_0, s1_0, s2_0) out y0: f32, x1: f32, x2: f32 {
  for grid #0 < n0 {
    for lane #1 < n1 {
      %0: f32 = load x1[#0*s1_0 + #1]
      %1: f32 = load x2[#0*s2_0 + #1]
      %2: f32 = add %0 %1
      store y0[#0*s0_0 + #1] %2
    }
  }
}
