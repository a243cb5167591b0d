; test: lower
; A layer normalization in single operators is one kernel.
model ir=10 opset ""=18
graph g(%x: f32[b, s, 8]) -> (%y) {
  const %last = i64[1] {-1}
  const %two = f32[] {2.0}
  const %epsilon = f32[] {1e-5}
  const %scale = f32[8] {1, 2, 3, 4, 5, 6, 7, 8}
  %mean = ReduceMean(%x, %last)
  %c = Sub(%x, %mean)
  %q = Pow(%c, %two)
  %v = ReduceMean(%q, %last)
  %s = Add(%v, %epsilon)
  %r = Sqrt(%s)
  %n = Div(%c, %r)
  %y = Mul(%n, %scale)
}
---
b0 = input 0: 8*b*s of f32
b1 = constant: 8 of f32
b2 = made: 8*b*s of f32
0: ReduceMean: kernel 0 over (b*s, 8), split Rows
     b2 by (8, 1)
     b0 by (8, 1)
     b1 by (0, 1)
out b2[b, s, 8] by (8*s, 8, 1): f32

0: kernel rows(n0, n1, s0_0, s1_0) out y0: f32, x1: f32, x2: f32 {
  for grid #0 < n0 {
    %0: f32 = const 8.0
    %2: f32 = const 8.0
    %3: f32 = const 9.999999747378752e-6
    fold lane #1 < n1 {
      %4: f32 = load x1[#0*s1_0 + #1]
    } sum %4 -> %5: f32
    %6: f32 = div %5 %0
    fold lane #2 < n1 {
      %7: f32 = load x1[#0*s1_0 + #2]
      %8: f32 = sub %7 %6
      store y0[#0*s0_0 + #2] %8
      %9: f32 = mul %8 %8
    } sum %9 -> %10: f32
    %11: f32 = div %10 %2
    %12: f32 = add %11 %3
    %13: f32 = sqrt %12
    for lane #3 < n1 {
      %14: f32 = load y0[#0*s0_0 + #3]
      %15: f32 = div %14 %13
      %16: f32 = load x2[#3]
      %17: f32 = mul %15 %16
      store y0[#0*s0_0 + #3] %17
    }
  }
}
