; test: lower
; Scale and mask change scores in place; the output lies as its Transpose wants it.
model ir=10 opset ""=18
graph g(%q: f32[b, 2, s, 4], %k: f32[b, 2, t, 4], %v: f32[b, 2, t, 4], %mask: f32[b, 1, s, t]) -> (%y) {
  const %by = f32[] {0.5}
  const %shape = i64[3] {0, 0, 8}
  %kt = Transpose(%k) {perm: ints [0, 1, 3, 2]}
  %s = MatMul(%q, %kt)
  %c = Mul(%s, %by)
  %m = Add(%c, %mask)
  %p = Softmax(%m)
  %o = MatMul(%p, %v)
  %u = Transpose(%o) {perm: ints [0, 2, 1, 3]}
  %y = Reshape(%u, %shape)
}
---
b0 = input 0: 8*b*s of f32
b1 = input 1: 8*b*t of f32
b2 = input 2: 8*b*t of f32
b3 = input 3: b*s*t of f32
b4 = made: 8*b*s of f32
0: MatMul: attention
   q b0[b, 2, s, 4] by (8*s, 4*s, 4, 1)
   k b1[b, 2, t, 4] by (8*t, 4*t, 4, 1)
   v b2[b, 2, t, 4] by (8*t, 4*t, 4, 1)
   out b4[b, 2, s, 4] by (8*s, 4, 8, 1)
   score kernel 0 over (s, t), split Rows
     b4 by (0, 0, 256, 1)
     b3 by (s*t, 0, t, 1)
out b4[b, s, 8] by (8*s, 8, 1): f32

0: kernel score(n0, n1, s0_0, s1_0) out y0: f32, x1: f32 {
  for grid #0 < n0 {
    %0: f32 = const 0.5
    for lane #1 < n1 {
      %1: f32 = load y0[#0*s0_0 + #1]
      %2: f32 = mul %1 %0
      %3: f32 = load x1[#0*s1_0 + #1]
      %4: f32 = add %2 %3
      store y0[#0*s0_0 + #1] %4
    }
  }
}
