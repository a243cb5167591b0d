; test: lower
; Parts of a product are views.
model ir=10 opset ""=18
graph g(%x: f32[b, s, 4], %w: f32[4, 12]) -> (%y) {
  %p = MatMul(%x, %w)
  %q, %k, %v = Split(%p) {axis: 2, num_outputs: 3}
  %m = Mul(%q, %k)
  %y = Add(%m, %v)
}
---
b0 = input 0: 4*b*s of f32
b1 = input 1: 48 of f32
b2 = made: 12*b*s of f32
b3 = made: 4*b*s of f32
0: MatMul: product
   a b0[b*s, 4] by (4, 1)
   b b1[4, 12] by (12, 1)
   c b2[b*s, 12] by (12, 1)
1: Mul: kernel 0 over (b*s, 4), split Rows
     b3 by (4, 1)
     b2 by (12, 1)
     b2 by (12, 1) from 4
     b2 by (12, 1) from 8
out b3[b, s, 4] by (4*s, 4, 1): f32

0: kernel map(n0, n1, s0_0, s1_0, s2_0, s3_0) out y0: f32, x1: f32, x2: f32, x3: f32 {
  for grid #0 < n0 {
    for lane #1 < n1 {
      %0: f32 = load x1[#0*s1_0 + #1]
      %1: f32 = load x2[#0*s2_0 + #1]
      %2: f32 = mul %0 %1
      %3: f32 = load x3[#0*s3_0 + #1]
      %4: f32 = add %2 %3
      store y0[#0*s0_0 + #1] %4
    }
  }
}
