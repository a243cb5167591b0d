; test: lower
; A causal mask by Where, and a guard against rows without keys.
model ir=10 opset ""=18
graph g(%q: f32[b, 2, s, 4], %k: f32[b, 2, t, 4], %v: f32[b, 2, t, 4], %mask: bool[s, t]) -> (%y) {
  const %low = f32[] {-inf}
  const %zero = f32[] {0.0}
  %kt = Transpose(%k) {perm: ints [0, 1, 3, 2]}
  %s = MatMul(%q, %kt)
  %m = Where(%mask, %s, %low)
  %p = Softmax(%m)
  %n = IsNaN(%p)
  %w = Where(%n, %zero, %p)
  %y = MatMul(%w, %v)
}
---
b0 = input 0: 8*b*s of f32
b1 = input 1: 8*b*t of f32
b2 = input 2: 8*b*t of f32
b3 = input 3: s*t of bool
b4 = made: 8*b*s of f32
0: MatMul: attention, guarded
   q b0[b, 2, s, 4] by (8*s, 4*s, 4, 1)
   k b1[b, 2, t, 4] by (8*t, 4*t, 4, 1)
   v b2[b, 2, t, 4] by (8*t, 4*t, 4, 1)
   out b4[b, 2, s, 4] by (8*s, 4*s, 4, 1)
   score kernel 0 over (s, t), split Rows
     b4 by (0, 0, 256, 1)
     b3 by (0, 0, t, 1)
out b4[b, 2, s, 4] by (8*s, 4*s, 4, 1): f32

0: kernel score(n0, n1, s0_0, s1_0) out y0: f32, x1: bool {
  for grid #0 < n0 {
    %0: f32 = const -inf
    for lane #1 < n1 {
      %1: f32 = load y0[#0*s0_0 + #1]
      %2: bool = load x1[#0*s1_0 + #1]
      %3: f32 = select %2 %1 %0
      store y0[#0*s0_0 + #1] %3
    }
  }
}
