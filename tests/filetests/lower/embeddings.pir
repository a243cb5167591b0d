; test: lower
; Gathers, their sum, and a normalization of it.
model ir=10 opset ""=18
graph g(%i: i64[b, s], %p: i64[1, s], %words: f32[10, 4], %places: f32[6, 4]) -> (%y) {
  const %scale = f32[4] {1, 2, 3, 4}
  %w = Gather(%words, %i)
  %q = Gather(%places, %p)
  %a = Add(%w, %q)
  %y = LayerNormalization(%a, %scale)
}
---
b0 = input 0: b*s of i64
b1 = input 1: s of i64
b2 = input 2: 40 of f32
b3 = input 3: 24 of f32
b4 = made: 4*s of f32
b5 = constant: 4 of f32
b6 = made: 4*b*s of f32
0: Gather: kernel 0 over (s, 4), split Rows
     b4 by (4, 1)
     b1 by (1, 0), places of 6
     b3 by (0, 1)
1: Gather: kernel 1 over (b, s, 4), split Rows
     b6 by (4*s, 4, 1)
     b0 by (s, 1, 0), places of 10
     b2 by (0, 0, 1)
     b4 by (0, 4, 1)
     b5 by (0, 0, 1)
out b6[b, s, 4] by (4*s, 4, 1): f32

0: kernel map(n0, n1, s0_0, s1_0, t5, w5) out y0: f32, x1: i64, x2: f32 {
  for grid #0 < n0 {
    %0: i64 = load x1[#0*s1_0]
    %1: i64 = const 0.0
    %2: i64 = const 1.0
    %3: bool = less %0 %1
    %4: i64 = select %3 %2 %1
    for lane #1 < n1 {
      %5: f32 = load x2[#1 + %0*t5 + %4*w5]
      store y0[#0*s0_0 + #1] %5
    }
  }
}

1: kernel rows(n0, n1, n2, s0_0, s0_1, s1_0, s1_1, s3_1, t5, w5) out y0: f32, x1: i64, x2: f32, x3: f32, x4: f32 {
  for grid #0 < n0 {
    for sequence #1 < n1 {
      %0: i64 = load x1[#0*s1_0 + #1*s1_1]
      %1: i64 = const 0.0
      %2: i64 = const 1.0
      %3: bool = less %0 %1
      %4: i64 = select %3 %2 %1
      %5: f32 = const 4.0
      %6: f32 = const 4.0
      %7: f32 = const 9.999999747378752e-6
      %8: f32 = const 1.0
      fold lane #2 < n2 {
        %9: f32 = load x2[#2 + %0*t5 + %4*w5]
        %10: f32 = load x3[#1*s3_1 + #2]
        %11: f32 = add %9 %10
        store y0[#0*s0_0 + #1*s0_1 + #2] %11
      } sum %11 -> %12: f32
      %13: f32 = div %12 %5
      fold lane #3 < n2 {
        %14: f32 = load y0[#0*s0_0 + #1*s0_1 + #3]
        %15: f32 = sub %14 %13
        %16: f32 = mul %15 %15
      } sum %16 -> %17: f32
      %18: f32 = div %17 %6
      %19: f32 = add %18 %7
      %20: f32 = sqrt %19
      %21: f32 = div %8 %20
      for lane #4 < n2 {
        %22: f32 = load y0[#0*s0_0 + #1*s0_1 + #4]
        %23: f32 = sub %22 %13
        %24: f32 = mul %23 %21
        %25: f32 = load x4[#4]
        %26: f32 = mul %24 %25
        store y0[#0*s0_0 + #1*s0_1 + #4] %26
      }
    }
  }
}
