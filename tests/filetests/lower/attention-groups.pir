; test: lower
; Heads of queries share keys and values, which are not repeated.
model ir=10 opset ""=18
graph g(%q: f32[b, 4, s, 8], %k: f32[b, 2, t, 8], %v: f32[b, 2, t, 8]) -> (%y) {
  const %axis = i64[1] {2}
  const %wide = i64[5] {1, 1, 2, 1, 1}
  const %heads = i64[4] {0, 4, -1, 8}
  %k1 = Unsqueeze(%k, %axis)
  %k2 = Expand(%k1, %wide)
  %k3 = Reshape(%k2, %heads)
  %v1 = Unsqueeze(%v, %axis)
  %v2 = Expand(%v1, %wide)
  %v3 = Reshape(%v2, %heads)
  %kt = Transpose(%k3) {perm: ints [0, 1, 3, 2]}
  %s = MatMul(%q, %kt)
  %p = Softmax(%s)
  %y = MatMul(%p, %v3)
}
---
b0 = input 0: 32*b*s of f32
b1 = input 1: 16*b*t of f32
b2 = input 2: 16*b*t of f32
b3 = made: 32*b*t of f32
b4 = made: 32*b*t of f32
b5 = made: 32*b*s of f32
0: Reshape: kernel 0 over (2*b, 2, 8*t), split Rows
     b3 by (16*t, 8*t, 1)
     b1 by (8*t, 0, 1)
1: Reshape: kernel 0 over (2*b, 2, 8*t), split Rows
     b4 by (16*t, 8*t, 1)
     b2 by (8*t, 0, 1)
2: MatMul: attention
   q b0[b, 4, s, 8] by (32*s, 8*s, 8, 1)
   k b3[b, 4, t, 8] by (32*t, 8*t, 8, 1)
   v b4[b, 4, t, 8] by (32*t, 8*t, 8, 1)
   out b5[b, 4, s, 8] by (32*s, 8*s, 8, 1)
out b5[b, 4, s, 8] by (32*s, 8*s, 8, 1): f32

0: kernel map(n0, n1, n2, s0_0, s0_1, s1_0) out y0: f32, x1: f32 {
  for grid #0 < n0 {
    for sequence #1 < n1 {
      for lane #2 < n2 {
        %0: f32 = load x1[#0*s1_0 + #2]
        store y0[#0*s0_0 + #1*s0_1 + #2] %0
      }
    }
  }
}
