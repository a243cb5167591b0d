; test: lower
; Between steps values are held in float32.
model ir=10 opset ""=18
graph g(%x: f16[s, 4]) -> (%y) {
  const %w = f16[4, 2] {1, 2, 3, 4, 5, 6, 7, 8}
  %a = Relu(%x)
  %c = Cast(%a) {to: 1}
  %d = Cast(%c) {to: 10}
  %p = MatMul(%d, %w)
  %y = Tanh(%p)
}
---
b0 = input 0: 4*s of f16
b1 = made: 4*s of f32
b2 = constant: 8 of f16
b3 = made: 2*s of f32
0: Relu: kernel 0 over (4*s), split Columns(0)
     b1 by (1)
     b0 by (1)
1: MatMul: product
   a b1[s, 4] by (4, 1)
   b b2[4, 2] by (2, 1)
   c b3[s, 2] by (2, 1)
   tail kernel 1 over (s, 2), split Tiles(1)
     b3 by (2, 1)
out b3[s, 2] by (2, 1): f16

0: kernel map(n0) out y0: f32, x1: f16 {
  for lane #0 < n0 {
    %0: f32 = load x1[#0]
    %1: f32 = const 0.0
    %2: bool = less %0 %1
    %3: f32 = const 0.0
    %4: f32 = select %2 %3 %0
    store y0[#0] %4
  }
}

1: kernel tail(n0, n1, s0_0) out y0: f32 {
  for grid #0 < n0 {
    for lane #1 < n1 {
      %0: f32 = load y0[#0*s0_0 + #1]
      %1: f32 = const 10.0
      %2: bool = less %1 %0
      %3: f32 = const 10.0
      %4: f32 = select %2 %3 %0
      %5: f32 = const 2.0
      %6: f32 = mul %4 %5
      %7: f32 = const -20.0
      %8: bool = less %6 %7
      %9: f32 = const -20.0
      %10: f32 = select %8 %9 %6
      %11: f32 = const 1.4426950408889634
      %12: f32 = mul %10 %11
      %13: f32 = nearest %12
      %14: f32 = const -0.693359375
      %15: f32 = fma %13 %14 %10
      %16: f32 = const 0.00021219444005469057
      %17: f32 = fma %13 %16 %15
      %18: f32 = mul %17 %17
      %19: f32 = const 0.001388249865
      %20: f32 = const 0.008366646802
      %21: f32 = fma %19 %17 %20
      %22: f32 = const 0.0416672039
      %23: f32 = fma %21 %17 %22
      %24: f32 = const 0.1666654268
      %25: f32 = fma %23 %17 %24
      %26: f32 = const 0.4999999813
      %27: f32 = fma %25 %17 %26
      %28: f32 = fma %18 %27 %17
      %29: f32 = const 1.0
      %30: f32 = scale2 %29 %13
      %31: f32 = const 1.0
      %32: f32 = sub %30 %31
      %33: f32 = fma %30 %28 %32
      %34: f32 = const 2.0
      %35: f32 = add %33 %34
      %36: f32 = div %33 %35
      store y0[#0*s0_0 + #1] %36
    }
  }
}
