; test: lower
; A sum has two users: it is stored, and normalized, by one kernel.
model ir=10 opset ""=18
graph g(%x: f32[b, s, 4], %w: f32[4, 4]) -> (%y, %a) {
  const %scale = f32[4] {1, 1, 1, 1}
  %p = MatMul(%x, %w)
  %a = Add(%p, %x)
  %n = LayerNormalization(%a, %scale)
  %y = Add(%n, %a)
}
---
b0 = input 0: 4*b*s of f32
b1 = input 1: 16 of f32
b2 = made: 4*b*s of f32
b3 = constant: 4 of f32
b4 = made: 4*b*s of f32
0: MatMul: product
   a b0[b*s, 4] by (4, 1)
   b b1[4, 4] by (4, 1)
   c b2[b*s, 4] by (4, 1)
   tail kernel 0 over (b*s, 4), split Tiles(1)
     b2 by (4, 1)
     b0 by (4, 1)
1: LayerNormalization: kernel 1 over (b*s, 4), split Rows
     b4 by (4, 1)
     b2 by (4, 1)
     b3 by (0, 1)
out b4[b, s, 4] by (4*s, 4, 1): f32
out b2[b, s, 4] by (4*s, 4, 1): f32

0: kernel tail(n0, n1, s0_0, s1_0) out y0: f32, x1: f32 {
  for grid #0 < n0 {
    for lane #1 < n1 {
      %0: f32 = load y0[#0*s0_0 + #1]
      %1: f32 = load x1[#0*s1_0 + #1]
      %2: f32 = add %0 %1
      store y0[#0*s0_0 + #1] %2
    }
  }
}

1: kernel rows(n0, n1, s0_0, s1_0) out y0: f32, x1: f32, x2: f32 {
  for grid #0 < n0 {
    %0: f32 = const 4.0
    %1: f32 = const 4.0
    %2: f32 = const 9.999999747378752e-6
    %3: f32 = const 1.0
    fold lane #1 < n1 {
      %4: f32 = load x1[#0*s1_0 + #1]
    } sum %4 -> %5: f32
    %6: f32 = div %5 %0
    fold lane #2 < n1 {
      %7: f32 = load x1[#0*s1_0 + #2]
      %8: f32 = sub %7 %6
      %9: f32 = mul %8 %8
    } sum %9 -> %10: f32
    %11: f32 = div %10 %1
    %12: f32 = add %11 %2
    %13: f32 = sqrt %12
    %14: f32 = div %3 %13
    for lane #3 < n1 {
      %15: f32 = load x1[#0*s1_0 + #3]
      %16: f32 = sub %15 %6
      %17: f32 = mul %16 %14
      %18: f32 = load x2[#3]
      %19: f32 = mul %17 %18
      %20: f32 = load x1[#0*s1_0 + #3]
      %21: f32 = add %19 %20
      store y0[#0*s0_0 + #3] %21
    }
  }
}
